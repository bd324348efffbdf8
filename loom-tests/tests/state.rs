//! Races on the state word. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use cutout_core::{Outcome, State};
use loom_tests::{breaker, config, model, race, recovering};

fn fail(breaker: &loom_tests::Breaker) {
    let _ = breaker.call(|| Err::<(), _>(()));
}

fn succeed(breaker: &loom_tests::Breaker) {
    let _ = breaker.call(|| Ok::<_, ()>(()));
}

#[test]
fn r1_two_results_that_trip_together_open_once_and_are_announced_once() {
    model(|| {
        let breaker = breaker(config());
        race(&breaker, [fail, fail]);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
        assert_eq!(breaker.totals().settled(), 2);
    });
}

#[test]
fn r1_three_results_that_trip_together_open_once() {
    model(|| {
        let breaker = breaker(config().minimum_throughput(3));
        race(&breaker, [fail, fail, fail]);
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn r3_a_crowd_at_the_end_of_the_break_gets_one_trial() {
    model(|| {
        let breaker = recovering(config());
        let admit: fn(&loom_tests::Breaker) = |breaker| core::mem::forget(breaker.admit());
        race(&breaker, [admit, admit, admit]);
        assert_eq!(breaker.totals().trials, 1);
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
        assert_eq!(breaker.observer().changes(), [1, 1, 0]);
    });
}

#[test]
fn r3_a_cancelled_trial_gives_its_place_to_one_other() {
    model(|| {
        let breaker = recovering(config());
        let admit: fn(&loom_tests::Breaker) = |breaker| core::mem::forget(breaker.admit());
        let cancel: fn(&loom_tests::Breaker) = |breaker| drop(breaker.try_acquire());
        race(&breaker, [admit, cancel]);
        let snapshot = breaker.snapshot();
        assert!(snapshot.trials_in_flight <= 1);
        assert_eq!(
            u64::from(snapshot.trials_in_flight) + snapshot.totals.cancelled,
            snapshot.totals.trials
        );
    });
}

#[test]
fn r2_a_stale_success_cannot_close_a_half_open_circuit() {
    model(|| {
        let breaker = breaker(config().consecutive_failures(1));
        let early = breaker.admit().unwrap();
        fail(&breaker);
        breaker.clock().set(1);
        let late = {
            let breaker = std::sync::Arc::clone(&breaker);
            loom::thread::spawn(move || breaker.settle(early, Outcome::Success))
        };
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
        let breaker = breaker(config().consecutive_failures(1));
        race(
            &breaker,
            [fail, |breaker| {
                if let Err(refusal) = breaker.admit() {
                    assert_eq!(refusal.retry_after(), Some(core::time::Duration::from_secs(1)));
                }
            }],
        );
        // A break whose end was not seen would look over, and let a trial in.
        assert_eq!(breaker.totals().trials, 0);
    });
}

#[test]
fn r4_who_sees_a_trial_out_sees_the_end_of_its_lease() {
    model(|| {
        let breaker = recovering(config());
        let admit: fn(&loom_tests::Breaker) = |breaker| core::mem::forget(breaker.admit());
        race(&breaker, [admit, admit]);
        // A lease whose end was not seen would look over, and reopen the circuit.
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn the_conservation_law_holds_after_a_trip_across_calls() {
    model(|| {
        let breaker = breaker(config());
        race(&breaker, [fail, succeed, fail]);
        let totals = breaker.totals();
        assert_eq!(totals.settled() + totals.rejected, 3);
        assert_eq!(
            totals.stale,
            u64::from(breaker.observer().stale.load(core::sync::atomic::Ordering::Relaxed))
        );
    });
}
