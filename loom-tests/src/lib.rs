//! What the models have in common: a breaker small enough to explore, a clock that each thread
//! reads for itself, and a log that counts.
//!
//! The models are in `tests/`; run them by `.ci/loom`. Without `--cfg loom` this package is empty.
#![cfg(loom)]

pub mod bulkhead;

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use cutout_core::{
    CircuitBreaker, Clock, Config, Instant, Observer, Outcome, StaleResult, State, Tally,
    Transition, TripReason, Window,
};
use loom::thread::JoinHandle;

/// Two buckets of a second each.
pub type Breaker = CircuitBreaker<Watch, Log, 2>;

/// A breaker with one lane, and two more when threads are seen to contend.
pub type Growing = CircuitBreaker<OnCore, Log, 2>;

loom::thread_local! {
    static NANOS: Cell<u64> = Cell::new(0);
    static CORE: Cell<usize> = Cell::new(0);
}

/// A clock on the wrist of each thread: whoever sets it, sets it for itself and for the threads
/// that it starts. So two threads may be told different times, and time orders nothing.
#[derive(Debug, Default)]
pub struct Watch;

impl Watch {
    /// Sets this thread's time, in seconds.
    pub fn set(&self, secs: u64) {
        NANOS.with(|nanos| nanos.set(secs * 1_000_000_000));
    }
}

impl Clock for Watch {
    fn now(&self) -> Instant {
        Instant::from_nanos(NANOS.with(Cell::get))
    }
}

/// The watch of a thread that has one of two cores, and so one of two lanes.
#[derive(Debug, Default)]
pub struct OnCore(pub Watch);

impl Clock for OnCore {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn lane(&self) -> usize {
        CORE.with(Cell::get)
    }

    fn lanes(&self) -> usize {
        2
    }
}

/// Runs `run` on a thread and a core of its own, which is told the time of this one.
pub fn spawn_on<B: Send + Sync + 'static>(
    core: usize,
    breaker: &Arc<B>,
    run: impl FnOnce(&B) + 'static,
) -> JoinHandle<()> {
    let (breaker, now) = (Arc::clone(breaker), NANOS.with(Cell::get));
    loom::thread::spawn(move || {
        NANOS.with(|nanos| nanos.set(now));
        CORE.with(|own| own.set(core));
        run(&breaker);
    })
}

/// Counts announcements. It is not part of what loom explores.
#[derive(Debug, Default)]
pub struct Log {
    /// Changes to Open.
    pub opened: AtomicU32,
    /// Changes to HalfOpen.
    pub half_opened: AtomicU32,
    /// Changes to Closed.
    pub closed: AtomicU32,
    /// Stale results.
    pub stale: AtomicU32,
    /// Trips that a forced circuit did not make.
    pub would_trip: AtomicU32,
}

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        match transition.to {
            State::Open => &self.opened,
            State::HalfOpen => &self.half_opened,
            State::Closed => &self.closed,
        }
        .fetch_add(1, Relaxed);
    }

    fn on_would_trip(&self, _: TripReason, _: &Tally) {
        self.would_trip.fetch_add(1, Relaxed);
    }

    fn on_stale(&self, _: &StaleResult) {
        self.stale.fetch_add(1, Relaxed);
    }
}

impl Log {
    /// How often the circuit opened, half-opened and closed.
    #[must_use]
    pub fn changes(&self) -> [u32; 3] {
        [&self.opened, &self.half_opened, &self.closed].map(|count| count.load(Relaxed))
    }
}

/// Half of 2 results over 2 s, and no row; a break of 1 s; 1 trial of 10 s.
#[must_use]
pub const fn config() -> Config {
    Config::new()
        .without_consecutive_failures()
        .minimum_throughput(2)
        .window(Window::time(Duration::from_secs(2)).in_buckets(2))
        .break_duration(Duration::from_secs(1))
        .trials(1)
        .trial_timeout(Duration::from_secs(10))
}

/// As [`config`], but a single failure trips, and no window is kept.
#[must_use]
pub const fn brittle() -> Config {
    config().without_failure_rate().consecutive_failures(1)
}

/// As [`config`], but no result trips.
#[must_use]
pub const fn tough() -> Config {
    config().minimum_throughput(100)
}

/// As [`config`], but over the last `results`, and no result trips.
#[must_use]
pub const fn counting(results: u32) -> Config {
    config().without_failure_rate().trip_when(|_| false).window(Window::count(results))
}

