//! Results that come after their generation: they decide nothing.

mod support;

use cutout_core::{Outcome, State, Window};
use support::{config, fail, follow, secs, succeed, tripped, with_meanwhile};

#[test]
fn a_result_from_before_the_trip_decides_nothing_after_it() {
    let breaker = support::breaker(config());
    let early = breaker.admit().unwrap();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.settle(early, Outcome::Success);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(*breaker.observer().stale.borrow(), [Some(Outcome::Success)]);
    assert_eq!((breaker.totals().stale, breaker.totals().successes), (1, 0));
}

#[test]
fn an_early_success_does_not_close_a_half_open_circuit() {
    let breaker = support::breaker(config().trials(1));
    let early = breaker.admit().unwrap();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    breaker.settle(early, Outcome::Success);
    assert_eq!(breaker.state(), State::HalfOpen, "the trial is still out");
    assert!(breaker.admit().is_err(), "and its place is taken");
    breaker.settle(trial, Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_early_success_is_no_trial_after_the_break() {
    let breaker = support::breaker(config().trials(1));
    let early = breaker.admit().unwrap();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    breaker.settle(early, Outcome::Success);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_failure_from_before_the_trip_does_not_fail_a_trial() {
    let breaker = support::breaker(config());
    let early = breaker.admit().unwrap();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    breaker.settle(early, Outcome::Failure);
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.settle(trial, Outcome::Success);
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_early_ignored_or_cancelled_call_frees_no_place() {
    let breaker = support::breaker(config().trials(1));
    let (ignored, cancelled) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    let _trial = breaker.admit().unwrap();
    breaker.settle(ignored, Outcome::Ignored);
    breaker.cancel(cancelled);
    assert!(breaker.admit().is_err());
    assert_eq!(*breaker.observer().stale.borrow(), [Some(Outcome::Ignored), None]);
}

#[test]
fn early_failures_do_not_reopen_after_the_recovery() {
    let breaker = support::breaker(config());
    let early: Vec<_> = (0..30).map(|_| breaker.admit().unwrap()).collect();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
    for ticket in early {
        breaker.settle(ticket, Outcome::Failure);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().tally.total(), 0);
    assert_eq!(breaker.totals().stale, 30);
}

#[test]
fn a_trial_of_an_old_half_open_decides_nothing_later() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let (first, second) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    breaker.settle(first, Outcome::Failure);
    breaker.clock().advance(secs(5));
    let _third = breaker.admit().unwrap();
    breaker.settle(second, Outcome::Failure);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(breaker.snapshot().trials_in_flight, 1);
}

#[test]
fn a_result_across_a_change_of_mode_is_stale_too() {
    let breaker = support::breaker(config());
    let call = breaker.admit().unwrap();
    breaker.shadow();
    breaker.settle(call, Outcome::Failure);
    assert_eq!((breaker.totals().stale, breaker.totals().failures), (1, 0));
}

#[test]
fn wrapped_generations_bring_nothing_back() {
    wrap(config().consecutive_failures(3));
}

#[test]
fn wrapped_generations_continue_no_row_without_a_window() {
    wrap(config().without_failure_rate().consecutive_failures(3));
}

#[test]
fn wrapped_generations_revive_no_window_without_a_row() {
    wrap(config());
}

fn wrap(config: cutout_core::Config) {
    let breaker = cutout_core::CircuitBreaker::with_clock(config, cutout_core::ManualClock::new());
    breaker.reset();
    for _ in 0..2 {
        fail(&breaker);
    }
    let late = breaker.admit().unwrap();
    let start = breaker.snapshot_generation();
    let mut wrapped = false;
    for _ in 0..(1 << 23) + 1_000 {
        let before = breaker.snapshot_generation();
        breaker.reset();
        wrapped |= breaker.snapshot_generation() < before;
        // Nobody records in between, so the old results lie there all the time.
        assert_ne!(breaker.snapshot_generation(), start, "a number that is still in use");
    }
    assert!(wrapped);
    assert_eq!(breaker.snapshot().tally.total(), 0);
    assert_eq!(breaker.snapshot().consecutive_failures, 0);
    breaker.settle(late, Outcome::Failure);
    assert_eq!(breaker.totals().stale, 1);
}

/// Eight million snapshots would take their time; the generation is enough.
trait Generation {
    fn snapshot_generation(&self) -> u32;
}

impl Generation for cutout_core::CircuitBreaker<cutout_core::ManualClock> {
    fn snapshot_generation(&self) -> u32 {
        self.snapshot().generation
    }
}

#[test]
fn a_result_overtaken_at_the_clock_is_stale() {
    for window in [Window::time(secs(10)), Window::count(10)] {
        // Slow calls are measured, so that the clock is read by a window over a count as well.
        let breaker = with_meanwhile(config().window(window).slow_call_duration(secs(1)), ());
        let late = breaker.admit().unwrap();
        breaker.clock().act.set(Some(|breaker| {
            breaker.reset();
            assert!(succeed(breaker));
        }));
        breaker.settle(late, Outcome::Failure);
        let (tally, totals) = (breaker.snapshot().tally, breaker.totals());
        assert_eq!((tally.successes, tally.failures), (1, 0), "{window:?}");
        assert_eq!((totals.successes, totals.failures, totals.stale), (1, 0, 1), "{window:?}");
    }
}

#[test]
fn a_failure_overtaken_at_the_clock_adds_to_no_row() {
    let breaker = with_meanwhile(
        config().without_failure_rate().consecutive_failures(2).slow_call_duration(secs(1)),
        (),
    );
    let late = breaker.admit().unwrap();
    breaker.clock().act.set(Some(|breaker| {
        breaker.reset();
        fail(breaker);
    }));
    breaker.settle(late, Outcome::Failure);
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
    assert_eq!(breaker.state(), State::Closed);
    fail(breaker);
    assert_eq!(breaker.state(), State::Open);
}
