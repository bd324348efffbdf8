//! Races on the window over time. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use cutout_core::{Outcome, Rate, State};
use loom_tests::{
    Breaker, breaker, config, fail, long_model, model, model_of_three, model_up_to, race, spawn,
    succeed, tough,
};

fn fail_at(secs: u64) -> impl FnOnce(&Breaker) {
    move |breaker| {
        breaker.clock().set(secs);
        fail(breaker);
    }
}

#[test]
fn b4_no_result_is_lost_when_two_threads_count_in_one_bucket() {
    model(|| {
        let breaker = breaker(tough());
        race(&breaker, [fail, succeed]);
        let tally = breaker.snapshot().tally;
        assert_eq!((tally.failures, tally.successes), (1, 1));
    });
}

#[test]
fn w2_no_result_is_lost_or_kept_too_long_when_two_threads_turn_the_window() {
    long_model(|| {
        let breaker = breaker(tough());
        fail(&breaker);
        breaker.clock().set(2);
        race(&breaker, [fail, succeed]);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (1, 1));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (2, 1));
    });
}

#[test]
fn b1_nothing_old_comes_back_to_who_sees_the_window_turned() {
    model(|| {
        let breaker = breaker(tough());
        fail(&breaker);
        // So far ahead that the short tick tag is the same again.
        breaker.clock().set(1 << 10);
        let turning = spawn(&breaker, succeed);
        assert_eq!(breaker.snapshot().tally.failures, 0);
        turning.join().unwrap();
    });
}

#[test]
fn b3_who_was_held_up_cannot_count_over_a_later_bucket() {
    model_up_to(2, || {
        let breaker = breaker(tough());
        breaker.clock().set(1);
        let held_up = spawn(&breaker, fail);
        fail_at(3)(&breaker);
        held_up.join().unwrap();
        assert_eq!(breaker.snapshot().totals.failures, 2);
        assert!(breaker.snapshot().tally.failures >= 1, "the later one is there");
    });
}

#[test]
fn b3_who_sees_a_result_sees_what_its_thread_counted_before_it() {
    long_model(|| {
        let breaker = breaker(tough());
        breaker.clock().set(1);
        succeed(&breaker);
        let (early, late) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        let other = spawn(&breaker, |breaker| {
            breaker.settle(early, Outcome::Success);
            breaker.clock().set(2);
            breaker.settle(late, Outcome::Failure);
        });
        breaker.clock().set(2);
        succeed(&breaker);
        let tally = breaker.snapshot().tally;
        if tally.failures == 1 {
            assert_eq!(tally.successes, 3);
        }
        other.join().unwrap();
    });
}

#[test]
fn b3_a_failure_sees_all_that_came_before_the_result_that_it_counts_after() {
    model_up_to(2, || {
        let breaker = breaker(config().minimum_throughput(4).failure_rate(Rate::percent(25)));
        let (early, late) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        let failing = breaker.admit().unwrap();
        // Says which came first without ordering anything.
        let all_there = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&all_there);
        let other = spawn(&breaker, move |breaker| {
            breaker.settle(early, Outcome::Success);
            breaker.clock().set(1);
            breaker.settle(late, Outcome::Success);
            done.store(true, Relaxed);
        });
        breaker.clock().set(1);
        succeed(&breaker);
        let must_trip = all_there.load(Relaxed);
        breaker.settle(failing, Outcome::Failure);
        if must_trip {
            assert_eq!(breaker.state(), State::Open);
        }
        other.join().unwrap();
    });
}

