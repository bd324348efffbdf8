//! Races of forcing and releasing against results. Each name begins with the rule that it defends.
#![cfg(loom)]

use core::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, Weak};

use cutout_core::{CircuitBreaker, Mode, Observer, Outcome, State, Transition};
use loom_tests::{
    Watch, breaker, brittle, config, fail, long_model, model, model_of_three, race, rested, spawn,
    succeed,
};

#[test]
fn r1_forcing_and_a_trip_happen_one_after_the_other() {
    model(|| {
        let breaker = breaker(brittle());
        race(&breaker, [fail, |breaker| breaker.force_closed()]);
        assert_eq!((breaker.mode(), breaker.state()), (Mode::ForcedClosed, State::Closed));
        let would_trip = breaker.observer().would_trip.load(Relaxed);
        let totals = breaker.totals();
        let [opened, _, _] = breaker.observer().changes();
        assert!(opened + would_trip <= 1);
        assert_eq!(totals.failures + totals.stale, 1);
        // Released, it goes back to what it was.
        breaker.release();
        assert_eq!(breaker.state() == State::Open, opened == 1);
    });
}

#[test]
fn r1_forcing_and_releasing_together_leave_one_mode_and_lose_no_result() {
    model_of_three(|| {
        let breaker = breaker(brittle());
        race(&breaker, [fail, |breaker| breaker.force_open(), |breaker| breaker.release()]);
        assert!(matches!(breaker.mode(), Mode::Auto | Mode::ForcedOpen));
        let totals = breaker.totals();
        assert_eq!(totals.settled() + totals.rejected, 1);
    });
}

#[test]
fn r1_a_forced_circuit_says_once_that_it_would_have_tripped() {
    model(|| {
        let breaker = breaker(brittle());
        breaker.force_closed();
        race(&breaker, [fail, fail]);
        assert_eq!(breaker.observer().would_trip.load(Relaxed), 1);
        assert_eq!(breaker.observer().changes()[0], 0);
        assert_eq!(breaker.totals().failures, 2);
    });
}

#[test]
fn r2_a_result_from_before_the_release_is_stale_after_it() {
    model(|| {
        let breaker = breaker(brittle());
        breaker.force_closed();
        let early = breaker.admit().unwrap();
        let late = spawn(&breaker, |breaker| breaker.settle(early, Outcome::Failure));
        breaker.release();
        late.join().unwrap();
        assert_eq!(breaker.state(), State::Closed, "it was counted while forced, or is stale");
        assert_eq!(breaker.totals().failures + breaker.totals().stale, 1);
    });
}

#[test]
fn r2_a_trial_from_before_the_reset_decides_nothing_after_it() {
    model(|| {
        let breaker = rested(brittle());
        let trial = breaker.admit().unwrap();
        let late = spawn(&breaker, |breaker| breaker.settle(trial, Outcome::Failure));
        breaker.reset();
        late.join().unwrap();
        assert_eq!(breaker.state(), State::Closed);
        let totals = breaker.totals();
        assert_eq!(totals.settled(), 2);
    });
}

#[test]
fn a_disabled_circuit_loses_no_result_that_was_on_its_way() {
    model_of_three(|| {
        let breaker = breaker(config());
        race(&breaker, [fail, succeed, |breaker| breaker.disable()]);
        assert_eq!(breaker.totals().settled(), 2);
        assert_eq!((breaker.mode(), breaker.state()), (Mode::Disabled, State::Closed));
    });
}

#[test]
fn a_shadowed_circuit_trips_once_and_refuses_nobody() {
    model_of_three(|| {
        let breaker = breaker(brittle());
        breaker.shadow();
        race(&breaker, [fail, fail, succeed]);
        let totals = breaker.totals();
        assert_eq!((totals.settled(), totals.rejected), (3, 0));
        assert_eq!(breaker.observer().changes()[0], 1);
    });
}

type Watched = CircuitBreaker<Watch, Live, 2>;

/// Calls the breaker that it hears of.
#[derive(Default)]
struct Live(OnceLock<Weak<Watched>>);

impl Observer for Live {
    fn on_transition(&self, transition: &Transition) {
        let breaker = self.0.get().and_then(Weak::upgrade).expect("a live breaker");
        let now = breaker.snapshot();
        assert!(now.generation >= transition.generation, "the change was made before");
        if now.generation == transition.generation {
            assert_eq!(now.state, transition.to);
        }
        if transition.to == State::Open {
            breaker.force_closed();
        }
    }
}

#[test]
fn an_observer_sees_its_change_made_and_may_call_the_breaker() {
    long_model(|| {
        let breaker = Arc::new(Watched::from_parts(brittle(), Watch, Live::default()));
        breaker.observer().0.set(Arc::downgrade(&breaker)).unwrap();
        let other = Arc::clone(&breaker);
        let other = loom::thread::spawn(move || {
            let _ = other.call(|| Err::<(), _>(()));
        });
        let _ = breaker.call(|| Err::<(), _>(()));
        other.join().unwrap();
        assert_eq!(breaker.mode(), Mode::ForcedClosed);
        assert_eq!(breaker.totals().settled() + breaker.totals().rejected, 2);
    });
}

#[test]
fn a_look_at_a_circuit_that_trips_sees_it_before_or_after() {
    model(|| {
        let breaker = breaker(brittle());
        let failing = spawn(&breaker, fail);
        let snapshot = breaker.snapshot();
        assert_eq!(snapshot.retry_after.is_some(), snapshot.state == State::Open);
        if let Some(left) = snapshot.retry_after {
            assert_eq!(left.as_secs(), 1);
        }
        failing.join().unwrap();
    });
}
