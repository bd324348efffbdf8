//! The parts together: their order, what they hold, and that none can hold a half-open circuit.
#![cfg(feature = "policy")]

mod support;

use core::cell::Cell;
use core::error::Error as _;
use core::future::{Future, pending, ready};
use core::time::Duration;
use std::sync::Arc;

use cutout::{
    AttemptError, Bulkhead, CircuitBreaker, Config, Fallback, ManualTimer, Policy, PolicyError,
    Rate, Report, Retry, RetryBudget,
};
use support::{breaker, drive, ends, hang, ms, opened, secs};

fn down() -> Result<u32, &'static str> {
    Err("down")
}

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

#[test]
fn a_policy_without_parts_is_the_call() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone());
    assert_eq!(both!(time, policy, fine), [Ok(1); 2]);
    let failed = Err(error(AttemptError::Inner("down")));
    assert_eq!(both!(time, policy, down), [failed; 2]);

    fn error(failure: AttemptError<&'static str>) -> PolicyError<&'static str> {
        let error = Policy::new().call(down).unwrap_err();
        assert_eq!(error.failure, failure);
        error
    }
}

#[test]
fn the_order_of_the_parts_is_fixed() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(3));
    let inside_out = Policy::new()
        .timeout(ms(300))
        .bulkhead(&bulkhead)
        .breaker(&breaker)
        .retry(Retry::fixed(ms(1)))
        .fallback(Fallback::value(0))
        .timer(time.clone());
    let outside_in = Policy::new()
        .timer(time.clone())
        .fallback(Fallback::value(0))
        .retry(Retry::fixed(ms(1)))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(ms(300));
    assert_eq!(format!("{inside_out:?}"), format!("{outside_in:?}"));
    // One type, hence one behaviour.
    let _: [_; 2] = [inside_out, outside_in];
}

#[test]
fn a_policy_lists_its_parts_outermost_first() {
    let time = ManualTimer::new();
    let budget = RetryBudget::with_clock(Rate::percent(20), 10, time.clone());
    let retry =
        Retry::exponential(ms(50)).max_attempts(4).deadline(secs(3)).wait_for_retry_after(secs(1));
    let policy = Policy::new()
        .timer(time.clone())
        .fallback(Fallback::value(0))
        .retry(retry.budget(&budget))
        .breaker(Arc::new(opened(&time)))
        .bulkhead(Arc::new(Bulkhead::new(20)))
        .timeout(ms(300));
    let listed = format!("{policy:?}");
    let expected = [
        "fallback: value",
        "retry: Retry",
        "delays: exponential 50ms x 2 up to 30s, full jitter",
        "up_to: 4",
        "within: 3s",
        "wait_out: 1s",
        "budget: 20 % of the calls and 10/s, 0 of 100 saved",
        "breaker: CircuitBreaker",
        "state: Open",
        "bulkhead: Bulkhead",
        "limit: 20",
        "timeout: 300ms",
    ];
    let mut rest = listed.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} is not in its place: {listed}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(format!("{:?}", Policy::new().timeout(ms(7))), "Policy { timeout: 7ms }");
    assert_eq!(format!("{:?}", Policy::new()), "Policy");
}

#[test]
fn breakers_and_bulkheads_are_taken_by_any_handle() {
    struct Handle(CircuitBreaker);
    impl core::ops::Deref for Handle {
        type Target = CircuitBreaker;

        fn deref(&self) -> &CircuitBreaker {
            &self.0
        }
    }
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    static BULKHEAD: Bulkhead = Bulkhead::new(1);
    let arc = Arc::new(CircuitBreaker::new(Config::new()));
    assert!(Policy::new().breaker(&BREAKER).bulkhead(&BULKHEAD).call(fine).is_ok());
    assert!(Policy::new().breaker(Arc::clone(&arc)).call(fine).is_ok());
    assert!(Policy::new().breaker(&*arc).bulkhead(Arc::new(Bulkhead::new(1))).call(fine).is_ok());
    let owned = Policy::new().breaker(Handle(CircuitBreaker::new(Config::new())));
    assert!(owned.call(fine).is_ok());
    assert_eq!((BREAKER.totals().successes, arc.totals().successes), (1, 2));
}

#[test]
fn the_breaker_hears_the_classifiers_report() {
    let time = ManualTimer::new();
    let config = Config::new().consecutive_failures(1).break_duration(secs(1));
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let policy = Policy::new().timer(time.clone()).breaker(&breaker);
    let classify = |result: &Result<u16, &str>| match result {
        Ok(429 | 503) => Report::FAILURE.retry_after(secs(20)),
        Ok(400..500) => Report::IGNORED,
        _ => Report::SUCCESS,
    };
    assert_eq!(both!(time, policy, || Ok::<u16, &str>(404), classify), [Ok(404); 2]);
    assert_eq!(ends(breaker.totals()), [0, 0, 2, 0]);
    assert_eq!(policy.call_with(|| Ok::<u16, &str>(503), classify), Ok(503));
    assert_eq!(breaker.snapshot().retry_after, Some(secs(20)));
}

