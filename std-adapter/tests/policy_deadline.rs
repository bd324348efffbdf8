//! The deadline of a call's attempts: whatever an attempt has waited for, it does not begin too late.
#![cfg(feature = "policy")]

mod support;

use core::cell::{Cell, RefCell};
use core::future::ready;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use cutout::{
    AsyncTimer, AttemptError, BlockingTimer, Bulkhead, BulkheadConfig, BulkheadReason, Clock,
    Instant, ManualTimer, Outcome, OwnedBulkheadPermit, Policy, Rate, Refused, Retry, RetryBudget,
    StopReason,
};
use support::{breaker, drive, ends, ms, opened, poll, secs};

fn down() -> Result<u32, &'static str> {
    Err("down")
}

fn queue(max_wait: Duration) -> Bulkhead {
    Bulkhead::with_config(BulkheadConfig::new(1).queue(5).max_wait(max_wait))
}

/// A budget with nothing but what calls bring in: one retry for each call.
fn budget() -> RetryBudget {
    RetryBudget::new(Rate::percent(100), 0)
}

/// Moves the time by hand, and is late by so much.
#[derive(Clone)]
struct Late {
    time: ManualTimer,
    by: Duration,
}

impl Clock for Late {
    fn now(&self) -> Instant {
        self.time.now()
    }
}

impl BlockingTimer for Late {
    fn pause(&self, duration: Duration) {
        self.time.pause(duration + self.by);
    }
}

impl AsyncTimer for Late {
    type Sleeping = cutout::ManualTimerSleep;

    fn sleep(&self, duration: Duration) -> Self::Sleeping {
        self.time.sleep(duration + self.by)
    }
}

#[test]
fn an_attempt_that_waited_does_not_begin_after_the_deadline() {
    let time = ManualTimer::new();
    let (breaker, bulkhead, budget) = (breaker(&time), queue(secs(60)), budget());
    let held = bulkhead.try_acquire().unwrap();
    let retry = Retry::fixed(Duration::ZERO).deadline(secs(1)).budget(&budget);
    let policy =
        Policy::new().timer(time.clone()).retry(retry).breaker(&breaker).bulkhead(&bulkhead);
    let begun = Cell::new(0);
    let mut call = pin!(policy.call_async(|| {
        begun.set(begun.get() + 1);
        ready(down())
    }));
    assert!(poll(call.as_mut()).is_pending());
    time.advance(secs(30));
    drop(held);
    let Poll::Ready(Err(error)) = poll(call.as_mut()) else { panic!("the deadline is over") };
    assert_eq!((begun.get(), error.attempts, error.gave_up), (0, 0, Some(StopReason::Deadline)));
    let Some(Refused::BulkheadRejected(rejected)) = error.refused() else { panic!("{error:?}") };
    assert_eq!(rejected.reason(), BulkheadReason::TimedOut);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting(), time.waiting()), (0, 0, 0));
    assert_eq!((ends(breaker.totals()), budget.saved()), ([0; 4], 0), "it did not run");
}

#[test]
fn the_wait_for_a_place_ends_with_the_deadline() {
    for (max_wait, within, took, gave_up) in [
        (secs(60), secs(1), secs(1), Some(StopReason::Deadline)),
        (secs(1), secs(60), secs(1), None),
        (secs(1), secs(1), secs(1), None),
    ] {
        let time = ManualTimer::new();
        let bulkhead = queue(max_wait);
        let _held = bulkhead.try_acquire().unwrap();
        let retry = Retry::fixed(Duration::ZERO).deadline(within);
        let policy = Policy::new().timer(time.clone()).retry(retry).bulkhead(&bulkhead);
        for result in both!(time, policy, down) {
            let error = result.unwrap_err();
            assert!(matches!(error.failure, AttemptError::BulkheadRejected(_)));
            assert_eq!((error.attempts, error.gave_up), (0, gave_up));
        }
        assert_eq!(time.now().saturating_since(Instant::ORIGIN), 2 * took);
        assert_eq!(bulkhead.rejected(), 2);
    }
}

