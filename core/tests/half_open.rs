//! A half-open circuit: a few trials decide, and it always ends.

mod support;

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Barrier;

use core::time::Duration;
use cutout_core::{
    Cause, CircuitBreaker, HalfOpenRule, ManualClock, Outcome, Rate, RejectReason, State,
};
use support::{Breaker, config, fail, follow, millis, panics, secs, succeed, tripped};

/// A breaker whose break is just over.
fn in_slow_start(config: cutout_core::Config) -> Breaker {
    let breaker = tripped(config);
    breaker.clock().advance(secs(5));
    breaker
}

#[test]
fn as_many_successes_as_trials_close() {
    follow(&in_slow_start(config()), "+ +", "H C");
    follow(&in_slow_start(config().trials(1)), "+", "C");
    let breaker = in_slow_start(config().trials(16));
    for _ in 0..15 {
        assert!(succeed(&breaker));
        assert_eq!(breaker.state(), State::HalfOpen);
    }
    assert!(succeed(&breaker));
    assert_eq!(breaker.observer().last().cause, Cause::TrialsPassed);
    assert_eq!(breaker.totals().trials, 16);
}

#[test]
fn the_first_failed_trial_reopens() {
    let breaker = in_slow_start(config());
    follow(&breaker, "+ x +", "H O O-");
    assert_eq!(breaker.observer().last().cause, Cause::TrialFailed);
}

#[test]
fn a_trial_that_fails_without_being_consecutive_has_failed() {
    let breaker = in_slow_start(config());
    breaker.try_acquire().unwrap().settle(Outcome::Failure.not_consecutive());
    assert_eq!(breaker.observer().last().cause, Cause::TrialFailed);
}

#[test]
fn who_looks_is_told_that_the_trials_are_taken_and_takes_none() {
    let breaker = in_slow_start(config());
    assert_eq!(breaker.would_reject(), None, "the break is over");
    assert_eq!(breaker.state(), State::Open, "who looks is no call");
    let first = breaker.try_acquire().unwrap();
    assert_eq!(breaker.would_reject(), None, "one of two");
    let _second = breaker.try_acquire().unwrap();
    assert_eq!(breaker.would_reject().unwrap().reason(), RejectReason::HalfOpenFull);
    drop(first);
    assert_eq!(breaker.would_reject(), None, "its place is free again");
    assert_eq!(breaker.totals().rejected, 0);
}

#[test]
fn a_lost_trial_ends_half_open_if_callers_only_look() {
    let breaker = in_slow_start(config().trials(1));
    let _lost = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    let refusal = breaker.would_reject().unwrap();
    assert_eq!((refusal.reason(), refusal.retry_after()), (RejectReason::Open, Some(secs(5))));
    assert_eq!(breaker.observer().last().cause, Cause::TrialTimedOut);
}

