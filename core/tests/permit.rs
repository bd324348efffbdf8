//! Permits and tickets: every admitted call is settled once, however it ends.

mod support;

use core::future::{Future, pending, poll_fn, ready};
use core::pin::pin;
use core::task::Poll;

use cutout_core::{
    Clock, Error, Instant, Observer, Outcome, Report, State, Ticket, Totals, Transition,
};
use support::{Breaker, breaker, config, fail, panics, secs, succeed, tripped};

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    support::poll(pin!(future))
}

/// How the calls that ended were settled: successes, failures, ignored, cancelled.
fn ends(totals: Totals) -> [u64; 4] {
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

#[test]
fn a_call_that_returns_is_settled_by_its_result() {
    let breaker = breaker(config());
    assert!(succeed(&breaker));
    fail(&breaker);
    let classified = breaker.call_with(|| Err::<(), _>(404), |_| Outcome::Ignored);
    assert_eq!(classified, Err(Error::Inner(404)));
    assert_eq!(ends(breaker.totals()), [1, 1, 1, 0]);
}

#[test]
fn a_call_that_panics_is_a_failure_and_the_panic_goes_on() {
    let breaker = breaker(config());
    assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("in the call") })));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_classifier_that_panics_is_a_failure_and_leaks_no_place() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let classify = |_: &Result<(), ()>| -> Outcome { panic!("in the classifier") };
    assert!(panics(|| breaker.call_with(|| Ok(()), classify)));
    assert_eq!(breaker.state(), State::Open);
    breaker.clock().advance(secs(5));
    assert!(panics(|| poll(breaker.call_async_with(ready(Ok(())), classify))));
    assert_eq!(breaker.state(), State::Open);
    breaker.clock().advance(secs(5));
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn an_async_call_that_returns_is_settled_by_its_result() {
    let breaker = breaker(config());
    assert_eq!(poll(breaker.call_async(ready(Ok::<_, ()>(3)))), Poll::Ready(Ok(3)));
    assert!(poll(breaker.call_async(ready(Err::<(), _>(3)))).is_ready());
    let ignored = breaker.call_async_with(ready(Err::<(), _>(3)), |_| Outcome::Ignored);
    assert!(poll(ignored).is_ready());
    assert_eq!(ends(breaker.totals()), [1, 1, 1, 0]);
}

#[test]
fn an_async_call_dropped_in_the_middle_is_cancelled() {
    let breaker = breaker(config());
    assert!(poll(breaker.call_async(pending::<Result<(), ()>>())).is_pending());
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 1]);
}

#[test]
fn an_async_call_dropped_before_its_first_poll_never_was() {
    let breaker = breaker(config());
    drop(breaker.call_async(pending::<Result<(), ()>>()));
    assert_eq!(breaker.totals(), Totals::default());
}

