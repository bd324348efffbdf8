//! The parts together: their order, what they hold, and that none can hold a half-open circuit.
#![cfg(feature = "policy")]

mod by_hand;

use core::cell::{Cell, RefCell};
use core::error::Error as _;
use core::future::{Future, pending, ready};
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use by_hand::{about_to_try, breaker, drive, ends, hang, ms, opened, panics, poll, secs};
use cutout::{
    Bulkhead, BulkheadConfig, BulkheadReason, CircuitBreaker, Clock, Config, Failure, Fallback,
    GaveUp, ManualSleep, Outcome, Policy, PolicyError, Rate, Refused, Retry, RetryBudget, State,
};

fn down() -> Result<u32, &'static str> {
    Err("down")
}

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

#[test]
fn a_policy_without_parts_is_the_call() {
    let time = ManualSleep::new();
    let policy = Policy::new().timer(time.clone());
    assert_eq!(both!(time, policy, fine), [Ok(1); 2]);
    let failed = Err(error(Failure::Inner("down")));
    assert_eq!(both!(time, policy, down), [failed; 2]);

    fn error(failure: Failure<&'static str>) -> PolicyError<&'static str> {
        let error = Policy::new().call(down).unwrap_err();
        assert_eq!(error.failure, failure);
        error
    }
}

#[test]
fn the_order_of_the_parts_is_fixed_whatever_order_they_are_written_in() {
    let time = ManualSleep::new();
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
fn a_policy_lists_its_parts_outermost_first_with_their_settings() {
    let time = ManualSleep::new();
    let budget = RetryBudget::with_clock(Rate::percent(20), 10, time.clone());
    let retry = Retry::exponential(ms(50)).up_to(4).within(secs(3)).wait_out(secs(1));
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
fn breakers_and_bulkheads_are_taken_by_reference_by_arc_and_by_any_other_handle() {
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
fn the_breaker_is_told_what_the_classifier_says_and_when_to_come_back() {
    let time = ManualSleep::new();
    let config = Config::new().consecutive_failures(1).break_duration(secs(1));
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let policy = Policy::new().timer(time.clone()).breaker(&breaker);
    let classify = |result: &Result<u16, &str>| match result {
        Ok(429 | 503) => Outcome::Failure.retry_after(secs(20)),
        Ok(400..500) => Outcome::Ignored.into(),
        _ => Outcome::Success.into(),
    };
    assert_eq!(both!(time, policy, || Ok::<u16, &str>(404), classify), [Ok(404); 2]);
    assert_eq!(ends(breaker.totals()), [0, 0, 2, 0]);
    assert_eq!(policy.call_with(|| Ok::<u16, &str>(503), classify), Ok(503));
    assert_eq!(breaker.snapshot().retry_after, Some(secs(20)));
}

#[test]
fn an_open_circuit_takes_no_place_in_the_bulkhead_and_asks_for_no_limit() {
    let time = ManualSleep::new();
    let (breaker, bulkhead) = (opened(&time), Bulkhead::new(1));
    let limit = || -> Duration { panic!("no attempt begins") };
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).timeout(limit);
    assert!(drive(&time, policy.call_async(|| ready(fine()))).is_err());
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 0));
}

#[test]
fn nothing_happens_before_a_call_is_polled() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time).breaker(&breaker);
    drop(policy.call_async(|| -> core::future::Ready<Result<(), ()>> { panic!("called") }));
    assert_eq!(ends(breaker.totals()), [0; 4]);
}

// A half-open circuit is not held by ...

/// One trial may be out. Whoever took it is gone, so the next call is a trial too, and closes.
fn the_next_call_closes(breaker: &by_hand::Breaker) {
    assert_ne!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().trials_in_flight, 0);
    assert_eq!(breaker.call(fine), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn half_open_is_not_held_by_a_full_bulkhead() {
    let time = ManualSleep::new();
    let (breaker, bulkhead) = (about_to_try(&time), Bulkhead::new(1));
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    for result in both!(time, policy, fine) {
        assert!(matches!(result.unwrap_err().failure, Failure::BulkheadRejected(_)));
    }
    drop(held);
    assert_eq!(breaker.totals().ignored, 2);
    the_next_call_closes(&breaker);
}

#[test]
fn half_open_is_not_held_by_a_call_that_waits_for_its_place() {
    let time = ManualSleep::new();
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
    let time = ManualSleep::new();
    let breaker = about_to_try(&time);
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).timeout(ms(300));
    assert!(drive(&time, policy.call_async(hang::<Result<(), ()>>)).is_err());
    assert_eq!(breaker.state(), State::Open, "the trial failed");
    time.advance(secs(10));
    the_next_call_closes(&breaker);
}

