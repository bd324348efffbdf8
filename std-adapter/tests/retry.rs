//! Retries: which calls are tried again, how often, when, and what they may cost all together.
#![cfg(feature = "policy")]

mod support;

use core::cell::{Cell, RefCell};
use core::future::ready;
use core::pin::pin;
use core::time::Duration;

use cutout::{
    AttemptError, Bulkhead, Clock, Instant, ManualTimer, Outcome, Policy, Rate, Retried, Retry,
    RetryBudget, Retrying, StopReason,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use support::{breaker, drive, ends, hang, ms, panics, poll, secs};

fn down() -> Result<u32, &'static str> {
    Err("down")
}

/// The delays that were waited for by a call that always fails.
fn delays<W, N, G>(retry: Retry<W, N, G>) -> Vec<Duration>
where
    Retry<W, N, G>: cutout::parts::Judge<u32, &'static str, ManualTimer>
        + cutout::parts::Wait<ManualTimer>
        + cutout::parts::WaitAsync<ManualTimer>,
{
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let starts = RefCell::new(Vec::new());
    let note = || {
        starts.borrow_mut().push(time.now());
        down()
    };
    assert!(policy.call(note).is_err());
    let blocking = gaps(&starts.take());
    assert!(drive(&time, policy.call_async(|| ready(note()))).is_err());
    assert_eq!(gaps(&starts.take()), blocking, "asynchronous calls wait as long");
    blocking
}

fn gaps(starts: &[Instant]) -> Vec<Duration> {
    starts.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect()
}

#[test]
fn attempts_are_as_far_apart_as_the_delays_say() {
    assert_eq!(delays(Retry::fixed(ms(7)).without_jitter().max_attempts(4)), [ms(7), ms(7), ms(7)]);
    assert_eq!(
        delays(Retry::linear(ms(7)).without_jitter().max_attempts(4)),
        [ms(7), ms(14), ms(21)]
    );
    assert_eq!(
        delays(Retry::exponential(ms(7)).without_jitter().max_attempts(4)),
        [ms(7), ms(14), ms(28)]
    );
    let thrice =
        Retry::exponential(ms(7)).multiplier(3).max_delay(ms(60)).without_jitter().max_attempts(5);
    assert_eq!(delays(thrice), [ms(7), ms(21), ms(60), ms(60)]);
    let custom =
        Retry::custom(|attempt| ms(100 - u64::from(attempt))).without_jitter().max_attempts(3);
    assert_eq!(delays(custom), [ms(99), ms(98)]);
}

proptest! {
    #[test]
    fn full_jitter_never_exceeds_the_delay_nor_the_cap(
        seed: u64,
        first in 0..5_000_u64,
        cap in 0..20_000_u64,
        attempts in 1..12_u32,
    ) {
        let retry = Retry::exponential(ms(first)).max_delay(ms(cap)).max_attempts(attempts).seed(seed);
        let drawn = delays(retry);
        prop_assert_eq!(drawn.len(), attempts as usize - 1);
        for (n, delay) in drawn.iter().enumerate() {
            prop_assert!(*delay <= ms(cap));
            prop_assert!(*delay <= ms(first << n));
        }
        prop_assert_eq!(delays(retry), drawn, "a seed draws the same");
    }

    #[test]
    fn full_jitter_reaches_all_of_the_delay(seed in any::<u64>()) {
        let retry = Retry::fixed(ms(1_000)).max_attempts(200).seed(seed);
        let drawn = delays(retry);
        for tenth in 0..10 {
            let tenth = ms(tenth * 100)..ms(tenth * 100 + 100);
            prop_assert!(drawn.iter().any(|delay| tenth.contains(delay)), "{tenth:?}");
        }
    }
}

#[test]
fn without_a_seed_two_calls_draw_different_delays() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(secs(20)).max_attempts(9));
    let took = || {
        let before = time.now();
        assert!(policy.call(down).is_err());
        time.now().saturating_since(before)
    };
    // Eight draws of 35 bits each.
    assert_ne!(took(), took());
}

#[test]
fn a_call_is_retried_until_success_or_its_last_attempt() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).max_attempts(3));
    let calls = Cell::new(0);
    let third_time_lucky = || {
        calls.set(calls.get() + 1);
        if calls.get() % 3 == 0 { Ok(calls.get()) } else { Err("down") }
    };
    assert_eq!(both!(time, policy, third_time_lucky), [Ok(3), Ok(6)]);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert_eq!(error.failure, AttemptError::Inner("down"));
        assert_eq!((error.attempts, error.gave_up), (3, Some(StopReason::Attempts)));
    }
}

#[test]
fn the_first_attempt_is_always_made() {
    let time = ManualTimer::new();
    for attempts in [0, 1] {
        let policy =
            Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).max_attempts(attempts));
        for result in both!(time, policy, down) {
            assert_eq!(result.unwrap_err().attempts, 1);
        }
    }
}