#[test]
fn an_open_circuit_takes_no_place_and_asks_no_limit() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (opened(&time), Bulkhead::new(1));
    let limit = || -> Duration { panic!("no attempt begins") };
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).timeout(limit);
    let error = drive(&time, policy.call_async(|| ready(fine()))).unwrap_err();
    assert!(matches!(error.failure, AttemptError::Rejected(_)));
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 0));
}

#[test]
fn nothing_happens_before_a_call_is_polled() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time).breaker(&breaker);
    drop(policy.call_async(|| -> core::future::Ready<Result<(), ()>> { panic!("called") }));
    assert_eq!(ends(breaker.totals()), [0; 4]);
}

// What the whole is.

#[test]
fn errors_say_what_happened_and_name_their_source() {
    let time = ManualTimer::new();
    let (open, bulkhead) = (opened(&time), Bulkhead::new(1));
    let io = || Err::<(), _>(std::io::Error::other("the line is cut"));
    let policy = Policy::new().timer(time.clone());
    let said = |error: PolicyError<std::io::Error>| {
        let source = error.source().map(ToString::to_string);
        (error.to_string(), source)
    };
    assert_eq!(
        said(policy.clone().retry(Retry::fixed(Duration::ZERO)).call(io).unwrap_err()),
        (
            "the line is cut (3 attempts; all attempts were made)".into(),
            Some("the line is cut".into())
        )
    );
    let refused = said(policy.clone().breaker(&open).call(io).unwrap_err());
    assert_eq!(refused, ("refused: the circuit is open, retry after 10s".into(), None));
    let _held = bulkhead.try_acquire();
    let refused = said(policy.clone().bulkhead(&bulkhead).call(io).unwrap_err());
    assert_eq!(refused, ("refused: the bulkhead is full".into(), None));
    let timed = policy.timeout(ms(300));
    let timed_out =
        said(drive(&time, timed.call_async(hang::<Result<(), std::io::Error>>)).unwrap_err());
    assert_eq!(timed_out, ("timed out after 300ms".into(), None));
}

#[test]
fn a_call_through_all_parts_may_be_spawned_whoever_owns_them() {
    fn spawnable<F: Future + Send>(future: F) -> F {
        future
    }
    let time = ManualTimer::new();
    let budget = RetryBudget::new(Rate::percent(20), 1);
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let name = String::from("page");

    let borrowed = Policy::new()
        .timer(&time)
        .fallback(Fallback::from_async_fn(|error: PolicyError<u32>| async move { Err(error) }))
        .retry(Retry::fixed(ms(1)).budget(&budget).when(|_: &AttemptError<u32>| true))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(|| ms(300));
    let call = spawnable(borrowed.call_async(|| async { Ok::<_, u32>(name.len()) }));
    assert_eq!(drive(&time, call), Ok(4));

    let owned = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(ms(1)).budget(Arc::new(budget)))
        .breaker(Arc::new(self::breaker(&time)))
        .bulkhead(Arc::new(Bulkhead::new(1)))
        .timeout(ms(300));
    let owned = Arc::new(owned);
    let task = async move {
        let page = String::from("page");
        owned.call_async(|| async { Ok::<_, u32>(page.len()) }).await
    };
    fn detached<F: Future + Send + 'static>(future: F) -> F {
        future
    }
    assert_eq!(drive(&time, detached(task)), Ok(4));
}

#[test]
fn a_policy_may_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync>(_: &T) {}
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    is_shared(&Policy::new().timer(time).retry(Retry::fixed(ms(1))).breaker(&breaker));
}

#[test]
fn the_future_of_a_call_holds_the_users_future_once() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy = Policy::new()
        .timer(&time)
        .fallback(Fallback::value(0))
        .retry(Retry::fixed(ms(1)))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(ms(300));
    async fn large<const SIZE: usize>() -> Result<u8, ()> {
        let large = [0_u8; SIZE];
        pending::<()>().await;
        Ok(large[SIZE - 1])
    }
    let small = size_of_val(&policy.call_async(large::<1_000>));
    let double = size_of_val(&policy.call_async(large::<2_000>));
    assert_eq!(double - small, 1_000);
    assert!(small < 1_000 + 1_000, "{small} bytes for a future of a thousand");
}

#[test]
fn each_attempt_calls_anew() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)));
    let hosts = ["first", "second", "third"];
    let next = Cell::new(0);
    let call = || {
        let host = hosts[next.replace(next.get() + 1)];
        if host == "third" { Ok(host) } else { Err(host) }
    };
    assert_eq!(policy.call(call), Ok("third"));
    next.set(0);
    assert_eq!(drive(&time, policy.call_async(|| ready(call()))), Ok("third"));
}
