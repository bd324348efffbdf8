//! What users test with: ways to each state, a record of transitions, and assertions that say why.
#![cfg(feature = "testing")]

mod support;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use cutout::State::{Closed, HalfOpen, Open};
use cutout::testing::{self, Dependency, Reply, Script, Transitions};
use cutout::{
    Cause, CircuitBreaker, Clock, Config, HalfOpenRule, ManualClock, ManualTimer, Mode, Observer,
    Outcome, Rate, SlowStart, StaleResult, State, TripReason, Window,
};
use support::{fail, panic_message, secs};

type Breaker = CircuitBreaker<ManualClock, Transitions>;

fn observed(config: Config) -> (Breaker, Transitions) {
    let seen = Transitions::new();
    (CircuitBreaker::with_observer(config, ManualClock::new(), seen.clone()), seen)
}

/// Settings that trip, and recover, each in its own way.
fn settings() -> Vec<Config> {
    let base = Config::new();
    vec![
        base,
        base.consecutive_failures(1_000),
        base.without_failure_rate().failure_count(100),
        base.without_failure_rate().trip_when(|tally| tally.failures >= 7),
        base.window(Window::count(50)).minimum_throughput(50),
        base.failure_rate(Rate::percent(100)).minimum_throughput(8_192),
        base.half_open_rule(HalfOpenRule::Rate).trials(16),
        base.cancelled_as(Outcome::Failure),
    ]
}

#[test]
fn every_state_is_reached_from_every_other_under_any_settings() {
    type Way = (State, fn(&Breaker));
    let ways: [Way; 3] =
        [(Open, testing::trip), (HalfOpen, testing::half_open), (Closed, testing::recover)];
    for config in settings() {
        for (first, to_first) in ways {
            for (second, to_second) in ways {
                let (breaker, _) = observed(config);
                to_first(&breaker);
                assert_eq!(breaker.state(), first, "{config:?}");
                to_second(&breaker);
                assert_eq!(breaker.state(), second, "{config:?} from {first:?}");
                assert_eq!(breaker.snapshot().trials_in_flight, 0);
            }
        }
    }
}

#[test]
fn a_healthy_past_does_not_keep_a_circuit_from_tripping() {
    let (breaker, seen) = observed(Config::new());
    for _ in 0..500 {
        assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
    }
    testing::trip(&breaker);
    seen.assert_path([Closed, Open]);
}

#[test]
fn a_circuit_on_the_ramp_trips_too() {
    let (breaker, _) = observed(Config::new().slow_start(SlowStart::in_stages_of(secs(10))));
    testing::trip(&breaker);
    testing::recover(&breaker);
    assert!(breaker.snapshot().in_slow_start);
    testing::trip(&breaker);
    assert_eq!(breaker.state(), Open);
}

#[test]
fn the_end_of_a_break_is_where_the_next_call_is_a_trial() {
    let (breaker, _) = observed(Config::new().break_duration(secs(30)));
    testing::trip(&breaker);
    breaker.clock().advance(secs(12));
    testing::end_break(&breaker);
    assert_eq!(breaker.clock().now().as_nanos(), 30_000_000_000);
    assert_eq!(breaker.state(), Open);
    assert!(breaker.try_acquire().unwrap().is_trial());
}

#[test]
fn a_way_that_does_not_exist_is_named() {
    let (breaker, _) = observed(Config::new().trials(1));
    assert_eq!(
        panic_message(|| testing::end_break(&breaker)),
        "end_break: Closed in mode Auto has no break"
    );
    breaker.force_closed();
    assert_eq!(
        panic_message(|| testing::trip(&breaker)),
        "trip: no failure opens a circuit in mode ForcedClosed"
    );
    breaker.disable();
    assert_eq!(
        panic_message(|| testing::recover(&breaker)),
        "recover: no success closes a circuit in mode Disabled"
    );
    breaker.release();
    testing::half_open(&breaker);
    let _out = breaker.try_acquire().unwrap();
    assert!(panic_message(|| testing::trip(&breaker)).starts_with("trip: "));
    assert!(panic_message(|| testing::recover(&breaker)).starts_with("recover: "));

    let (tough, _) = observed(
        Config::new().without_failure_rate().without_consecutive_failures().trip_when(|_| false),
    );
    assert_eq!(
        panic_message(|| testing::trip(&tough)),
        "trip: still Closed after 1000001 failures: no setting trips on them"
    );
}

