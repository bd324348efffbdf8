//! Races between lanes. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use core::time::Duration;
use std::sync::Arc;

use cutout_core::{Outcome, State};
use loom_tests::{
    config, growing, grown, long_model, model_of_three, model_up_to, report, spawn_on, tough,
};

#[test]
fn b5_two_failures_in_different_lanes_do_not_overlook_each_other() {
    model_up_to(2, || {
        let breaker = grown(config().without_failure_rate().failure_count(2));
        let ticket = breaker.admit().unwrap();
        let other = spawn_on(1, &breaker, |breaker| breaker.settle(ticket, Outcome::Failure));
        report(&breaker, Outcome::Failure, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn b5_two_slow_successes_in_different_lanes_do_not_overlook_each_other() {
    model_up_to(2, || {
        let config = config()
            .without_failure_rate()
            .slow_call_duration(Duration::from_secs(1))
            .trip_when(|tally| tally.slow == 2);
        let breaker = grown(config);
        let [one, two] = [(); 2].map(|()| breaker.admit().unwrap());
        breaker.clock().0.set(2);
        let other = spawn_on(1, &breaker, |breaker| breaker.settle(one, Outcome::Success));
        breaker.settle(two, Outcome::Success);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn b5_three_failures_in_two_lanes_do_not_overlook_each_other() {
    model_of_three(|| {
        // By a condition of the user's, so that each failure evaluates: the model stays short.
        let config = config().without_failure_rate().trip_when(|tally| tally.failures >= 3);
        let breaker = grown(config);
        let [one, two] = [(); 2].map(|()| breaker.admit().unwrap());
        let one = spawn_on(1, &breaker, |breaker| breaker.settle(one, Outcome::Failure));
        let two = spawn_on(1, &breaker, |breaker| breaker.settle(two, Outcome::Failure));
        report(&breaker, Outcome::Failure, 1);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn of_two_successes_that_turn_their_lanes_at_once_one_completes_the_minimum() {
    model_up_to(2, || {
        let breaker = grown(config().minimum_throughput(4));
        for outcome in [Outcome::Success; 4] {
            report(&breaker, outcome, 1);
        }
        breaker.clock().0.set(1);
        for outcome in [Outcome::Failure; 3] {
            report(&breaker, outcome, 1);
        }
        assert_eq!(breaker.state(), State::Closed, "three in seven");
        breaker.clock().0.set(2);
        let ticket = breaker.admit().unwrap();
        let other = spawn_on(1, &breaker, |breaker| breaker.settle(ticket, Outcome::Success));
        report(&breaker, Outcome::Success, 1);
        other.join().unwrap();
        assert_eq!(
            breaker.state(),
            State::Open,
            "three in four or in five, once the four had left"
        );
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn w1_a_result_from_before_cannot_enter_a_lane_of_a_later_generation() {
    model_up_to(3, || {
        let breaker = grown(tough());
        let early = breaker.admit().unwrap();
        let late = spawn_on(1, &breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.reset();
        report(&breaker, Outcome::Success, 1);
        late.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (0, 1));
        assert_eq!(snapshot.totals.settled(), 2);
    });
}

#[test]
fn nothing_is_lost_or_doubled_while_lanes_count_turn_and_are_summed() {
    model_of_three(|| {
        let breaker = grown(tough());
        report(&breaker, Outcome::Failure, 1);
        let turning = spawn_on(0, &breaker, |breaker| {
            breaker.clock().0.set(1);
            report(breaker, Outcome::Failure, 1);
        });
        let counting = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Success, 1));
        let tally = breaker.snapshot().tally;
        assert!((1..=2).contains(&tally.failures) && tally.successes <= 1);
        turning.join().unwrap();
        counting.join().unwrap();
        breaker.clock().0.set(1);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (2, 1));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (2, 1));
    });
}

#[test]
fn no_result_is_lost_when_lanes_grow_under_those_who_count() {
    let grown = Arc::new(core::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&grown);
    long_model(move || {
        let breaker = growing(tough());
        let other = spawn_on(1, &breaker, |breaker| {
            report(breaker, Outcome::Success, 1);
            report(breaker, Outcome::Failure, 1);
        });
        report(&breaker, Outcome::Success, 1);
        report(&breaker, Outcome::Failure, 1);
        other.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (2, 2));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (2, 2));
        if breaker.lanes() > 1 {
            seen.store(true, core::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(grown.load(core::sync::atomic::Ordering::Relaxed), "they never contended");
}

#[test]
fn two_failures_do_not_overlook_each_other_while_lanes_grow() {
    model_up_to(2, || {
        let config = config().without_failure_rate().failure_count(2);
        let breaker = growing(config);
        let [early, late] = [(); 2].map(|()| breaker.admit().unwrap());
        let other = spawn_on(1, &breaker, |breaker| {
            breaker.settle(early, Outcome::Success);
            breaker.settle(late, Outcome::Failure);
        });
        let [early, late] = [(); 2].map(|()| breaker.admit().unwrap());
        breaker.settle(early, Outcome::Success);
        breaker.settle(late, Outcome::Failure);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}
