//! Races of failures that go without an evaluation of the window. Each name begins with the rule
//! that it defends.
#![cfg(loom)]

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use cutout_core::{CircuitBreaker, Config, Outcome, Rate, State};
use loom_tests::{
    Breaker, breaker, config, fail, growing, grown, long_model, model_up_to, race, report,
    report_on, spawn, spawn_on, succeed,
};

/// This number of failures within the window opens the circuit.
const fn counting(failures: u32) -> Config {
    config().without_failure_rate().failure_count(failures)
}

fn times(count: usize, call: fn(&Breaker), breaker: &Breaker) {
    for _ in 0..count {
        call(breaker);
    }
}

#[test]
fn f1_two_failures_of_one_lane_do_not_spend_the_same() {
    long_model(|| {
        let breaker = breaker(counting(4));
        fail(&breaker);
        race(&breaker, [fail, fail]);
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f4_a_turn_revokes_what_was_granted_before_it() {
    long_model(|| {
        let breaker = breaker(config().minimum_throughput(1));
        times(4, succeed, &breaker);
        breaker.clock().set(1);
        fail(&breaker); // of five; there may be another
        breaker.clock().set(2);
        race(&breaker, [fail, succeed]);
        assert_eq!(breaker.state(), State::Open, "the four have left: two of three");
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f4_a_halving_revokes_what_was_granted_before_it() {
    long_model(|| {
        let (config, all) = (config().minimum_throughput(8), Rate::percent(100));
        let breaker = breaker(config.failure_rate(all));
        times(4, fail, &breaker);
        breaker.clock().set(1);
        times(6, succeed, &breaker);
        breaker.reconfigure(config).unwrap();
        succeed(&breaker); // seven in this bucket, which a model takes for full
        // The window takes one more failure and is granted that; the third opens the circuit. After
        // the bucket has halved the first one does.
        let failing = spawn(&breaker, |breaker| times(3, fail, breaker));
        succeed(&breaker);
        failing.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f1_a_failure_that_was_held_up_spends_or_evaluates() {
    long_model(|| {
        let breaker = breaker(counting(4));
        fail(&breaker);
        let held_up = spawn(&breaker, fail);
        breaker.clock().set(1);
        fail(&breaker);
        fail(&breaker);
        held_up.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f4_new_settings_revoke_what_was_granted_before_them() {
    long_model(|| {
        let breaker = breaker(config().failure_rate(Rate::percent(100)));
        times(3, succeed, &breaker);
        fail(&breaker);
        race(&breaker, [fail, |breaker| breaker.reconfigure(config()).unwrap()]);
        succeed(&breaker);
        fail(&breaker);
        assert_eq!(breaker.state(), State::Closed, "three of seven");
        fail(&breaker);
        assert_eq!(breaker.state(), State::Open, "four of eight");
    });
}

#[test]
fn f2_lanes_that_grow_have_nothing_to_spend() {
    let grown = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&grown);
    long_model(move || {
        let breaker = growing(counting(3));
        report(&breaker, Outcome::Failure, 1); // there may be another
        let other = spawn_on(1, &breaker, |breaker| {
            report(breaker, Outcome::Success, 1);
            report(breaker, Outcome::Failure, 1);
        });
        report(&breaker, Outcome::Success, 1);
        report(&breaker, Outcome::Failure, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        if breaker.lanes() > 1 {
            seen.store(true, Relaxed);
        }
    });
    assert!(grown.load(Relaxed), "they never contended");
}

#[test]
fn f2_two_failures_in_two_lanes_leave_the_third_to_evaluate() {
    long_model(|| {
        let breaker = grown(counting(4));
        report(&breaker, Outcome::Failure, 1); // there may be two more
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 2);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f4_a_turn_revokes_what_other_lanes_were_granted() {
    model_up_to(2, || {
        let breaker = grown(config().minimum_throughput(1));
        report(&breaker, Outcome::Success, 4);
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Failure, 1); // of five; there may be another
        breaker.clock().0.set(2);
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Success, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open, "the four have left: two of three");
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f3_two_evaluations_do_not_grant_the_same_failures() {
    model_up_to(2, || {
        let breaker = grown(counting(4));
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 3);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

/// For a thread at 1 s the eight successes are in the window; for one at 2 s they are not.
#[test]
fn f5_an_earlier_time_grants_nothing_to_a_later_lane() {
    model_up_to(2, || {
        let breaker = grown(config());
        report(&breaker, Outcome::Success, 8);
        breaker.clock().0.set(2);
        report_on(1, &breaker, Outcome::Success, 2);
        // It orders nothing under loom; it only tells what has run before what.
        let has_failed = Arc::new(AtomicBool::new(false));
        let after = Arc::clone(&has_failed);
        let late = spawn_on(1, &breaker, move |breaker| {
            let is_second = after.load(Relaxed);
            report(breaker, Outcome::Failure, 1);
            assert!(!is_second || breaker.state() == State::Open, "two of four");
        });
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Failure, 1);
        has_failed.store(true, Relaxed);
        late.join().unwrap();
    });
}

#[test]
fn f2_a_lane_does_not_keep_what_an_earlier_version_granted() {
    model_up_to(2, || {
        let breaker = grown(counting(6));
        report_on(1, &breaker, Outcome::Failure, 2); // evaluates; may spend three, the other lane one
        report(&breaker, Outcome::Failure, 1); // spends that one
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 2); // nothing is left: it evaluates
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f1_two_failures_of_a_grown_lane_do_not_spend_the_same() {
    long_model(|| {
        let breaker = grown(counting(5));
        report(&breaker, Outcome::Failure, 2); // evaluates; one is left to spend
        let other = spawn_on(0, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Closed);
        report(&breaker, Outcome::Failure, 1);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f4_a_turn_revokes_what_a_grown_lane_was_granted() {
    model_up_to(2, || {
        let breaker = grown(config().minimum_throughput(1));
        report(&breaker, Outcome::Success, 4);
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Success, 1);
        report_on(1, &breaker, Outcome::Failure, 2); // evaluates, then spends
        breaker.clock().0.set(2);
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Success, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open, "the four have left: three of five");
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f2_the_first_lane_is_revoked_after_others_have_grown() {
    long_model(|| {
        let breaker = growing(counting(5));
        let held_up = spawn_on(0, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        breaker.preallocate();
        report(&breaker, Outcome::Failure, 1); // evaluates; there may be three more
        held_up.join().unwrap();
        report(&breaker, Outcome::Failure, 3);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn f3_a_grant_is_of_the_version_that_it_was_summed_in() {
    long_model(|| {
        let breaker = grown(counting(6));
        report_on(1, &breaker, Outcome::Success, 1); // its bucket is there
        report(&breaker, Outcome::Failure, 1); // evaluates; there may be four more
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 3); // spends, and evaluates
        other.join().unwrap();
        report_on(1, &breaker, Outcome::Failure, 1); // the sixth
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn f2_nothing_is_overlooked_while_lanes_grow() {
    long_model(|| {
        let breaker = growing(counting(4));
        report(&breaker, Outcome::Failure, 1); // evaluates; there may be two more
        let growing = spawn_on(0, &breaker, CircuitBreaker::preallocate);
        report(&breaker, Outcome::Failure, 2);
        report_on(1, &breaker, Outcome::Failure, 2); // the fourth evaluates, in whichever lane
        growing.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

/// Each of the two evaluates a failure, and has a grant by which it could go on alone.
///
/// Weakened, it fails with two preemptions, as `.ci/kill-orderings` runs it; in all, they take
/// minutes.
#[test]
fn f3_an_evaluation_that_is_held_up_grants_nothing() {
    model_up_to(1, || {
        let breaker = grown(counting(6));
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 3));
        report(&breaker, Outcome::Failure, 3);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

/// The window has 14 successes and 6 failures. After the halving there are 11 successes, so that of
/// five failures more, whoever comes last opens the circuit.
#[test]
fn f4_no_lane_keeps_what_was_granted_before_a_halving() {
    model_up_to(1, || {
        let breaker = grown(config().minimum_throughput(8));
        report(&breaker, Outcome::Success, 7);
        report(&breaker, Outcome::Failure, 6);
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Success, 7); // a model takes that for full
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 4));
        report(&breaker, Outcome::Success, 1); // halves
        report(&breaker, Outcome::Failure, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}