#[test]
fn a_retry_that_waited_does_not_begin_after_the_deadline() {
    let time = ManualTimer::new();
    let (bulkhead, budget) = (queue(secs(60)), budget());
    for _ in 0..5 {
        budget.record_call();
    }
    let retry =
        Retry::fixed(ms(100)).without_jitter().max_attempts(9).deadline(secs(1)).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(down())));
    assert!(poll(call.as_mut()).is_pending(), "the first attempt has failed");
    let _held = bulkhead.try_acquire().unwrap();
    let error = drive(&time, call).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::Deadline)));
    assert_eq!(error.failure, AttemptError::Inner("down"));
    assert_eq!(time.now(), Instant::from_nanos(1_000_000_000));
    assert_eq!(budget.saved(), 6, "no retry was made");
}

#[test]
fn a_timer_that_is_late_makes_no_attempt_late() {
    let time = ManualTimer::new();
    let budget = budget();
    budget.record_call();
    let retry =
        Retry::fixed(ms(100)).without_jitter().max_attempts(9).deadline(ms(100)).budget(&budget);
    for late in [Duration::ZERO, Duration::from_nanos(1), ms(5)] {
        let timer = Late { time: time.clone(), by: late };
        let policy = Policy::new().timer(timer).retry(retry);
        let saved = budget.saved();
        for (n, result) in both!(time, policy, down).into_iter().enumerate() {
            let error = result.unwrap_err();
            assert_eq!(error.failure, AttemptError::Inner("down"));
            assert_eq!(error.gave_up, Some(StopReason::Deadline), "{late:?}, {n}");
            // The second attempt begins exactly at the deadline, or not at all.
            assert_eq!(error.attempts, if late.is_zero() { 2 } else { 1 }, "{late:?}, {n}");
        }
        assert_eq!(budget.saved() - saved, if late.is_zero() { 0 } else { 2 }, "{late:?}");
    }
}

#[test]
fn an_attempt_may_begin_exactly_at_the_deadline() {
    for (delay, attempts) in [(100_000_000, 2), (100_000_001, 1)] {
        let time = ManualTimer::new();
        let retry = Retry::fixed(Duration::from_nanos(delay))
            .without_jitter()
            .max_attempts(2)
            .deadline(ms(100));
        let policy = Policy::new().timer(time.clone()).retry(retry);
        for result in both!(time, policy, down) {
            assert_eq!(result.unwrap_err().attempts, attempts, "{delay} ns");
        }
    }
}

#[test]
fn a_retry_that_the_deadline_forbids_costs_no_budget() {
    let time = ManualTimer::new();
    let budget = budget();
    let retry = Retry::fixed(secs(1)).without_jitter().deadline(ms(100)).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry);
    for result in both!(time, policy, down) {
        assert_eq!(result.unwrap_err().gave_up, Some(StopReason::Deadline));
    }
    assert_eq!(budget.saved(), 2);
}

#[test]
fn a_wait_asked_for_past_the_deadline_is_not_waited_out() {
    let time = ManualTimer::new();
    let open = opened(&time);
    let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(secs(60)).max_delay(secs(60));
    // As long as the break: what comes exactly at the deadline may begin.
    let late = Late { time: time.clone(), by: ms(1) };
    let policy = Policy::new().timer(late).retry(retry.deadline(secs(10))).breaker(&open);
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::Deadline)));
    assert!(matches!(error.failure, AttemptError::Rejected(_)), "{error:?}");
    assert_eq!(ends(open.totals()), [0, 2, 0, 0], "it did not run");

    let late = Late { time: time.clone(), by: ms(1) };
    let policy = Policy::new().timer(late).retry(retry.deadline(secs(10)));
    let asks = |_: &Result<u32, _>| Outcome::Failure.retry_after(secs(10));
    for result in both!(time, policy, down, asks) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::Deadline)));
        assert_eq!(error.failure, AttemptError::Inner("down"));
    }
}

