//! The rate limit: so many calls in a span of time, and when the next may come.
#![cfg(feature = "rate-limit")]

mod support;

use core::future::ready;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use cutout::{
    AttemptError, Bulkhead, BulkheadConfig, Clock, Fallback, Instant, ManualClock, ManualTimer,
    Policy, PolicyError, RateLimit, RateLimitConfig, RateLimitConfigError, Refused, Retry, State,
    StopReason,
};
use support::{about_to_try, breaker, drive, ends, ms, panics, poll, secs};

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

/// Ten calls in a second, and so many at once.
fn ten_a_second(burst: u32, time: &ManualTimer) -> RateLimit<ManualTimer> {
    let config = RateLimitConfig::new(10, secs(1)).burst(burst);
    RateLimit::with_clock(config, time.clone())
}

#[test]
fn so_many_pass_at_once_and_then_one_in_each_interval() {
    let time = ManualTimer::new();
    let limit = ten_a_second(3, &time);
    let passing = || (0..100).filter(|_| limit.check().is_ok()).count();
    assert_eq!(passing(), 3);
    time.advance(ms(99));
    assert_eq!(passing(), 0);
    time.advance(ms(1));
    assert_eq!(passing(), 1);
    time.advance(secs(3_600));
    assert_eq!(passing(), 3, "what was not used in time is not saved");
}

/// The most that pass in any half-open span of `span`, of calls that come at `times`.
fn most_in(span: Duration, passed: &[Instant]) -> usize {
    let within = |first: &Instant, at: &Instant| at.saturating_since(*first) < span;
    (passed.iter().enumerate())
        .map(|(n, first)| passed[n..].iter().take_while(|at| within(first, at)).count())
        .max()
        .unwrap_or(0)
}

/// When calls pass that come as often as they can for `length`, and not at all for as long in between.
fn passed(config: RateLimitConfig, length: Duration, step: Duration) -> Vec<Instant> {
    let time = ManualTimer::new();
    let limit = RateLimit::with_clock(config, time.clone());
    let mut passed = Vec::new();
    for _ in 0..2 {
        let until = time.now().saturating_add(length);
        while time.now() < until {
            while limit.check().is_ok() {
                passed.push(time.now());
            }
            time.advance(step);
        }
        time.advance(length);
    }
    passed
}

#[test]
fn a_span_sees_the_calls_and_the_burst_less_one_and_no_more() {
    for burst in [1, 2, 5, 10] {
        let config = RateLimitConfig::new(10, secs(1)).burst(burst);
        let most = most_in(secs(1), &passed(config, secs(3), ms(5)));
        assert_eq!(most, 10 + burst as usize - 1, "{burst} at once");
    }
    let unsaid = passed(RateLimitConfig::new(10, secs(1)), secs(3), ms(5));
    assert_eq!(most_in(secs(1), &unsaid), 19, "twice the calls, less one");
    assert_eq!(most_in(secs(2), &unsaid), 29, "and in the long run ten in each second");
    assert_eq!(most_in(ms(1), &unsaid), 10);
}

#[test]
fn a_rate_that_divides_no_second_is_not_exceeded() {
    for calls in [3, 7, 9, 11] {
        let config = RateLimitConfig::new(calls, ms(1)).burst(1);
        let time = ManualTimer::new();
        let limit = RateLimit::with_clock(config, time.clone());
        let mut passed = Vec::new();
        // As soon as each conforms, to the nanosecond.
        while passed.len() < 4 * calls as usize {
            match limit.check() {
                Ok(()) => passed.push(time.now()),
                Err(refused) => time.advance(refused.retry_after()),
            }
        }
        assert_eq!(most_in(ms(1), &passed), calls as usize, "{calls} in a millisecond");
    }
}

#[test]
fn a_refusal_says_its_wait_in_few_digits_and_never_too_short() {
    let limit =
        RateLimit::with_clock(RateLimitConfig::new(15, secs(1)).burst(1), ManualTimer::new());
    assert_eq!(limit.check(), Ok(()));
    let refusal = limit.check().unwrap_err();
    assert!(refusal.retry_after() > ms(66) && refusal.retry_after() < ms(67));
    assert_eq!(refusal.to_string(), "refused: over the rate limit, retry after 67ms");
    assert_eq!(format!("{limit:?}"), "15 per 1s, 1 at once");
}

#[test]
fn a_refusal_says_when_the_next_call_conforms() {
    let time = ManualTimer::new();
    let limit = ten_a_second(1, &time);
    let policy = Policy::new().timer(time.clone()).rate_limit(&limit);
    assert_eq!(policy.call(fine), Ok(1));
    time.advance(ms(30));
    for result in both!(time, policy, fine) {
        let error = result.unwrap_err();
        let Some(Refused::RateLimited(limited)) = error.refused() else { panic!("{error:?}") };
        assert_eq!((limited.retry_after(), error.attempts), (ms(70), 0));
        assert_eq!(error.to_string(), "refused: over the rate limit, retry after 70ms");
    }
    time.advance(ms(70));
    assert_eq!(policy.call(fine), Ok(1));
}

