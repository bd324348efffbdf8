//! Retries of what was refused: none, unless the refusal is waited out.
#![cfg(feature = "policy")]

mod support;

use core::cell::RefCell;
use core::future::{Future, ready};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use cutout::{
    AsyncTimer, AttemptError, BlockingTimer, Bulkhead, CircuitBreaker, Clock, Config, Instant,
    ManualTimer, Outcome, Policy, PolicyError, Rate, Refused, RejectReason, Retried, Retry,
    RetryBudget, Retrying, SlowStart, State, StopReason,
};
use support::{about_to_try, breaker, drive, ms, opened, poll, secs};

type Error = PolicyError<&'static str>;

fn down() -> Result<u32, &'static str> {
    Err("down")
}

/// A budget with nothing but what calls bring in: one retry for each call.
fn budget() -> RetryBudget {
    RetryBudget::new(Rate::percent(100), 0)
}

#[test]
fn a_refused_call_is_not_retried_and_spends_no_budget() {
    let time = ManualTimer::new();
    let (breaker, budget) = (opened(&time), budget());
    budget.record_call();
    let retry = Retry::fixed(ms(1)).max_attempts(9).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let before = time.now();
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert!(matches!(error.failure, AttemptError::Rejected(_)));
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    assert_eq!(budget.saved(), 1, "nothing spent, and nothing brought in");
    assert_eq!((time.now(), breaker.totals().rejected), (before, 2));
}

#[test]
fn a_refused_retry_is_free_and_keeps_the_last_error() {
    for asynchronous in [false, true] {
        let time = ManualTimer::new();
        let (breaker, budget) = (breaker(&time), budget());
        for _ in 0..5 {
            budget.record_call();
        }
        let retry = Retry::fixed(ms(1)).max_attempts(9).budget(&budget);
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        let result = if asynchronous {
            drive(&time, policy.call_async(|| ready(down())))
        } else {
            policy.call(down)
        };
        let error = result.unwrap_err();
        assert_eq!(error.failure, AttemptError::Inner("down"), "the second opened the circuit");
        assert_eq!((error.attempts, error.gave_up), (2, Some(StopReason::Refused)));
        let Some(Refused::Rejected(rejected)) = error.refused() else { panic!("{error:?}") };
        assert_eq!(rejected.reason(), RejectReason::Open);
        assert_eq!(budget.saved(), 5, "six brought in, one paid: the third attempt did not begin");
        let said = error.to_string();
        assert!(said.starts_with("down (2 attempts; the next was refused: the circuit is open"));
    }
}

#[test]
fn an_open_circuit_is_waited_out_only_if_asked() {
    type Way = fn(Duration) -> (Result<u32, Error>, State, Instant);
    let ways: [Way; 2] = [
        |limit| {
            let time = ManualTimer::new();
            let breaker = opened(&time);
            let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(limit);
            let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
            (policy.call(|| Ok(1)), breaker.state(), time.now())
        },
        |limit| {
            let time = ManualTimer::new();
            let breaker = opened(&time);
            let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(limit);
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
        assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::RetryAfter)));
        assert_eq!(error.refused().unwrap().retry_after(), Some(secs(10)));
        assert_eq!((state, now), (State::Open, Instant::ORIGIN), "it does not wait for nothing");
    }
}

#[test]
fn a_wait_for_the_break_is_free_and_its_jitter_bounded() {
    for seed in 0..100 {
        let time = ManualTimer::new();
        let (breaker, empty) = (opened(&time), RetryBudget::new(Rate::percent(0), 0));
        let retry = Retry::fixed(secs(30)).wait_for_retry_after(secs(11)).budget(&empty).seed(seed);
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        assert_eq!(policy.call(|| Ok::<_, &str>(1)), Ok(1));
        assert!((secs(10)..=secs(11)).contains(&time.now().saturating_since(Instant::ORIGIN)));
    }
}

#[test]
fn the_limit_holds_for_all_waits_of_a_call_together() {
    let time = ManualTimer::new();
    let breaker = opened(&time);
    let retry = Retry::fixed(Duration::ZERO).max_attempts(9).wait_for_retry_after(secs(15));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    // The trial after the first break fails, and the circuit reopens for ten seconds more.
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::RetryAfter)));
    assert_eq!(time.now(), Instant::from_nanos(10_000_000_000));
}