#[test]
fn only_as_many_trials_as_configured_run_at_once() {
    let breaker = in_slow_start(config());
    let trials = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    assert!(trials.0.is_trial() && trials.1.is_trial());
    let refusal = breaker.try_acquire().unwrap_err();
    assert_eq!(refusal.reason(), RejectReason::HalfOpenFull);
    assert_eq!(refusal.retry_after(), None);
    trials.0.settle(Outcome::Success);
    assert!(breaker.try_acquire().is_err(), "a settled trial is one of the two");
    trials.1.settle(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_crowd_after_the_break_gets_only_the_trials() {
    const CROWD: usize = 8;
    for round in 0..50 {
        let breaker = CircuitBreaker::with_clock(
            config().consecutive_failures(1).trials(3),
            ManualClock::new(),
        );
        fail(&breaker);
        breaker.clock().advance(secs(5));
        let (start, admitted) = (Barrier::new(CROWD), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..CROWD {
                scope.spawn(|| {
                    start.wait();
                    if let Ok(ticket) = breaker.admit() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                        assert!(ticket.is_trial());
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 3, "round {round}");
    }
}

#[test]
fn a_trial_that_panics_is_a_failed_trial() {
    let breaker = in_slow_start(config());
    assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("the driver is broken") })));
    assert_eq!(breaker.state(), State::Open);
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn a_cancelled_trial_gives_its_place_back() {
    let breaker = in_slow_start(config().trials(1));
    for _ in 0..12 {
        let trial = breaker.try_acquire().unwrap();
        assert!(breaker.try_acquire().is_err());
        drop(trial);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
    follow(&breaker, "+", "C");
    assert_eq!(breaker.totals().cancelled, 12);
}

#[test]
fn an_ignored_trial_gives_its_place_back() {
    // As does one that a full bulkhead behind the breaker turns away.
    let breaker = in_slow_start(config().trials(1));
    follow(&breaker, "~ ~ ~ +", "H H H C");
}

#[test]
fn a_trial_that_never_comes_back_fails_when_its_timeout_ends() {
    let breaker = in_slow_start(config());
    let lost = breaker.admit().unwrap();
    follow(&breaker, "19s 999ms + 1ms +", "H H H H O-");
    assert_eq!(breaker.observer().last().cause, Cause::TrialTimedOut);
    breaker.settle(lost, Outcome::Success);
    assert_eq!(breaker.totals().stale, 1);
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn a_lost_trial_among_several_fails_at_its_own_time() {
    let breaker = in_slow_start(config().trials(3));
    let first = breaker.admit().unwrap();
    breaker.clock().advance(secs(8));
    let _lost = breaker.admit().unwrap();
    breaker.clock().advance(secs(8));
    let _third = breaker.admit().unwrap();
    breaker.settle(first, Outcome::Success);
    follow(&breaker, "11999ms + 1ms +", "H H- H O-");
}

#[test]
fn a_trial_that_comes_back_too_late_decides_nothing() {
    let breaker = in_slow_start(config().trials(1));
    let slow = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    breaker.settle(slow, Outcome::Success);
    assert_eq!(breaker.state(), State::Open, "its timeout ended before it did");
    assert_eq!(*breaker.observer().stale.borrow(), [Some(Outcome::Success)]);
}

#[test]
fn trials_are_judged_by_themselves_however_far_apart_they_are() {
    // Far longer than the window, which therefore could not hold two of them.
    let breaker = in_slow_start(config());
    follow(&breaker, "+ 3600s +", "H H C");
}

#[test]
fn by_rate_all_trials_are_awaited_and_their_rate_decides() {
    let by_rate = config().trials(4).half_open_rule(HalfOpenRule::Rate);
    follow(&in_slow_start(by_rate), "x + + +", "H H H C");
    follow(&in_slow_start(by_rate), "x + x +", "H H H O");
    follow(&in_slow_start(by_rate), "x ~ ~ + + ~ +", "H H H H H H C");
}

#[test]
fn by_rate_a_minimum_of_trials_decides_without_the_others() {
    let by_rate = config().trials(4).minimum_trials(2).half_open_rule(HalfOpenRule::Rate);
    follow(&in_slow_start(by_rate), "+ +", "H C");
    follow(&in_slow_start(by_rate), "x +", "H O");
    let breaker = in_slow_start(by_rate);
    let other = breaker.admit().unwrap();
    follow(&breaker, "+ +", "H C");
    breaker.settle(other, Outcome::Failure);
    assert_eq!(breaker.totals().stale, 1);
}

#[test]
fn by_rate_slow_trials_count_against_it() {
    let by_rate = config()
        .trials(2)
        .half_open_rule(HalfOpenRule::Rate)
        .slow_call_duration(secs(1))
        .slow_call_rate(Rate::percent(100));
    follow(&in_slow_start(by_rate), "s +", "H C");
    follow(&in_slow_start(by_rate), "s s", "H O");
}

#[test]
fn by_rate_a_lost_trial_is_a_failure_among_the_others() {
    let by_rate = config().trials(3).half_open_rule(HalfOpenRule::Rate);
    let breaker = in_slow_start(by_rate);
    let lost = breaker.admit().unwrap();
    follow(&breaker, "+ + +", "H H H-");
    breaker.clock().advance(secs(20));
    follow(&breaker, "+", "C");
    assert_eq!(breaker.observer().last().cause, Cause::TrialsPassed, "one in three is below half");
    breaker.settle(lost, Outcome::Failure);
    assert_eq!(breaker.totals().stale, 1);
}

#[test]
fn old_failures_do_not_survive_the_close() {
    let breaker = in_slow_start(config());
    follow(&breaker, "+ + x + x", "H C C C C");
    assert_eq!(breaker.snapshot().tally.total(), 3);
}

#[test]
fn one_failure_right_after_the_recovery_does_not_reopen() {
    let breaker = in_slow_start(config().failure_count(2));
    follow(&breaker, "+ + x", "H C C");
}

#[test]
fn a_closed_circuit_trips_again_at_its_minimum() {
    follow(&in_slow_start(config()), "+ + x x x x", "H C C C C O");
}

#[test]
fn the_call_that_half_opens_announces_it() {
    let breaker = in_slow_start(config());
    let trial = breaker.admit().unwrap();
    let transition = breaker.observer().last();
    assert_eq!((transition.from, transition.to), (State::Open, State::HalfOpen));
    assert_eq!(transition.cause, Cause::BreakOver);
    breaker.cancel(trial);
    fail(&breaker);
    assert_eq!(breaker.observer().causes().len(), 3);
}

#[test]
fn the_shortest_and_the_longest_timeout_hold() {
    for timeout in [millis(1), secs(24 * 60 * 60)] {
        let breaker = in_slow_start(config().trials(1).trial_timeout(timeout));
        let _lost = breaker.admit().unwrap();
        breaker.clock().advance(timeout - Duration::from_nanos(1));
        assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::HalfOpenFull);
        breaker.clock().advance(Duration::from_nanos(1));
        assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::Open);
    }
}

/// A clock that shows a second more at each reading.
#[derive(Default)]
struct Hurried(ManualClock);

impl cutout_core::Clock for Hurried {
    fn now(&self) -> cutout_core::Instant {
        self.0.advance(secs(1));
        self.0.now()
    }
}

#[test]
fn a_timeout_begins_at_the_last_reading_before_admission() {
    let breaker =
        CircuitBreaker::with_clock(config().trials(2).trial_timeout(secs(20)), Hurried::default());
    let shows = |breaker: &CircuitBreaker<Hurried>| cutout_core::Clock::now(&breaker.clock().0);
    for _ in 0..2 {
        breaker.open_for(secs(1));
        breaker.clock().0.advance(secs(1));
        for _ in 0..2 {
            // The clock is read last for the timeout: so much later it is over, and no sooner.
            let trial = breaker.admit().unwrap();
            let end = shows(&breaker).saturating_add(secs(20));
            breaker.clock().0.set(cutout_core::Instant::from_nanos(end.as_nanos() - 2_000_000_000));
            breaker.settle(trial, Outcome::Ignored);
            assert_eq!(breaker.totals().stale, 0, "a reading shows a second before the end");
        }
    }
}