#[test]
fn half_open_is_not_held_by_a_call_that_is_dropped() {
    let time = ManualSleep::new();
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
fn half_open_is_not_held_by_a_call_that_is_dropped_while_it_waits_for_its_place() {
    let time = ManualSleep::new();
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
    for gives_up in [GaveUp::Attempts, GaveUp::Deadline, GaveUp::Budget, GaveUp::RetryAfter] {
        let time = ManualSleep::new();
        let breaker = about_to_try(&time);
        let empty = RetryBudget::new(Rate::percent(0), 0);
        let retry = Retry::fixed(ms(1)).exactly();
        let policy = Policy::new().timer(time.clone()).breaker(&breaker);
        let classify = |_: &_| Outcome::Failure.retry_after(ms(2));
        let result = match gives_up {
            GaveUp::Attempts => policy.retry(retry.up_to(1)).call_with(down, classify),
            GaveUp::Deadline => {
                policy.retry(retry.within(ms(2)).cap(ms(2))).call_with(down, classify)
            }
            GaveUp::Budget => policy.retry(retry.budget(&empty)).call_with(down, classify),
            _ => policy.retry(retry.cap(ms(1))).call_with(down, classify),
        };
        assert_eq!(result.unwrap_err().gave_up, Some(gives_up));
        assert_eq!(breaker.state(), State::Open, "the trial failed");
        time.advance(secs(10));
        the_next_call_closes(&breaker);
    }
}

#[test]
fn half_open_is_not_held_by_a_panic_in_the_call_or_in_its_classifier() {
    for in_call in [true, false] {
        let time = ManualSleep::new();
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

// Waiting for a place.

#[test]
fn the_wait_for_a_place_is_not_taken_for_the_dependencys_slowness() {
    let time = ManualSleep::new();
    let config = Config::new().slow_call_duration(ms(100)).slow_call_rate(Rate::percent(50));
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(call.as_mut()).is_pending());
    time.advance(secs(30));
    drop(held);
    assert_eq!(drive(&time, call), Ok(1));
    assert_eq!((breaker.totals().successes, breaker.totals().slow), (1, 0));
}

#[test]
fn a_circuit_that_opens_while_a_call_waits_for_its_place_refuses_it() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(call.as_mut()).is_pending());
    breaker.force_open();
    drop(held);
    let error = drive(&time, call).unwrap_err();
    assert!(matches!(error.failure, Failure::Rejected(_)));
    assert_eq!(bulkhead.in_use(), 0, "and gives the place back");
}

#[test]
fn a_call_that_waits_too_long_for_its_place_is_refused_and_says_so() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(2));
    let bulkhead = Bulkhead::with_config(config);
    let _held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let error = drive(&time, policy.call_async(|| ready(fine()))).unwrap_err();
    let Some(Refused::BulkheadRejected(rejected)) = error.refused() else { panic!("{error:?}") };
    assert_eq!(rejected.reason(), BulkheadReason::TimedOut);
    assert_eq!(time.now().as_nanos(), 2_000_000_000);
    assert_eq!((ends(breaker.totals()), bulkhead.rejected()), ([0, 0, 1, 0], 1));
}

#[test]
fn a_blocking_call_waits_for_its_place_too() {
    let bulkhead = Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(secs(600)));
    let breaker = CircuitBreaker::new(Config::new());
    let held = RefCell::new(bulkhead.try_acquire().ok());
    let policy = Policy::new().breaker(&breaker).bulkhead(&bulkhead);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| policy.call(fine));
        while bulkhead.waiting() == 0 {
            std::thread::yield_now();
        }
        held.take();
        assert_eq!(waits.join().unwrap(), Ok(1));
    });
    assert_eq!((breaker.totals().successes, bulkhead.in_use()), (1, 0));
}

// What the whole is.

#[test]
fn errors_say_what_happened_and_name_their_source() {
    let time = ManualSleep::new();
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
    let time = ManualSleep::new();
    let budget = RetryBudget::new(Rate::percent(20), 1);
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let name = String::from("page");

    let borrowed = Policy::new()
        .timer(&time)
        .fallback(Fallback::with_async(|error: PolicyError<u32>| async move { Err(error) }))
        .retry(Retry::fixed(ms(1)).budget(&budget).when(|_: &Failure<u32>| true))
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
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    is_shared(&Policy::new().timer(time).retry(Retry::fixed(ms(1))).breaker(&breaker));
}

#[test]
fn the_future_of_a_call_holds_the_users_future_once() {
    let time = ManualSleep::new();
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
    let time = ManualSleep::new();
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
