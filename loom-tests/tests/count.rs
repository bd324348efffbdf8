//! Races on the window over results. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use cutout_core::{State, Window};
use loom_tests::{
    breaker, config, counting, fail, long_model, model, model_of_three, race, spawn, succeed,
};

#[test]
fn b4_no_result_is_lost_when_two_threads_count_in_one_batch() {
    model(|| {
        let breaker = breaker(counting(4));
        race(&breaker, [fail, succeed]);
        let tally = breaker.snapshot().tally;
        assert_eq!((tally.failures, tally.successes), (1, 1));
        assert_eq!(breaker.totals().settled(), 2);
    });
}

#[test]
fn b1_who_sees_a_batch_begun_sees_the_one_before_it_full() {
    model_of_three(|| {
        let breaker = breaker(counting(2));
        fail(&breaker);
        let one = spawn(&breaker, fail);
        let other = spawn(&breaker, fail);
        assert_eq!(breaker.snapshot().tally.successes, 0, "there were none");
        one.join().unwrap();
        other.join().unwrap();
        assert_eq!(breaker.snapshot().tally.failures, 2);
    });
}

#[test]
fn b3_who_was_held_up_cannot_count_over_a_later_batch() {
    long_model(|| {
        let breaker = breaker(counting(2));
        fail(&breaker);
        let held_up = spawn(&breaker, fail);
        fail(&breaker);
        fail(&breaker);
        held_up.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (2, 0));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (4, 0));
    });
}

#[test]
fn w1_a_sum_is_of_as_many_results_as_the_window_holds() {
    model(|| {
        let breaker = breaker(counting(2));
        fail(&breaker);
        succeed(&breaker);
        let other = spawn(&breaker, fail);
        let tally = breaker.snapshot().tally;
        assert_eq!((tally.failures, tally.successes), (1, 1), "before and after");
        other.join().unwrap();
    });
}

#[test]
fn w1_a_result_from_before_cannot_empty_the_window_of_a_later_generation() {
    model(|| {
        let breaker = breaker(counting(2));
        let early = breaker.admit().unwrap();
        let late = spawn(&breaker, |breaker| breaker.settle(early, cutout_core::Outcome::Failure));
        breaker.reset();
        succeed(&breaker);
        late.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (0, 1));
        assert_eq!(snapshot.totals.settled(), 2);
    });
}

#[test]
fn no_trip_is_lost_when_three_threads_fill_the_window() {
    model_of_three(|| {
        let breaker = breaker(config().minimum_throughput(3).window(Window::count(3)));
        race(&breaker, [fail, fail, fail]);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}