#[test]
fn an_async_call_that_panics_is_a_failure() {
    let breaker = breaker(config());
    let future = breaker.call_async(poll_fn(|_| -> Poll<Result<(), ()>> { panic!("in the poll") }));
    assert!(panics(|| poll(future)));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_dropped_async_trial_lets_the_circuit_close() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    for _ in 0..12 {
        assert!(poll(breaker.call_async(pending::<Result<(), ()>>())).is_pending());
    }
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_permit_is_settled_once_and_dropped_it_cancels() {
    let breaker = breaker(config());
    breaker.try_acquire().unwrap().settle(Outcome::Success);
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    breaker.try_acquire().unwrap().settle(Outcome::Ignored);
    drop(breaker.try_acquire().unwrap());
    assert_eq!(ends(breaker.totals()), [1, 1, 1, 1]);
}

#[test]
fn a_permit_dropped_by_a_panic_fails_if_the_clock_can_tell() {
    let breaker = cutout_core::CircuitBreaker::with_clock(config(), StdLike);
    assert!(panics(|| {
        let _permit = breaker.try_acquire().unwrap();
        panic!("while a permit is held");
    }));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_ticket_is_settled_from_anywhere() {
    let breaker = breaker(config());
    let tickets: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    assert!(tickets.iter().all(|ticket| !ticket.is_trial()), "the circuit is closed");
    assert!(!breaker.try_acquire().unwrap().is_trial());
    for (ticket, outcome) in
        tickets.into_iter().zip([Outcome::Success, Outcome::Failure, Outcome::Ignored])
    {
        breaker.settle(ticket, outcome);
    }
    breaker.cancel(breaker.admit().unwrap());
    assert_eq!(ends(breaker.totals()), [1, 1, 1, 2]);
}

#[test]
fn a_ticket_of_another_breaker_does_no_harm() {
    let (ours, theirs) = (tripped(config()), tripped(config()));
    ours.clock().advance(secs(5));
    let trial = ours.admit().unwrap();
    theirs.settle(trial, Outcome::Success); // Closed there, or Open, or half-open without it
    theirs.clock().advance(secs(5));
    let own = theirs.admit().unwrap();
    theirs.settle(own, Outcome::Success);
    assert_eq!(theirs.state(), State::HalfOpen, "one of two trials has succeeded");
    assert_eq!(theirs.totals().stale, 1);
    assert!(succeed(&theirs));
    assert_eq!(theirs.state(), State::Closed);
}

#[test]
fn a_foreign_ticket_for_a_free_place_is_stale() {
    let (ours, theirs) = (tripped(config()), tripped(config()));
    for breaker in [&ours, &theirs] {
        breaker.clock().advance(secs(5));
    }
    assert!(succeed(&theirs), "its place is free again, and its timeout not over");
    theirs.settle(ours.admit().unwrap(), Outcome::Success);
    assert_eq!(theirs.state(), State::HalfOpen, "one trial has succeeded");
    assert_eq!((theirs.totals().successes, theirs.totals().stale), (1, 1));
}

#[test]
fn every_admitted_call_is_accounted_for_at_every_quiet_moment() {
    let breaker = breaker(config());
    let mut admitted = 0;
    for n in 0..200_u64 {
        breaker.clock().advance(support::millis(n * 37 % 900));
        if let Ok(permit) = breaker.try_acquire() {
            admitted += 1;
            assert_eq!(breaker.totals().settled() + 1, admitted);
            match n % 5 {
                0 | 3 => permit.settle(Outcome::Failure),
                1 => permit.settle(Outcome::Success),
                2 => permit.settle(Outcome::Ignored),
                _ => drop(permit),
            }
        }
        assert_eq!(breaker.totals().settled(), admitted);
    }
    assert!(breaker.totals().rejected > 0 && breaker.totals().trials > 0);
}

/// Calls the breaker that it observes, or panics, when it hears of a change.
struct Meddler(fn());

impl Observer for Meddler {
    fn on_transition(&self, _: &Transition) {
        (self.0)();
    }
}

#[test]
fn an_observer_sees_the_change_done_and_may_call_the_breaker() {
    static BREAKER: std::sync::OnceLock<
        cutout_core::CircuitBreaker<cutout_core::ManualClock, Meddler>,
    > = std::sync::OnceLock::new();
    let breaker = BREAKER.get_or_init(|| {
        cutout_core::CircuitBreaker::with_observer(
            config().consecutive_failures(1),
            cutout_core::ManualClock::new(),
            Meddler(|| {
                let breaker = BREAKER.get().expect("it is set before it is called");
                assert_eq!(breaker.state(), State::Open);
                assert!(breaker.call(|| Ok::<_, ()>(())).is_err());
            }),
        )
    });
    fail(breaker);
    assert_eq!(breaker.totals().rejected, 1);
}

#[test]
fn a_panicking_observer_leaves_the_breaker_usable() {
    let breaker = cutout_core::CircuitBreaker::with_observer(
        config().consecutive_failures(1).trials(1),
        cutout_core::ManualClock::new(),
        Meddler(|| panic!("in the observer")),
    );
    assert!(panics(|| breaker.call(|| Err::<(), _>(()))));
    assert_eq!((breaker.state(), breaker.totals().failures), (State::Open, 1));
    breaker.clock().advance(secs(5));
    // The trial is admitted, but its caller never gets it: its place is free again.
    assert!(panics(|| breaker.call(|| Ok::<_, ()>(()))));
    assert_eq!(breaker.state(), State::HalfOpen);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.trials_in_flight, snapshot.totals.trials), (0, 1));
    assert!(panics(|| breaker.call(|| Ok::<_, ()>(()))), "closing is announced too");
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(ends(breaker.totals()), [1, 1, 0, 1]);
}

