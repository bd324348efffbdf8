//! Faults of other circuit breakers, each as a test that ours does not have the fault. A module
//! holds the faults of one library. `core/FAULTS.md` lists all faults: most are shown by a test of
//! the specification, and only the others have their test here. `faults_list.rs` compares the list
//! with the tests.

mod support;

use core::cell::{Cell, OnceCell, RefCell};
use core::future::pending;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::mpsc;

use cutout_core::{
    Backoff, CallEvent, CircuitBreaker, Clock, Config, ConfigError, Error, Instant, ManualClock,
    Observer, Outcome, Rate, RejectReason, Rejected, SlowStart, State, Transition, Window,
};
use support::{
    breaker, config, fail, follow, millis, panics, poll, secs, succeed, tripped, with_meanwhile,
};

/// resilience4j (Java).
mod resilience4j {
    use super::*;

    #[test]
    fn a_result_moves_state_and_break_in_one_step() {
        let breaker = breaker(config().consecutive_failures(1));
        breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(secs(9)));
        let refusal = breaker.admit().expect_err("it is open");
        assert_eq!(refusal.retry_after(), Some(secs(9)), "and for as long as was asked");
        breaker.clock().advance(secs(9));
        breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(Duration::ZERO));
        let refusal = breaker.admit().expect_err("it is open again");
        assert_eq!(refusal.retry_after(), Some(secs(5)), "though no length was asked for");
        breaker.clock().advance(secs(5));
        assert!(breaker.admit().is_ok(), "it does not refuse for ever");
    }

    #[test]
    fn a_clock_set_back_keeps_the_window_and_the_next_break() {
        let breaker = breaker(config().minimum_throughput(100));
        breaker.clock().advance(secs(3_600));
        for n in 0..100 {
            if n == 50 {
                breaker.clock().set(Instant::ORIGIN);
            }
            if n < 50 {
                assert!(succeed(&breaker));
            } else {
                assert_eq!(breaker.snapshot().tally.total(), n, "the window holds them all");
                fail(&breaker);
            }
        }
        assert_eq!(breaker.state(), State::Open, "50 of 100, 50 of them from an hour ahead");
        assert_eq!(breaker.admit().unwrap_err().retry_after(), Some(secs(5)));
        breaker.clock().advance(secs(5));
        assert!(breaker.admit().unwrap().is_trial(), "and no hour longer");
    }

    #[test]
    fn one_clock_times_window_break_and_slow_calls() {
        let breaker = breaker(config().slow_call_duration(secs(1)));
        follow(&breaker, "x x x 10s x x x x", "C C C C C C C O");
        follow(&breaker, "5s + s", "O H C");
        assert_eq!(breaker.totals().slow, 1);
    }

    #[test]
    fn each_change_is_announced_once_after_it_was_made() {
        struct Asks(RefCell<Vec<(State, bool)>>, OnceCell<&'static Asking>);
        type Asking = CircuitBreaker<ManualClock, Asks>;
        impl Observer for Asks {
            fn on_transition(&self, transition: &Transition) {
                let breaker = self.1.get().unwrap();
                assert_eq!(breaker.state(), transition.to, "told after the change");
                self.0.borrow_mut().push((transition.to, breaker.admit().is_ok()));
            }
        }
        let asks = Asks(RefCell::default(), OnceCell::new());
        let breaker: &'static Asking = Box::leak(Box::new(CircuitBreaker::with_observer(
            config().trials(1),
            ManualClock::new(),
            asks,
        )));
        assert!(breaker.observer().1.set(breaker).is_ok());
        for works in [false, false, false, false, false, true] {
            if breaker.state() == State::Open {
                breaker.clock().advance(secs(5));
            }
            assert_eq!(breaker.call(|| if works { Ok(()) } else { Err(()) }).is_ok(), works);
        }
        breaker.force_open();
        breaker.release();
        breaker.open_for(secs(1));
        breaker.reset();
        let (closed, open) = ((State::Closed, true), (State::Open, false));
        let half_open = (State::HalfOpen, false);
        let told = [open, half_open, open, half_open, closed, open, closed, open, closed];
        assert_eq!(*breaker.observer().0.borrow(), told);
    }

    /// Asks the breaker in every way, and returns the answer that they share.
    fn answer<C: Clock, O: Observer>(breaker: &CircuitBreaker<C, O>) -> Option<Rejected> {
        let looked = breaker.would_reject();
        let admitted = breaker.admit().map(|ticket| breaker.cancel(ticket));
        assert_eq!(admitted.err(), looked, "admit");
        assert_eq!(breaker.try_acquire().map(drop).err(), looked, "try_acquire");
        let ignored = breaker.call_with(|| Ok::<_, ()>(()), |_| Outcome::Ignored);
        assert_eq!(ignored.err(), looked.map(Error::Rejected), "call");
        let mut call = pin!(breaker.call_async(pending::<Result<(), ()>>()));
        assert_eq!(
            poll(call.as_mut()),
            looked.map_or(Poll::Pending, |refusal| Poll::Ready(Err(Error::Rejected(refusal)))),
            "call_async"
        );
        looked
    }

    #[test]
    fn every_query_gives_one_answer_even_during_a_change() {
        let breaker = with_meanwhile(config().trials(1), ());
        let reason = || answer(breaker).map(|refusal| refusal.reason());
        assert_eq!(reason(), None, "closed");
        for _ in 0..3 {
            fail(breaker);
        }
        let failing = breaker.admit().unwrap();
        // Asked as the failure reads the clock to open the circuit, before it is open.
        breaker.clock().act.set(Some(|breaker| {
            breaker.clock().act.set(Some(|breaker| assert_eq!(answer(breaker), None)));
        }));
        breaker.settle(failing, Outcome::Failure);
        assert!(
            breaker.clock().act.take().is_none(),
            "the clock is read twice: to count, and to open"
        );
        assert_eq!(reason(), Some(RejectReason::Open));
        breaker.clock().clock.advance(secs(5));
        assert_eq!(reason(), None, "the break is over");
        assert_eq!(breaker.state(), State::HalfOpen);
        let trial = breaker.admit().unwrap();
        assert_eq!(reason(), Some(RejectReason::HalfOpenFull));
        breaker.settle(trial, Outcome::Success);
        assert_eq!(reason(), None, "closed again");
        breaker.force_open();
        assert_eq!(reason(), Some(RejectReason::ForcedOpen));
        breaker.release();
        assert_eq!(reason(), None, "released");
    }

    #[test]
    fn a_call_that_loses_the_trial_is_refused_once() {
        #[derive(Default)]
        struct Hears(Cell<u32>, Cell<u32>);
        impl Observer for Hears {
            fn on_transition(&self, _: &Transition) {
                self.0.set(self.0.get() + 1);
            }
            fn wants_call_events(&self) -> bool {
                true
            }
            fn on_call(&self, call: &CallEvent) {
                self.1.set(self.1.get() + u32::from(matches!(call, CallEvent::Rejected(_))));
            }
        }
        let breaker = with_meanwhile(config().consecutive_failures(1).trials(1), Hears::default());
        fail(breaker);
        breaker.clock().clock.advance(secs(5));
        // It has seen the circuit open, and while it reads the clock another takes the one trial.
        breaker.clock().act.set(Some(|breaker| {
            let trial = breaker.admit().expect("the break is over");
            assert!(trial.is_trial());
        }));
        let refusal = breaker.admit().unwrap_err();
        assert_eq!(refusal.reason(), RejectReason::HalfOpenFull);
        let Hears(changes, refusals) = breaker.observer();
        assert_eq!((changes.get(), refusals.get(), breaker.totals().rejected), (2, 1, 1));
    }

    #[test]
    fn each_break_grows_by_the_factor_up_to_the_cap() {
        // That it takes no loop over the attempts is shown beside `grow`, in `src/break_length.rs`.
        let backoff = Backoff::multiplier_percent(150, secs(3_600));
        let breaker = tripped(config().trials(1).break_backoff(backoff));
        let mut before = secs(5);
        for _ in 0..300 {
            breaker.clock().advance(secs(3_600));
            fail(&breaker);
            let length = breaker.snapshot().retry_after.unwrap();
            let grown = (before * 3 / 2).min(secs(3_600));
            assert!(length.abs_diff(grown) < Duration::from_micros(1), "{before:?} {length:?}");
            before = length;
        }
        assert_eq!(before, secs(3_600));
    }
}

