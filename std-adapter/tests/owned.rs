//! Permits that own their breaker: they move to tasks and threads, and end like any other.

mod support;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::catch_unwind;
use std::sync::Arc;

use core::time::Duration;
use cutout::{CircuitBreaker, Clock, Config, Instant, ManualClock, Outcome, OwnedPermit, State};

type Breaker = CircuitBreaker<ManualClock>;

fn breaker() -> Arc<Breaker> {
    let config = Config::new().consecutive_failures(2).trials(1);
    Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()))
}

fn ends(breaker: &Breaker) -> [u64; 4] {
    let totals = breaker.totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

#[test]
fn an_owned_permit_is_settled_on_another_thread() {
    let breaker = breaker();
    let permits: Vec<_> = (0..3).map(|_| breaker.try_acquire_owned().unwrap()).collect();
    let threads: Vec<_> = permits
        .into_iter()
        .zip([Outcome::Success, Outcome::Failure, Outcome::Ignored])
        .map(|(permit, outcome)| std::thread::spawn(move || permit.settle(outcome)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(ends(&breaker), [1, 1, 1, 0]);
}

#[test]
fn an_owned_permit_keeps_its_breaker_alive() {
    let permit = breaker().try_acquire_owned().unwrap();
    assert_eq!(permit.breaker().state(), State::Closed);
    permit.settle(Outcome::Success);
}

#[test]
fn a_dropped_permit_cancels_and_fails_in_a_panic() {
    let breaker = breaker();
    drop(breaker.try_acquire_owned().unwrap());
    let held: OwnedPermit<ManualClock> = breaker.try_acquire_owned().unwrap();
    assert_eq!(ends(&breaker), [0, 0, 0, 1]);
    drop(held);
    let std_clock = Arc::new(CircuitBreaker::new(Config::new()));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _permit = std_clock.try_acquire_owned().unwrap();
        panic!("while a permit is held");
    }));
    assert!(panicked.is_err());
    assert_eq!((std_clock.totals().failures, std_clock.totals().cancelled), (1, 0));
}

#[test]
fn a_dropped_trial_leaves_the_circuit_able_to_close() {
    let breaker = breaker();
    for _ in 0..2 {
        support::fail(&breaker);
    }
    breaker.clock().advance(Duration::from_secs(30));
    let trial = breaker.try_acquire_owned().unwrap();
    assert!(trial.is_trial());
    assert!(breaker.try_acquire_owned().is_err());
    drop(trial);
    breaker.try_acquire_owned().unwrap().settle(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_condition_that_panics_in_a_panic_aborts_nothing() {
    let config = Config::new().trip_when(|_| panic!("in the condition"));
    let breaker: Arc<Breaker> = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    let permit = breaker.try_acquire_owned().unwrap();
    let panics = move || {
        let _permit = permit;
        panic!("in the call")
    };
    let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the call"));
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

/// A clock that panics once it is told to.
#[derive(Debug, Default)]
struct BreaksDown(AtomicBool);

impl Clock for BreaksDown {
    fn now(&self) -> Instant {
        assert!(!self.0.load(Ordering::Relaxed), "in the clock");
        Instant::ORIGIN
    }
}

#[test]
fn a_clock_that_panics_in_a_panic_aborts_nothing() {
    let config = Config::new().slow_call_duration(Duration::from_secs(1));
    let breaker = Arc::new(CircuitBreaker::with_clock(config, BreaksDown::default()));
    let permit = breaker.try_acquire_owned().unwrap();
    breaker.clock().0.store(true, Ordering::Relaxed);
    let panics = move || {
        let _permit = permit;
        panic!("in the call")
    };
    let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the call"));
}
