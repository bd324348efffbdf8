//! What the breaker's totals say of calls through a policy: each that ran counts once.
#![cfg(feature = "policy")]

mod support;

use core::cell::Cell;
use core::future::ready;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use cutout::{
    AttemptError, Bulkhead, BulkheadConfig, CallEvent, CircuitBreaker, Config, ManualTimer,
    Observer, Policy, Retry, State, Transition,
};
use support::{about_to_try, breaker, drive, ends, ms, poll, secs};

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

fn queue(places: u32) -> Bulkhead {
    Bulkhead::with_config(BulkheadConfig::new(1).queue(places).max_wait(secs(60)))
}

#[test]
fn calls_that_queue_count_once() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), queue(20));
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let held = bulkhead.try_acquire();
    let mut calls: Vec<_> =
        (0..20).map(|_| Box::pin(policy.call_async(|| ready(fine())))).collect();
    for call in &mut calls {
        assert!(poll(call.as_mut()).is_pending());
    }
    assert_eq!(bulkhead.waiting(), 20);
    drop(held);
    for call in calls {
        assert_eq!(drive(&time, call), Ok(1));
    }
    assert_eq!(ends(breaker.totals()), [20, 0, 0, 0]);
}

#[test]
fn a_blocking_call_that_queues_counts_once() {
    let bulkhead = queue(1);
    let breaker = CircuitBreaker::new(Config::new());
    let held = bulkhead.try_acquire().unwrap();
    let policy = Policy::new().breaker(&breaker).bulkhead(&bulkhead);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| policy.call(fine));
        while bulkhead.waiting() == 0 {
            std::thread::yield_now();
        }
        drop(held);
        assert_eq!(waits.join().unwrap(), Ok(1));
    });
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 0]);
}

#[test]
fn a_call_that_waits_in_vain_or_goes_away_counts_nowhere() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), queue(2));
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let held = bulkhead.try_acquire();
    {
        let mut goes_away = pin!(policy.call_async(|| ready(fine())));
        assert!(poll(goes_away.as_mut()).is_pending());
    }
    assert!(drive(&time, policy.call_async(|| ready(fine()))).is_err());
    assert!(policy.call(fine).is_err());
    assert_eq!((ends(breaker.totals()), bulkhead.rejected()), ([0; 4], 2));
    drop(held);
    assert_eq!(policy.call(fine), Ok(1));
    assert_eq!(ends(breaker.totals()), [1, 0, 0, 0]);
}

#[test]
fn a_trial_that_queues_is_not_a_trial_until_it_runs() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (about_to_try(&time), queue(1));
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let held = bulkhead.try_acquire();
    let mut waits = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(waits.as_mut()).is_pending());
    assert_eq!(breaker.snapshot().trials_in_flight, 0);
    assert_eq!(ends(breaker.totals())[2..], [0, 0]);
    drop(held);
    assert_eq!(drive(&time, waits), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(ends(breaker.totals()), [1, 2, 0, 0], "the two that opened it, and the trial");
}

#[test]
fn retries_that_queue_count_once_each() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), queue(1));
    let retry = Retry::fixed(ms(10)).without_jitter().max_attempts(2);
    let policy =
        Policy::new().timer(time.clone()).retry(retry).breaker(&breaker).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(Err::<u32, _>("down"))));
    assert!(poll(call.as_mut()).is_pending());
    let held = bulkhead.try_acquire();
    time.advance(ms(10));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(bulkhead.waiting(), 1);
    drop(held);
    assert_eq!(drive(&time, call).unwrap_err().attempts, 2);
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0]);
}

/// Counts what it is told of calls.
#[derive(Clone, Default)]
struct Told(Arc<AtomicUsize>);

impl Observer for Told {
    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, _: &CallEvent) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn an_observer_hears_once_of_a_call_that_queues() {
    let (time, told) = (ManualTimer::new(), Told::default());
    let breaker = CircuitBreaker::with_observer(Config::new(), time.clone(), told.clone());
    let bulkhead = queue(1);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let held = bulkhead.try_acquire();
    let mut call = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(told.0.load(SeqCst), 0);
    drop(held);
    assert_eq!(drive(&time, call), Ok(1));
    assert_eq!(told.0.load(SeqCst), 1);
}

#[test]
fn a_call_that_the_bulkhead_refuses_at_once_is_ignored_once() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let _held = bulkhead.try_acquire();
    for result in both!(time, policy, fine) {
        assert!(matches!(result.unwrap_err().failure, AttemptError::BulkheadRejected(_)));
    }
    assert_eq!((ends(breaker.totals()), bulkhead.rejected()), ([0, 0, 2, 0], 2));
}

#[test]
fn the_place_is_free_before_the_breaker_hears() {
    /// Looks at the bulkhead when the circuit opens.
    struct Looks(Arc<Bulkhead>, Arc<AtomicUsize>);
    impl Observer for Looks {
        fn on_transition(&self, _: &Transition) {
            self.1.fetch_add(1 + self.0.in_use() as usize, SeqCst);
        }
    }
    let (time, bulkhead) = (ManualTimer::new(), Arc::new(Bulkhead::new(1)));
    let seen = Arc::new(AtomicUsize::new(0));
    let config = Config::new().consecutive_failures(1);
    let observer = Looks(Arc::clone(&bulkhead), Arc::clone(&seen));
    let breaker = CircuitBreaker::with_observer(config, time.clone(), observer);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&*bulkhead);
    let told = Cell::new(0);
    let told_once = |case: &str| {
        told.set(told.get() + 1);
        assert_eq!(seen.load(SeqCst), told.get(), "{case}: told once, with no place taken");
        breaker.reset();
        told.set(seen.load(SeqCst));
    };
    assert!(policy.call(|| Err::<(), _>("down")).is_err());
    told_once("blocking");
    assert!(drive(&time, policy.call_async(|| ready(Err::<(), _>("down")))).is_err());
    told_once("asynchronous");
    assert!(support::panics(|| policy.call(|| panic!("in the call") as Result<(), ()>)));
    told_once("blocking, panicking");
    let panicking = policy.call_async(|| async { panic!("in the call") as Result<(), ()> });
    assert!(support::panics(|| drive(&time, panicking)));
    told_once("asynchronous, panicking");
    assert_eq!(bulkhead.in_use(), 0);
}