#[test]
fn waiting_out_keeps_to_the_deadline_and_uses_up_no_attempts() {
    let time = ManualTimer::new();
    let breaker = opened(&time);
    let retry = Retry::fixed(Duration::ZERO).wait_for_retry_after(secs(60));
    let with = |retry| Policy::new().timer(time.clone()).retry(retry).breaker(&breaker).call(down);
    assert_eq!(with(retry.deadline(secs(9))).unwrap_err().gave_up, Some(StopReason::Deadline));
    assert_eq!(time.now(), Instant::ORIGIN);
    for one in [0, 1] {
        let error = with(retry.max_attempts(one)).unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::Attempts)));
    }
    assert_eq!(time.now(), Instant::from_nanos(20_000_000_000), "both waited for the break");
}

#[test]
fn only_attempts_that_ran_count_towards_their_number() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let trial = RefCell::new(breaker.try_acquire().ok());
    let refusals = RefCell::new(0);
    // The trial of another goes on for seven refusals; then it succeeds.
    let retry = Retry::fixed(ms(1))
        .without_jitter()
        .max_attempts(2)
        .wait_for_retry_after(secs(60))
        .on_retry(|_: &Retrying<'_, u32, &str>| {
            *refusals.borrow_mut() += 1;
            if *refusals.borrow() == 7 {
                trial.take().unwrap().settle(Outcome::Success);
            }
        });
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let error = policy.call(down).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (2, Some(StopReason::Attempts)));
    assert_eq!(*refusals.borrow(), 8, "seven refusals, and a failure between two attempts");
}

#[test]
fn all_waiters_for_a_break_succeed_with_default_attempts() {
    for retry in [
        Retry::fixed(Duration::ZERO),
        Retry::fixed(ms(50)).without_jitter(),
        Retry::linear(ms(5)),
        Retry::exponential(ms(50)),
    ] {
        let time = ManualTimer::new();
        let breaker = opened(&time); // one trial at a time closes it
        let retry = retry.wait_for_retry_after(secs(60));
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        let work = time.clone();
        let answer = || {
            let work = work.sleep(ms(500));
            async move {
                work.await;
                Ok::<_, &str>(1)
            }
        };
        let calls: Vec<_> = (0..6).map(|_| Box::pin(policy.call_async(answer))).collect();
        assert_eq!(together(&time, calls), [Ok(1); 6], "{retry:?}");
        let refused = breaker.totals().rejected;
        assert!(refused <= 6 + 5 * 20, "{refused} refusals of six calls with {retry:?}");
    }
}

/// The results of calls that wait at the same time, in their order.
fn together<F: Future>(time: &ManualTimer, mut calls: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut results: Vec<_> = calls.iter().map(|_| None).collect();
    loop {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none() {
                if let Poll::Ready(output) = poll(call.as_mut()) {
                    *result = Some(output);
                }
            }
        }
        match time.next() {
            Some(next) => time.advance(next),
            None => return results.into_iter().map(Option::unwrap).collect(),
        }
    }
}

