//! What the models have in common: a breaker small enough to explore, and a log that counts.
//!
//! The models are in `tests/`; run them by `.ci/loom`. Without `--cfg loom` this package is empty.
#![cfg(loom)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use cutout_core::{
    CircuitBreaker, Clock, Config, Instant, Observer, Stale, State, Transition, Window,
};

/// Two buckets of a second each.
pub type Breaker = CircuitBreaker<Hand, Log, 2>;

/// A clock that the model moves between its threads' lives. It is not part of what loom explores.
#[derive(Debug, Default)]
pub struct Hand(core::sync::atomic::AtomicU64);

impl Hand {
    /// Sets the clock, in seconds.
    pub fn set(&self, secs: u64) {
        self.0.store(secs * 1_000_000_000, Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Relaxed))
    }
}

/// Counts announcements.
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

    fn on_stale(&self, _: &Stale) {
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

/// Half of 2 results over 2 s; a break of 1 s; 1 trial of 10 s.
#[must_use]
pub const fn config() -> Config {
    Config::new()
        .minimum_throughput(2)
        .window(Window::time(Duration::from_secs(2)).in_buckets(2))
        .break_duration(Duration::from_secs(1))
        .trials(1)
        .trial_timeout(Duration::from_secs(10))
}

/// A breaker to share between the model's threads.
#[must_use]
pub fn breaker(config: Config) -> Arc<Breaker> {
    Arc::new(Breaker::from_parts(config, Hand::default(), Log::default()))
}

/// A breaker whose break is just over.
#[must_use]
pub fn recovering(config: Config) -> Arc<Breaker> {
    let breaker = breaker(config.consecutive_failures(1));
    let _ = breaker.call(|| Err::<(), _>(()));
    breaker.clock().set(1);
    breaker
}

/// Explores every interleaving with at most as many preemptions as `LOOM_MAX_PREEMPTIONS` says.
pub fn model(run: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(run);
}

/// Runs each of `threads` on a thread of its own, and the last one here.
pub fn race<const N: usize>(breaker: &Arc<Breaker>, threads: [fn(&Breaker); N]) {
    let (here, others) = threads.split_last().expect("a race needs somebody");
    let handles: Vec<_> = others
        .iter()
        .map(|&run| {
            let breaker = Arc::clone(breaker);
            loom::thread::spawn(move || run(&breaker))
        })
        .collect();
    here(breaker);
    for handle in handles {
        handle.join().unwrap();
    }
}
