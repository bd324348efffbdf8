//! Races of a change of the settings. Each name begins with the rule that it defends.
#![cfg(loom)]

use cutout_core::{Config, ConfigError, Rate, State};
use loom_tests::{breaker, config, fail, long_model, model, race, succeed};

/// So high a rate that one success in the window spares the circuit, and nothing is armed.
const fn patient() -> Config {
    config().failure_rate(Rate::percent(100))
}

#[test]
fn c4_a_change_that_races_with_a_failure_is_not_overlooked() {
    long_model(|| {
        let breaker = breaker(patient());
        succeed(&breaker);
        fail(&breaker);
        breaker.clock().set(1); // no limit of before spares the next failure its look
        race(&breaker, [fail, |breaker| breaker.reconfigure(config()).unwrap()]);
        // If the failure did not notice, the next result of any kind does.
        let _ = breaker.call(|| Ok::<_, ()>(()));
        assert_eq!(breaker.state(), State::Open, "at least half of the results are failures");
    });
}

#[test]
fn c4_a_change_that_races_with_a_success_is_not_overlooked() {
    long_model(|| {
        let breaker = breaker(patient());
        succeed(&breaker);
        fail(&breaker);
        fail(&breaker);
        fail(&breaker);
        race(&breaker, [succeed, |breaker| breaker.reconfigure(config()).unwrap()]);
        // At the latest, the next result of any kind notices.
        let _ = breaker.call(|| Ok::<_, ()>(()));
        assert_eq!(breaker.state(), State::Open, "at least half of the results are failures");
    });
}

#[test]
fn c1_the_conditions_on_the_window_are_all_of_before_or_all_of_after() {
    // Neither trips on one failure of two: 100 % of two or more, 50 % of three or more. The two
    // together would: 50 % of two.
    const BEFORE: Config = config().failure_rate(Rate::percent(100)).minimum_throughput(2);
    const AFTER: Config = config().failure_rate(Rate::percent(50)).minimum_throughput(3);
    model(|| {
        let breaker = breaker(BEFORE);
        succeed(&breaker);
        race(&breaker, [fail, |breaker| breaker.reconfigure(AFTER).unwrap()]);
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn c3_of_two_changes_at_once_one_is_whole_and_the_other_is_told() {
    let (one, other) = (config().trials(2), config().minimum_throughput(9));
    model(move || {
        let breaker = breaker(config());
        let change = |config: Config| {
            move |breaker: &loom_tests::Breaker| match breaker.reconfigure(config) {
                Ok(()) | Err(ConfigError::BeingChanged) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let theirs = loom_tests::spawn(&breaker, change(one));
        change(other)(&breaker);
        theirs.join().unwrap();
        let now = format!("{:?}", breaker.config());
        assert!([one, other].map(|config| format!("{config:?}")).contains(&now), "{now}");
    });
}
