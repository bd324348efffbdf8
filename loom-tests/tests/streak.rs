//! Races on the failures in a row. Each name begins with the row that it defends.
#![cfg(loom)]

use cutout_core::{Outcome, State};
use loom_tests::{breaker, brittle, fail, model, model_of_three, race, spawn, succeed};

#[test]
fn s1_a_failure_from_before_cannot_end_the_row_of_a_later_generation() {
    model(|| {
        let breaker = breaker(brittle().consecutive_failures(2));
        let early = breaker.admit().unwrap();
        let late = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.reset();
        fail(&breaker);
        late.join().unwrap();
        fail(&breaker);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn failures_in_a_row_open_whoever_has_them() {
    model_of_three(|| {
        let breaker = breaker(brittle().consecutive_failures(3));
        race(&breaker, [fail, fail, fail]);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn a_success_among_failures_stands_somewhere_in_the_row() {
    model(|| {
        let breaker = breaker(brittle().consecutive_failures(2));
        race(&breaker, [fail, succeed]);
        let row = breaker.snapshot().consecutive_failures;
        assert!(row <= 1);
        fail(&breaker);
        assert_eq!(breaker.state() == State::Open, row == 1);
    });
}