#[test]
fn waits_for_refusals_without_a_time_double() {
    // What is waited for with no delay, up to the limit: 1, 2, 4, 8 ms and so on.
    let growing: Vec<u64> = (0..10).map(|refusal| 1 << refusal).collect();
    let retries = [
        (Retry::fixed(Duration::ZERO), growing.clone()),
        (Retry::linear(Duration::ZERO), growing.clone()),
        (Retry::exponential(Duration::ZERO), growing.clone()),
        (Retry::custom(|_| Duration::ZERO), growing),
        (Retry::fixed(ms(5)), vec![5, 5, 5, 8, 16, 32, 64, 128, 256, 504]),
        (Retry::linear(ms(3)), vec![3, 6, 9, 12, 16, 32, 64, 128, 256, 497]),
        (Retry::exponential(ms(3)), vec![3, 6, 12, 24, 48, 96, 192, 384, 258]),
        (Retry::fixed(ms(1)).max_delay(ms(300)), vec![1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 212]),
        (Retry::fixed(ms(7)).max_delay(Duration::ZERO), vec![1; 1_023]),
    ];
    for (retry, expected) in retries {
        let time = ManualTimer::new();
        let breaker = about_to_try(&time);
        let _trial = breaker.try_acquire().unwrap();
        let waits = RefCell::new(Vec::new());
        let shown = format!("{retry:?}");
        let retry = retry.without_jitter().wait_for_retry_after(ms(1_023)).on_retry(
            |next: &Retrying<'_, u32, &str>| {
                assert!(!next.delay.is_zero(), "{shown} asks in a loop");
                waits.borrow_mut().push(u64::try_from(next.delay.as_millis()).unwrap());
            },
        );
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        for result in both!(time, policy, down) {
            let error = result.unwrap_err();
            assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::WaitOut)));
        }
        assert_eq!(waits.take(), [&expected[..]; 2].concat(), "{shown}");
    }
}

#[test]
fn a_call_is_refused_few_times_in_waits_without_a_time() {
    for seed in 0..200 {
        for retry in [Retry::fixed(Duration::ZERO), Retry::linear(Duration::from_nanos(1))] {
            let time = ManualTimer::new();
            let breaker = about_to_try(&time);
            let _trial = breaker.try_acquire().unwrap();
            let retry = retry.seed(seed).wait_for_retry_after(secs(10));
            let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
            let before = (time.now(), breaker.totals().rejected);
            assert!(policy.call(down).is_err());
            assert_eq!(time.now().saturating_since(before.0), secs(10));
            let refused = breaker.totals().rejected - before.1;
            assert!(refused <= 40, "{refused} refusals in ten seconds with seed {seed}");
        }
    }
}

#[test]
fn errors_name_the_wait_and_its_end() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let retry = Retry::fixed(ms(1)).wait_for_retry_after(secs(2));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let trial = breaker.try_acquire().unwrap();
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::WaitOut)));
        assert_eq!(
            error.to_string(),
            "refused: the circuit is half-open and its trials are taken \
             (0 attempts; the time to wait out refusals is used up)"
        );
    }
    trial.settle(Outcome::Failure);
    // Half of the limit is over when it is asked to wait for ten seconds.
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::RetryAfter)));
        assert_eq!(
            error.to_string(),
            "refused: the circuit is open, retry after 10s \
             (0 attempts; the wait that was asked for is too long)"
        );
    }
}

#[test]
fn a_refusal_without_a_time_waits_the_ordinary_delay() {
    let time = ManualTimer::new();
    let breaker = about_to_try(&time);
    let trial = breaker.try_acquire().unwrap();
    let retry = Retry::linear(ms(7)).without_jitter().wait_for_retry_after(ms(7 + 14 + 21));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        let Some(Refused::Rejected(rejected)) = error.refused() else { panic!("{error:?}") };
        assert_eq!(rejected.reason(), RejectReason::HalfOpenFull);
        assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::WaitOut)));
    }
    assert_eq!(time.now(), Instant::from_nanos(10_000_000_000 + 2 * (7 + 14 + 21) * 1_000_000));
    trial.settle(Outcome::Success);
}

#[test]
fn a_refusal_without_a_time_waits_up_to_the_limit() {
    for delay in [Duration::ZERO, ms(1), ms(300), secs(9)] {
        let time = ManualTimer::new();
        let breaker = about_to_try(&time);
        let _trial = breaker.try_acquire().unwrap();
        let retry = Retry::fixed(delay).wait_for_retry_after(secs(2));
        let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
        let before = time.now();
        for result in both!(time, policy, down) {
            let error = result.unwrap_err();
            assert_eq!(
                (error.attempts, error.gave_up),
                (0, Some(StopReason::WaitOut)),
                "{delay:?}"
            );
        }
        assert_eq!(time.now().saturating_since(before), secs(4), "{delay:?}");
    }
}

#[test]
fn a_circuit_that_is_forced_open_is_not_waited_for() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    breaker.force_open();
    let retry = Retry::fixed(ms(1)).wait_for_retry_after(Duration::MAX);
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    assert_eq!(time.now(), Instant::ORIGIN);
}

