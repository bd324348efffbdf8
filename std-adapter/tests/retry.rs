//! Retries: which calls are tried again, how often, when, and what they may cost all together.
#![cfg(feature = "policy")]

mod by_hand;

use core::cell::{Cell, RefCell};
use core::future::ready;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use by_hand::{about_to_try, breaker, drive, ends, hang, ms, opened, panics, poll, secs};
use cutout::{
    Bulkhead, Clock, Failure, GaveUp, Instant, ManualSleep, Outcome, Policy, PolicyError, Rate,
    Refused, RejectReason, Retry, RetryBudget, Retrying, State,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

type Error = PolicyError<&'static str>;

fn down() -> Result<u32, &'static str> {
    Err("down")
}

/// The delays that were waited for by a call that always fails.
fn delays<W, N, G>(retry: Retry<W, N, G>) -> Vec<Duration>
where
    Retry<W, N, G>: cutout::parts::Judge<u32, &'static str, ManualSleep>
        + cutout::parts::Wait<ManualSleep>
        + cutout::parts::WaitAsync<ManualSleep>,
{
    let time = ManualSleep::new();
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
    assert_eq!(delays(Retry::fixed(ms(7)).exactly().up_to(4)), [ms(7), ms(7), ms(7)]);
    assert_eq!(delays(Retry::linear(ms(7)).exactly().up_to(4)), [ms(7), ms(14), ms(21)]);
    assert_eq!(delays(Retry::exponential(ms(7)).exactly().up_to(4)), [ms(7), ms(14), ms(28)]);
    let thrice = Retry::exponential(ms(7)).factor(3).cap(ms(60)).exactly().up_to(5);
    assert_eq!(delays(thrice), [ms(7), ms(21), ms(60), ms(60)]);
    let custom = Retry::custom(|attempt| ms(100 - u64::from(attempt))).exactly().up_to(3);
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
        let retry = Retry::exponential(ms(first)).cap(ms(cap)).up_to(attempts).seed(seed);
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
        let retry = Retry::fixed(ms(1_000)).up_to(200).seed(seed);
        let drawn = delays(retry);
        for tenth in 0..10 {
            let tenth = ms(tenth * 100)..ms(tenth * 100 + 100);
            prop_assert!(drawn.iter().any(|delay| tenth.contains(delay)), "{tenth:?}");
        }
    }
}

#[test]
fn without_a_seed_two_calls_draw_different_delays() {
    let time = ManualSleep::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(secs(20)).up_to(9));
    let took = || {
        let before = time.now();
        assert!(policy.call(down).is_err());
        time.now().saturating_since(before)
    };
    // Eight draws of 35 bits each.
    assert_ne!(took(), took());
}

#[test]
fn a_call_is_tried_again_until_it_succeeds_or_its_attempts_are_used_up() {
    let time = ManualSleep::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).up_to(3));
    let calls = Cell::new(0);
    let third_time_lucky = || {
        calls.set(calls.get() + 1);
        if calls.get() % 3 == 0 { Ok(calls.get()) } else { Err("down") }
    };
    assert_eq!(both!(time, policy, third_time_lucky), [Ok(3), Ok(6)]);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert_eq!(error.failure, Failure::Inner("down"));
        assert_eq!((error.attempts, error.gave_up), (3, Some(GaveUp::Attempts)));
    }
}

#[test]
fn the_first_attempt_is_always_made() {
    let time = ManualSleep::new();
    for attempts in [0, 1] {
        let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).up_to(attempts));
        for result in both!(time, policy, down) {
            assert_eq!(result.unwrap_err().attempts, 1);
        }
    }
}

#[test]
fn no_attempt_begins_after_the_deadline() {
    let time = ManualSleep::new();
    let retry = Retry::fixed(ms(40)).exactly().up_to(u32::MAX).within(ms(100));
    let policy = Policy::new().timer(time.clone()).retry(retry);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err(); // at 0, 40 and 80 ms
        assert_eq!((error.attempts, error.gave_up), (3, Some(GaveUp::Deadline)));
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
fn a_value_that_is_judged_a_failure_is_tried_again_and_returned_in_the_end() {
    let time = ManualSleep::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).up_to(3));
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
fn an_error_that_is_not_the_dependencys_fault_is_not_tried_again() {
    let time = ManualSleep::new();
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1)).up_to(3));
    for outcome in [Outcome::Ignored, Outcome::Success] {
        for result in both!(time, policy, down, |_: &_| outcome) {
            let error = result.unwrap_err();
            assert_eq!((error.attempts, error.gave_up), (1, None));
        }
    }
}

