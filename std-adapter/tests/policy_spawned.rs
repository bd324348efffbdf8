//! Calls through a policy with closures may be spawned, also where the error of the call is a
//! `Box<dyn Error>`, in which a lifetime hides.

#![cfg(feature = "policy")]

use core::error::Error;
use core::future::ready;
use core::time::Duration;

use cutout::{
    AttemptError, Bulkhead, CircuitBreaker, Config, Fallback, ManualTimer, Outcome, Policy,
    PolicyError, Retry, Retrying,
};

type BoxError = Box<dyn Error + Send + Sync>;

const CACHED: &str = "from the cache";

static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
static BULKHEAD: Bulkhead = Bulkhead::new(8);

async fn down() -> Result<String, BoxError> {
    Err("down".into())
}

/// Spawns it on another thread, and waits for what it returns.
fn spawned<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(|| pollster::block_on(call)).join().unwrap()
}

#[test]
fn with_a_fallback_that_is_a_closure() {
    let page = spawned(async {
        let policy = Policy::new().fallback(Fallback::from_fn(|_| Ok(CACHED.to_owned())));
        policy.call_async(down).await
    });
    assert_eq!(page.unwrap(), CACHED);
}

#[test]
fn with_a_fallback_that_is_a_future() {
    let page = spawned(async {
        let policy =
            Policy::new().fallback(Fallback::from_async_fn(async |_| Ok(CACHED.to_owned())));
        policy.call_async(down).await
    });
    assert_eq!(page.unwrap(), CACHED);
}

#[test]
fn with_a_fallback_that_has_conditions() {
    let page = spawned(async {
        let policy = Policy::new().fallback(
            Fallback::value(CACHED.to_owned())
                .when(|error: &PolicyError<BoxError>| error.refused().is_none())
                .also_replace(String::is_empty),
        );
        policy.call_async(down).await
    });
    assert_eq!(page.unwrap(), CACHED);
}

#[test]
fn with_retries_that_have_conditions() {
    let page = spawned(async {
        let policy = Policy::new().timer(ManualTimer::new()).retry(
            Retry::fixed(Duration::ZERO)
                .max_attempts(2)
                .when(|failure: &AttemptError<BoxError>| failure.refused().is_none())
                .on_retry(|_: &Retrying<'_, String, BoxError>| ()),
        );
        policy.call_async(down).await
    });
    assert_eq!(page.unwrap_err().attempts, 2);
}

#[test]
fn with_all_parts_and_a_classifier() {
    let page = spawned(async {
        let policy = Policy::new()
            .timer(ManualTimer::new())
            .fallback(Fallback::from_fn(|_| Ok(CACHED.to_owned())))
            .retry(Retry::fixed(Duration::ZERO).max_attempts(2))
            .breaker(&BREAKER)
            .bulkhead(&BULKHEAD)
            .timeout(Duration::from_secs(1));
        let judge = |_: &Result<String, BoxError>| Outcome::Ignored;
        policy.call_async_with(|| ready(Err("down".into())), judge).await
    });
    assert_eq!(page.unwrap(), CACHED);
    assert_eq!(BREAKER.totals().ignored, 1);
}
