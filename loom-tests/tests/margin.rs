//! Races of failures that go without a look at the window. Each name begins with the rule that it
//! defends.
#![cfg(loom)]

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use cutout_core::{CircuitBreaker, Clock, Config, Outcome, Rate, State};
use loom_tests::{
    Breaker, Growing, Laned, Log, OnCore, breaker, config, fail, long_model, race, spawn, spawn_on,
    succeed,
};

/// So many failures within the window open the circuit.
const fn counting(failures: u32) -> Config {
    config().without_failure_rate().failure_count(failures)
}

fn laned(config: Config) -> Arc<Laned<2>> {
    Arc::new(Laned::from_parts(config, OnCore::default(), Log::default()))
}

/// As many calls, on the core of the thread, as long as they are admitted.
fn report<C: Clock, const LANES: usize>(
    breaker: &CircuitBreaker<C, Log, 2, LANES>,
    outcome: Outcome,
    count: usize,
) {
    for _ in 0..count {
        if let Ok(permit) = breaker.try_acquire() {
            permit.settle(outcome);
        }
    }
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
fn m1_two_failures_in_two_lanes_leave_the_third_to_look() {
    long_model(|| {
        let breaker = laned(counting(4));
        report(&breaker, Outcome::Failure, 1); // there may be two more
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 2);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m2_a_failure_does_not_take_from_the_limit_of_before_another_lane_turned() {
    long_model(|| {
        let breaker = laned(config().minimum_throughput(1));
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
fn m4_who_looks_forgets_no_failure_of_another_lane_that_looked_meanwhile() {
    long_model(|| {
        let breaker = laned(counting(4));
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 3);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m6_who_is_told_an_earlier_time_sets_no_limit_for_those_who_are_told_a_later_one() {
    long_model(|| {
        let breaker = laned(config());
        report(&breaker, Outcome::Success, 8);
        breaker.clock().0.set(2);
        let before = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Success, 2));
        before.join().unwrap();
        // For one the eight are over; for the other they are not.
        let late = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 2));
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Failure, 1);
        late.join().unwrap();
        assert_eq!(breaker.state(), State::Open, "two of four, or of five with the other's");
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

/// Two lanes that have grown, beside the first.
fn grown(config: Config) -> Arc<Growing> {
    let breaker = Arc::new(Growing::from_parts(config, OnCore::default(), Log::default()));
    breaker.preallocate();
    assert_eq!(breaker.lanes(), 1 + 2);
    breaker
}

/// The same on the core of another thread, before this one goes on.
fn report_on(core: usize, breaker: &Arc<Growing>, outcome: Outcome, count: usize) {
    spawn_on(core, breaker, move |breaker| report(breaker, outcome, count)).join().unwrap();
}

#[test]
fn m7_a_failure_does_not_spend_what_its_lane_took_in_an_earlier_version() {
    long_model(|| {
        let breaker = grown(counting(6));
        report_on(1, &breaker, Outcome::Failure, 2); // looks; takes two of four
        report(&breaker, Outcome::Failure, 1); // takes the other two
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Failure, 2); // one is left in its purse; then it looks
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m7_two_failures_of_one_lane_do_not_spend_the_same() {
    long_model(|| {
        let breaker = grown(counting(5));
        report(&breaker, Outcome::Failure, 2); // looks; takes two of three, and one is left of them
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
fn m2_a_failure_does_not_spend_what_its_lane_took_before_the_window_turned() {
    long_model(|| {
        let breaker = grown(config().minimum_throughput(1));
        report(&breaker, Outcome::Success, 4);
        breaker.clock().0.set(1);
        report(&breaker, Outcome::Success, 1);
        report_on(1, &breaker, Outcome::Failure, 2); // looks; takes two of three
        breaker.clock().0.set(2);
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        report(&breaker, Outcome::Success, 1);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open, "the four have left: three of five");
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m5_a_failure_that_was_held_up_on_its_way_to_the_first_lane_takes_its_share() {
    long_model(|| {
        let breaker: Arc<Growing> =
            Arc::new(Growing::from_parts(counting(5), OnCore::default(), Log::default()));
        let held_up = spawn_on(0, &breaker, |breaker| report(breaker, Outcome::Failure, 1));
        breaker.preallocate();
        report(&breaker, Outcome::Failure, 1); // looks; there may be three more
        held_up.join().unwrap();
        report(&breaker, Outcome::Failure, 3);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn m7_what_a_lane_takes_is_of_the_version_that_it_was_taken_in() {
    long_model(|| {
        let breaker = grown(counting(6));
        report_on(1, &breaker, Outcome::Success, 1); // its bucket is there
        report(&breaker, Outcome::Failure, 1); // looks; there may be four more
        let other = spawn_on(1, &breaker, |breaker| report(breaker, Outcome::Failure, 1)); // takes two
        report(&breaker, Outcome::Failure, 3); // takes two, spends, and looks
        other.join().unwrap();
        report_on(1, &breaker, Outcome::Failure, 1); // the sixth
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn m5_nobody_finds_grown_lanes_before_the_margin_is_shared() {
    long_model(|| {
        let breaker: Arc<Growing> =
            Arc::new(Growing::from_parts(counting(4), OnCore::default(), Log::default()));
        report(&breaker, Outcome::Failure, 1); // looks; there may be two more
        let growing = spawn_on(0, &breaker, CircuitBreaker::preallocate);
        report(&breaker, Outcome::Failure, 2);
        report_on(1, &breaker, Outcome::Failure, 2); // the fourth looks, in whichever lane
        growing.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}
