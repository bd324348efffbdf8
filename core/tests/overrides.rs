//! Forcing, disabling, shadowing: the mode is an axis of its own.

mod support;

use core::time::Duration;

use cutout_core::{
    Backoff, Cause, CircuitBreaker, ManualClock, Mode, Outcome, RejectReason, State, TripReason,
};
use support::{breaker, config, fail, follow, secs, succeed, tripped};

#[test]
fn a_forced_open_circuit_refuses_until_its_release() {
    let breaker = breaker(config());
    breaker.force_open();
    breaker.clock().advance(secs(1_000_000));
    let refusal = breaker.admit().unwrap_err();
    assert_eq!(refusal.reason(), RejectReason::ForcedOpen);
    assert_eq!(refusal.retry_after(), None, "only the operator knows");
    assert_eq!((breaker.state(), breaker.mode()), (State::Open, Mode::ForcedOpen));
    breaker.release();
    follow(&breaker, "+", "C");
}

#[test]
fn a_forced_closed_circuit_says_it_would_have_tripped() {
    let breaker = breaker(config());
    breaker.force_closed();
    follow(&breaker, "x x x x x x x", "C C C C C C C");
    assert_eq!(breaker.snapshot().tally.failures, 7);
    assert_eq!(
        *breaker.observer().would_trip.borrow(),
        [TripReason::FailureRate],
        "said once a generation"
    );
    assert_eq!(breaker.observer().causes(), [Cause::Mode]);
}

#[test]
fn a_disabled_circuit_counts_every_result_as_ignored() {
    let breaker = breaker(config());
    breaker.disable();
    for _ in 0..10 {
        fail(&breaker);
        assert!(succeed(&breaker));
    }
    drop(breaker.try_acquire().unwrap());
    let totals = breaker.totals();
    assert_eq!((totals.ignored, totals.settled()), (21, 21));
    assert_eq!(breaker.snapshot().tally.total(), 0);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_shadowed_circuit_changes_and_announces_but_refuses_nobody() {
    let breaker = breaker(config());
    breaker.shadow();
    follow(
        &breaker,
        "x x x x + x 5s + + +", //
        "C C C O O O O  H C C",
    );
    let totals = breaker.totals();
    assert_eq!((totals.would_reject, totals.rejected), (2, 0));
    assert_eq!((totals.successes, totals.failures), (4, 5), "what flows past is counted");
    assert_eq!(
        breaker.observer().causes(),
        [
            Cause::Mode,
            Cause::Tripped(TripReason::FailureRate),
            Cause::BreakOver,
            Cause::TrialsPassed
        ]
    );
}

#[test]
fn in_shadow_only_the_trials_decide_though_others_flow() {
    let breaker = breaker(config().trials(1));
    breaker.shadow();
    follow(&breaker, "x x x x 5s", "C C C O O");
    let trial = breaker.admit().unwrap();
    assert!(trial.is_trial());
    follow(&breaker, "x x x", "H H H");
    breaker.settle(trial, Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_forced_mode_leaves_the_state_and_break_beneath() {
    let breaker = tripped(config());
    breaker.force_closed();
    follow(&breaker, "+ 4s x", "C C C");
    breaker.release();
    assert_eq!(breaker.admit().unwrap_err().retry_after(), Some(secs(1)));
    breaker.disable();
    follow(&breaker, "+ 1s +", "C C C");
    breaker.release();
    follow(&breaker, "+ +", "H C");
}

#[test]
fn a_change_of_mode_makes_trials_in_flight_stale() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    breaker.force_open();
    breaker.release();
    breaker.settle(trial, Outcome::Failure);
    follow(&breaker, "+", "C");
}

#[test]
fn a_mode_that_is_set_already_is_not_announced_again() {
    let breaker = breaker(config());
    breaker.release();
    breaker.force_open();
    breaker.force_open();
    assert_eq!(breaker.observer().causes(), [Cause::Mode]);
    let transition = breaker.observer().last();
    assert_eq!((transition.from, transition.to), (State::Closed, State::Open));
    assert_eq!(transition.mode, Mode::ForcedOpen);
}

#[test]
fn each_mode_can_be_set_and_the_short_forms_set_the_same() {
    type Short = fn(&support::Breaker);
    let short_forms: [(Mode, Short); 5] = [
        (Mode::ForcedOpen, CircuitBreaker::force_open),
        (Mode::ForcedClosed, CircuitBreaker::force_closed),
        (Mode::Disabled, CircuitBreaker::disable),
        (Mode::Shadow, CircuitBreaker::shadow),
        (Mode::Auto, CircuitBreaker::release),
    ];
    let (set, short) = (tripped(config()), tripped(config()));
    for (mode, short_form) in short_forms {
        set.set_mode(mode);
        short_form(&short);
        for breaker in [&set, &short] {
            assert_eq!(breaker.mode(), mode);
            let refused = breaker.admit().err().map(|refusal| refusal.reason());
            let expected = match mode {
                Mode::Auto => Some(RejectReason::Open),
                Mode::ForcedOpen => Some(RejectReason::ForcedOpen),
                Mode::ForcedClosed | Mode::Disabled | Mode::Shadow => None,
            };
            assert_eq!(refused, expected, "{mode:?}");
        }
    }
    assert_eq!(set.snapshot(), short.snapshot());
    assert_eq!(*set.observer().transitions.borrow(), *short.observer().transitions.borrow());
}

#[test]
fn each_mode_that_is_set_twice_is_announced_once() {
    let breaker = breaker(config());
    let modes = [Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow, Mode::Auto];
    for mode in modes {
        breaker.set_mode(mode);
        breaker.set_mode(mode);
    }
    let announced = breaker.observer().transitions.borrow();
    let seen: Vec<_> = announced.iter().map(|change| (change.mode, change.cause)).collect();
    assert_eq!(seen, modes.map(|mode| (mode, Cause::Mode)));
}

#[test]
fn reset_makes_a_breaker_as_new_but_for_its_totals() {
    let breaker = tripped(config());
    breaker.force_open();
    breaker.reset();
    assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Auto));
    follow(&breaker, "x x x", "C C C");
    assert_eq!(breaker.totals().failures, 7);
}

