//! Fallbacks: what stands in for a call that failed, by the kind of its failure.
#![cfg(feature = "policy")]

mod support;

use core::cell::{Cell, RefCell};
use core::future::ready;
use core::pin::pin;
use core::time::Duration;

use cutout::{
    AsyncTimer, AttemptError, Bulkhead, Fallback, ManualTimer, Outcome, Policy, PolicyError, Rate,
    Refused, Retry, RetryBudget, StopReason,
};
use support::{breaker, drive, ends, hang, ms, opened, panics, poll};

type Error = PolicyError<&'static str>;

fn down() -> Result<&'static str, &'static str> {
    Err("down")
}

fn fine() -> Result<&'static str, &'static str> {
    Ok("page")
}

/// Says what kind of failure it stands in for.
fn kind(error: &Error) -> &'static str {
    match (&error.failure, error.gave_up) {
        (_, Some(StopReason::Attempts)) => "attempts used up",
        (_, Some(StopReason::Budget)) => "budget spent",
        (AttemptError::Rejected(_), _) => "refused by the breaker",
        (AttemptError::BulkheadRejected(_), _) => "refused by the bulkhead",
        (AttemptError::RateLimited(_), _) => "over the rate",
        (AttemptError::TimedOut(_), _) => "timed out",
        (AttemptError::Inner(_), _) => "an error",
        _ => "something else",
    }
}

fn by_kind() -> impl Fn(Error) -> Result<&'static str, Error> + Copy {
    |error| Ok(kind(&error))
}

#[test]
fn a_value_a_closure_and_a_future_stand_in_for_a_failure() {
    let time = ManualTimer::new();
    let policy = || Policy::new().timer(time.clone());
    let value = policy().fallback(Fallback::value("cached"));
    assert_eq!(both!(time, value, down), [Ok("cached"); 2]);
    let closure = policy().fallback(Fallback::from_fn(by_kind()));
    assert_eq!(both!(time, closure, down), [Ok("an error"); 2]);
    let later = time.clone();
    let future = policy().fallback(Fallback::from_async_fn(|error: Error| {
        let wait = later.sleep(ms(5));
        async move {
            wait.await;
            Ok(kind(&error))
        }
    }));
    assert_eq!(drive(&time, future.call_async(|| ready(down()))), Ok("an error"));
}

#[test]
fn nothing_stands_in_for_a_success() {
    let time = ManualTimer::new();
    let never = Fallback::from_fn(|_: Error| panic!("it was not asked for"));
    let policy = Policy::new().timer(time.clone()).fallback(never);
    assert_eq!(both!(time, policy, fine), [Ok("page"); 2]);
}

#[test]
fn it_is_told_which_part_refused_or_gave_up() {
    let time = ManualTimer::new();
    let policy = || Policy::new().timer(time.clone()).fallback(Fallback::from_fn(by_kind()));

    let open = opened(&time);
    let refused = policy().breaker(&open);
    assert_eq!(both!(time, refused, fine), [Ok("refused by the breaker"); 2]);

    let bulkhead = Bulkhead::new(1);
    let held = bulkhead.try_acquire();
    let refused = policy().bulkhead(&bulkhead);
    assert_eq!(both!(time, refused, fine), [Ok("refused by the bulkhead"); 2]);
    drop(held);

    let timed = policy().timeout(ms(1));
    assert_eq!(drive(&time, timed.call_async(hang)), Ok("timed out"));

    let used_up = policy().retry(Retry::fixed(ms(1)));
    assert_eq!(both!(time, used_up, down), [Ok("attempts used up"); 2]);

    let empty = RetryBudget::new(Rate::percent(0), 0);
    let spent = policy().retry(Retry::fixed(ms(1)).budget(&empty));
    assert_eq!(both!(time, spent, down), [Ok("budget spent"); 2]);
}

#[test]
fn what_its_condition_does_not_pick_is_returned() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let refusals = Fallback::value("cached").when(|error: &Error| error.refused().is_some());
    let policy = Policy::new().timer(time.clone()).fallback(refusals).breaker(&breaker);
    let [first, second] = both!(time, policy, down);
    assert_eq!(first.unwrap_err().failure, AttemptError::Inner("down"));
    assert_eq!(second.unwrap_err().failure, AttemptError::Inner("down"));
    assert_eq!(both!(time, policy, down), [Ok("cached"); 2], "the circuit has opened");
}