#[test]
fn only_what_the_condition_picks_is_tried_again() {
    let time = ManualSleep::new();
    let retry = Retry::fixed(ms(1)).when(|failure| *failure == Failure::Inner("busy"));
    let policy = Policy::new().timer(time.clone()).retry(retry);
    assert_eq!(both!(time, policy, down).map(|result| result.unwrap_err().attempts), [1, 1]);
    let busy = || Err::<u32, _>("busy");
    assert_eq!(both!(time, policy, busy).map(|result| result.unwrap_err().attempts), [3, 3]);
}

#[test]
fn the_delay_is_counted_from_when_the_server_asked_to_come_back() {
    let time = ManualSleep::new();
    let retry = Retry::fixed(ms(50)).cap(secs(5)).exactly().up_to(2);
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let asks = |asked| move |_: &Result<u32, _>| Outcome::Failure.retry_after(asked);
    for result in both!(time, policy, down, asks(secs(5))) {
        assert_eq!(result.unwrap_err().attempts, 2);
    }
    assert_eq!(time.now(), Instant::from_nanos(2 * 5_050_000_000));

    for result in both!(time, policy, down, asks(ms(5_001))) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (1, Some(GaveUp::RetryAfter)));
    }
    assert_eq!(time.now(), Instant::from_nanos(2 * 5_050_000_000), "more than the cap");
}

#[test]
fn the_hook_hears_of_each_retry_before_its_wait() {
    let time = ManualSleep::new();
    let heard = RefCell::new(Vec::new());
    let retry = Retry::linear(ms(10)).exactly().up_to(3);
    let retry = retry.before_next(|next: &Retrying<'_, u32, &str>| {
        assert_eq!(next.result, Err(&Failure::Inner("down")));
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

// Refusals.

/// A budget with nothing but what calls bring in: one retry for each call.
fn budget() -> RetryBudget {
    RetryBudget::new(Rate::percent(100), 0)
}

#[test]
fn what_the_breaker_refused_is_not_tried_again_and_spends_no_budget() {
    let time = ManualSleep::new();
    let (breaker, budget) = (opened(&time), budget());
    budget.record_call();
    let retry = Retry::fixed(ms(1)).up_to(9).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let before = time.now();
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert!(matches!(error.failure, Failure::Rejected(_)));
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    assert_eq!(budget.saved(), 1, "nothing spent, and nothing brought in");
    assert_eq!((time.now(), breaker.totals().rejected), (before, 2));
}

#[test]
fn a_refusal_in_the_middle_ends_the_retries_with_what_they_had_paid_for() {
    let time = ManualSleep::new();
    let (breaker, budget) = (breaker(&time), budget());
    for _ in 0..5 {
        budget.record_call();
    }
    let retry = Retry::fixed(ms(1)).up_to(9).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let error = policy.call(down).unwrap_err();
    assert!(matches!(error.failure, Failure::Rejected(_)), "the second failure opened the circuit");
    assert_eq!((error.attempts, error.gave_up), (2, None));
    assert_eq!(budget.saved(), 4, "six brought in, two paid: the second was refused too late");
}

#[test]
fn an_open_circuit_is_waited_out_within_the_limit_only_if_asked() {
    type Way = fn(Duration) -> (Result<u32, Error>, State, Instant);
    let ways: [Way; 2] = [
        |limit| {
            let time = ManualSleep::new();
            let breaker = opened(&time);
            let retry = Retry::fixed(Duration::ZERO).wait_out(limit);
            let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
            (policy.call(|| Ok(1)), breaker.state(), time.now())
        },
        |limit| {
            let time = ManualSleep::new();
            let breaker = opened(&time);
            let retry = Retry::fixed(Duration::ZERO).wait_out(limit);
            let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
            let result = drive(&time, policy.call_async(|| ready(Ok(1))));
            (result, breaker.state(), time.now())
        },
    ];
    for call in ways {
        let (result, state, now) = call(secs(10));
        assert_eq!((result, state), (Ok(1), State::Closed), "it was the trial");
        assert_eq!(now, Instant::from_nanos(10_000_000_000));

        let (result, state, now) = call(ms(9_999));
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (0, Some(GaveUp::RetryAfter)));
        assert_eq!(error.refused().unwrap().retry_after(), Some(secs(10)));
        assert_eq!((state, now), (State::Open, Instant::ORIGIN), "it does not wait for nothing");
    }
}

#[test]
fn waiting_out_spends_no_budget_and_its_jitter_stays_within_the_limit() {
    for seed in 0..100 {
        let time = ManualSleep::new();
        let (breaker, empty) = (opened(&time), RetryBudget::new(Rate::percent(0), 0));
        let retry = Retry::fixed(secs(30)).wait_out(secs(11)).budget(&empty).seed(seed);
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        assert_eq!(policy.call(|| Ok::<_, &str>(1)), Ok(1));
        assert!((secs(10)..=secs(11)).contains(&time.now().saturating_since(Instant::ORIGIN)));
    }
}

#[test]
fn the_limit_of_waiting_out_is_for_all_refusals_of_a_call_together() {
    let time = ManualSleep::new();
    let breaker = opened(&time);
    let retry = Retry::fixed(Duration::ZERO).up_to(9).wait_out(secs(15));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    // The trial after the first break fails, and the circuit reopens for ten seconds more.
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1, Some(GaveUp::RetryAfter)));
    assert_eq!(time.now(), Instant::from_nanos(10_000_000_000));
}

