//! Races on the word and the cells. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use core::time::Duration;

use cutout_core::{Backoff, Config, Outcome, State, Tally};
use loom_tests::{
    breaker, brittle, config, fail, hang, long_model, model, model_of_three, race, rested, spawn,
    succeed,
};

const SECOND: Duration = Duration::from_secs(1);

/// So many failures open the circuit, by a condition of the user's: no failure goes without an evaluation,
/// which keeps models of three threads short.
const fn failing(failures: u64) -> Config {
    let condition: fn(&Tally) -> bool = match failures {
        2 => |tally| tally.failures >= 2,
        _ => |tally| tally.failures >= 3,
    };
    config().without_failure_rate().trip_when(condition)
}

#[test]
fn r1_two_results_that_trip_together_open_once_and_are_announced_once() {
    long_model(|| {
        let breaker = breaker(config());
        let tickets = [(); 2].map(|()| breaker.admit().unwrap());
        let [one, other] = tickets;
        let one = spawn(&breaker, |breaker| breaker.settle(one, Outcome::Failure));
        breaker.settle(other, Outcome::Failure);
        one.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
        assert_eq!(breaker.totals().settled(), 2);
    });
}

#[test]
fn r1_three_results_that_trip_together_open_once_and_are_announced_once() {
    model_of_three(|| {
        let breaker = breaker(failing(3));
        race(&breaker, [fail, fail, fail]);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
        assert_eq!(breaker.totals().settled(), 3);
    });
}