#[test]
fn all_callers_of_a_dependency_that_is_well_again_are_answered() {
    let time = ManualTimer::new();
    let config = Config::new().consecutive_failures(1).break_duration(secs(1)).trials(3);
    let slow_start = SlowStart::in_stages_of(secs(1));
    let breaker = Arc::new(CircuitBreaker::with_clock(config.slow_start(slow_start), time.clone()));
    support::fail(&breaker);
    let retry = Retry::exponential(ms(50)).max_delay(ms(500)).wait_for_retry_after(secs(60));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(Arc::clone(&breaker));
    let work = time.clone();
    let answer = || {
        let work = work.sleep(ms(100));
        async move {
            work.await;
            Ok::<_, &str>(1)
        }
    };
    let calls: Vec<_> = (0..50).map(|_| Box::pin(policy.call_async(answer))).collect();
    assert_eq!(together(&time, calls), [Ok(1); 50]);
    assert!(time.now() < Instant::from_nanos(60_000_000_000));
}

#[test]
fn what_the_bulkhead_refused_is_not_tried_again() {
    let time = ManualTimer::new();
    let (bulkhead, budget) = (Bulkhead::new(1), budget());
    let _held = bulkhead.try_acquire().unwrap();
    let retry =
        Retry::fixed(ms(1)).max_attempts(9).wait_for_retry_after(Duration::MAX).budget(&budget);
    let policy = Policy::new().timer(time.clone()).retry(retry).bulkhead(&bulkhead);
    for result in both!(time, policy, down) {
        let error = result.unwrap_err();
        assert!(matches!(error.failure, AttemptError::BulkheadRejected(_)));
        assert_eq!((error.attempts, error.gave_up), (0, None));
    }
    assert_eq!(bulkhead.rejected(), 2);
}

#[test]
fn refusals_that_together_exceed_the_limit_end_the_wait() {
    let time = ManualTimer::new();
    let breaker = opened(&time);
    // Half of the limit each, and a nanosecond: whoever opens it again while the call waits.
    let retry = Retry::fixed(Duration::ZERO).max_attempts(9);
    for (limit, waits) in [(secs(20), 2), (secs(20) - Duration::from_nanos(1), 1)] {
        breaker.reset();
        breaker.open_for(secs(10));
        let timer = Reopens { time: time.clone(), breaker: &breaker };
        let policy =
            Policy::new().timer(timer).retry(retry.wait_for_retry_after(limit)).breaker(&breaker);
        let before = time.now();
        let error = policy.call(down).unwrap_err();
        assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::RetryAfter)));
        assert_eq!(time.now().saturating_since(before), waits * secs(10));
    }
}

/// Each wait ends with the circuit open for ten seconds more.
struct Reopens<'a> {
    time: ManualTimer,
    breaker: &'a support::Breaker,
}

impl Clock for Reopens<'_> {
    fn now(&self) -> Instant {
        self.time.now()
    }
}

impl BlockingTimer for Reopens<'_> {
    fn pause(&self, duration: Duration) {
        self.time.pause(duration);
        self.breaker.reset();
        self.breaker.open_for(secs(10));
    }
}