/// Polly (.NET).
mod polly {
    use super::*;

    #[test]
    fn traffic_does_not_move_the_grid_of_the_window() {
        for first in [0, 400, 999] {
            let breaker = breaker(config());
            breaker.clock().advance(millis(first));
            fail(&breaker);
            breaker.clock().set(Instant::ORIGIN.saturating_add(millis(9_999)));
            assert_eq!(breaker.snapshot().tally.failures, 1, "from {first} ms");
            breaker.clock().set(Instant::ORIGIN.saturating_add(secs(10)));
            assert_eq!(breaker.snapshot().tally.failures, 0, "from {first} ms");
        }
    }

    #[test]
    fn a_condition_and_a_classifier_may_call_the_breaker() {
        static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
            Config::new().trip_when(|tally| {
                assert_eq!(BREAKER.state(), State::Closed, "no lock is held");
                BREAKER.snapshot().tally == *tally && tally.failures == 3
            }),
            ManualClock::new(),
        );
        for _ in 0..3 {
            let classify = |_: &Result<(), ()>| {
                assert_eq!(BREAKER.call(|| Ok::<_, ()>(())), Ok(()));
                Outcome::Failure
            };
            assert_eq!(BREAKER.call_with(|| Err(()), classify), Err(Error::Inner(())));
        }
        assert_eq!(BREAKER.state(), State::Open);
    }
}