#[test]
fn r2_a_stale_success_cannot_close_a_half_open_circuit() {
    model(|| {
        let breaker = breaker(brittle());
        let early = breaker.admit().unwrap();
        fail(&breaker);
        breaker.clock().set(1);
        let late = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Success));
        let trial = breaker.admit().unwrap();
        assert!(trial.is_trial());
        late.join().unwrap();
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(breaker.totals().stale, 1);
        breaker.settle(trial, Outcome::Success);
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn r4_who_sees_the_circuit_open_sees_the_end_of_its_break() {
    model(|| {
        let breaker = breaker(brittle());
        let failing = spawn(&breaker, fail);
        if let Err(refusal) = breaker.admit() {
            assert_eq!(refusal.retry_after(), Some(SECOND));
        }
        failing.join().unwrap();
        // A break whose end was not seen would look over, and let a trial in.
        assert_eq!(breaker.totals().trials, 0);
    });
}

#[test]
fn r4_who_sees_a_trial_out_sees_the_end_of_its_timeout() {
    model(|| {
        let breaker = rested(brittle());
        race(&breaker, [hang, hang]);
        // A timeout whose end was not seen would look over, and reopen the circuit.
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn o2_who_fails_to_swap_the_word_sees_the_timeout_that_came_between() {
    model(|| {
        let breaker = rested(brittle().trials(2));
        let trial = breaker.admit().unwrap();
        let other = spawn(&breaker, hang);
        breaker.settle(trial, Outcome::Success);
        other.join().unwrap();
        // A timeout whose end was not seen would look over, and reopen the circuit.
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(breaker.totals().successes, 1);
    });
}

#[test]
fn o4_who_was_held_up_cannot_overwrite_the_end_of_a_later_break() {
    long_model(|| {
        let breaker = breaker(brittle());
        let early = breaker.admit().unwrap();
        let held_up = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.reset();
        breaker.clock().set(5);
        fail(&breaker);
        held_up.join().unwrap();
        assert_eq!(breaker.snapshot().retry_after, Some(SECOND));
    });
}

#[test]
fn r4_a_break_to_order_is_over_when_it_was_to_be_until_another_has_begun() {
    model(|| {
        let breaker = breaker(brittle());
        breaker.clock().set(1);
        breaker.open_for(30 * SECOND);
        race(
            &breaker,
            [
                |breaker| breaker.open_for(SECOND),
                |breaker| {
                    breaker.clock().set(3);
                    succeed(breaker);
                },
            ],
        );
        // A call at 3 s is a trial after the second break, or is refused by the first.
        let [opened, half_opened, closed] = breaker.observer().changes();
        assert_eq!((opened, half_opened), (2, closed));
        assert_eq!(breaker.totals().rejected + u64::from(closed), 1);
        let state = if closed == 1 { State::Closed } else { State::Open };
        assert_eq!(breaker.state(), state, "no trial ended before the second break began");
    });
}

#[test]
fn r4_of_two_breaks_to_order_at_once_the_later_holds() {
    model(|| {
        let breaker = breaker(brittle());
        breaker.open_for(30 * SECOND);
        race(
            &breaker,
            [|breaker| breaker.open_for(2 * SECOND), |breaker| breaker.open_for(3 * SECOND)],
        );
        let left = breaker.snapshot().retry_after;
        assert!([2, 3].map(|secs| Some(secs * SECOND)).contains(&left), "{left:?}");
        assert_eq!(breaker.observer().changes(), [3, 0, 0]);
    });
}

/// What `told` is told of a break while two trials fail and the circuit is reset. It may be the end of the
/// third break, which is noted where the first one was, only if that has begun.
fn of_a_break_that_began(told: fn(&loom_tests::Breaker) -> Option<Duration>) {
    model_of_three(move || {
        let breaker = breaker(brittle());
        fail(&breaker);
        let failing = spawn(&breaker, |breaker| {
            for at in [1, 2] {
                breaker.clock().set(at);
                fail(breaker);
            }
        });
        let resetting = spawn(&breaker, |breaker| breaker.reset());
        let left = told(&breaker);
        failing.join().unwrap();
        resetting.join().unwrap();
        if left == Some(3 * SECOND) {
            assert_eq!(breaker.observer().changes()[0], 3);
        }
    });
}

#[test]
fn o3_a_call_is_told_no_end_of_a_break_that_never_began() {
    of_a_break_that_began(|breaker| breaker.admit().err()?.retry_after());
}

#[test]
fn o3_who_looks_is_told_no_end_of_a_break_that_never_began() {
    of_a_break_that_began(|breaker| breaker.would_reject()?.retry_after());
}

#[test]
fn o3_a_snapshot_has_the_end_of_the_break_that_it_speaks_of() {
    long_model(|| {
        let breaker = breaker(brittle());
        fail(&breaker);
        let first = breaker.snapshot();
        assert_eq!(first.retry_after, Some(SECOND));
        // The second break after it is noted where the first was.
        let later = spawn(&breaker, |breaker| {
            for at in [5, 9] {
                breaker.reset();
                breaker.clock().set(at);
                fail(breaker);
            }
        });
        let seen = breaker.snapshot();
        if seen.generation == first.generation {
            assert_eq!(seen.retry_after, first.retry_after);
        }
        later.join().unwrap();
    });
}

#[test]
fn a_call_that_races_with_a_trip_is_refused_or_counted_or_stale() {
    model(|| {
        let breaker = breaker(brittle());
        race(&breaker, [fail, succeed]);
        let totals = breaker.totals();
        assert_eq!(totals.settled() + totals.rejected, 2);
        assert_eq!((totals.failures, breaker.state()), (1, State::Open));
        assert_eq!(totals.successes + totals.stale + totals.rejected, 1);
    });
}

#[test]
fn the_conservation_law_holds_after_a_trip_across_calls() {
    model_of_three(|| {
        let breaker = breaker(failing(2));
        race(&breaker, [fail, succeed, fail]);
        let totals = breaker.totals();
        assert_eq!(totals.settled() + totals.rejected, 3);
        let stale = breaker.observer().stale.load(core::sync::atomic::Ordering::Relaxed);
        assert_eq!(totals.stale, u64::from(stale));
    });
}

/// Whichever comes first, the operator's break is the one that counts in the end.
#[test]
fn r4_a_trip_that_is_held_up_does_not_set_the_end_of_a_break_by_hand() {
    model(|| {
        let breaker = breaker(brittle());
        race(&breaker, [fail, |breaker| breaker.open_for(Duration::from_secs(30))]);
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(30)));
    });
}

/// The one call is the trial, and the other fails before or after it: the circuit that is open then has
/// reopened.
#[test]
fn r8_who_sees_the_circuit_closed_sees_for_how_long_it_has_to_hold() {
    long_model(|| {
        let breaker = rested(brittle().break_backoff(Backoff::doubling(Duration::from_secs(8))));
        race(&breaker, [succeed, fail]);
        let left = breaker.snapshot().retry_after;
        assert!(left.is_none_or(|left| left == Duration::from_secs(2)), "{left:?}");
    });
}

#[test]
fn r4_a_trip_an_order_and_a_reset_at_once_leave_the_break_of_one_of_them_or_none() {
    model_of_three(|| {
        let breaker = breaker(brittle());
        race(
            &breaker,
            [fail, |breaker| breaker.open_for(Duration::from_secs(30)), |breaker| breaker.reset()],
        );
        let left = breaker.snapshot().retry_after;
        let allowed = [None, Some(SECOND), Some(Duration::from_secs(30))];
        assert!(allowed.contains(&left), "{left:?}");
    });
}

#[test]
fn r3_of_two_trials_one_settled_and_one_taken_back_while_the_circuit_is_opened_by_hand_one_counts()
{
    model_of_three(|| {
        let breaker = rested(brittle().trials(2));
        let [settled, back] = [(); 2].map(|()| breaker.admit().unwrap());
        let one = spawn(&breaker, |breaker| breaker.settle(settled, Outcome::Success));
        let other = spawn(&breaker, |breaker| breaker.take_back(back));
        breaker.open_for(Duration::from_secs(30));
        one.join().unwrap();
        other.join().unwrap();
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(30)));
        assert_eq!((breaker.totals().settled(), breaker.totals().trials), (1 + 1, 1));
    });
}

#[test]
fn r8_a_change_of_the_mode_keeps_for_how_long_a_closed_circuit_has_to_hold() {
    long_model(|| {
        let breaker = rested(brittle().break_backoff(Backoff::doubling(Duration::from_secs(8))));
        let trial = breaker.admit().unwrap();
        let closing = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Success));
        breaker.shadow();
        breaker.release();
        closing.join().unwrap();
        if breaker.state() == State::Closed {
            fail(&breaker);
            assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(2)));
        } else {
            succeed(&breaker); // the trial came back stale, and here is another
            assert_eq!(breaker.state(), State::Closed);
        }
    });
}