#[test]
fn no_attempt_begins_after_the_deadline() {
    let time = ManualTimer::new();
    let retry = Retry::fixed(ms(40)).without_jitter().max_attempts(u32::MAX).deadline(ms(100));
    let policy = Policy::new().timer(time.clone()).retry(retry);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err(); // at 0, 40 and 80 ms
        assert_eq!((error.attempts, error.gave_up), (3, Some(StopReason::Deadline)));
    }
    assert_eq!(time.now(), Instant::from_nanos(160_000_000), "it does not wait for nothing");
    let slow = || {
        time.advance(ms(30));
        down()
    };
    for result in both!(time, policy, slow) {
        assert_eq!(result.unwrap_err().attempts, 2, "the calls' own time counts too");
    }
}

#[test]
fn a_value_judged_a_failure_is_retried_and_returned() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).max_attempts(3));
    let calls = Cell::new(0);
    let busy = || {
        calls.set(calls.get() + 1);
        Ok::<_, &str>(503)
    };
    let classify = |result: &Result<u16, _>| match result {
        Ok(500..) | Err(_) => Outcome::Failure,
        Ok(_) => Outcome::Success,
    };
    assert_eq!(both!(time, policy, busy, classify), [Ok(503), Ok(503)]);
    assert_eq!(calls.get(), 6);
}

#[test]
fn an_error_not_of_the_dependency_is_not_retried() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).max_attempts(3));
    for outcome in [Outcome::Ignored, Outcome::Success] {
        for result in both!(time, policy, down, |_: &_| outcome) {
            let error = result.unwrap_err();
            assert_eq!((error.attempts, error.gave_up), (1, None));
        }
    }
}

#[test]
fn only_what_the_condition_picks_is_tried_again() {
    let time = ManualTimer::new();
    let retry = Retry::fixed(ms(1)).when(|failure| *failure == AttemptError::Inner("busy"));
    let policy = Policy::new().timer(time.clone()).retry(retry);
    assert_eq!(both!(time, policy, down).map(|result| result.unwrap_err().attempts), [1, 1]);
    let busy = || Err::<u32, _>("busy");
    assert_eq!(both!(time, policy, busy).map(|result| result.unwrap_err().attempts), [3, 3]);
}

#[test]
fn a_condition_is_asked_about_values_that_were_judged_failures() {
    let time = ManualTimer::new();
    let policy = Policy::new().timer(time.clone());
    let attempts = Cell::new(0);
    let post = || {
        attempts.set(attempts.get() + 1);
        Ok::<u16, &'static str>(503)
    };
    let judge = |_: &Result<u16, &'static str>| Outcome::Failure;

    let asked = RefCell::new(Vec::new());
    let safe = |failure: &AttemptError<&'static str>| {
        asked.borrow_mut().push(*failure);
        matches!(failure, AttemptError::Inner("refused"))
    };
    let by_failure = policy.clone().retry(Retry::fixed(ms(1)).when(safe));
    assert_eq!(both!(time, by_failure, post, judge), [Ok(503); 2]);
    assert_eq!((attempts.take(), asked.take()), (2, vec![AttemptError::Unwanted; 2]));

    let all = policy.clone().retry(Retry::fixed(ms(1)).when(|_: &AttemptError<&str>| true));
    assert_eq!(both!(time, all, post, judge), [Ok(503); 2]);
    assert_eq!(attempts.take(), 6);

    for (picked, expected) in [(503, 6), (429, 2)] {
        let by_value = Retry::fixed(ms(1))
            .when_result(move |result: Result<&u16, &AttemptError<&str>>| result == Ok(&picked));
        let by_value = policy.clone().retry(by_value);
        assert_eq!(both!(time, by_value, post, judge), [Ok(503); 2]);
        assert_eq!(attempts.take(), expected, "{picked}");
    }
}

#[test]
fn a_condition_on_results_sees_errors_and_timeouts() {
    let time = ManualTimer::new();
    let retry = Retry::fixed(ms(1)).when_result(|result: Result<&u32, &AttemptError<&str>>| {
        result != Err(&AttemptError::Inner("down"))
    });
    let policy = Policy::new().timer(time.clone()).retry(retry);
    assert_eq!(both!(time, policy, down).map(|result| result.unwrap_err().attempts), [1, 1]);
    let policy = policy.timeout(ms(5));
    let error = drive(&time, policy.call_async(hang::<Result<u32, &str>>)).unwrap_err();
    assert_eq!((error.attempts, error.is_timeout()), (3, true));
}