#[cfg(feature = "rate-limit")]
#[test]
fn a_rate_limits_wait_past_the_deadline_is_not_waited_out() {
    use cutout::{RateLimit, RateLimitConfig};
    let time = ManualTimer::new();
    let config = RateLimitConfig::new(10, secs(1)).burst(1);
    let limit = RateLimit::with_clock(config, time.clone());
    let (breaker, late) = (breaker(&time), Late { time: time.clone(), by: ms(1) });
    let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(secs(60)).deadline(ms(100));
    let policy = Policy::new().timer(late).retry(retry).breaker(&breaker).rate_limit(&limit);
    limit.check().unwrap();
    let error = policy.call(down).unwrap_err();
    assert!(matches!(error.failure, AttemptError::RateLimited(_)), "{error:?}");
    assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::Deadline)));
    assert!(limit.check().is_ok(), "it has taken nothing from the rate");
}

// The wait for a place is on the policy's timer.

#[test]
fn a_blocking_wait_for_a_place_is_on_the_policys_timer() {
    let time = ManualTimer::new();
    let bulkhead = queue(secs(3_600));
    let _held = bulkhead.try_acquire().unwrap();
    let policy = Policy::new().timer(time.clone()).bulkhead(&bulkhead);
    let error = policy.call(down).unwrap_err(); // and does not take an hour
    let Some(Refused::BulkheadRejected(rejected)) = error.refused() else { panic!("{error:?}") };
    assert_eq!(rejected.reason(), BulkheadReason::TimedOut);
    assert_eq!(time.now().saturating_since(Instant::ORIGIN), secs(3_600));
    assert_eq!((bulkhead.waiting(), bulkhead.rejected()), (0, 1));
}

#[test]
fn a_blocking_call_gets_a_freed_place_on_any_timer() {
    /// Whoever has the place gives it back after a second.
    struct Holder<'a> {
        time: ManualTimer,
        held: &'a RefCell<Option<OwnedBulkheadPermit>>,
    }
    impl Clock for Holder<'_> {
        fn now(&self) -> Instant {
            self.time.now()
        }
    }
    impl BlockingTimer for Holder<'_> {
        fn pause(&self, duration: Duration) {
            self.time.pause(duration);
            if self.now().saturating_since(Instant::ORIGIN) >= secs(1) {
                drop(self.held.take());
            }
        }
    }
    let (time, bulkhead) = (ManualTimer::new(), Arc::new(queue(secs(3_600))));
    let held = RefCell::new(bulkhead.try_acquire_owned().ok());
    let timer = Holder { time: time.clone(), held: &held };
    let policy = Policy::new().timer(timer).bulkhead(Arc::clone(&bulkhead));
    assert_eq!(policy.call(|| Ok::<_, ()>(1)), Ok(1));
    let took = time.now().saturating_since(Instant::ORIGIN);
    assert!((secs(1)..secs(2)).contains(&took), "{took:?}");
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

#[test]
fn a_timer_that_panics_in_a_blocking_wait_takes_no_place() {
    struct Breaks;
    impl BlockingTimer for Breaks {
        fn pause(&self, _: Duration) {
            panic!("in the timer");
        }
    }
    let bulkhead = queue(secs(1));
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(Breaks).bulkhead(&bulkhead);
    assert!(support::panics(|| policy.call(down)));
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0));
    drop(held);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn both_ways_to_wait_for_a_place_take_as_long() {
    for max_wait in [ms(1), ms(7), secs(1), secs(86_400)] {
        let time = ManualTimer::new();
        let bulkhead = queue(max_wait);
        let _held = bulkhead.try_acquire().unwrap();
        let policy = Policy::new().timer(time.clone()).bulkhead(&bulkhead);
        assert!(policy.call(down).is_err());
        assert_eq!(time.now().saturating_since(Instant::ORIGIN), max_wait);
        assert!(drive(&time, policy.call_async(|| ready(down()))).is_err());
        assert_eq!(time.now().saturating_since(Instant::ORIGIN), 2 * max_wait);
    }
}