#[test]
fn b5_two_failures_in_different_buckets_do_not_overlook_each_other() {
    long_model(|| {
        let breaker = breaker(config().without_failure_rate().failure_count(2));
        let one = breaker.admit().unwrap();
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Failure));
        fail_at(1)(&breaker);
        one.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn b5_two_slow_successes_in_different_buckets_do_not_overlook_each_other() {
    long_model(|| {
        let config = config()
            .without_failure_rate()
            .slow_call_duration(Duration::from_secs(1))
            .trip_when(|tally| tally.slow == 2);
        let breaker = breaker(config);
        let [one, two] = [(); 2].map(|()| breaker.admit().unwrap());
        breaker.clock().set(2);
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Success));
        breaker.clock().set(3);
        breaker.settle(two, Outcome::Success);
        one.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn b5_three_failures_in_different_buckets_do_not_overlook_each_other() {
    model_of_three(|| {
        // By a condition of the user's, so that each failure evaluates: the model stays short.
        let config = config().without_failure_rate().trip_when(|tally| tally.failures >= 3);
        let breaker = breaker(config);
        let tickets = [(); 3].map(|()| breaker.admit().unwrap());
        let [one, two, three] = tickets;
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Failure));
        let two = spawn(&breaker, |breaker| breaker.settle(two, Outcome::Failure));
        breaker.clock().set(1);
        breaker.settle(three, Outcome::Failure);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn w1_a_sum_is_of_one_window_even_while_it_turns() {
    model(|| {
        let breaker = breaker(tough());
        succeed(&breaker);
        breaker.clock().set(1);
        succeed(&breaker);
        // So far ahead that its short tick tag is that of the bucket which it replaces.
        let turning = spawn(&breaker, fail_at(1 << 10));
        let tally = breaker.snapshot().tally;
        assert!(tally.successes == 0 || tally.failures == 0, "they are an age apart");
        turning.join().unwrap();
    });
}

#[test]
fn w1_a_result_from_before_cannot_turn_the_window_of_a_later_generation() {
    long_model(|| {
        let breaker = breaker(tough());
        let early = breaker.admit().unwrap();
        let late = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.reset();
        succeed(&breaker);
        late.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (0, 1));
        assert_eq!(snapshot.totals.settled(), 2);
    });
}

#[test]
fn w1_a_new_generation_starts_empty_while_an_old_result_is_on_its_way() {
    model(|| {
        let breaker = breaker(tough());
        fail(&breaker);
        race(&breaker, [fail, |breaker| breaker.reset()]);
        assert_eq!(breaker.observer().changes()[2], 1);
        assert_eq!(breaker.totals().settled(), 2);
        assert!(breaker.snapshot().tally.failures <= 1, "the first one is gone");
        // Whatever came late lies dead, and the next result clears it away.
        succeed(&breaker);
        assert_eq!(breaker.totals().settled(), 3);
    });
}

#[test]
fn arming_is_true_to_the_window_when_a_success_and_a_failure_disagree() {
    model(|| {
        let breaker = breaker(config().minimum_throughput(5).failure_rate(Rate::percent(40)));
        fail(&breaker);
        succeed(&breaker);
        let failing = breaker.admit().unwrap();
        // One in three is under 40 %, two in four are over.
        let other = spawn(&breaker, |breaker| breaker.settle(failing, Outcome::Failure));
        succeed(&breaker);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Closed);
        succeed(&breaker);
        assert_eq!(breaker.state(), State::Open, "two in five");
    });
}

#[test]
fn w1_turning_recording_and_summing_at_once_lose_and_double_nothing() {
    model_of_three(|| {
        let breaker = breaker(tough());
        fail(&breaker);
        let early = breaker.admit().unwrap();
        let turning = spawn(&breaker, fail_at(1));
        let recording = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Success));
        let tally = breaker.snapshot().tally;
        assert!((1..=2).contains(&tally.failures) && tally.successes <= 1);
        turning.join().unwrap();
        recording.join().unwrap();
        breaker.clock().set(1);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (2, 1));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (2, 1));
    });
}

#[test]
fn the_trip_that_a_success_left_is_made_by_the_next_result() {
    model_up_to(3, || {
        let breaker = breaker(config().failure_rate(Rate::percent(30)));
        let early = breaker.admit().unwrap();
        let other = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        succeed(&breaker);
        other.join().unwrap();
        // One in two, or one in three: the circuit is open, or armed.
        succeed(&breaker);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}
