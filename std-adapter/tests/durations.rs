//! Whoever tells a duration does so in two or three digits, however exact it is.
#![cfg(all(feature = "policy", feature = "testing"))]

use core::future::pending;
use core::time::Duration;

use cutout::testing::{self, Transitions};
use cutout::{CircuitBreaker, Config, Error, ManualClock, ManualTimer, Policy, Retry};

/// What a clock in nanoseconds makes of 868 ms.
const EXACT: Duration = Duration::from_nanos(868_000_003);

#[test]
fn a_call_that_timed_out_says_its_limit_in_few_digits() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).timeout(EXACT);
    let call = policy.call_async(pending::<Result<(), &str>>);
    let error = testing::drive(&time, call).unwrap_err();
    assert_eq!(error.to_string(), "timed out after 868ms");
}

#[test]
fn a_refusal_shows_its_wait_in_few_digits() {
    let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    breaker.open_for(EXACT);
    let error = breaker.call(|| Ok::<_, &str>(())).unwrap_err();
    let text = "refused: the circuit is open, retry after 869ms";
    assert_eq!(error.to_string(), text);
    let Error::Rejected(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.to_string(), text);
    // Refused once more, a little later.
    breaker.clock().advance(Duration::from_nanos(3));
    assert_eq!(breaker.would_reject().unwrap().to_string(), text.replace("869", "868"));
    breaker.clock().advance(Duration::from_micros(999));
    assert_eq!(breaker.would_reject().unwrap().to_string(), text.replace("869", "868"));

    let policy = Policy::new().breaker(&breaker);
    let error = policy.call(|| Ok::<_, &str>(())).unwrap_err();
    assert_eq!(error.to_string(), text.replace("869", "868"));
}

#[test]
fn delays_and_breaks_are_listed_in_few_digits() {
    for (retry, listed) in [
        (Retry::fixed(EXACT), "delays: fixed 868ms up to 30s, "),
        (
            Retry::linear(EXACT).max_delay(Duration::from_nanos(1_500_000_001)),
            "linear 868ms up to 1.5s, ",
        ),
        (Retry::exponential(EXACT), "exponential 868ms x 2 up to "),
    ] {
        assert!(format!("{retry:?}").contains(listed), "{retry:?}");
    }
    let seen = Transitions::new();
    let config = Config::new();
    let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), seen.clone());
    breaker.open_for(EXACT);
    assert!(format!("{seen:?}").ends_with(", for 868ms\n"), "{seen:?}");
}