#[test]
fn a_breaker_shows_the_state_that_calls_meet_and_who_decides() {
    let breaker = breaker(config());
    assert_eq!(format!("{breaker:?}"), "CircuitBreaker { state: Closed, mode: Auto, .. }");
    breaker.force_open();
    assert_eq!(format!("{breaker:?}"), "CircuitBreaker { state: Open, mode: ForcedOpen, .. }");
}

#[test]
fn an_observer_that_is_lent_hears_everything() {
    let log = support::Log::default();
    let breaker = CircuitBreaker::with_observer(config(), ManualClock::new(), &log);
    let early = breaker.admit().unwrap();
    breaker.force_closed();
    breaker.settle(early, Outcome::Failure);
    for _ in 0..4 {
        fail(&breaker);
    }
    assert_eq!(log.causes(), [Cause::Mode]);
    assert_eq!(*log.stale.borrow(), [Some(Outcome::Failure)]);
    assert_eq!(*log.would_trip.borrow(), [TripReason::FailureRate]);
}

#[test]
fn a_circuit_opened_for_a_time_refuses_and_then_tries() {
    let breaker = breaker(config());
    breaker.open_for(secs(7));
    follow(&breaker, "+ 6s + 1s + +", "O- O O- O H C");
    assert_eq!(breaker.observer().causes()[0], Cause::Opened);
}

#[test]
fn to_open_by_hand_is_no_reopening_and_ends_what_was_there() {
    let breaker = tripped(config().break_backoff(Backoff::doubling(secs(60))));
    breaker.open_for(secs(1));
    follow(&breaker, "1s", "O");
    let trial = breaker.try_acquire().unwrap();
    breaker.open_for(secs(3));
    trial.settle(Outcome::Success);
    assert_eq!((breaker.state(), breaker.totals().stale), (State::Open, 1));
    follow(&breaker, "3s x", "O O");
    let refusal = breaker.try_acquire().unwrap_err();
    assert_eq!(refusal.retry_after(), Some(secs(10)), "the first reopening");
    breaker.open_for(Duration::MAX);
    let longest = secs(365 * 24 * 60 * 60);
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(longest));
}

#[test]
fn opened_for_no_time_the_next_call_is_a_trial() {
    let half_open = tripped(config());
    half_open.clock().advance(secs(5));
    let late = half_open.admit().unwrap();
    let states = [breaker(config()), tripped(config()), half_open];
    for breaker in &states {
        breaker.open_for(Duration::ZERO);
        assert_eq!(breaker.state(), State::Open, "until a call comes");
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::ZERO));
        follow(breaker, "+ x", "H O");
        assert_eq!(breaker.snapshot().retry_after, Some(secs(5)));
    }
    states[2].settle(late, Outcome::Success);
    assert_eq!((states[2].state(), states[2].totals().stale), (State::Open, 1));
}

#[test]
fn a_forced_circuit_opened_for_a_time_stays_forced() {
    let breaker = breaker(config());
    breaker.force_closed();
    breaker.open_for(secs(5));
    assert!(succeed(&breaker));
    breaker.release();
    follow(&breaker, "+ 5s +", "O- O H");
}
