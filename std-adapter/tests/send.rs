//! Calls may run on any executor, and breakers may be shared by it.

use core::future::{Future, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use cutout::{CircuitBreaker, Config, OwnedPermit};

static SHARED: CircuitBreaker = CircuitBreaker::new(Config::new());

#[test]
fn a_call_on_a_static_or_an_arc_may_be_spawned() {
    fn spawnable<F: Future + Send + 'static>(future: F) -> F {
        future
    }
    let owned = Arc::new(CircuitBreaker::new(Config::new()));
    let mut context = Context::from_waker(Waker::noop());

    let on_static = spawnable(SHARED.call_async(ready(Ok::<_, ()>(1))));
    assert_eq!(pin!(on_static).poll(&mut context), Poll::Ready(Ok(1)));

    let shared = Arc::clone(&owned);
    let on_arc = spawnable(async move { shared.call_async(ready(Ok::<_, ()>(2))).await });
    assert_eq!(pin!(on_arc).poll(&mut context), Poll::Ready(Ok(2)));
    assert_eq!(owned.totals().successes, 1);
}

#[test]
fn everything_may_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync + Unpin>() {}
    is_shared::<CircuitBreaker>();
    is_shared::<OwnedPermit>();
}