/// Hystrix (Java).
mod hystrix {
    use super::*;

    #[test]
    fn an_observer_of_a_trip_sees_the_break() {
        struct Asks(RefCell<Vec<Option<Duration>>>, OnceCell<&'static Asking>);
        type Asking = CircuitBreaker<ManualClock, Asks>;
        impl Observer for Asks {
            fn on_transition(&self, transition: &Transition) {
                if transition.to == State::Open {
                    let refusal = self.1.get().unwrap().admit().expect_err("it is open");
                    self.0.borrow_mut().push(refusal.retry_after());
                }
            }
        }
        let asks = Asks(RefCell::default(), OnceCell::new());
        let breaker: &'static Asking = Box::leak(Box::new(CircuitBreaker::with_observer(
            config().consecutive_failures(1),
            ManualClock::new(),
            asks,
        )));
        assert!(breaker.observer().1.set(breaker).is_ok());
        fail(breaker);
        breaker.clock().advance(secs(5));
        fail(breaker); // a trial
        breaker.clock().advance(secs(5));
        let _hung = breaker.admit().unwrap();
        breaker.clock().advance(secs(20));
        assert!(breaker.admit().is_err(), "the timeout was over");
        breaker.open_for(secs(7));
        let told = [Some(secs(5)), Some(secs(5)), Some(secs(5)), Some(secs(7))];
        assert_eq!(*breaker.observer().0.borrow(), told);
    }
}

/// gobreaker (Go).
mod gobreaker {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_whatever_the_classifier_says() {
        let breaker = breaker(config());
        let lenient = |_: &Result<(), ()>| Outcome::Success;
        assert!(panics(|| breaker.call_with(|| panic!("in the call"), lenient)));
        assert_eq!(breaker.totals().failures, 1);
    }
}

/// pybreaker (Python).
mod pybreaker {
    use super::*;

    #[test]
    fn calls_run_side_by_side() {
        // So long only if one call does not begin before the other has ended.
        const FAR_TOO_LONG: Duration = Duration::from_secs(60);
        for half_open in [false, true] {
            let breaker = CircuitBreaker::with_clock(config(), ManualClock::new());
            if half_open {
                breaker.open_for(Duration::ZERO);
            }
            let ((to_one, at_one), (to_other, at_other)) = (mpsc::channel(), mpsc::channel());
            let call = |to: mpsc::Sender<()>, at: mpsc::Receiver<()>| {
                breaker.call(|| {
                    to.send(()).expect("the other has not gone yet");
                    at.recv_timeout(FAR_TOO_LONG)
                })
            };
            std::thread::scope(|scope| {
                let one = scope.spawn(|| call(to_other, at_one));
                let other = call(to_one, at_other);
                let both = (one.join().unwrap(), other);
                assert_eq!(both, (Ok(()), Ok(())), "each runs while the other does");
            });
        }
        let breaker = CircuitBreaker::with_clock(config(), ManualClock::new());
        let running = Cell::new(0);
        let call = || {
            breaker.call_async(async {
                running.set(running.get() + 1);
                pending::<Result<(), ()>>().await
            })
        };
        let (mut one, mut other) = (pin!(call()), pin!(call()));
        assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        assert_eq!(running.get(), 2, "and on one thread as well");
    }
}

