//! Observers are isolated: a panic of theirs does not reach the caller.

use cutout::{CircuitBreaker, Config, Error, ManualClock, Observer, State, Transition};

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
