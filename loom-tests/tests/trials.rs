//! Races for the trials of a half-open circuit. Each name begins with the rule that it defends.
#![cfg(loom)]

use cutout_core::{HalfOpenRule, Outcome, Rate, State};
use loom_tests::{
    breaker, brittle, config, fail, give_up, hang, long_model, model, model_of_three, race, rested,
    spawn, succeed,
};

#[test]
fn r3_two_calls_at_the_end_of_the_break_get_one_trial() {
    model(|| {
        let breaker = rested(brittle());
        race(&breaker, [hang, hang]);
        assert_eq!(breaker.totals().trials, 1);
        assert_eq!(breaker.totals().rejected, 1);
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
        assert_eq!(breaker.observer().changes(), [1, 1, 0]);
    });
}

#[test]
fn r3_a_crowd_at_the_end_of_the_break_gets_one_trial() {
    model_of_three(|| {
        let breaker = rested(brittle());
        race(&breaker, [hang, hang, hang]);
        assert_eq!(breaker.totals().trials, 1);
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
        assert_eq!(breaker.observer().changes(), [1, 1, 0]);
    });
}

#[test]
fn r3_a_crowd_in_half_open_gets_no_more_trials_than_are_left() {
    model_of_three(|| {
        let breaker = rested(brittle().trials(2));
        hang(&breaker);
        race(&breaker, [hang, hang, hang]);
        assert_eq!((breaker.totals().trials, breaker.totals().rejected), (2, 2));
        assert_eq!(breaker.snapshot().trials_in_flight, 2);
        assert_eq!(breaker.observer().changes(), [1, 1, 0]);
    });
}

#[test]
fn r3_two_calls_at_the_end_of_the_break_get_two_trials() {
    long_model(|| {
        let breaker = rested(brittle().trials(2));
        race(&breaker, [hang, hang]);
        assert_eq!((breaker.totals().trials, breaker.totals().rejected), (2, 0));
        assert_eq!(breaker.snapshot().trials_in_flight, 2);
        assert_eq!(breaker.observer().changes(), [1, 1, 0]);
    });
}

#[test]
fn r3_a_cancelled_trial_gives_its_place_to_one_other() {
    long_model(|| {
        let breaker = rested(brittle());
        race(&breaker, [hang, give_up]);
        let snapshot = breaker.snapshot();
        assert!(snapshot.trials_in_flight <= 1);
        let ended = snapshot.totals.cancelled;
        assert_eq!(u64::from(snapshot.trials_in_flight) + ended, snapshot.totals.trials);
        assert_eq!(snapshot.totals.trials + snapshot.totals.rejected, 2);
    });
}

#[test]
fn r3_a_trial_that_is_taken_back_gives_its_place_to_one_of_two_others_and_counts_nowhere() {
    model_of_three(|| {
        let breaker = rested(brittle());
        let trial = breaker.admit().unwrap();
        let one = spawn(&breaker, hang);
        let other = spawn(&breaker, hang);
        breaker.take_back(trial);
        one.join().unwrap();
        other.join().unwrap();
        let snapshot = breaker.snapshot();
        assert!(snapshot.trials_in_flight <= 1);
        assert_eq!(u64::from(snapshot.trials_in_flight), snapshot.totals.trials);
        assert_eq!(snapshot.totals.trials + snapshot.totals.rejected, 2);
        assert_eq!(snapshot.totals.settled(), 1, "the failure that tripped");
    });
}

#[test]
fn r3_a_cancelled_trial_gives_its_place_to_one_of_two_others() {
    model_of_three(|| {
        let breaker = rested(brittle());
        let trial = breaker.admit().unwrap();
        let one = spawn(&breaker, hang);
        let other = spawn(&breaker, hang);
        breaker.cancel(trial);
        one.join().unwrap();
        other.join().unwrap();
        let snapshot = breaker.snapshot();
        assert!(snapshot.trials_in_flight <= 1);
        assert_eq!(snapshot.totals.cancelled, 1);
        assert_eq!(u64::from(snapshot.trials_in_flight) + 1, snapshot.totals.trials);
    });
}

#[test]
fn r5_a_trial_comes_back_in_time_or_its_timeout_is_over_and_not_both() {
    model(|| {
        let breaker = rested(brittle());
        let trial = breaker.admit().unwrap();
        breaker.clock().set(10);
        let back = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Success));
        breaker.clock().set(11);
        hang(&breaker);
        back.join().unwrap();
        let totals = breaker.totals();
        assert_eq!(totals.successes + totals.stale, 1);
        if totals.successes == 1 {
            assert_eq!(breaker.observer().changes(), [1, 1, 1]);
        } else {
            assert_eq!(breaker.observer().changes(), [2, 1, 0]);
        }
    });
}

