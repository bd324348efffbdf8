//! Races while a circuit takes up its load again. Each name begins with the rule that it defends.
#![cfg(loom)]

use core::time::Duration;
use std::sync::Arc;

use cutout_core::{Outcome, Rate, SlowStart, State};
use loom_tests::{Breaker, brittle, fail, long_model, model, race, rested, succeed};

/// A breaker that closed at 1 s and admits `percent` of the calls until 4 s.
fn slow_start(percent: u32) -> Arc<Breaker> {
    ramping_in_stages_of(1, percent)
}

/// The same, until three times `secs` after 1 s.
fn ramping_in_stages_of(secs: u64, percent: u32) -> Arc<Breaker> {
    let shares = [Rate::percent(percent); 3];
    let stages = SlowStart::in_stages_of(Duration::from_secs(secs));
    let breaker = rested(brittle().slow_start(stages.shares(shares)));
    succeed(&breaker);
    assert!(breaker.snapshot().in_slow_start);
    breaker
}

#[test]
fn r1_two_calls_that_find_the_recovery_over_end_it_once() {
    model(|| {
        let breaker = slow_start(50);
        breaker.clock().set(4);
        race(&breaker, [succeed, succeed]);
        assert!(!breaker.snapshot().in_slow_start);
        assert_eq!(breaker.observer().changes(), [1, 1, 2]);
        // Whoever was admitted before the other ended the slow start comes back as a stale result.
        assert_eq!((breaker.totals().settled(), breaker.totals().rejected), (4, 0));
    });
}

#[test]
fn the_share_is_kept_by_two_calls_that_come_at_once() {
    model(|| {
        let breaker = slow_start(50);
        race(&breaker, [succeed, succeed]);
        assert_eq!(breaker.totals().rejected, 1, "one in two");
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn r1_a_failure_during_the_recovery_and_its_end_leave_one_generation_to_decide() {
    model(|| {
        let breaker = slow_start(100);
        race(
            &breaker,
            [fail, |breaker| {
                breaker.clock().set(4);
                succeed(breaker);
            }],
        );
        // It reopened and stayed so, or reopened and had a trial at 4 s, or the slow start was over
        // first and the failure came after it, stale or as a trip.
        let [opened, half_opened, closed] = breaker.observer().changes();
        assert!(
            (1..=2).contains(&opened)
                && (1..=opened).contains(&half_opened)
                && (1..=3).contains(&closed),
            "{opened} {half_opened} {closed}"
        );
        assert_eq!(breaker.state() == State::Open, opened > half_opened);
        let totals = breaker.totals();
        assert_eq!(totals.settled() + totals.rejected, 4);
    });
}

/// Both come at the moment at which the slow start begins: the one that is first is admitted, and the other
/// sees when that was.
#[test]
fn u3_the_first_call_of_a_stage_is_not_followed_by_another_at_once() {
    model(|| {
        let breaker = slow_start(10);
        race(&breaker, [succeed, succeed]);
        let totals = breaker.totals();
        assert_eq!(
            (totals.successes, totals.rejected),
            (1 + 1, 1),
            "the trial, and one of the two"
        );
    });
}

/// The first stage has begun, and a tenth of it has passed.
#[test]
fn u2_of_two_calls_after_a_tenth_of_a_stage_without_any_one_is_admitted() {
    model(|| {
        let breaker = ramping_in_stages_of(10, 10);
        succeed(&breaker);
        breaker.clock().set(2);
        race(&breaker, [succeed, succeed]);
        let totals = breaker.totals();
        assert_eq!((totals.successes, totals.rejected), (1 + 1 + 1, 1));
    });
}

#[test]
fn r4_a_failure_during_the_recovery_opens_whoever_comes_before_the_recovery_is_over() {
    model(|| {
        let breaker = slow_start(100);
        race(
            &breaker,
            [fail, |breaker| {
                breaker.clock().set(3);
                succeed(breaker);
            }],
        );
        // The slow start lasts until 4 s. The break that the failure is about to begin would be over at 2 s.
        let [opened, _, _] = breaker.observer().changes();
        assert_eq!(opened, 2);
    });
}

#[test]
fn r4_a_failure_that_is_overtaken_leaves_the_end_of_the_slow_start_alone() {
    model(|| {
        let breaker = slow_start(100);
        race(
            &breaker,
            [fail, |breaker| {
                breaker.disable();
                breaker.release();
            }],
        );
        if breaker.snapshot().in_slow_start {
            breaker.clock().set(3);
            succeed(&breaker);
            assert!(breaker.snapshot().in_slow_start, "it was to last until 4 s");
        }
    });
}

#[test]
fn r4_who_sees_that_a_recovery_ended_in_a_break_sees_the_end_of_that() {
    model(|| {
        let breaker = slow_start(100);
        race(
            &breaker,
            [fail, |breaker| {
                let refusal = breaker.would_reject();
                assert!(refusal.is_none_or(|refusal| {
                    refusal.retry_after() == Some(Duration::from_secs(1))
                }));
            }],
        );
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(1)));
    });
}

#[test]
fn r4_who_saves_a_circuit_saves_the_end_of_its_recovery_or_that_of_its_break() {
    model(|| {
        let breaker = slow_start(100);
        let failing = loom_tests::spawn(&breaker, fail);
        let saved = breaker.save();
        let left = if saved.state() == State::Closed { 3 } else { 1 };
        assert_eq!(saved.left(), Duration::from_secs(left));
        failing.join().unwrap();
    });
}

#[test]
fn o4_who_was_held_up_in_a_recovery_cannot_overwrite_the_end_of_a_later_break() {
    long_model(|| {
        let breaker = slow_start(100);
        let early = breaker.admit().unwrap();
        let held_up =
            loom_tests::spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.reset();
        breaker.clock().set(5);
        breaker.open_for(Duration::from_secs(30));
        breaker.open_for(Duration::from_secs(2)); // where a break after a recovery has its end
        held_up.join().unwrap();
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(2)));
    });
}