#[test]
fn limit_and_bulkhead_refusals_are_free_and_keep_the_error() {
    let time = ManualTimer::new();
    let (bulkhead, budget) = (Arc::new(Bulkhead::new(1)), budget());
    for _ in 0..5 {
        budget.record_call();
    }
    let held = RefCell::new(None);
    let retry = Retry::fixed(ms(1))
        .budget(&budget)
        .on_retry(|_: &Retrying<'_, u32, &str>| *held.borrow_mut() = bulkhead.try_acquire().ok());
    let policy = Policy::new().timer(time.clone()).retry(retry).bulkhead(&*bulkhead);
    for _ in 0..2 {
        held.take();
        let error = policy.call(down).unwrap_err();
        assert_eq!(
            (error.failure, error.gave_up),
            (AttemptError::Inner("down"), Some(StopReason::Refused))
        );
        assert!(matches!(error.refused(), Some(Refused::BulkheadRejected(_))));
    }
    assert_eq!(budget.saved(), 7);
}

#[cfg(feature = "rate-limit")]
#[test]
fn a_retry_over_the_rate_spends_no_part_of_the_budget() {
    let time = ManualTimer::new();
    let config = cutout::RateLimitConfig::new(1, secs(60)).burst(1);
    for (budget, saved) in [
        (RetryBudget::with_clock(Rate::percent(100), 0, time.clone()), 1),
        (RetryBudget::with_clock(Rate::percent(0), 1, time.clone()), 0),
    ] {
        let limit = cutout::RateLimit::with_clock(config, time.clone());
        let retry = Retry::fixed(Duration::ZERO).budget(&budget);
        let policy = Policy::new().timer(time.clone()).retry(retry).rate_limit(&limit);
        let error = policy.call(down).unwrap_err();
        assert_eq!((error.failure, error.attempts), (AttemptError::Inner("down"), 1));
        assert!(matches!(error.refused(), Some(Refused::RateLimited(_))));
        assert_eq!(budget.saved(), saved);
        assert!(budget.try_spend(), "it has one");
        assert!(!budget.try_spend(), "and no more");
    }
}

#[test]
fn a_value_is_returned_if_the_retry_of_it_is_refused() {
    let time = ManualTimer::new();
    let config = Config::new().consecutive_failures(1).break_duration(secs(10));
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let ends = RefCell::new(Vec::new());
    let retry = Retry::fixed(ms(1)).at_end(|end: &Retried<'_, u16, &str>| {
        ends.borrow_mut().push((end.attempts, end.failed, end.gave_up, end.refused.is_some()));
    });
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let judge = |_: &Result<u16, &str>| Outcome::Failure;
    assert_eq!(policy.call_with(|| Ok(503), judge), Ok(503));
    breaker.reset();
    let call = policy.call_async_with(|| ready(Ok::<_, &str>(503)), judge);
    assert_eq!(drive(&time, call), Ok(503));
    assert_eq!(*ends.borrow(), [(1, true, Some(StopReason::Refused), true); 2]);
}

#[test]
fn a_retry_refused_and_waited_out_is_paid_for_once() {
    let time = ManualTimer::new();
    let (breaker, budget) = (breaker(&time), budget());
    for _ in 0..5 {
        budget.record_call();
    }
    // The second failure opens the circuit for ten seconds; the third attempt is the trial.
    let retry =
        Retry::fixed(Duration::ZERO).max_attempts(9).budget(&budget).wait_for_retry_after(secs(10));
    let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
    let mut answers = [Err("down"), Err("down"), Ok(1)].into_iter();
    assert_eq!(policy.call(|| answers.next().unwrap()), Ok(1));
    assert_eq!(budget.saved(), 4, "six brought in, two retries were made");
}

/// A clock whose coarse reading is that of the last tick of four milliseconds, as a system's is.
#[derive(Clone)]
struct Ticking(ManualTimer);

impl Clock for Ticking {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn now_coarse(&self) -> Instant {
        let now = self.0.now().as_nanos();
        Instant::from_nanos(now - now % 4_000_000)
    }

    fn resolution(&self) -> Duration {
        ms(4)
    }
}

#[test]
fn an_open_circuit_is_waited_out_once_on_a_clock_that_ticks() {
    for start in [1, 999_999, 3_999_999, 4_000_000, 17_123_457] {
        for delay in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(100)] {
            let time = ManualTimer::new();
            time.advance(Duration::from_nanos(start));
            let config = Config::new().consecutive_failures(1).break_duration(secs(1)).trials(1);
            let breaker = CircuitBreaker::with_clock(config, Ticking(time.clone()));
            support::fail(&breaker);
            time.advance(ms(300));
            let retry = Retry::fixed(delay).max_attempts(2).wait_for_retry_after(secs(10));
            let policy = Policy::new().timer(time.clone()).retry(retry).breaker(&breaker);
            assert_eq!(policy.call(|| Ok::<_, &str>(1)), Ok(1), "{start} {delay:?}");
        }
    }
}