#[test]
fn recipes_take_shared_breakers_and_any_manual_clock() {
    let time = ManualTimer::new();
    let shared = Arc::new(CircuitBreaker::with_clock(Config::new(), time.clone()));
    testing::half_open(&shared);
    assert_eq!(time.now().as_nanos(), 30_000_000_000);
    let clock = ManualClock::new();
    let borrowing = CircuitBreaker::with_clock(Config::new(), &clock);
    testing::half_open(&borrowing);
    testing::recover(&borrowing);
    assert_eq!(borrowing.state(), Closed);
}

#[test]
fn transitions_are_kept_in_order_with_all_they_say() {
    let (breaker, seen) = observed(Config::new().consecutive_failures(1).break_duration(secs(5)));
    seen.assert_none();
    seen.assert_path([Closed]);
    testing::trip(&breaker);
    let opened = seen.last().unwrap();
    assert_eq!((opened.from, opened.to), (Closed, Open));
    assert_eq!(opened.break_duration, Some(secs(5)));
    testing::recover(&breaker);
    assert_eq!([Closed, Open, HalfOpen].map(|state| seen.count(state)), [1, 1, 1]);
    assert_eq!(seen.all().len(), 3);
    seen.clear();
    seen.assert_none();
    breaker.reset();
    seen.assert_causes([Cause::Reset]);
}

#[test]
fn what_is_no_transition_is_kept_too() {
    let (breaker, seen) = observed(Config::new().consecutive_failures(1));
    let early = breaker.admit().unwrap();
    breaker.force_closed();
    breaker.settle(early, Outcome::Failure);
    fail(&breaker);
    assert_eq!(seen.would_trip(), [TripReason::ConsecutiveFailures]);
    let [StaleResult { outcome, .. }] = seen.stale()[..] else { panic!("{:?}", seen.stale()) };
    assert_eq!(outcome, Some(Outcome::Failure));
    // Forced closed from closed: a change of the mode, not of the state.
    seen.assert_path([Closed, Closed]);
    assert_eq!(seen.last().unwrap().mode, Mode::ForcedClosed);
}

#[test]
fn changes_that_are_heard_out_of_order_are_both_on_the_path() {
    let (breaker, seen) = observed(Config::new());
    testing::half_open(&breaker);
    testing::trip(&breaker);
    let jumbled = Transitions::new();
    for number in [0, 2, 1] {
        jumbled.on_transition(&seen.all()[number]);
    }
    jumbled.assert_path([Closed, Open, HalfOpen, Open, HalfOpen]);
    seen.assert_path([Closed, Open, HalfOpen, Open]);
    let skipping = Transitions::new();
    for number in [0, 2] {
        skipping.on_transition(&seen.all()[number]);
    }
    skipping.assert_path([Closed, Open, HalfOpen, Open]);
}

#[test]
fn a_path_that_is_another_is_shown_with_all_that_happened() {
    let (breaker, seen) = observed(Config::new().consecutive_failures(1).break_duration(secs(5)));
    testing::half_open(&breaker);
    testing::trip(&breaker);
    breaker.force_closed();
    assert_eq!(
        panic_message(|| seen.assert_path([Closed, Open, HalfOpen, Closed])),
        "the circuit took another path, from number 4 on\n\
         \x20 expected: Closed -> Open -> HalfOpen -> Closed\n\
         \x20     seen: Closed -> Open -> HalfOpen -> Open -> Closed\n\
         \x20  1. at 0ns: Closed -> Open, Tripped(ConsecutiveFailures), for 5s\n\
         \x20  2. at 5s: Open -> HalfOpen, BreakOver\n\
         \x20  3. at 5s: HalfOpen -> Open, TrialFailed, for 5s\n\
         \x20  4. at 5s: Open -> Closed, Mode, ForcedClosed\n"
    );
}

#[test]
fn a_path_that_is_shorter_or_longer_is_another() {
    let (breaker, seen) = observed(Config::new());
    assert!(panic_message(|| seen.assert_path([Closed, Open])).contains("seen: no change\n"));
    testing::half_open(&breaker);
    assert!(panic_message(|| seen.assert_path([Closed, Open])).contains("from number 3 on"));
    assert!(panic_message(|| seen.assert_path([Open])).contains("from number 1 on"));
    let longer = [Closed, Open, HalfOpen, Closed];
    assert!(panic_message(|| seen.assert_path(longer)).contains("from number 4 on"));
    seen.assert_path(&longer[..3]);
}

#[test]
fn causes_that_are_others_are_shown() {
    let (breaker, seen) = observed(Config::new());
    testing::half_open(&breaker);
    let message = panic_message(|| seen.assert_causes([Cause::Reset]));
    assert!(
        message.contains("the causes of the circuit is another") || message.contains("[Reset]")
    );
    assert!(message.contains("seen: [Tripped(FailureRate), BreakOver]"), "{message}");
    assert!(panic_message(|| seen.assert_none()).contains("Closed -> Open"));
}