/// A breaker to share between the model's threads.
#[must_use]
pub fn breaker(config: Config) -> Arc<Breaker> {
    Arc::new(Breaker::from_parts(config, Watch, Log::default()))
}

/// A breaker whose break is over just now, at 1 s.
#[must_use]
pub fn rested(config: Config) -> Arc<Breaker> {
    let breaker = breaker(config);
    while breaker.state() == State::Closed {
        fail(&breaker);
    }
    breaker.clock().set(1);
    breaker
}

/// A breaker that may grow two lanes.
#[must_use]
pub fn growing(config: Config) -> Arc<Growing> {
    Arc::new(Growing::from_parts(config, OnCore::default(), Log::default()))
}

/// A breaker that has grown two lanes beside its first one.
///
/// # Panics
///
/// If it has not.
#[must_use]
pub fn grown(config: Config) -> Arc<Growing> {
    let breaker = growing(config);
    breaker.preallocate();
    assert_eq!(breaker.lanes(), 1 + 2);
    breaker
}

/// As many calls, on the core of the thread, as long as they are admitted.
pub fn report(breaker: &Growing, outcome: Outcome, count: usize) {
    for _ in 0..count {
        if let Ok(permit) = breaker.try_acquire() {
            permit.settle(outcome);
        }
    }
}

/// As many calls on the core of another thread, before this one goes on.
///
/// # Panics
///
/// If the other thread does.
pub fn report_on(core: usize, breaker: &Arc<Growing>, outcome: Outcome, count: usize) {
    spawn_on(core, breaker, move |breaker| report(breaker, outcome, count)).join().unwrap();
}

/// Makes a call that fails, unless the breaker refuses it. Other threads may have opened the circuit, so
/// the helper cannot tell which of the two a model sees: the model looks at what was counted.
pub fn fail(breaker: &Breaker) {
    let _ = breaker.call(|| Err::<(), _>(()));
}

/// A call that succeeds.
pub fn succeed(breaker: &Breaker) {
    let _ = breaker.call(|| Ok::<_, ()>(()));
}

/// A call that never comes back.
pub fn hang(breaker: &Breaker) {
    let _ = breaker.admit(); // a ticket that is lost says nothing
}

/// A call that is given up.
pub fn give_up(breaker: &Breaker) {
    drop(breaker.try_acquire());
}

/// Explores every interleaving of two threads, or as many as `LOOM_MAX_PREEMPTIONS` says.
pub fn model(run: impl Fn() + Sync + Send + 'static) {
    explore(loom::model::Builder::new(), run);
}

/// Explores the interleavings of three threads with as many preemptions as
/// `LOOM_MAX_PREEMPTIONS` says, or two.
pub fn model_of_three(run: impl Fn() + Sync + Send + 'static) {
    model_up_to(2, run);
}

/// Explores the interleavings of two threads that take too many steps to explore them all, with as
/// many preemptions as `LOOM_MAX_PREEMPTIONS` says, or three.
pub fn long_model(run: impl Fn() + Sync + Send + 'static) {
    model_up_to(3, run);
}

/// Explores interleavings with as many preemptions as `LOOM_MAX_PREEMPTIONS` says, or `preemptions`.
pub fn model_up_to(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    explore(builder, run);
}

fn explore(mut builder: loom::model::Builder, run: impl Fn() + Sync + Send + 'static) {
    builder.max_branches = builder.max_branches.max(5_000); // a window has to be filled first
    let explored = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&explored);
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        run();
    });
    println!("{} interleavings", explored.load(Relaxed));
}

/// Runs `run` on a thread of its own, which is told the time of this one.
pub fn spawn<T: 'static>(
    breaker: &Arc<Breaker>,
    run: impl FnOnce(&Breaker) -> T + 'static,
) -> JoinHandle<T> {
    let (breaker, now) = (Arc::clone(breaker), NANOS.with(Cell::get));
    loom::thread::spawn(move || {
        NANOS.with(|nanos| nanos.set(now));
        run(&breaker)
    })
}

/// Runs each of `threads` on a thread of its own, and the last one here.
///
/// # Panics
///
/// If one of them does.
pub fn race<const N: usize>(breaker: &Arc<Breaker>, threads: [fn(&Breaker); N]) {
    let (here, others) = threads.split_last().expect("a race needs somebody");
    let others: Vec<_> = others.iter().map(|run| spawn(breaker, *run)).collect();
    here(breaker);
    for other in others {
        other.join().unwrap();
    }
}