#[test]
fn r5_a_timeout_that_two_calls_find_over_reopens_once() {
    model_of_three(|| {
        let breaker = rested(brittle());
        let trial = breaker.admit().unwrap();
        breaker.clock().set(11);
        let back = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Success));
        let one = spawn(&breaker, hang);
        hang(&breaker);
        back.join().unwrap();
        one.join().unwrap();
        assert_eq!(breaker.observer().changes(), [2, 1, 0]);
        assert_eq!((breaker.totals().stale, breaker.totals().rejected), (1, 2));
    });
}

#[test]
fn r3_two_trials_that_succeed_together_close_once() {
    model(|| {
        let breaker = rested(brittle().trials(2));
        let [one, other] = [(); 2].map(|()| breaker.admit().unwrap());
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Success));
        breaker.settle(other, Outcome::Success);
        one.join().unwrap();
        assert_eq!(breaker.observer().changes(), [1, 1, 1]);
        assert_eq!(breaker.totals().successes, 2);
    });
}

#[test]
fn r3_of_three_trials_that_end_together_one_failure_reopens_once() {
    model_of_three(|| {
        let breaker = rested(brittle().trials(3));
        let [one, two, three] = [(); 3].map(|()| breaker.admit().unwrap());
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Success));
        let two = spawn(&breaker, |breaker| breaker.settle(two, Outcome::Failure));
        breaker.settle(three, Outcome::Success);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(breaker.observer().changes(), [2, 1, 0]);
        assert_eq!(breaker.totals().settled(), 4);
    });
}

#[test]
fn r2_a_trial_of_one_break_decides_nothing_in_the_next() {
    long_model(|| {
        let breaker = rested(brittle());
        let old = breaker.admit().unwrap();
        breaker.clock().set(11);
        let old = spawn(&breaker, |breaker| breaker.settle(old, Outcome::Success));
        hang(&breaker); // finds the timeout over
        breaker.clock().set(12);
        hang(&breaker); // is the next trial
        old.join().unwrap();
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(breaker.observer().changes(), [2, 2, 0]);
        assert_eq!(breaker.totals().stale, 1);
    });
}

#[test]
fn a_call_at_the_end_of_the_break_and_a_late_failure_start_one_half_open() {
    model_of_three(|| {
        let breaker = breaker(brittle());
        let early = breaker.admit().unwrap();
        fail(&breaker);
        breaker.clock().set(1);
        let late = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        let one = spawn(&breaker, succeed);
        hang(&breaker);
        late.join().unwrap();
        one.join().unwrap();
        assert_eq!(breaker.totals().stale, 1);
        let [opened, half_opened, _] = breaker.observer().changes();
        assert_eq!((opened, half_opened), (1, 1));
    });
}

#[test]
fn two_trials_that_end_at_once_are_judged_together_by_their_rate() {
    for (percent, changes) in [(50, [2, 1, 0]), (60, [1, 1, 1])] {
        model(move || {
            let config = config().failure_rate(Rate::percent(percent));
            let breaker = rested(config.trials(2).half_open_rule(HalfOpenRule::Rate));
            let [one, two] = [(); 2].map(|()| breaker.admit().unwrap());
            let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Failure));
            breaker.settle(two, Outcome::Success);
            one.join().unwrap();
            assert_eq!(breaker.observer().changes(), changes, "one in two, at {percent} %");
            assert_eq!(breaker.snapshot().trials_in_flight, 0);
        });
    }
}

#[test]
fn three_trials_that_end_at_once_are_judged_together_by_their_rate() {
    model_of_three(|| {
        let breaker = rested(config().trials(3).half_open_rule(HalfOpenRule::Rate));
        let [one, two, three] = [(); 3].map(|()| breaker.admit().unwrap());
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Failure));
        let two = spawn(&breaker, |breaker| breaker.settle(two, Outcome::Failure));
        breaker.settle(three, Outcome::Success);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(breaker.observer().changes(), [2, 1, 0], "two in three");
        let totals = breaker.totals();
        assert_eq!((totals.failures, totals.successes, totals.stale), (4, 1, 0));
    });
}
