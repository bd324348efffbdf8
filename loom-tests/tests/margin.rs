//! Races of failures that go without a look at the window. Each name begins with the rule that it
//! defends.
#![cfg(loom)]

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use cutout_core::{Config, Outcome, Rate, State};
use loom_tests::{
    Breaker, Growing, Log, OnCore, breaker, config, fail, long_model, race, spawn, spawn_on,
    succeed,
};

/// So many failures within the window open the circuit.
const fn counting(failures: u32) -> Config {
    config().without_failure_rate().failure_count(failures)
}

fn times(count: usize, call: fn(&Breaker), breaker: &Breaker) {
    for _ in 0..count {
        call(breaker);
    }
}

#[test]
fn m1_two_failures_in_one_bucket_leave_the_third_to_look() {
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
fn m2_a_failure_does_not_take_the_limit_of_before_the_window_turned() {
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
fn m2_a_failure_does_not_take_the_limit_of_before_its_bucket_halved() {
    long_model(|| {
        let (config, all) = (config().minimum_throughput(8), Rate::percent(100));
        let breaker = breaker(config.failure_rate(all));
        times(4, fail, &breaker);
        breaker.clock().set(1);
        times(6, succeed, &breaker);
        breaker.reconfigure(config).unwrap();
        succeed(&breaker); // seven in this bucket, which a model takes for full
        // Of failures, one leaves leeway for another, and the third opens the circuit. After the
        // bucket has halved the first one does.
        let failing = spawn(&breaker, |breaker| times(3, fail, breaker));
        succeed(&breaker);
        failing.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m3_a_failure_that_was_held_up_does_not_take_the_limit_of_a_later_bucket() {
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
fn m3_a_failure_does_not_take_the_limit_of_other_settings() {
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
fn m5_a_failure_does_not_take_the_limit_of_before_there_were_other_lanes() {
    let grown = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&grown);
    long_model(move || {
        let breaker: Arc<Growing> =
            Arc::new(Growing::from_parts(counting(3), OnCore::default(), Log::default()));
        let report = |breaker: &Growing, outcome| {
            if let Ok(permit) = breaker.try_acquire() {
                permit.settle(outcome);
            }
        };
        report(&breaker, Outcome::Failure); // there may be another
        let other = spawn_on(1, &breaker, move |breaker| {
            report(breaker, Outcome::Success);
            report(breaker, Outcome::Failure);
        });
        report(&breaker, Outcome::Success);
        report(&breaker, Outcome::Failure);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        if breaker.lanes() > 1 {
            seen.store(true, Relaxed);
        }
    });
    assert!(grown.load(Relaxed), "they never contended");
}