#[test]
fn waiting_out_keeps_to_the_deadline_and_to_the_number_of_attempts() {
    let time = ManualSleep::new();
    let breaker = opened(&time);
    let retry = Retry::fixed(Duration::ZERO).wait_out(secs(60));
    let with = |retry| Policy::new().timer(time.clone()).retry(retry).breaker(&breaker).call(down);
    assert_eq!(with(retry.within(secs(9))).unwrap_err().gave_up, Some(GaveUp::Deadline));
    assert_eq!(with(retry.up_to(1)).unwrap_err().gave_up, Some(GaveUp::Attempts));
    assert_eq!(time.now(), Instant::ORIGIN);
}

#[test]
fn a_refusal_that_names_no_time_is_not_waited_out() {
    let time = ManualSleep::new();
    let breaker = about_to_try(&time);
    let trial = breaker.try_acquire().unwrap();
    let retry = Retry::fixed(Duration::ZERO).wait_out(Duration::MAX);
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        let Some(Refused::Rejected(rejected)) = error.refused() else { panic!("{error:?}") };
        assert_eq!(rejected.reason(), RejectReason::HalfOpenFull);
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    trial.settle(Outcome::Success);
}

#[test]
fn what_the_bulkhead_refused_is_not_tried_again() {
    let time = ManualSleep::new();
    let (bulkhead, budget) = (Bulkhead::new(1), budget());
    let _held = bulkhead.try_acquire().unwrap();
    let retry = Retry::fixed(ms(1)).up_to(9).wait_out(Duration::MAX).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).bulkhead(&bulkhead);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert!(matches!(error.failure, Failure::BulkheadRejected(_)));
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    assert_eq!(bulkhead.rejected(), 2);
}

// The budget.

#[test]
fn a_retry_storm_is_amplified_by_the_share_and_the_minimum_and_no_more() {
    let time = ManualSleep::new();
    let budget = RetryBudget::with_clock(Rate::percent(20), 3, time.clone());
    let retry = Retry::fixed(Duration::ZERO).up_to(100).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry);
    let calls = Cell::new(0);
    let storm = |callers: u32| {
        calls.set(0);
        for _ in 0..callers {
            let error = policy
                .call(|| {
                    calls.set(calls.get() + 1);
                    down()
                })
                .unwrap_err();
            assert_eq!(error.gave_up, Some(GaveUp::Budget));
        }
        calls.get() - callers
    };
    assert_eq!(storm(1_000), 200 + 3, "the time stands still: a fifth, and a second's minimum");
    assert_eq!(storm(1_000), 200, "the minimum is spent");
    time.advance(secs(1));
    assert_eq!(storm(1_000), 200 + 3);
    time.advance(secs(3_600));
    assert_eq!(storm(1_000), 200 + 3, "what was not used in time is not saved");
}

#[test]
fn no_more_than_the_burst_is_saved_up_while_all_is_well() {
    let time = ManualSleep::new();
    let budget = RetryBudget::with_clock(Rate::percent(50), 0, time.clone()).burst(7);
    let retry = Retry::fixed(Duration::ZERO).up_to(100).budget(&budget);
    let policy = Policy::new().timer(time).retry(retry);
    for _ in 0..1_000 {
        assert_eq!(policy.call(|| Ok::<_, &str>(1)), Ok(1));
    }
    assert_eq!(budget.saved(), 7);
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1 + 7, Some(GaveUp::Budget)));
}