#[test]
fn each_attempt_counts_and_waits_only_if_asked() {
    let time = ManualTimer::new();
    let limit = Arc::new(ten_a_second(1, &time));
    let retry = Retry::fixed(Duration::ZERO).max_attempts(5);
    let policy = |retry| Policy::new().timer(time.clone()).retry(retry).rate_limit(limit.clone());
    let down = || Err::<u32, _>("down");
    let error = policy(retry).call(down).unwrap_err();
    assert_eq!(
        (error.failure, error.gave_up),
        (AttemptError::Inner("down"), Some(StopReason::Refused))
    );
    assert!(matches!(error.refused(), Some(Refused::RateLimited(_))));
    assert_eq!((error.attempts, time.now()), (1, Instant::ORIGIN));

    let error = policy(retry.wait_for_retry_after(secs(1))).call(down).unwrap_err();
    assert_eq!(error.gave_up, Some(StopReason::Attempts));
    assert_eq!((error.attempts, time.now().as_nanos()), (5, 500_000_000));
    let waits = policy(retry.wait_for_retry_after(ms(99)));
    assert_eq!(waits.call(fine).unwrap_err().gave_up, Some(StopReason::RetryAfter));
}

#[test]
fn what_is_over_the_rate_does_not_hold_half_open_nor_a_place() {
    let time = ManualTimer::new();
    let (breaker, bulkhead, limit) =
        (about_to_try(&time), Bulkhead::new(1), ten_a_second(1, &time));
    limit.check().unwrap();
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).rate_limit(&limit);
    for result in both!(time, policy, fine) {
        assert!(matches!(result.unwrap_err().failure, AttemptError::RateLimited(_)));
    }
    assert_eq!((breaker.snapshot().trials_in_flight, bulkhead.in_use()), (0, 0));
    assert_eq!(breaker.totals().ignored, 2);
    time.advance(ms(100));
    assert_eq!(policy.call(fine), Ok(1));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn what_another_part_refused_takes_nothing_from_the_rate() {
    let time = ManualTimer::new();
    let (breaker, bulkhead, limit) = (breaker(&time), Bulkhead::new(1), ten_a_second(1, &time));
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).rate_limit(&limit);
    breaker.force_open();
    assert!(matches!(policy.call(fine).unwrap_err().failure, AttemptError::Rejected(_)));
    breaker.release();
    let held = bulkhead.try_acquire();
    assert!(matches!(policy.call(fine).unwrap_err().failure, AttemptError::BulkheadRejected(_)));
    drop(held);
    assert_eq!(policy.call(fine), Ok(1));
}

#[test]
fn who_waits_for_a_place_keeps_to_the_rate_when_it_has_one() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let bulkhead = Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(secs(60)));
    let (held, limit) = (bulkhead.try_acquire(), ten_a_second(1, &time));
    let policy =
        Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead).rate_limit(&limit);
    let mut waits = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(waits.as_mut()).is_pending());
    limit.check().unwrap();
    drop(held);
    let error = drive(&time, waits).unwrap_err();
    assert!(matches!(error.failure, AttemptError::RateLimited(_)));
    assert_eq!((bulkhead.in_use(), ends(breaker.totals())), (0, [0, 0, 1, 0]));
}

#[test]
fn a_fallback_can_stand_in_for_what_is_over_the_rate() {
    let time = ManualTimer::new();
    let limit = ten_a_second(1, &time);
    limit.check().unwrap();
    let refused =
        |error: &PolicyError<&str>| matches!(error.refused(), Some(Refused::RateLimited(_)));
    let policy = Policy::new()
        .timer(time.clone())
        .fallback(Fallback::value(0).when(refused))
        .rate_limit(&limit);
    assert_eq!(both!(time, policy, fine), [Ok(0); 2]);
    assert_eq!(
        format!("{policy:?}"),
        "Policy { fallback: value, rate_limit: 10 per 1s, 1 at once }"
    );
}

#[test]
fn wrong_settings_are_named() {
    let second = RateLimitConfig::new(1, secs(1));
    let wrong = [
        (RateLimitConfig::new(0, secs(1)), "calls: must be 1 to 100000"),
        (RateLimitConfig::new(100_001, secs(1)).burst(1), "calls: must be 1 to 100000"),
        (RateLimitConfig::new(1, Duration::ZERO), "per: must be 1 ms to 1 day"),
        (RateLimitConfig::new(1, secs(86_401)), "per: must be 1 ms to 1 day"),
        (second.burst(0), "burst: must be 1 to 100000"),
        (second.burst(100_001), "burst: must be 1 to 100000"),
    ];
    for (config, message) in wrong {
        assert_eq!(RateLimit::try_new(config).unwrap_err().to_string(), message);
        assert!(panics(|| RateLimit::new(config)));
    }
    assert_eq!(RateLimit::try_new(second.burst(0)).unwrap_err(), RateLimitConfigError::Burst);
}

#[test]
fn the_widest_settings_and_the_last_instants_overflow_nothing() {
    let clock = ManualClock::new();
    for per in [ms(1), secs(86_400)] {
        for calls in [1, 100_000] {
            for burst in [1, 100_000] {
                let config = RateLimitConfig::new(calls, per).burst(burst);
                let limit = RateLimit::with_clock(config, &clock);
                let admitted = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX, 0].map(|now| {
                    clock.set(Instant::from_nanos(now));
                    (0..burst + 2).filter(|_| limit.check().is_ok()).count()
                });
                let all = burst as usize;
                let told = format!("{calls} per {per:?}, {burst} at once: {admitted:?}");
                assert_eq!(admitted[..3], [all, 0, all], "a nanosecond saves nothing; {told}");
                assert!(admitted[3..5].iter().all(|admitted| *admitted <= all), "{told}");
                assert_eq!(admitted[5], 0, "a clock that is set back saves nothing; {told}");
            }
        }
    }
}
