//! Retries of what was refused: none, unless the refusal is waited out.
#![cfg(feature = "policy")]

mod by_hand;

use core::future::ready;
use core::time::Duration;

use by_hand::{about_to_try, breaker, drive, ms, opened, secs};
use cutout::{
    Bulkhead, Clock, Failure, GaveUp, Instant, ManualSleep, Outcome, Policy, PolicyError, Rate,
    Refused, RejectReason, Retry, RetryBudget, State,
};

type Error = PolicyError<&'static str>;

fn down() -> Result<u32, &'static str> {
    Err("down")
}

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
