//! What the specification is written with: a breaker on a hand-moved clock, a log of what it
//! announces, and timelines in two lines of text.
#![allow(dead_code)] // each test file uses its part

pub(crate) mod draws;

use core::cell::{Cell, OnceCell, RefCell};
use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;

use cutout_core::{
    Cause, CircuitBreaker, Clock, Config, Error, Instant, ManualClock, Observer, Outcome,
    StaleResult, State, Tally, Transition, TripReason,
};

pub(crate) type Breaker = CircuitBreaker<ManualClock, Log>;

/// Keeps what is announced.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) transitions: RefCell<Vec<Transition>>,
    pub(crate) would_trip: RefCell<Vec<TripReason>>,
    pub(crate) stale: RefCell<Vec<Option<Outcome>>>,
}

impl Log {
    pub(crate) fn causes(&self) -> Vec<Cause> {
        self.transitions.borrow().iter().map(|transition| transition.cause).collect()
    }

    pub(crate) fn last(&self) -> Transition {
        *self.transitions.borrow().last().expect("nothing was announced")
    }
}

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        self.transitions.borrow_mut().push(*transition);
    }

    fn on_would_trip(&self, reason: TripReason, _: &Tally) {
        self.would_trip.borrow_mut().push(reason);
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.stale.borrow_mut().push(stale.outcome);
    }
}

pub(crate) fn breaker(config: Config) -> Breaker {
    CircuitBreaker::with_observer(config, ManualClock::new(), Log::default())
}

/// 50 % failures, at least 4 results, over 10 s, no row of failures; a break of 5 s; 2 trials of 20 s.
pub(crate) fn config() -> Config {
    Config::new()
        .minimum_throughput(4)
        .without_consecutive_failures()
        .window(cutout_core::Window::time(secs(10)))
        .break_duration(secs(5))
        .trials(2)
        .trial_timeout(secs(20))
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Makes a call that succeeds if it is admitted. Returns whether it was.
pub(crate) fn succeed<C: Clock, O: Observer>(breaker: &CircuitBreaker<C, O>) -> bool {
    breaker.call(|| Ok::<_, ()>(())).is_ok()
}

/// Makes a call that is admitted and fails. Panics if the breaker refuses the call.
pub(crate) fn fail<C: Clock, O: Observer>(breaker: &CircuitBreaker<C, O>) {
    assert_eq!(breaker.call(|| Err::<(), _>(())), Err(Error::Inner(())));
}

/// Returns whether `act` panics.
pub(crate) fn panics<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

/// Polls the future once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

type Act<O> = fn(&CircuitBreaker<Meanwhile<O>, O>);

/// A clock that runs an action once, at its next reading: what another thread may do meanwhile.
pub(crate) struct Meanwhile<O: 'static> {
    pub(crate) clock: ManualClock,
    pub(crate) act: Cell<Option<Act<O>>>,
    breaker: OnceCell<&'static CircuitBreaker<Meanwhile<O>, O>>,
}

impl<O> Clock for Meanwhile<O> {
    fn now(&self) -> Instant {
        if let (Some(act), Some(breaker)) = (self.act.take(), self.breaker.get()) {
            act(breaker);
        }
        self.clock.now()
    }
}

/// Makes a breaker whose clock can run an action.
pub(crate) fn with_meanwhile<O: Observer>(
    config: Config,
    observer: O,
) -> &'static CircuitBreaker<Meanwhile<O>, O> {
    let clock =
        Meanwhile { clock: ManualClock::new(), act: Cell::default(), breaker: OnceCell::new() };
    let breaker = Box::leak(Box::new(CircuitBreaker::with_observer(config, clock, observer)));
    assert!(breaker.clock().breaker.set(breaker).is_ok());
    breaker
}

/// Makes a breaker and opens it by failures, four at most.
pub(crate) fn tripped(config: Config) -> Breaker {
    let breaker = breaker(config);
    for _ in 0..4 {
        if breaker.state() == State::Closed {
            fail(&breaker);
        }
    }
    assert_eq!(breaker.state(), State::Open);
    breaker
}

/// Runs a line of results and waits, and compares with the line of states aligned under it.
///
/// In the first line `+` is a success, `x` a failure, `~` an ignored result, `s` and `S` a success
/// and a failure that take a second and a bit, and a time like `5s` or `10ms` is a wait. Under it
/// stands the state after the step: `C`, `O` or `H`, with a `-` if the call was refused.
pub(crate) fn timeline(config: Config, steps: &str, states: &str) -> Breaker {
    let breaker = breaker(config);
    follow(&breaker, steps, states);
    breaker
}

pub(crate) fn follow(breaker: &Breaker, steps: &str, states: &str) {
    let (steps, states): (Vec<_>, Vec<_>) =
        (steps.split_whitespace().collect(), states.split_whitespace().collect());
    assert_eq!(steps.len(), states.len(), "the two lines are not aligned");
    for (at, (step, expected)) in steps.iter().zip(&states).enumerate() {
        let refused = match *step {
            "+" => refused(breaker, Duration::ZERO, Outcome::Success),
            "x" => refused(breaker, Duration::ZERO, Outcome::Failure),
            "~" => refused(breaker, Duration::ZERO, Outcome::Ignored),
            "s" => refused(breaker, millis(1_001), Outcome::Success),
            "S" => refused(breaker, millis(1_001), Outcome::Failure),
            wait => {
                breaker.clock().advance(parse(wait));
                false
            }
        };
        let state = match breaker.state() {
            State::Closed => "C",
            State::Open => "O",
            State::HalfOpen => "H",
        };
        let seen = format!("{state}{}", if refused { "-" } else { "" });
        assert_eq!(seen, *expected, "after step {} of `{}`", at + 1, steps.join(" "));
    }
}

fn refused(breaker: &Breaker, takes: Duration, outcome: Outcome) -> bool {
    let work = || {
        breaker.clock().advance(takes);
        Ok::<_, ()>(())
    };
    breaker.call_with(work, |_| outcome).is_err()
}

fn parse(wait: &str) -> Duration {
    let number = |unit| wait.strip_suffix(unit).and_then(|number: &str| number.parse().ok());
    number("ms")
        .map(Duration::from_millis)
        .or_else(|| number("ns").map(Duration::from_nanos))
        .or_else(|| number("s").map(Duration::from_secs))
        .unwrap_or_else(|| panic!("`{wait}` is no step"))
}
