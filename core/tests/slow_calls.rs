//! Slow calls: measured, not reported.

mod support;

use core::time::Duration;

use cutout_core::{Backoff, Cause, Config, Outcome, Rate, State, TripReason};
use support::{breaker, follow, secs, timeline};

/// Half of at least 4 calls slower than a second.
fn config() -> Config {
    support::config().slow_call_duration(secs(1)).slow_call_rate(Rate::percent(50))
}

#[test]
fn a_circuit_opens_on_slow_successes_alone() {
    let breaker = timeline(
        config().without_failure_rate(),
        "+ + s s", //
        "C C C O",
    );
    assert_eq!(breaker.observer().last().cause, Cause::Tripped(TripReason::SlowCallRate));
}

#[test]
fn a_call_is_slow_beyond_the_limit_and_not_at_it() {
    let breaker = breaker(config());
    for (over, slow) in [(0, 0), (1, 1)] {
        let call = breaker.admit().unwrap();
        breaker.clock().advance(secs(1) + Duration::from_nanos(over));
        breaker.settle(call, Outcome::Success);
        assert_eq!(breaker.snapshot().tally.slow, slow);
    }
}

#[test]
fn a_slow_failure_counts_in_both_rates() {
    let breaker = timeline(config(), "S + +", "C C C");
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.failures, tally.slow, tally.total()), (1, 1, 3));
}

#[test]
fn a_fast_success_that_completes_the_minimum_trips() {
    timeline(config(), "s s s +", "C C C O");
}

#[test]
fn a_call_given_up_after_the_limit_is_a_slow_failure() {
    // Somebody's timeout fired outside. Four of them are an outage.
    let breaker = breaker(config());
    for _ in 0..4 {
        let permit = breaker.try_acquire().unwrap();
        breaker.clock().advance(Duration::from_millis(1_001));
        drop(permit);
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!((breaker.totals().failures, breaker.totals().cancelled), (4, 0));
}

#[test]
fn a_call_given_up_within_the_limit_counts_for_nothing() {
    let breaker = breaker(config());
    for _ in 0..100 {
        let permit = breaker.try_acquire().unwrap();
        breaker.clock().advance(Duration::from_millis(900));
        drop(permit);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!((breaker.totals().failures, breaker.totals().cancelled), (0, 100));
}

#[test]
fn cancelled_as_changes_both() {
    let give_up = |config: Config, after: u64| {
        let breaker = breaker(config);
        let permit = breaker.try_acquire().unwrap();
        breaker.clock().advance(secs(after));
        drop(permit);
        let totals = breaker.totals();
        (totals.successes, totals.failures, totals.cancelled)
    };
    assert_eq!(give_up(config().cancelled_as(Outcome::Failure), 0), (0, 1, 0));
    assert_eq!(give_up(config().cancelled_as(Outcome::Ignored), 5), (0, 0, 1));
    assert_eq!(give_up(config().cancelled_as(Outcome::Success), 5), (1, 0, 0));
}

#[test]
fn slowness_that_is_not_measured_is_not_counted() {
    let breaker = timeline(support::config(), "s s s s s", "C C C C C");
    assert_eq!(breaker.totals().slow, 0);
}

#[test]
fn a_slow_success_ends_a_row_of_failures_like_any_other() {
    let breaker =
        timeline(config().without_failure_rate().consecutive_failures(2), "x s x", "C C C");
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
}

#[test]
fn a_slow_trial_fails_where_slow_calls_can_trip() {
    let breaker = timeline(
        config().trials(3).break_backoff(Backoff::doubling(secs(60))),
        "s s s s 5s + s", //
        "C C C O O  H O",
    );
    assert_eq!(breaker.observer().last().cause, Cause::TrialFailed);
    assert_eq!(breaker.snapshot().retry_after, Some(secs(10)), "it is a reopening");
    follow(&breaker, "10s + + +", "O H H C");
}

#[test]
fn a_dependency_that_stays_slow_never_closes_the_circuit() {
    let breaker = timeline(config().trials(3), "s s s s", "C C C O");
    for _ in 0..100 {
        breaker.clock().advance(secs(5));
        follow(&breaker, "s +", "O O-");
    }
    let closed = breaker.observer().transitions.borrow().iter().any(|to| to.to == State::Closed);
    assert!(!closed, "its calls are all too slow");
}

#[test]
fn a_slow_trial_closes_where_slowness_is_only_measured() {
    let config = support::config().slow_call_duration(secs(1));
    timeline(config, "x x x x 5s s s", "C C C O O H C");
}
