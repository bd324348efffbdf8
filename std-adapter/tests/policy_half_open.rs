//! A half-open circuit that no part of a policy can hold.
#![cfg(feature = "policy")]

mod support;

use core::future::ready;
use core::pin::pin;

use cutout::{
    AttemptError, Bulkhead, BulkheadConfig, ManualTimer, Outcome, Policy, Rate, Retry, RetryBudget,
    State, StopReason,
};
use support::{about_to_try, drive, hang, ms, panics, poll, secs};

fn down() -> Result<u32, &'static str> {
    Err("down")
}

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

/// One trial may be out. Whoever took it is gone, so the next call is a trial too, and closes.
fn the_next_call_closes(breaker: &support::Breaker) {
    assert_ne!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().trials_in_flight, 0);
    assert_eq!(breaker.call(fine), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn half_open_is_not_held_by_a_full_bulkhead() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (about_to_try(&time), Bulkhead::new(1));
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    for result in both!(time, policy, fine) {
        assert!(matches!(result.unwrap_err().failure, AttemptError::BulkheadRejected(_)));
    }
    drop(held);
    assert_eq!(breaker.totals().ignored, 2);
    the_next_call_closes(&breaker);
}

#[test]
fn half_open_is_not_held_by_a_call_that_waits_for_its_place() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let mut waits = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(waits.as_mut()).is_pending());
    assert_eq!(bulkhead.waiting(), 1);
    the_next_call_closes(&breaker);
    drop(held);
    assert_eq!(drive(&time, waits), Ok(1));
}

#[test]
fn half_open_is_not_held_by_a_timeout() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    assert!(drive(&time, policy.call_async(hang::<Result<(), ()>>)).unwrap_err().is_timeout());
    assert_eq!(breaker.state(), State::Open, "the trial failed");
    time.advance(secs(10));
    the_next_call_closes(&breaker);
}

#[test]
fn half_open_is_not_held_by_a_call_that_is_dropped() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (about_to_try(&time), Bulkhead::new(1));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(ms(1)))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(ms(300));
    {
        let mut call = pin!(policy.call_async(hang::<Result<(), ()>>));
        assert!(poll(call.as_mut()).is_pending());
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
    }
    assert_eq!((bulkhead.in_use(), time.waiting()), (0, 0));
    the_next_call_closes(&breaker);
}

#[test]
fn a_call_dropped_while_it_waits_does_not_hold_half_open() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let _held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    {
        let mut call = pin!(policy.call_async(|| ready(fine())));
        assert!(poll(call.as_mut()).is_pending());
    }
    assert_eq!((bulkhead.waiting(), time.waiting()), (0, 0));
    the_next_call_closes(&breaker);
}

#[test]
fn half_open_is_not_held_by_a_retry_that_gives_up() {
    for gives_up in
        [StopReason::Attempts, StopReason::Deadline, StopReason::Budget, StopReason::RetryAfter]
    {
        let time = ManualTimer::new();
        let breaker = about_to_try(&time);
        let empty = RetryBudget::new(Rate::percent(0), 0);
        let retry = Retry::fixed(ms(1)).without_jitter();
        let policy = Policy::new().timer(time.clone()).breaker(&breaker);
        let classify = |_: &_| Outcome::Failure.retry_after(ms(2));
        let result = match gives_up {
            StopReason::Attempts => policy.retry(retry.max_attempts(1)).call_with(down, classify),
            StopReason::Deadline => {
                policy.retry(retry.deadline(ms(2)).max_delay(ms(2))).call_with(down, classify)
            }
            StopReason::Budget => policy.retry(retry.budget(&empty)).call_with(down, classify),
            _ => policy.retry(retry.max_delay(ms(1))).call_with(down, classify),
        };
        assert_eq!(result.unwrap_err().gave_up, Some(gives_up));
        assert_eq!(breaker.state(), State::Open, "the trial failed");
        time.advance(secs(10));
        the_next_call_closes(&breaker);
    }
}

#[test]
fn a_panic_in_call_or_classifier_does_not_hold_half_open() {
    for in_call in [true, false] {
        let time = ManualTimer::new();
        let (breaker, bulkhead) = (about_to_try(&time), Bulkhead::new(1));
        let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
        let call = || {
            assert!(!in_call, "in the call");
            fine()
        };
        let classify = |_: &_| -> Outcome { panic!("in the classifier") };
        assert!(panics(|| policy.call_with(call, classify)));
        assert_eq!((breaker.state(), bulkhead.in_use()), (State::Open, 0), "the trial failed");
        time.advance(secs(10));
        let later = policy.call_async_with(|| async { call() }, classify);
        assert!(panics(|| drive(&time, later)));
        assert_eq!((breaker.state(), bulkhead.in_use()), (State::Open, 0));
        time.advance(secs(10));
        the_next_call_closes(&breaker);
    }
}