#[test]
fn a_report_is_an_outcome_and_what_is_chained_to_it() {
    const ASKS: Report = Report::FAILURE.retry_after(secs(9));
    for (report, outcome) in [
        (Report::SUCCESS, Outcome::Success),
        (Report::FAILURE, Outcome::Failure),
        (Report::IGNORED, Outcome::Ignored),
    ] {
        assert_eq!(report, Report::from(outcome));
        assert_eq!((report.outcome(), report.retry_after_hint()), (outcome, None));
    }
    assert_eq!(ASKS, Outcome::Failure.retry_after(secs(9)));
    assert_eq!((ASKS.outcome(), ASKS.retry_after_hint()), (Outcome::Failure, Some(secs(9))));
    let refused = Report::FAILURE.not_consecutive();
    assert_eq!(refused, Outcome::Failure.not_consecutive());
    assert_ne!(refused, Report::FAILURE);
}

#[test]
fn a_classifier_returns_reports_as_they_are() {
    let breaker = breaker(config().without_failure_rate().consecutive_failures(1));
    let classify = |status: &Result<u16, ()>| match status {
        Ok(503) => Report::FAILURE.retry_after(secs(20)),
        Ok(400..) => Report::IGNORED,
        _ => Report::SUCCESS,
    };
    for status in [200, 404, 503] {
        assert_eq!(breaker.call_with(|| Ok(status), classify), Ok(status));
    }
    let totals = breaker.totals();
    assert_eq!((totals.successes, totals.ignored, totals.failures), (1, 1, 1));
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(secs(20)));
}

#[test]
fn a_report_whose_conversion_panics_is_a_failure() {
    struct Broken;
    impl From<Broken> for Report {
        fn from(_: Broken) -> Self {
            panic!("in the conversion")
        }
    }
    let breaker = breaker(config());
    assert!(panics(|| breaker.call_with(|| Ok::<_, ()>(()), |_| Broken)));
    let ticket = breaker.admit().unwrap();
    assert!(panics(|| breaker.settle(ticket, Broken)));
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0]);
}

#[test]
fn a_ticket_of_another_breaker_does_not_trip_a_disabled_one() {
    let (ours, theirs) = (breaker(config().consecutive_failures(1)), breaker(config()));
    theirs.force_closed();
    ours.disable();
    ours.settle(theirs.admit().unwrap(), Outcome::Failure);
    ours.release();
    assert_eq!(ours.state(), State::Closed);
}

#[test]
fn a_panicking_condition_leaves_the_breaker_usable() {
    let breaker: Breaker = breaker(config().trip_when(|tally| {
        assert!(tally.failures != 1, "in the condition");
        false
    }));
    assert!(panics(|| breaker.call(|| Err::<(), _>(()))));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
    fail(&breaker);
    assert_eq!(breaker.snapshot().tally.failures, 2);
}

#[test]
fn tickets_and_permits_show_generation_and_role() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    assert_eq!(
        format!("{trial:?}"),
        "Ticket { generation: 2, role: Trial { slot: 0, turn: 1 }, .. }"
    );
    let permit = breaker.try_acquire().unwrap();
    let shown =
        "Permit { ticket: Ticket { generation: 2, role: Trial { slot: 1, turn: 1 }, .. }, .. }";
    assert_eq!(format!("{permit:?}"), shown);
}

