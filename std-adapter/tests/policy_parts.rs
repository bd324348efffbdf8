//! What the parts of a policy may be, what their types are called, and where its calls may run.
#![cfg(feature = "policy")]

mod support;

use core::error::Error;
use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use cutout::parts::{FallBackAsync, NoPart, Value, With, WithAsync};
use cutout::{
    AttemptError, Breaker, Bulkhead, CircuitBreaker, Config, Fallback, ManualTimer, Policy,
    PolicyError, Rate, Retry, RetryBudget, StopReason,
};
use support::{ends, ms};

type BoxError = Box<dyn Error + Send + Sync>;

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

/// Spawns it on another thread, and waits for what it returns.
fn spawned<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(|| pollster::block_on(call)).join().unwrap()
}

#[test]
fn a_policy_may_own_its_parts() {
    let breaker = CircuitBreaker::new(Config::new().consecutive_failures(1));
    let budget = RetryBudget::new(Rate::percent(0), 0);
    let policy = Policy::new()
        .retry(Retry::fixed(Duration::ZERO).budget(budget))
        .breaker(breaker)
        .bulkhead(Bulkhead::new(1));
    assert_eq!(policy.call(fine), Ok(1));
    let error = policy.call(|| Err::<u32, _>("down")).unwrap_err();
    assert_eq!((error.attempts, error.gave_up), (1, Some(StopReason::Budget)));
    let refused = policy.call(fine).unwrap_err();
    assert!(
        matches!(refused.failure, AttemptError::Rejected(_)),
        "each call has met the same breaker"
    );
    let shown = format!("{policy:?}");
    assert!(shown.contains("breaker: CircuitBreaker") && shown.contains("bulkhead: Bulkhead"));
    assert!(shown.contains("budget: 0 %"), "{shown}");
}

#[cfg(feature = "rate-limit")]
#[test]
fn a_policy_may_own_its_rate_limit() {
    use cutout::{RateLimit, RateLimitConfig};
    let limit = RateLimit::new(RateLimitConfig::new(1, Duration::from_secs(60)));
    let policy = Policy::new().rate_limit(limit);
    assert_eq!(policy.call(fine), Ok(1));
    assert!(matches!(policy.call(fine).unwrap_err().failure, AttemptError::RateLimited(_)));
    assert_eq!(format!("{policy:?}"), "Policy { rate_limit: 1 per 60s, 1 at once }");
}

#[test]
fn a_call_through_owned_parts_may_be_spawned() {
    let policy = Policy::new()
        .timer(ManualTimer::new())
        .retry(Retry::fixed(ms(1)).budget(RetryBudget::new(Rate::percent(10), 1)))
        .breaker(CircuitBreaker::new(Config::new()))
        .bulkhead(Bulkhead::new(1));
    assert_eq!(spawned(async move { policy.call_async(async || fine()).await }), Ok(1));
}

#[test]
fn a_breaker_may_be_any_breaker() {
    let time = ManualTimer::new();
    let config = Config::new().consecutive_failures(1);
    let on_manual = Arc::new(CircuitBreaker::with_clock(config, time.clone()));
    let on_system = Arc::new(CircuitBreaker::new(config));
    let any: [Arc<dyn Breaker + Send + Sync>; 2] = [on_manual.clone(), on_system.clone()];
    for breaker in &any {
        let policy = Policy::new().timer(time.clone()).breaker(Arc::clone(breaker));
        assert_eq!(policy.call(fine), Ok(1));
        let down = policy.clone();
        let call = async move { down.call_async(async || Err::<u32, _>("down")).await };
        assert_eq!(spawned(call).unwrap_err().failure, AttemptError::Inner("down"));
        assert!(matches!(policy.call(fine).unwrap_err().failure, AttemptError::Rejected(_)));
        assert!(format!("{policy:?}").contains("breaker: CircuitBreaker"));
        let by_reference: &dyn Breaker = &**breaker;
        let error = Policy::new().breaker(by_reference).call(fine).unwrap_err();
        assert!(matches!(error.failure, AttemptError::Rejected(_)));
    }
    assert_eq!(ends(on_manual.totals()), [1, 1, 0, 0]);
    assert_eq!(ends(on_system.totals()), [1, 1, 0, 0]);
}