#[test]
fn a_refusal_handler_hears_the_refusal_and_may_decline() {
    let time = ManualTimer::new();
    let bulkhead = Bulkhead::new(1);
    let _held = bulkhead.try_acquire();
    let heard = RefCell::new(Vec::new());
    let handler = Fallback::from_fn(|error: Error| {
        heard.borrow_mut().push(error.refused());
        Err(error)
    });
    let policy = Policy::new().timer(time.clone()).fallback(handler).bulkhead(&bulkhead);
    let returned = both!(time, policy, fine).map(|result| result.unwrap_err().refused());
    assert!(matches!(returned, [Some(Refused::BulkheadRejected(_)), Some(_)]));
    assert_eq!(*heard.borrow(), returned);
}

#[test]
fn it_can_stand_in_for_values_too() {
    let time = ManualTimer::new();
    let policy = || Policy::new().timer(time.clone());
    let busy = || Ok::<u16, &str>(503);
    let value = policy().fallback(Fallback::value(304).also_replace(|status| *status >= 500));
    assert_eq!(both!(time, value, busy), [Ok(304); 2]);
    assert_eq!(both!(time, value, || Ok::<u16, &str>(200)), [Ok(200); 2]);
    let closure = policy()
        .retry(Retry::fixed(ms(1)))
        .fallback(Fallback::from_fn(Err).also_replace(|status: &u16| *status >= 500));
    let classify = |result: &Result<u16, &str>| match result {
        Ok(500..) | Err(_) => Outcome::Failure,
        Ok(_) => Outcome::Success,
    };
    for result in both!(time, closure, busy, classify) {
        let error = result.unwrap_err();
        assert_eq!(error.failure, AttemptError::Unwanted);
        assert_eq!((error.attempts, error.gave_up), (3, Some(StopReason::Attempts)));
    }
}

#[test]
fn it_is_asked_once_after_all_retries_and_counts_for_nothing() {
    let time = ManualTimer::new();
    let (breaker, asked) = (breaker(&time), Cell::new(0));
    let fails = Fallback::from_fn(|error: Error| {
        asked.set(asked.get() + 1);
        Err(error)
    });
    let policy = Policy::new()
        .timer(time.clone())
        .fallback(fails)
        .retry(Retry::fixed(Duration::ZERO).max_attempts(2))
        .breaker(&breaker);
    assert_eq!(policy.call(down).unwrap_err().attempts, 2);
    assert_eq!((asked.get(), ends(breaker.totals())), (1, [0, 2, 0, 0]));
}

#[test]
fn a_fallback_that_panics_finds_and_leaves_nothing_held() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), &Bulkhead::new(1));
    let broken = Fallback::from_fn(|_: Error| {
        assert_eq!(bulkhead.in_use(), 0);
        panic!("in the fallback")
    });
    let policy =
        Policy::new().timer(time.clone()).fallback(broken).breaker(&breaker).bulkhead(bulkhead);
    assert!(panics(|| policy.call(down)));
    assert!(panics(|| drive(&time, policy.call_async(|| ready(down())))));
    assert_eq!((bulkhead.in_use(), ends(breaker.totals())), (0, [0, 2, 0, 0]));
}

#[test]
fn a_call_that_is_dropped_in_its_fallback_was_settled_before() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let hangs = Fallback::from_async_fn(|_: Error| hang());
    let policy = Policy::new().timer(time.clone()).fallback(hangs).breaker(&breaker);
    {
        let mut call = pin!(policy.call_async(|| ready(down())));
        assert!(poll(call.as_mut()).is_pending());
        assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
    }
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_call_that_is_dropped_before_its_fallback_has_none() {
    let time = ManualTimer::new();
    let never = Fallback::from_fn(|_: Error| panic!("nobody waits for it"));
    let policy = Policy::new().timer(time).fallback(never);
    let mut call = pin!(policy.call_async(hang::<Result<(), &str>>));
    assert!(poll(call.as_mut()).is_pending());
}

// By the judgement, and not by `Err`.