#[test]
fn a_ticket_that_went_through_bits_is_the_same_ticket() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    let said = format!("{trial:?}");
    let trial = Ticket::from_bits(trial.into_bits()).unwrap();
    assert_eq!(format!("{trial:?}"), said);
    breaker.settle(trial, Outcome::Failure);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_trial_whose_bits_are_settled_twice_counts_once() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let bits = breaker.admit().unwrap().into_bits();
    for _ in 0..2 {
        breaker.settle(Ticket::from_bits(bits).unwrap(), Outcome::Success);
    }
    assert_eq!(breaker.state(), State::HalfOpen, "one trial of two");
    assert_eq!(breaker.totals().stale, 1);
}

#[test]
fn a_trial_settled_twice_is_not_its_successor() {
    type End = fn(&support::Breaker, Ticket);
    let ends: [End; 3] = [
        |breaker, ticket| breaker.settle(ticket, Outcome::Ignored),
        |breaker, ticket| breaker.cancel(ticket),
        |breaker, ticket| breaker.take_back(ticket),
    ];
    for end in ends {
        for others in 1..8 {
            let breaker = tripped(config());
            breaker.clock().advance(secs(5));
            let bits = breaker.admit().unwrap().into_bits();
            end(&breaker, Ticket::from_bits(bits).unwrap());
            for _ in 1..others {
                breaker.cancel(breaker.admit().unwrap());
            }
            let last = breaker.admit().unwrap();
            let before = breaker.totals();
            breaker.take_back(Ticket::from_bits(bits).unwrap());
            assert_eq!(breaker.totals(), before, "{others}");
            breaker.settle(Ticket::from_bits(bits).unwrap(), Outcome::Failure);
            assert_eq!(breaker.state(), State::HalfOpen, "{others}");
            assert_eq!(breaker.totals().stale, 1);
            breaker.settle(last, Outcome::Success);
            assert_eq!((breaker.totals().successes, breaker.totals().stale), (1, 1));
        }
    }
}

#[test]
fn an_old_trial_does_not_hold_up_the_next_on_its_place() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let lost = breaker.admit().unwrap();
    breaker.clock().advance(secs(20)); // its timeout
    assert!(breaker.admit().is_err());
    breaker.clock().advance(secs(5));
    let trial = breaker.admit().unwrap();
    breaker.settle(lost, Outcome::Success);
    breaker.settle(trial, Outcome::Success);
    assert_eq!((breaker.totals().successes, breaker.totals().stale), (1, 1));
}

#[test]
fn bits_that_no_ticket_has_are_none() {
    assert!(Ticket::from_bits([0, u64::MAX]).is_none());
    assert!(Ticket::from_bits([u64::MAX, 17 << 23]).is_some(), "the last of 16 trials");
    assert!(Ticket::from_bits([u64::MAX, 19 << 23]).is_none());
    assert!(Ticket::from_bits([0, 1 << 32]).is_none());
    for role in [0, 1, 18] {
        assert!(Ticket::from_bits([0, 1 << 28 | role << 23]).is_none(), "only a trial has a turn");
    }
    assert!(Ticket::from_bits([0, 15 << 28 | 2 << 23]).is_some());
}

#[test]
fn made_up_bits_do_no_harm() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let _trial = breaker.admit().unwrap();
    for role in 0..19 {
        for started in [0, u64::MAX] {
            for generation in [0, 1, 2, (1 << 23) - 1] {
                let ticket = Ticket::from_bits([started, role << 23 | generation]).unwrap();
                breaker.settle(ticket, Outcome::Ignored);
            }
        }
    }
    assert_eq!(breaker.snapshot().trials_in_flight, 1);
    assert_eq!(breaker.state(), State::HalfOpen);
}

/// A clock that can tell whether its thread unwinds.
struct StdLike;

