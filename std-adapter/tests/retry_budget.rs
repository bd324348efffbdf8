//! The retry budget: what retries may cost all calls together.
#![cfg(feature = "policy")]

mod support;

use core::cell::Cell;
use core::time::Duration;
use std::sync::Arc;

use cutout::{Instant, ManualTimer, Policy, Rate, Retry, RetryBudget, StopReason};
use support::secs;

fn down() -> Result<u32, &'static str> {
    Err("down")
}

#[test]
fn a_retry_storm_grows_by_the_share_and_the_minimum() {
    let time = ManualTimer::new();
    let budget = RetryBudget::with_clock(Rate::percent(20), 3, time.clone());
    let retry = Retry::fixed(Duration::ZERO).max_attempts(100).budget(&budget);
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
            assert_eq!(error.gave_up, Some(StopReason::Budget));
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
    let time = ManualTimer::new();
    let budget = RetryBudget::with_clock(Rate::percent(50), 0, time.clone()).burst(7);
    let retry = Retry::fixed(Duration::ZERO).max_attempts(100).budget(&budget);
    let policy = Policy::new().timer(time).retry(retry);
    for _ in 0..1_000 {
        assert_eq!(policy.call(|| Ok::<_, &str>(1)), Ok(1));
    }
    assert_eq!(budget.saved(), 7);
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1 + 7, Some(StopReason::Budget)));
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
    let time = ManualTimer::new();
    let budget = Arc::new(RetryBudget::new(Rate::percent(0), 0));
    let shared = Arc::clone(&budget);
    let policy = |up_to| {
        let retry = Retry::fixed(Duration::ZERO).max_attempts(up_to).budget(Arc::clone(&shared));
        Policy::new().timer(time.clone()).retry(retry)
    };
    let two = policy(2).call(down).unwrap_err();
    let nine = policy(9).call(down).unwrap_err();
    assert_eq!([two.gave_up, nine.gave_up], [Some(StopReason::Budget); 2]);
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
fn the_minimum_rate_is_exact_across_a_clock_set_back() {
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
