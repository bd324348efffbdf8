//! The slow_start: a circuit that has just closed takes up its load in stages.

mod support;

use core::time::Duration;

use cutout_core::{Backoff, Cause, Config, Rate, RejectReason, SlowStart, State, TripReason};
use support::{Breaker, fail, follow, millis, secs, succeed, tripped};

/// One trial, then 10, 25 and 50 % for 2 s each.
fn config() -> Config {
    support::config().trials(1).slow_start(SlowStart::in_stages_of(secs(2)))
}

/// A breaker that closed a moment ago.
fn in_slow_start(config: Config) -> Breaker {
    let breaker = tripped(config);
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
    breaker
}

fn admitted_of_1000(breaker: &Breaker) -> usize {
    (0..1_000).filter(|_| succeed(breaker)).count()
}

#[test]
fn the_share_of_admitted_calls_grows_by_stages_up_to_all() {
    let breaker = in_slow_start(config());
    assert!(breaker.snapshot().in_slow_start);
    assert_eq!(admitted_of_1000(&breaker), 100);
    breaker.clock().advance(millis(1_999));
    assert_eq!(admitted_of_1000(&breaker), 100);
    breaker.clock().advance(millis(1));
    assert_eq!(admitted_of_1000(&breaker), 250);
    breaker.clock().advance(secs(2));
    assert_eq!(admitted_of_1000(&breaker), 500);
    breaker.clock().advance(secs(2));
    assert_eq!(admitted_of_1000(&breaker), 1_000);
    assert!(!breaker.snapshot().in_slow_start);
    assert_eq!(breaker.observer().last().cause, Cause::SlowStartOver);
}

#[test]
fn the_admitted_calls_are_evenly_spread() {
    let breaker = in_slow_start(config());
    let pattern: Vec<_> = (0..40).map(|_| succeed(&breaker)).collect();
    for ten in pattern.chunks(10) {
        assert_eq!(ten.iter().filter(|admitted| **admitted).count(), 1);
    }
}

#[test]
fn the_first_call_of_a_stage_is_admitted() {
    let breaker = in_slow_start(config());
    follow(&breaker, "+ +  1999ms + +  1ms + +  2s + +  +", "C C- C      C C- C   C C- C  C C- C");
}

#[test]
fn a_call_is_admitted_each_tenth_of_a_stage() {
    let breaker = in_slow_start(config());
    follow(
        &breaker,
        "+ 199ms +  999999ns +  1ns + +  200ms + +",
        "C C     C- C        C- C   C C- C     C C-",
    );
    // A call every 10 s, in stages of 10 s: not one is refused.
    let slowly = support::config().trials(1).slow_start(SlowStart::in_stages_of(secs(10)));
    let breaker = in_slow_start(slowly);
    for _ in 0..3 {
        follow(&breaker, "9999ms +", "C C");
    }
    assert_eq!(breaker.totals().rejected, 0);
}

/// A step back of the clock does not stop the ramp: its share is still admitted.
#[test]
fn a_clock_set_back_in_a_ramp_stops_only_the_surplus() {
    let breaker = in_slow_start(config());
    breaker.clock().advance(secs(1));
    assert!(succeed(&breaker));
    breaker.clock().set(cutout_core::Instant::ORIGIN);
    assert!((95..=105).contains(&admitted_of_1000(&breaker)));
}

#[test]
fn a_refusal_says_that_the_circuit_is_ramping() {
    let breaker = in_slow_start(config());
    assert!(succeed(&breaker), "the first of the stage");
    let refusal = breaker.admit().unwrap_err();
    assert_eq!((refusal.reason(), refusal.retry_after()), (RejectReason::SlowStart, None));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn it_reopens_at_once_if_the_rate_is_bad() {
    let breaker = in_slow_start(config().break_backoff(Backoff::doubling(secs(60))));
    while !breaker.call(|| Err::<(), _>(())).is_err_and(|error| error.into_inner().is_some()) {}
    assert_eq!(breaker.state(), State::Open, "one result is as many as there are trials");
    let transition = breaker.observer().last();
    assert_eq!(transition.cause, Cause::Tripped(TripReason::FailureRate));
    assert_eq!(transition.break_duration, Some(secs(10)), "it is a reopening in a row");
}

#[test]
fn the_end_of_the_ramp_resets_backoff_and_minimum() {
    let breaker = in_slow_start(config().break_backoff(Backoff::doubling(secs(60))));
    breaker.clock().advance(secs(6));
    follow(&breaker, "x x x x", "C C C O");
    assert_eq!(breaker.observer().last().break_duration, Some(secs(5)));
}

#[test]
fn in_shadow_a_ramp_refuses_nobody() {
    let breaker = support::breaker(config());
    breaker.shadow();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
    assert_eq!(admitted_of_1000(&breaker), 1_000);
    assert_eq!(breaker.totals().would_reject, 900);
}

#[test]
fn the_settings_of_a_recovery_have_their_ranges() {
    let check = |slow_start| {
        let config = Config::new().slow_start(slow_start);
        cutout_core::CircuitBreaker::try_with_clock(config, cutout_core::ManualClock::new())
    };
    let error = |slow_start| check(slow_start).unwrap_err().to_string();
    let (ns, day) = (Duration::from_nanos(1), secs(24 * 60 * 60));
    for stage in [Duration::ZERO, millis(1) - ns, day + ns, Duration::MAX] {
        let message = "slow_start: a stage must be 1 ms to 1 day long";
        assert_eq!(error(SlowStart::in_stages_of(stage)), message);
    }
    for stage in [millis(1), day] {
        assert!(check(SlowStart::in_stages_of(stage)).is_ok());
    }
    for shares in [[1, 1, 1], [10, 10, 20], [10, 20, 20], [100, 100, 100]] {
        let shares = shares.map(Rate::percent);
        assert!(check(SlowStart::in_stages_of(secs(1)).shares(shares)).is_ok(), "{shares:?}");
    }
    let shares = |shares: [u32; 3]| {
        error(SlowStart::in_stages_of(secs(1)).shares(shares.map(Rate::percent)))
    };
    let message = "slow_start: the shares must be above 0 %, and none below the one before";
    assert_eq!(shares([0, 10, 20]), message);
    assert_eq!(shares([10, 30, 20]), message);
    assert_eq!(shares([30, 10, 40]), message);
}