impl Clock for StdLike {
    fn now(&self) -> Instant {
        Instant::ORIGIN
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

#[test]
fn an_async_call_dropped_by_anothers_panic_is_cancelled() {
    let breaker = cutout_core::CircuitBreaker::with_clock(config(), StdLike);
    assert!(panics(|| {
        let mut call = pin!(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(support::poll(call.as_mut()).is_pending());
        panic!("in another future of the same task");
    }));
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 1]);
}

#[test]
fn an_async_call_keeps_its_result_if_its_drop_panics() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let breaker = cutout_core::CircuitBreaker::with_clock(config(), StdLike);
    assert!(panics(|| {
        let bomb = Bomb;
        poll(breaker.call_async(poll_fn(move |_| {
            let _ = &bomb;
            Poll::Ready(Ok::<_, ()>(()))
        })))
    }));
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 0]);
}

#[test]
fn five_panics_of_others_open_no_circuit() {
    let breaker =
        cutout_core::CircuitBreaker::with_clock(config().consecutive_failures(5), StdLike);
    for _ in 0..5 {
        assert!(panics(|| {
            let mut call = pin!(breaker.call_async(pending::<Result<(), ()>>()));
            assert!(support::poll(call.as_mut()).is_pending());
            panic!("in the handler that awaits it");
        }));
    }
    assert_eq!((breaker.state(), breaker.totals().cancelled), (State::Closed, 5));
}

#[test]
fn an_admission_that_is_taken_back_counts_nowhere() {
    let closed = breaker(config());
    closed.try_acquire().unwrap().take_back();
    let ticket = closed.admit().unwrap();
    closed.take_back(ticket);
    assert_eq!(closed.totals(), Totals::default());

    let shadowed = tripped(config());
    shadowed.shadow();
    let before = shadowed.totals();
    shadowed.try_acquire().unwrap().take_back();
    assert_eq!(shadowed.totals(), before, "nobody would have been refused");
    assert_eq!(shadowed.observer().stale.borrow().len(), 0);
}

#[test]
fn a_trial_taken_back_frees_its_place() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let before = breaker.totals();
    for _ in 0..3 {
        let trial = breaker.try_acquire().unwrap();
        assert!(trial.is_trial());
        assert!(breaker.try_acquire().is_err(), "its place is taken");
        trial.take_back();
        assert_eq!(breaker.snapshot().trials_in_flight, 0);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
    assert_eq!(breaker.totals().trials, before.trials);
    assert_eq!(breaker.totals().settled(), before.settled());
    assert!(succeed(&breaker));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_trial_that_is_taken_back_too_late_has_failed() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let trial = breaker.try_acquire().unwrap();
    breaker.clock().advance(secs(20));
    let settled = breaker.totals().settled();
    trial.take_back();
    assert_eq!(breaker.totals().trials, 1);
    assert_eq!((breaker.totals().settled(), breaker.totals().stale), (settled + 1, 1));
    assert_eq!(breaker.observer().stale.borrow().len(), 1);
    assert!(breaker.try_acquire().is_err(), "its timeout was over");
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_shadowed_admission_taken_back_late_counts_nowhere() {
    let breaker = tripped(config());
    breaker.shadow();
    let before = breaker.totals();
    let ticket = breaker.admit().unwrap();
    assert_eq!(breaker.totals().would_reject, before.would_reject + 1);
    breaker.release();
    breaker.take_back(ticket);
    assert_eq!(breaker.totals(), before);

    breaker.disable();
    let ticket = breaker.admit().unwrap();
    breaker.shadow();
    breaker.take_back(ticket);
    assert_eq!(breaker.totals(), before, "nobody would have refused that one");
}

#[test]
fn bits_that_are_taken_back_twice_take_no_total_below_zero() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let bits = breaker.admit().unwrap().into_bits();
    breaker.settle(Ticket::from_bits(bits).unwrap(), Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
    breaker.force_open();
    breaker.shadow();
    let passed = breaker.admit().unwrap().into_bits();
    for _ in 0..2 {
        breaker.take_back(Ticket::from_bits(bits).unwrap());
        breaker.take_back(Ticket::from_bits(passed).unwrap());
    }
    assert_eq!((breaker.totals().trials, breaker.totals().would_reject), (0, 0));
}

#[test]
fn a_taken_back_trial_of_an_old_circuit_is_told_to_nobody() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let trial = breaker.try_acquire().unwrap();
    fail(&breaker);
    assert_eq!(breaker.state(), State::Open);
    let settled = breaker.totals().settled();
    trial.take_back();
    assert_eq!((breaker.totals().settled(), breaker.totals().stale), (settled, 0));
    assert_eq!(breaker.observer().stale.borrow().len(), 0);
}

