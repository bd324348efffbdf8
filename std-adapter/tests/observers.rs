//! Observers are isolated: a panic of theirs does not reach the caller.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::panic::panic_any;
use std::sync::Arc;

use cutout::{
    CallEvent, CircuitBreaker, Config, Error, LastTransitions, ManualClock, Observer, Outcome,
    StaleResult, State, Tally, Transition, TripReason,
};

struct Broken;

impl Observer for Broken {
    fn on_transition(&self, _: &Transition) {
        panic!("in the observer");
    }
}

#[test]
fn a_panicking_observer_is_not_noticed_by_the_caller() {
    let breaker = CircuitBreaker::with_observer(
        Config::new().consecutive_failures(1),
        ManualClock::new(),
        Broken,
    );
    assert_eq!(breaker.call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
    assert_eq!(breaker.state(), State::Open);
    assert!(matches!(breaker.call(|| Ok::<_, &str>(())), Err(Error::Rejected(_))));
}

#[test]
fn each_of_nested_pairs_hears_though_others_panic() {
    let (first, last) = (LastTransitions::<4>::new(), Arc::new(LastTransitions::<4>::new()));
    let breaker = CircuitBreaker::with_observer(
        Config::new(),
        ManualClock::new(),
        ((Broken, &first), (Broken, (Broken, Arc::clone(&last)))),
    );
    breaker.force_open();
    breaker.release();
    assert_eq!((first.announced(), last.announced()), (2, 2));
}

/// Counts the calls that it hears of.
#[derive(Default)]
struct Calls(AtomicU32);

impl Observer for Calls {
    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, _: &CallEvent) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Fails to hear of a call.
struct BrokenAtCalls;

impl Observer for BrokenAtCalls {
    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, _: &CallEvent) {
        panic!("in the observer");
    }
}

/// Fails to say whether it wants to hear of calls.
struct Worse;

impl Observer for Worse {
    fn wants_call_events(&self) -> bool {
        panic!("in the observer");
    }
}

#[test]
fn each_of_nested_pairs_hears_of_calls_though_others_panic() {
    let (first, last) = (Calls::default(), Arc::new(Calls::default()));
    let observers = ((BrokenAtCalls, &first), (Broken, (BrokenAtCalls, Arc::clone(&last))));
    let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), observers);
    assert_eq!(bank.call(|| Ok::<_, ()>("page")), Ok("page"));
    bank.force_open();
    assert!(bank.call(|| Ok::<_, ()>("page")).is_err());
    assert_eq!([&first, &*last].map(|calls| calls.0.load(Ordering::Relaxed)), [2, 2]);
}

#[test]
fn a_panic_in_hears_calls_does_not_reach_the_caller() {
    let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), Worse);
    assert_eq!(bank.call(|| Ok::<_, ()>("page")), Ok("page"));
    assert_eq!(bank.totals().successes, 1);
}

/// A panic whose payload panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a payload");
    }
}

/// Panics with a [`Bomb`] at everything.
struct Bombs;

impl Observer for Bombs {
    fn on_transition(&self, _: &Transition) {
        panic_any(Bomb);
    }

    fn wants_call_events(&self) -> bool {
        panic_any(Bomb);
    }

    fn on_call(&self, _: &CallEvent) {
        panic_any(Bomb);
    }
}

/// Fails to hear of anything.
struct Hopeless;

impl Observer for Hopeless {
    fn on_transition(&self, _: &Transition) {
        panic!("in the observer");
    }

    fn on_would_trip(&self, _: TripReason, _: &Tally) {
        panic!("in the observer");
    }

    fn on_stale(&self, _: &StaleResult) {
        panic!("in the observer");
    }

    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, _: &CallEvent) {
        panic!("in the observer");
    }
}

/// Counts the would-be trips and the late results that it hears of.
#[derive(Default)]
struct Others {
    would_trip: AtomicU32,
    stale: AtomicU32,
}

impl Observer for Others {
    fn on_would_trip(&self, _: TripReason, _: &Tally) {
        self.would_trip.fetch_add(1, Ordering::Relaxed);
    }

    fn on_stale(&self, _: &StaleResult) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nested_observers_hear_everything_though_others_panic() {
    let (first, last) = (Others::default(), Arc::new(Others::default()));
    let observers = ((Hopeless, &first), (Hopeless, (Hopeless, Arc::clone(&last))));
    let config = Config::new().consecutive_failures(1);
    let bank = CircuitBreaker::with_observer(config, ManualClock::new(), observers);
    let late = bank.admit().unwrap();
    bank.force_closed();
    bank.settle(late, Outcome::Success);
    assert_eq!(bank.call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
    for heard in [&first, &*last] {
        let counts = [&heard.would_trip, &heard.stale].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [1, 1]);
    }
}

#[test]
fn no_panic_of_an_observer_reaches_callers_or_operators() {
    let config = Config::new().consecutive_failures(1).trials(1);
    let bank = CircuitBreaker::with_observer(config, ManualClock::new(), Hopeless);
    let (stale, dropped) = (bank.admit().unwrap(), bank.admit().unwrap());
    bank.cancel(dropped);
    assert_eq!(bank.call(|| Err::<(), _>("down")), Err(Error::Inner("down"))); // it opens
    bank.settle(stale, Outcome::Success);
    assert!(matches!(bank.call(|| Ok::<_, &str>(())), Err(Error::Rejected(_))));
    bank.clock().advance(Duration::from_secs(30));
    assert_eq!(bank.call(|| Ok::<_, &str>("back")), Ok("back")); // half-opens, and closes
    bank.force_closed();
    assert_eq!(bank.call(|| Err::<(), _>("down")), Err(Error::Inner("down"))); // would trip
    bank.release();
    let totals = bank.totals();
    assert_eq!((totals.failures, totals.successes, totals.rejected), (2, 1, 1));
    assert_eq!((totals.stale, totals.cancelled, totals.trials), (1, 1, 1));
}

#[test]
fn a_payload_that_panics_reaches_neither_caller_nor_others() {
    let last = LastTransitions::<4>::new();
    let breaker = CircuitBreaker::with_observer(
        Config::new().consecutive_failures(1),
        ManualClock::new(),
        ((Bombs, Calls::default()), (Bombs, &last)),
    );
    assert_eq!(breaker.call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(last.announced(), 1);
    let ((_, calls), _) = breaker.observer();
    assert_eq!(calls.0.load(Ordering::Relaxed), 1);
}

#[cfg(feature = "registry")]
#[test]
fn a_listener_whose_payload_panics_breaks_no_look_up() {
    use core::num::NonZeroUsize;
    let hosts = cutout::Registry::builder(Config::new())
        .capacity(1)
        .on_event(|_| panic_any(Bomb))
        .build()
        .unwrap();
    for host in ["one", "two"] {
        assert!(hosts.get(host).call(|| Ok::<_, ()>(())).is_ok());
    }
    assert_eq!(NonZeroUsize::new(hosts.len()), NonZeroUsize::new(1));
}