#[test]
fn it_stands_in_for_a_value_that_was_judged_a_failure() {
    let time = ManualTimer::new();
    let judge = |_: &Result<u16, &str>| Outcome::Failure;
    let busy = || Ok::<u16, &str>(503);
    let policy = Policy::new().timer(time.clone());
    let value = policy.clone().fallback(Fallback::value(304));
    assert_eq!(both!(time, value, busy, judge), [Ok(304); 2]);
    let closure = policy.clone().fallback(Fallback::from_fn(|error: Error| {
        assert_eq!((error.failure, error.attempts), (AttemptError::Unwanted, 1));
        Ok(304)
    }));
    assert_eq!(both!(time, closure, busy, judge), [Ok(304); 2]);
    let future = policy.clone().fallback(Fallback::from_async_fn(async |_: Error| Ok(304)));
    assert_eq!(drive(&time, future.call_async_with(|| ready(busy()), judge)), Ok(304));
    let retried = policy.retry(Retry::fixed(ms(1))).fallback(Fallback::from_fn(|error: Error| {
        assert_eq!((error.attempts, error.gave_up), (3, Some(StopReason::Attempts)));
        Ok(304)
    }));
    assert_eq!(both!(time, retried, busy, judge), [Ok(304); 2]);
}

#[test]
fn it_does_not_stand_in_for_an_error_that_was_judged_a_success() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).fallback(Fallback::value("cached"));
    for result in both!(time, policy, down, |_: &_| Outcome::Success) {
        assert_eq!(result.unwrap_err().failure, AttemptError::Inner("down"));
    }
    let retried = policy.retry(Retry::fixed(ms(1)));
    for result in both!(time, retried, down, |_: &_| Outcome::Success) {
        assert_eq!(result.unwrap_err().attempts, 1);
    }
}

#[test]
fn a_fallback_replaces_an_ignored_error_and_no_value() {
    let time = ManualTimer::new();
    for retry in [false, true] {
        let policy = Policy::new().timer(time.clone()).fallback(Fallback::value("cached"));
        let ignore = |_: &_| Outcome::Ignored;
        if retry {
            let policy = policy.retry(Retry::fixed(ms(1)));
            assert_eq!(both!(time, policy, down, ignore), [Ok("cached"); 2]);
            assert_eq!(both!(time, policy, fine, ignore), [Ok("page"); 2]);
        } else {
            assert_eq!(both!(time, policy, down, ignore), [Ok("cached"); 2]);
            assert_eq!(both!(time, policy, fine, ignore), [Ok("page"); 2]);
        }
    }
}

#[test]
fn a_value_that_nothing_stands_in_for_is_not_lost() {
    let time = ManualTimer::new();
    let judge = |_: &Result<u16, &str>| Outcome::Failure;
    let busy = || Ok::<u16, &str>(503);
    let policy = Policy::new().timer(time.clone());
    let refusals = Fallback::value(304).when(|error: &Error| error.refused().is_some());
    let not_picked = policy.clone().fallback(refusals);
    assert_eq!(both!(time, not_picked, busy, judge), [Ok(503); 2]);
    let not_picked = policy.clone().fallback(refusals.also_replace(|status| *status == 503));
    assert_eq!(both!(time, not_picked, busy, judge), [Ok(503); 2]);
    let left = policy.clone().fallback(Fallback::from_fn(Err));
    assert_eq!(both!(time, left, busy, judge), [Ok(503); 2]);
    let left = policy.clone().fallback(Fallback::from_async_fn(async |error: Error| Err(error)));
    assert_eq!(drive(&time, left.call_async_with(|| ready(busy()), judge)), Ok(503));
    let named = policy.fallback(Fallback::from_fn(|mut error: Error| {
        error.failure = AttemptError::Inner("busy");
        Err(error)
    }));
    for result in both!(time, named, busy, judge) {
        assert_eq!(result.unwrap_err().failure, AttemptError::Inner("busy"));
    }
}

#[test]
fn it_hears_who_refused_the_retry_of_what_failed() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let picked = Fallback::value("cached").when(|error: &Error| {
        error.failure == AttemptError::Inner("down") && error.refused().is_some()
    });
    let policy = Policy::new()
        .timer(time.clone())
        .fallback(picked)
        .retry(Retry::fixed(ms(1)))
        .breaker(&breaker);
    assert_eq!(policy.call(down), Ok("cached"));
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0]);
}