#[test]
fn a_call_that_queues_is_taken_back_from_any_breaker() {
    use cutout::BulkheadConfig;
    let breaker = Arc::new(CircuitBreaker::new(Config::new()));
    let any: Arc<dyn Breaker + Send + Sync> = breaker.clone();
    let config = BulkheadConfig::new(1).queue(1).max_wait(ms(10));
    let (time, bulkhead) = (ManualTimer::new(), Bulkhead::with_config(config));
    let _held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time).breaker(any).bulkhead(&bulkhead);
    assert!(policy.call(fine).is_err());
    assert_eq!(ends(breaker.totals()), [0; 4]);
}

// What they are called.

struct Named {
    value: Policy<Fallback<Value<u32>>>,
    with: Policy<Fallback<With<Now>>>,
    later: Policy<Fallback<WithAsync<Soon, Later>>>,
    none: Policy<NoPart>,
}

type Now = fn(PolicyError<BoxError>) -> Answer;
type Soon = fn(PolicyError<BoxError>) -> Later;
type Later = core::future::Ready<Answer>;
type Answer = Result<u32, PolicyError<BoxError>>;

#[test]
fn the_types_of_fallbacks_have_names() {
    fn two(_: PolicyError<BoxError>) -> Answer {
        Ok(2)
    }
    fn three(_: PolicyError<BoxError>) -> Later {
        core::future::ready(Ok(3))
    }
    let named = Named {
        value: Policy::new().fallback(Fallback::value(1)),
        with: Policy::new().fallback(Fallback::from_fn(two as Now)),
        later: Policy::new().fallback(Fallback::from_async_fn(three as Soon)),
        none: Policy::new(),
    };
    let down = async || Err::<u32, BoxError>("down".into());
    let answers = spawned(async move {
        [
            named.value.call_async(down).await.ok(),
            named.with.call_async(down).await.ok(),
            named.later.call_async(down).await.ok(),
            named.none.call_async(down).await.ok(),
        ]
    });
    assert_eq!(answers, [Some(1), Some(2), Some(3), None]);
}

#[test]
fn a_policy_whose_fallback_has_no_name_may_be_spawned() {
    fn cached() -> Policy<impl FallBackAsync<u32, BoxError>> {
        Policy::new().fallback(Fallback::from_async_fn(async |_| Ok(2)))
    }
    fn by_closure() -> Policy<impl FallBackAsync<u32, BoxError>> {
        Policy::new().fallback(Fallback::from_fn(|_| Ok(3)).when(|_: &PolicyError<BoxError>| true))
    }
    async fn called<F>(policy: Policy<F>) -> Option<u32>
    where
        F: FallBackAsync<u32, BoxError>,
    {
        policy.call_async(async || Err("down".into())).await.ok()
    }
    fn spawn<F>(policy: Policy<F>) -> Option<u32>
    where
        F: FallBackAsync<u32, BoxError> + Send + Sync + 'static,
    {
        spawned(async move { policy.call_async(async || Err("down".into())).await.ok() })
    }
    assert_eq!((spawn(cached()), spawn(by_closure())), (Some(2), Some(3)));
    assert_eq!((spawned(called(cached())), spawned(called(by_closure()))), (Some(2), Some(3)));
    let policy = cached();
    let call = async move { policy.call_async(async || Err("down".into())).await.ok() };
    assert_eq!(spawned(call), Some(2));
}

#[test]
fn a_fallback_whose_future_stays_on_its_thread_is_one_too() {
    let shared = std::rc::Rc::new(7);
    let local = Fallback::from_async_fn(|_: PolicyError<&str>| {
        let shared = std::rc::Rc::clone(&shared);
        async move {
            core::future::ready(()).await;
            Ok(*shared)
        }
    });
    let policy = Policy::new().fallback(local);
    let page = pollster::block_on(policy.call_async(async || Err::<i32, _>("down")));
    assert_eq!(page, Ok(7));
}
