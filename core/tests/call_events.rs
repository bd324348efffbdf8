//! Each call is told of once, as what it counted as, to who wants to hear of calls.

mod support;

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use cutout_core::{
    CallEvent, CircuitBreaker, Config, ManualClock, Observer, Outcome, Rate, RejectReason,
    Rejected, SlowStart, StaleResult, State, Transition, Window,
};
use support::{config, millis, panics, secs};

/// What was told, in the order in which it was.
#[derive(Debug, Default)]
struct Story(RefCell<Vec<String>>);

impl Story {
    fn take(&self) -> Vec<String> {
        self.0.take()
    }

    fn tell(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }
}

impl Observer for Story {
    fn on_transition(&self, transition: &Transition) {
        self.tell(format!("to {}", transition.to.as_str()));
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.tell(format!("stale {:?}", stale.outcome));
    }

    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, call: &CallEvent) {
        self.tell(match call {
            CallEvent::Settled { outcome, slow } => {
                format!("{outcome}{}", if *slow { " slow" } else { "" })
            }
            CallEvent::Cancelled => "cancelled".to_owned(),
            CallEvent::Rejected(rejected) => format!("refused: {}", rejected.reason()),
            other => format!("{other:?}"),
        });
    }
}

type Breaker<O = Story> = CircuitBreaker<ManualClock, O>;

fn breaker(config: Config) -> Breaker {
    CircuitBreaker::with_observer(config, ManualClock::new(), Story::default())
}

fn end<O: Observer>(breaker: &Breaker<O>, outcome: Outcome) -> Result<(), Rejected> {
    breaker.try_acquire().map(|permit| permit.settle(outcome))
}

/// The settings under which a call's end takes another way each.
fn every_way() -> [Config; 6] {
    let counted = Window::count(10);
    [
        config(),
        config().consecutive_failures(9),
        config().window(counted),
        config().evaluate_every_result(true),
        Config::new().failure_rate(Rate::percent(100)).consecutive_failures(9),
        config().slow_call_rate(Rate::percent(100)).slow_call_duration(secs(1)),
    ]
}

#[test]
fn each_end_of_a_call_is_told_once() {
    for config in every_way() {
        let bank = breaker(config);
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Ignored] {
            end(&bank, outcome).unwrap();
        }
        drop(bank.try_acquire().unwrap());
        let ticket = bank.admit().unwrap();
        bank.cancel(ticket);
        bank.call(|| Ok::<_, ()>(())).unwrap();
        assert_eq!(
            bank.observer().take(),
            ["success", "failure", "ignored", "cancelled", "cancelled", "success"],
            "{config:?}"
        );
    }
}

#[test]
fn a_panic_is_told_as_a_failure() {
    let bank = breaker(config());
    let call = || bank.call(|| -> Result<(), ()> { panic!("in the call") });
    catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(bank.observer().take(), ["failure"]);
}

#[test]
fn a_dropped_call_is_told_as_what_it_counts_as() {
    let bank = breaker(config().cancelled_as(Outcome::Failure));
    drop(bank.try_acquire().unwrap());
    assert_eq!(bank.observer().take(), ["failure"]);
}

#[test]
fn where_slowness_is_measured_it_is_told() {
    let rate = Rate::percent(90);
    let bank =
        breaker(config().minimum_throughput(9).slow_call_duration(secs(1)).slow_call_rate(rate));
    for outcome in [Outcome::Success, Outcome::Failure] {
        let quick = bank.try_acquire().unwrap();
        bank.clock().advance(secs(1));
        quick.settle(outcome);
        let slow = bank.try_acquire().unwrap();
        bank.clock().advance(millis(1001));
        slow.settle(outcome);
    }
    drop(bank.try_acquire().unwrap());
    assert_eq!(
        bank.observer().take(),
        ["success", "success slow", "failure", "failure slow", "cancelled"]
    );
}

#[test]
fn a_call_comes_before_the_change_that_it_makes() {
    let bank = breaker(config().trials(1));
    for _ in 0..4 {
        end(&bank, Outcome::Failure).unwrap();
    }
    end(&bank, Outcome::Success).unwrap_err();
    bank.clock().advance(secs(5));
    end(&bank, Outcome::Success).unwrap();
    assert_eq!(
        bank.observer().take(),
        ["failure", "failure", "failure", "failure", "to open", "refused: open"]
            .into_iter()
            .chain(["to half_open", "success", "to closed"])
            .collect::<Vec<_>>()
    );
}