mod panics {
    //! What a condition or an observer that panics does.

    use core::cell::Cell;
    #[cfg(feature = "std")]
    use core::panic::AssertUnwindSafe;
    #[cfg(feature = "std")]
    use std::panic::catch_unwind;

    use super::support::{fail, panics};
    use cutout_core::{CallEvent, CircuitBreaker, Config, ManualClock, Observer, State, Tally};
    #[cfg(feature = "std")]
    use cutout_core::{StaleResult, Transition};

    thread_local!(static PANICS: Cell<bool> = const { Cell::new(false) });

    fn panics_or_holds(tally: &Tally) -> bool {
        assert!(!PANICS.get(), "the condition");
        tally.failures >= 3
    }

    const CONFIG: Config = Config::new()
        .without_failure_rate()
        .without_consecutive_failures()
        .trip_when(panics_or_holds);

    /// Counts the calls that it hears of.
    #[derive(Default)]
    struct Calls(Cell<u32>);

    impl Observer for Calls {
        fn wants_call_events(&self) -> bool {
            true
        }

        fn on_call(&self, _: &CallEvent) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_panicking_condition_reaches_the_caller_after_counting() {
        let breaker = CircuitBreaker::with_observer(CONFIG, ManualClock::new(), Calls::default());
        PANICS.set(true);
        for _ in 0..2 {
            assert!(panics(|| breaker.call(|| Err::<(), _>(()))));
        }
        PANICS.set(false);
        assert_eq!(breaker.observer().0.get(), 2);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.totals.settled()), (2, 2));
        fail(&breaker);
        assert_eq!(breaker.state(), State::Open, "the next failure asks again");
        assert_eq!(breaker.observer().0.get(), 3);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_condition_that_panics_in_a_panic_aborts_nothing() {
        let breaker = CircuitBreaker::with_observer(CONFIG, ManualClock::new(), Calls::default());
        PANICS.set(true);
        let call = || breaker.call(|| -> Result<(), ()> { panic!("the call") });
        let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        PANICS.set(false);
        assert_eq!(panic.downcast_ref(), Some(&"the call"), "the first panic goes on");
        assert_eq!((breaker.totals().failures, breaker.observer().0.get()), (1, 1));
        for _ in 0..2 {
            assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("the call") })));
        }
        assert_eq!(breaker.state(), State::Open, "a condition is asked of calls that panic, too");
    }

    /// Panics at whatever it hears, with something that panics when it is dropped.
    #[cfg(feature = "std")]
    struct Loud;

    #[cfg(feature = "std")]
    struct Bomb;

    #[cfg(feature = "std")]
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("the payload");
            }
        }
    }

    #[cfg(feature = "std")]
    impl Observer for Loud {
        fn on_transition(&self, _: &Transition) {
            panic!("a change");
        }

        fn wants_call_events(&self) -> bool {
            true
        }

        fn on_call(&self, _: &CallEvent) {
            std::panic::panic_any(Bomb);
        }

        fn on_stale(&self, _: &StaleResult) {
            panic!("a stale result");
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn an_observer_that_panics_at_all_holds_up_no_trial() {
        let config = Config::new().consecutive_failures(1);
        let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Loud);
        assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("the call") })));
        assert_eq!(breaker.state(), State::Open);
        breaker.clock().advance(core::time::Duration::from_secs(30));
        // The announcement that the break is over panics, and then that of the trial that it gives back.
        assert!(panics(|| breaker.try_acquire().is_ok()));
        assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));
        assert_eq!(breaker.totals().cancelled, 1);
    }
}