/// opossum (Node.js).
mod opossum {
    use super::*;

    #[test]
    fn refusals_do_not_dilute_the_rate() {
        // A ramp refuses in the same generation in which it counts: of two results both fail, and
        // the calls that it refuses in between would make that far less than half.
        let breaker = tripped(config().slow_start(SlowStart::in_stages_of(secs(60))));
        breaker.clock().advance(secs(5));
        follow(&breaker, "+ +", "H C");
        let before = breaker.totals().rejected;
        while breaker.state() == State::Closed {
            // Fails or is refused.
            let _ = breaker.call(|| Err::<(), _>(()));
            assert!(breaker.totals().rejected < 100, "refusals hold the rate down");
        }
        let tally = breaker.observer().last().tally;
        assert_eq!((tally.failures, tally.total()), (2, 2));
        assert!(breaker.totals().rejected - before >= 8, "there were refusals in between");
    }
}

/// Circuit breakers in Rust.
mod rust {
    use super::*;

    #[test]
    fn panics_alone_open_the_circuit() {
        // None of nine Rust breakers counted panics.
        let breaker = breaker(config());
        for _ in 0..4 {
            assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("again") })));
        }
        assert_eq!(breaker.state(), State::Open, "panics are failures");
    }

    #[test]
    fn dropped_futures_open_the_circuit_if_they_count() {
        // A hundred dropped futures opened none of nine Rust breakers.
        let as_failures = config().cancelled_as(Outcome::Failure);
        for (config, ran) in [(config().slow_call_duration(millis(10)), 11), (as_failures, 0)] {
            let breaker = breaker(config);
            for _ in 0..4 {
                let mut call = Box::pin(breaker.call_async(pending::<Result<(), ()>>()));
                assert!(poll(call.as_mut()).is_pending());
                breaker.clock().advance(millis(ran));
                drop(call); // as a timeout around it does
            }
            assert_eq!(
                breaker.state(),
                State::Open,
                "a total outage seen through an outer timeout"
            );
        }
    }

    #[test]
    fn extreme_settings_are_refused_or_work() {
        // Zero lengths that panicked in every call, NaN that never tripped, thresholds out of
        // reach, waits that overflowed: each is refused with a message, or does what it says.
        let refused = |config, error, of_whom| {
            let made = CircuitBreaker::try_with_clock(config, ManualClock::new());
            assert_eq!(made.err(), Some(error), "{of_whom}");
        };
        let new = Config::new;
        refused(
            new().window(Window::time(Duration::ZERO)),
            ConfigError::Window,
            "failsafe: window 0",
        );
        refused(
            new().window(Window::count(0)),
            ConfigError::WindowResults,
            "recloser: closed_len 0",
        );
        refused(new().trials(0), ConfigError::Trials, "tower-resilience: 0 permitted calls");
        refused(new().trials(u32::MAX), ConfigError::Trials, "tower-resilience: usize::MAX calls");
        refused(
            new().break_duration(Duration::MAX),
            ConfigError::BreakDuration,
            "recloser: open_wait MAX",
        );
        refused(
            new().window(Window::count(u32::MAX)),
            ConfigError::WindowResults,
            "breaker: 4 GiB of window",
        );
        refused(
            new().failure_count(9_000),
            ConfigError::FailureCount,
            "breaker-machines: beyond its log",
        );
        refused(
            new().minimum_throughput(0),
            ConfigError::MinimumThroughput,
            "sentinel: dropped silently",
        );
        refused(
            new().failure_rate(Rate::percent(0)),
            ConfigError::FailureRate,
            "recloser: rate 0 opens on good",
        );
        let forever = Backoff::doubling(secs(365 * 24 * 60 * 60));
        let breaker = tripped(config().trials(1).break_backoff(forever));
        for reopened in 1..=200 {
            breaker.clock().advance(breaker.snapshot().retry_after.unwrap());
            fail(&breaker);
            assert_eq!(breaker.totals().trials, reopened, "failsafe: a backoff that overflows");
        }
        assert_eq!(breaker.state(), State::Open);
    }
}