#[test]
fn a_calls_end_says_how_many_attempts_it_took() {
    let time = ManualTimer::new();
    let ends = RefCell::new(Vec::new());
    let retry = Retry::fixed(ms(1)).at_end(|end: &Retried<'_, u32, &'static str>| {
        ends.borrow_mut().push((end.attempts, end.result.copied().map_err(|failure| *failure)));
    });
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let calls = Cell::new(0);
    let third_time_lucky = || {
        calls.set(calls.get() + 1);
        if calls.get() % 3 == 0 { Ok(calls.get()) } else { Err("down") }
    };
    assert_eq!(both!(time, policy, third_time_lucky), [Ok(3), Ok(6)]);
    assert_eq!(ends.take(), [(3, Ok(3)), (3, Ok(6))]);
    let _ = both!(time, policy, down);
    assert_eq!(ends.take(), [(3, Err(AttemptError::Inner("down"))); 2]);
    let fine = || Ok(1);
    assert_eq!(both!(time, policy, fine), [Ok(1); 2]);
    assert_eq!(ends.take(), [(1, Ok(1)); 2]);
    {
        let mut dropped = pin!(policy.call_async(hang::<Result<u32, &str>>));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    assert!(panics(|| policy.call(|| panic!("in the call") as Result<u32, &str>)));
    assert_eq!(ends.take(), [], "neither has ended");
}

#[test]
fn a_delay_counts_from_when_the_server_asked() {
    let time = ManualTimer::new();
    let retry = Retry::fixed(ms(50)).max_delay(secs(5)).without_jitter().max_attempts(2);
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let asks = |asked| move |_: &Result<u32, _>| Outcome::Failure.retry_after(asked);
    for result in both!(time, policy, down, asks(secs(5))) {
        assert_eq!(result.unwrap_err().attempts, 2);
    }
    assert_eq!(time.now(), Instant::from_nanos(2 * 5_050_000_000));

    for result in both!(time, policy, down, asks(ms(5_001))) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::RetryAfter)));
    }
    assert_eq!(time.now(), Instant::from_nanos(2 * 5_050_000_000), "more than the cap");
}

#[test]
fn the_hook_hears_of_each_retry_before_its_wait() {
    let time = ManualTimer::new();
    let heard = RefCell::new(Vec::new());
    let retry = Retry::linear(ms(10)).without_jitter().max_attempts(3);
    let retry = retry.on_retry(|next: &Retrying<'_, u32, &str>| {
        assert_eq!(next.result, Err(&AttemptError::Inner("down")));
        heard.borrow_mut().push((next.attempts, next.delay, time.now()));
    });
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
    let [first, second] = both!(time, policy, down);
    assert!(first.is_err() && second.is_err());
    let expected =
        [(1, ms(10), at(0)), (2, ms(20), at(10)), (1, ms(10), at(30)), (2, ms(20), at(40))];
    assert_eq!(*heard.borrow(), expected);
}

// Ends that nobody wants.

#[test]
fn a_panic_is_not_tried_again() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1))).breaker(&breaker);
    assert!(panics(|| policy.call(|| -> Result<(), ()> { panic!("in the call") })));
    let asynchronous = policy.call_async(|| async { panic!("in the call") as Result<(), ()> });
    assert!(panics(|| drive(&time, asynchronous)));
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0], "each was made once, and failed");
}

#[test]
fn a_condition_or_a_hook_that_panics_leaves_nothing_held() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let condition = Retry::fixed(ms(1)).when(|_: &AttemptError<&str>| panic!("in the condition"));
    assert!(panics(|| policy.clone().retry(condition).call(down)));
    let hook = |_: &Retrying<'_, u32, &str>| panic!("in the hook");
    assert!(panics(|| policy.clone().retry(Retry::fixed(ms(1)).on_retry(hook)).call(down)));
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0]);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn a_call_dropped_between_attempts_holds_nothing() {
    let time = ManualTimer::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(secs(1)).without_jitter())
        .breaker(&breaker)
        .bulkhead(&bulkhead);
    {
        let mut call = pin!(policy.call_async(|| ready(down())));
        assert!(poll(call.as_mut()).is_pending());
        assert_eq!((time.waiting(), bulkhead.in_use()), (1, 0), "nothing is held while it waits");
    }
    assert_eq!((time.waiting(), bulkhead.in_use()), (0, 0));
    assert_eq!(ends(breaker.totals()), [0, 1, 0, 0]);
}

#[test]
fn a_call_dropped_in_an_attempt_is_cancelled_for_good() {
    let time = ManualTimer::new();
    let (breaker, budget) = (breaker(&time), RetryBudget::new(Rate::percent(100), 0));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(ms(1)).budget(&budget))
        .breaker(&breaker);
    {
        let mut call = pin!(policy.call_async(hang::<Result<(), ()>>));
        assert!(poll(call.as_mut()).is_pending());
    }
    assert_eq!(ends(breaker.totals()), [0, 0, 0, 1]);
    assert_eq!(budget.saved(), 0);
}