#[test]
fn failures_in_a_row_come_before_what_they_open() {
    let bank = breaker(Config::new().failure_rate(Rate::percent(100)).consecutive_failures(1));
    end(&bank, Outcome::Failure).unwrap();
    assert_eq!(bank.observer().take(), ["failure", "to open"]);
}

#[test]
fn each_refusal_is_told_with_its_reason() {
    let bank = breaker(config().slow_start(SlowStart::in_stages_of(secs(10))));
    bank.force_open();
    end(&bank, Outcome::Success).unwrap_err();
    bank.release();
    bank.open_for(secs(5));
    end(&bank, Outcome::Success).unwrap_err();
    bank.clock().advance(secs(5));
    let trials = [bank.try_acquire().unwrap(), bank.try_acquire().unwrap()];
    end(&bank, Outcome::Success).unwrap_err();
    bank.observer().take();
    for trial in trials {
        trial.settle(Outcome::Success);
    }
    assert_eq!(bank.observer().take(), ["success", "success", "to closed"]);
    let refused = (0..2).find_map(|_| end(&bank, Outcome::Success).err()).unwrap();
    assert_eq!(refused.reason(), RejectReason::SlowStart);
    assert!(bank.observer().take().contains(&"refused: slow_start".to_owned()));
}

#[test]
fn a_look_refuses_nobody() {
    let bank = breaker(config());
    bank.force_open();
    bank.observer().take();
    assert!(bank.would_reject().is_some());
    assert!(bank.observer().take().is_empty());
}

#[test]
fn a_shadowed_or_disabled_call_is_told_as_it_counts() {
    let bank = breaker(config());
    bank.shadow();
    bank.open_for(secs(5));
    bank.observer().take();
    end(&bank, Outcome::Failure).unwrap();
    assert_eq!(bank.observer().take(), ["failure"]);
    bank.disable();
    bank.observer().take();
    end(&bank, Outcome::Failure).unwrap();
    assert_eq!(bank.observer().take(), ["ignored"]);
}

#[test]
fn a_late_result_is_told_as_late_alone() {
    let bank = breaker(config());
    let late = bank.try_acquire().unwrap();
    bank.reset();
    bank.observer().take();
    late.settle(Outcome::Failure);
    assert_eq!(bank.observer().take(), ["stale Some(Failure)"]);
}

/// Keeps calls, and says that it does not want to hear of them.
#[derive(Debug, Default)]
struct Deaf(Story);

impl Observer for Deaf {
    fn on_call(&self, call: &CallEvent) {
        self.0.on_call(call);
    }
}

#[test]
fn who_does_not_ask_is_not_told() {
    let bank = Breaker::with_observer(config(), ManualClock::new(), Deaf::default());
    end(&bank, Outcome::Failure).unwrap();
    bank.force_open();
    end(&bank, Outcome::Failure).unwrap_err();
    assert!(bank.observer().0.take().is_empty());
}

#[test]
fn of_a_pair_only_who_asks_is_told() {
    let (first, heard, last) = (Deaf::default(), Story::default(), Deaf::default());
    let bank = Breaker::with_observer(config(), ManualClock::new(), ((&first, &heard), &last));
    end(&bank, Outcome::Failure).unwrap();
    assert_eq!(heard.take(), ["failure"]);
    assert!(first.0.take().is_empty() && last.0.take().is_empty());
    assert!(!(&first, (&last, &first)).wants_call_events());
}

/// Fails to hear of calls.
struct Broken;

impl Observer for Broken {
    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, _: &CallEvent) {
        panic!("in the observer");
    }
}

#[test]
fn a_panicking_observer_keeps_no_circuit_from_changing() {
    let bank = Breaker::with_observer(config().trials(1), ManualClock::new(), Broken);
    let call = |outcome| panics(|| end(&bank, outcome));
    for _ in 0..4 {
        assert_eq!(bank.state(), State::Closed);
        assert!(call(Outcome::Failure));
    }
    assert_eq!((bank.state(), bank.totals().failures), (State::Open, 4));
    assert!(call(Outcome::Success));
    assert_eq!(bank.totals().rejected, 1);
    bank.clock().advance(secs(5));
    assert!(call(Outcome::Success));
    assert_eq!((bank.state(), bank.totals().successes), (State::Closed, 1));
    assert_eq!(bank.snapshot().trials_in_flight, 0);
}
