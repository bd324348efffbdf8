//! What is announced, returned and counted can be logged by defmt, field by field.
#![cfg(feature = "defmt")]
#![allow(unsafe_code)] // a logger's trait is unsafe: it promises not to be entered twice

mod support;

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cutout_core::{
    Cause, CircuitBreaker, Config, ConfigError, Error, HalfOpenRule, Instant, ManualClock, Mode,
    Observer, Outcome, Rate, RejectReason, StaleResult, State, Tally, Totals, Transition,
    TripReason,
};
use defmt::Format;
use support::fail;

/// What the logger was given, before any framing.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn logged() -> MutexGuard<'static, Vec<u8>> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[defmt::global_logger]
struct Logger;

// SAFETY: the tests of this file log one at a time, see `log`.
unsafe impl defmt::Logger for Logger {
    fn acquire() {}

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        logged().extend_from_slice(bytes);
    }
}

defmt::timestamp!("");

/// The bytes that `value` is logged as.
fn log(value: &impl Format) -> Vec<u8> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    logged().clear();
    defmt::println!("{}", value);
    core::mem::take(&mut *logged())
}

#[track_caller]
fn ends_with(value: &impl Format, fields: &[u64]) {
    let bytes = log(value);
    let expected: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    assert!(bytes.ends_with(&expected), "{bytes:?} should end with {expected:?}");
}

#[test]
fn numbers_are_logged_as_they_are() {
    ends_with(&Tally { successes: 3, failures: 5, slow: 1 << 40 }, &[3, 5, 1 << 40]);
    ends_with(&Instant::from_nanos(7), &[7]);
    let rate = log(&Rate::percent(20));
    assert!(rate.ends_with(&2_000_u16.to_le_bytes()), "basis points: {rate:?}");
}

#[test]
fn the_variants_of_an_enum_are_logged_apart() {
    fn differ<T: Format>(values: &[T]) {
        let mut logs: Vec<_> = values.iter().map(log).collect();
        logs.sort();
        logs.dedup();
        assert_eq!(logs.len(), values.len());
    }
    differ(&[State::Closed, State::Open, State::HalfOpen]);
    differ(&[Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow]);
    differ(&[Outcome::Success, Outcome::Failure, Outcome::Ignored]);
    differ(&[RejectReason::Open, RejectReason::HalfOpenFull, RejectReason::SlowStart]);
    differ(&[TripReason::FailureRate, TripReason::SlowCallRate, TripReason::Custom]);
    differ(&[Cause::Tripped(TripReason::FailureCount), Cause::BreakOver, Cause::Reset]);
    differ(&[ConfigError::Trials, ConfigError::Window]);
    differ(&[HalfOpenRule::FirstFailure, HalfOpenRule::Rate]);
}

/// Logs what it hears.
#[derive(Default)]
struct Logs(Mutex<Vec<Vec<u8>>>);

impl Observer for Logs {
    fn on_transition(&self, transition: &Transition) {
        self.0.lock().unwrap().push(log(transition));
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.0.lock().unwrap().push(log(stale));
    }
}

#[test]
fn an_observer_logs_what_it_hears() {
    let config = Config::new().consecutive_failures(1).break_duration(Duration::from_secs(3));
    let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Logs::default());
    let late = breaker.admit().unwrap();
    fail(&breaker);
    breaker.settle(late, Outcome::Failure.retry_after(Duration::from_secs(1)));
    let logs = breaker.observer().0.lock().unwrap();
    let [opened, stale] = &logs[..] else { panic!("{} announcements", logs.len()) };
    let tally: Vec<u8> = [0_u64, 1, 0].iter().flat_map(|count| count.to_le_bytes()).collect();
    assert!(opened.ends_with(&tally), "a transition ends with its tally: {opened:?}");
    assert!(stale.len() > 4, "the generation: {stale:?}");
}

#[test]
fn a_refusal_an_error_and_a_snapshot_can_be_logged() {
    let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    fail(&breaker);
    ends_with(&breaker.snapshot(), &[0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let totals: Totals = breaker.totals();
    ends_with(&totals, &[0, 1, 0, 0, 0, 0, 0, 0, 0]);
    breaker.force_open();
    let Err(Error::Rejected(refusal)) = breaker.call(|| Err::<(), _>(7_u8)) else {
        panic!("it is forced open");
    };
    let open_for = |secs| {
        let config = Config::new().break_duration(Duration::from_secs(secs));
        let breaker =
            CircuitBreaker::with_clock(config.consecutive_failures(1), ManualClock::new());
        fail(&breaker);
        breaker.admit().unwrap_err()
    };
    assert_ne!(log(&refusal), log(&open_for(1)), "why");
    assert_ne!(log(&open_for(1)), log(&open_for(2)), "until when");
    assert_ne!(log(&Error::<u8>::Rejected(refusal)), log(&Error::Inner(7_u8)));
    assert!(log(&Error::Inner(7_u8)).ends_with(&[7]));
}
