//! Observers are isolated: a panic of theirs does not reach the caller.

use std::sync::Arc;

use cutout::{
    CircuitBreaker, Config, Error, LastTransitions, ManualClock, Observer, State, Transition,
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