#[test]
fn not_even_a_part_of_a_retry_is_saved_beyond_the_burst() {
    let budget = RetryBudget::new(Rate::percent(75), 0).burst(1);
    budget.record_call();
    budget.record_call();
    assert!(budget.try_spend(), "one and a half were brought in, one was kept");
    budget.record_call();
    assert!(!budget.try_spend());
}

#[test]
fn a_budget_is_shared_by_all_policies_that_it_is_given_to() {
    let time = ManualSleep::new();
    let budget = Arc::new(RetryBudget::new(Rate::percent(0), 0));
    let shared = Arc::clone(&budget);
    let policy = |up_to| {
        let retry = Retry::fixed(Duration::ZERO).up_to(up_to).budget(Arc::clone(&shared));
        Policy::new().timer(time.clone()).retry(retry)
    };
    let two = policy(2).call(down).unwrap_err();
    let nine = policy(9).call(down).unwrap_err();
    assert_eq!([two.gave_up, nine.gave_up], [Some(GaveUp::Budget); 2]);
}

#[test]
fn threads_together_spend_what_was_saved_and_not_a_retry_more() {
    let budget = RetryBudget::new(Rate::percent(100), 0).burst(10_000);
    for _ in 0..6_000 {
        budget.record_call();
    }
    let spent: usize = std::thread::scope(|scope| {
        let spend = || (0..5_000).filter(|_| budget.try_spend()).count();
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(spend)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((spent, budget.saved()), (6_000, 0));
}

#[test]
fn the_minimum_rate_is_exact_and_survives_a_clock_that_is_set_back() {
    for per_second in [1, 3, 7, 1_000] {
        let clock = cutout::ManualClock::new();
        let budget = RetryBudget::with_clock(Rate::percent(0), per_second, &clock);
        let all = || u32::try_from((0..5_000).filter(|_| budget.try_spend()).count()).unwrap();
        assert_eq!(all(), per_second, "at the origin of the clock");
        clock.advance(secs(1));
        assert!((per_second - 1..=per_second).contains(&all()), "{per_second} in each second");
        clock.set(Instant::ORIGIN);
        assert_eq!(all(), 0, "an earlier time brings nothing back");
        clock.set(Instant::from_nanos(u64::MAX));
        assert!(all() <= per_second);
    }
}

// Ends that nobody wants.

#[test]
fn a_panic_is_not_tried_again() {
    let time = ManualSleep::new();
    let breaker = breaker(&time);
    let policy = Policy::new().timer(time.clone()).retry(Retry::fixed(ms(1))).breaker(&breaker);
    assert!(panics(|| policy.call(|| -> Result<(), ()> { panic!("in the call") })));
    let asynchronous = policy.call_async(|| async { panic!("in the call") as Result<(), ()> });
    assert!(panics(|| drive(&time, asynchronous)));
    assert_eq!(ends(breaker.totals()), [0, 2, 0, 0], "each was made once, and failed");
}

#[test]
fn a_condition_or_a_hook_that_panics_leaves_nothing_held() {
    let time = ManualSleep::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let with = |retry| Policy::new().timer(time.clone()).retry(retry);
    let retry = Retry::fixed(ms(1));
    let conditions = retry.when(|_: &Failure<&str>| panic!("in the condition"));
    let policy = with(retry).breaker(&breaker).bulkhead(&bulkhead);
    assert!(policy.call(|| Ok::<_, &str>(())).is_ok());
    let policy = Policy::new().timer(time.clone()).retry(conditions);
    let policy = policy.breaker(&breaker).bulkhead(&bulkhead);
    assert!(panics(|| policy.call(down)));
    assert_eq!(ends(breaker.totals()), [1, 1, 0, 0]);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn a_call_that_is_dropped_while_it_waits_for_its_next_attempt_holds_nothing() {
    let time = ManualSleep::new();
    let (breaker, bulkhead) = (breaker(&time), Bulkhead::new(1));
    let policy = Policy::new()
        .timer(time.clone())
        .retry(Retry::fixed(secs(1)).exactly())
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
fn a_call_that_is_dropped_during_an_attempt_is_cancelled_and_not_tried_again() {
    let time = ManualSleep::new();
    let (breaker, budget) = (breaker(&time), budget());
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