#[test]
fn a_late_result_of_a_call_that_hung_is_stale() {
    let seen = Transitions::new();
    let time = ManualTimer::new();
    let breaker = CircuitBreaker::with_observer(Config::new(), time.clone(), seen.clone());
    let bank = Dependency::new(time, Script::new().then(1, Reply::hang()));
    let mut call = pin!(breaker.call_async(bank.call_async()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
    testing::trip(&breaker);
    bank.release();
    assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(Ok(1)));
    assert_eq!(seen.stale().len(), 1);
    seen.assert_path([Closed, Open]);
}

#[test]
fn a_path_of_one_state_is_the_state_that_the_circuit_was_in() {
    let unheard = "no change was heard";
    assert!(panic_message(|| Transitions::new().assert_path([Open])).contains(unheard));
    assert!(panic_message(|| Transitions::new().assert_path([HalfOpen])).contains(unheard));
    Transitions::new().assert_path([Closed]); // a new circuit

    let (breaker, seen) = observed(Config::new());
    testing::trip(&breaker);
    seen.clear();
    seen.assert_path([Open]);
    assert!(panic_message(|| seen.assert_path([Closed])).contains(unheard));
}

#[test]
fn a_circuit_that_is_tripped_refuses() {
    let (breaker, seen) = observed(Config::new());
    testing::trip(&breaker);
    testing::end_break(&breaker);
    testing::trip(&breaker);
    assert!(breaker.call(|| Ok::<_, ()>(())).is_err());
    seen.assert_path([Closed, Open, HalfOpen, Open]);
    let rated = base_of_rates();
    testing::trip(&rated);
    testing::end_break(&rated);
    testing::trip(&rated);
    assert!(rated.call(|| Ok::<_, ()>(())).is_err());
}

fn base_of_rates() -> Breaker {
    observed(Config::new().half_open_rule(HalfOpenRule::Rate).trials(16)).0
}

#[test]
fn a_break_that_is_over_is_not_begun_again() {
    let (breaker, seen) = observed(Config::new());
    testing::trip(&breaker);
    testing::end_break(&breaker);
    testing::half_open(&breaker);
    seen.assert_path([Closed, Open, HalfOpen]);
    testing::trip(&breaker);
    testing::half_open(&breaker);
    seen.assert_path([Closed, Open, HalfOpen, Open, HalfOpen]);
}

/// A clock that goes on by `step` whenever it is read.
struct Ticking {
    clock: ManualClock,
    step: Duration,
}

impl Clock for Ticking {
    fn now(&self) -> cutout::Instant {
        self.clock.advance(self.step);
        self.clock.now()
    }
}

impl testing::Advance for Ticking {
    fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }
}

#[test]
fn a_circuit_that_always_reopens_is_not_recovered_for_ever() {
    let slow = Config::new()
        .half_open_rule(HalfOpenRule::Rate)
        .slow_call_duration(secs(1))
        .slow_call_rate(Rate::percent(50));
    let ticking = Ticking { clock: ManualClock::new(), step: secs(2) };
    let breaker = CircuitBreaker::with_clock(slow, ticking);
    breaker.open_for(secs(60));
    let message = panic_message(|| testing::recover(&breaker));
    assert!(message.starts_with("recover: still "), "{message}");
    assert!(message.ends_with(" after 1000001 successes"), "{message}");

    struct Opens(std::sync::OnceLock<std::sync::Weak<CircuitBreaker<ManualClock, Opens>>>);
    impl Observer for Opens {
        fn on_transition(&self, change: &cutout::Transition) {
            if change.to == Closed {
                let breaker = self.0.get().and_then(std::sync::Weak::upgrade);
                breaker.expect("it lives").open_for(secs(1));
            }
        }
    }
    let opens = Opens(std::sync::OnceLock::new());
    let breaker = Arc::new(CircuitBreaker::with_observer(Config::new(), ManualClock::new(), opens));
    assert!(breaker.observer().0.set(Arc::downgrade(&breaker)).is_ok());
    testing::trip(&breaker);
    let message = panic_message(|| testing::recover(&breaker));
    assert!(message.starts_with("recover: still "), "{message}");
}

#[test]
fn a_circuit_without_a_break_is_not_tripped_for_ever() {
    let short = Config::new().consecutive_failures(1).break_duration(Duration::from_millis(1));
    let ticking = Ticking { clock: ManualClock::new(), step: secs(2) };
    let breaker = CircuitBreaker::with_clock(short, ticking);
    assert_eq!(
        panic_message(|| testing::trip(&breaker)),
        "trip: still Open after 1000001 failures, and its break is over whenever it is looked at"
    );
}
