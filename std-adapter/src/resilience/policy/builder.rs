//! How a policy is put together, and how it shows itself.

use core::fmt;

use super::Policy;
use super::parts::{Admit, Conform, Enter, NoPart, Show};
use crate::resilience::fallback::Fallback;
use crate::resilience::retry::Retry;
use crate::resilience::timeout::{Limit, Timeout};
use crate::timer::ThreadTimer;

/// # Putting together
impl Policy {
    /// A policy without any part, for blocking code: its timer is [`ThreadTimer`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            fallback: NoPart,
            retry: NoPart,
            breaker: NoPart,
            bulkhead: NoPart,
            rate_limit: NoPart,
            timeout: NoPart,
            timer: ThreadTimer,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, B, K, L, T, S> Policy<NoPart, R, B, K, L, T, S> {
    /// What stands in for calls that fail.
    #[must_use]
    pub fn fallback<A, P, U>(
        self,
        fallback: Fallback<A, P, U>,
    ) -> Policy<Fallback<A, P, U>, R, B, K, L, T, S> {
        let Self { retry, breaker, bulkhead, rate_limit, timeout, timer, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

impl<F, B, K, L, T, S> Policy<F, NoPart, B, K, L, T, S> {
    /// Which calls are tried again, how often, and when.
    #[must_use]
    #[allow(clippy::type_complexity)] // it names the parts, as the type of a policy does
    pub fn retry<W, N, G, A>(
        self,
        retry: Retry<W, N, G, A>,
    ) -> Policy<F, Retry<W, N, G, A>, B, K, L, T, S> {
        let Self { fallback, breaker, bulkhead, rate_limit, timeout, timer, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

impl<F, R, K, L, T, S> Policy<F, R, NoPart, K, L, T, S> {
    /// The breaker that admits each attempt: a [`CircuitBreaker`](crate::CircuitBreaker) of the
    /// policy's own, a reference, an [`Arc`](std::sync::Arc), or whatever else dereferences to one
    /// or to a `dyn` [`Breaker`](crate::Breaker).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cutout::{Breaker, CircuitBreaker, Config, Policy};
    ///
    /// let own = Policy::new().breaker(CircuitBreaker::new(Config::new()));
    /// assert_eq!(own.call(|| Ok::<_, ()>("page")), Ok("page"));
    ///
    /// let any: Arc<dyn Breaker + Send + Sync> = Arc::new(CircuitBreaker::new(Config::new()));
    /// assert_eq!(Policy::new().breaker(any).call(|| Ok::<_, ()>("page")), Ok("page"));
    /// ```
    #[must_use]
    pub fn breaker<B: Admit>(self, breaker: B) -> Policy<F, R, B, K, L, T, S> {
        let Self { fallback, retry, bulkhead, rate_limit, timeout, timer, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

impl<F, R, B, L, T, S> Policy<F, R, B, NoPart, L, T, S> {
    /// The bulkhead that each attempt needs a place in: a [`Bulkhead`](crate::Bulkhead) of the
    /// policy's own, a reference, an [`Arc`](std::sync::Arc), or whatever else dereferences to one.
    ///
    /// Give each host a bulkhead of its own, as it has a breaker of its own: calls that hang at one
    /// host take all places of a bulkhead that they share with others.
    #[must_use]
    pub fn bulkhead<K: Enter>(self, bulkhead: K) -> Policy<F, R, B, K, L, T, S> {
        let Self { fallback, retry, breaker, rate_limit, timeout, timer, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

#[cfg(feature = "rate-limit")]
impl<F, R, B, K, T, S> Policy<F, R, B, K, NoPart, T, S> {
    /// The rate that all attempts together keep to: a [`RateLimit`](crate::RateLimit) of the
    /// policy's own, a reference, an [`Arc`](std::sync::Arc), or whatever else dereferences to one.
    #[must_use]
    pub fn rate_limit<L: Conform>(self, rate_limit: L) -> Policy<F, R, B, K, L, T, S> {
        let Self { fallback, retry, breaker, bulkhead, timeout, timer, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

impl<F, R, B, K, L, S> Policy<F, R, B, K, L, NoPart, S> {
    /// How long each attempt may take.
    ///
    /// An asynchronous call is polled first, and its time runs from when it first has to wait: one
    /// that does not wait starts no timer. When its time is over, it is dropped. A blocking call is
    /// told the limit, by [`call_within`](Self::call_within).
    #[must_use]
    pub fn timeout<T: Limit>(self, limit: T) -> Policy<F, R, B, K, L, Timeout<T>, S> {
        let Self { fallback, retry, breaker, bulkhead, rate_limit, timer, .. } = self;
        let timeout = Timeout::new(limit);
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

impl<F, R, B, K, L, T, S> Policy<F, R, B, K, L, T, S> {
    /// What waits between attempts, for a place, and for a call to be over: in place of the timer
    /// that the policy has.
    ///
    /// It is [`AsyncTimer`](crate::AsyncTimer) for [`call_async`](Self::call_async) and
    /// [`BlockingTimer`](crate::BlockingTimer) for [`call`](Self::call), and if there are retries
    /// it is also the [`Clock`](crate::Clock) of their deadline.
    ///
    /// # Examples
    ///
    /// A timer of your own, here on `futures-timer`:
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Clock, Instant, Policy, AsyncTimer, StdClock};
    /// use futures_timer::Delay;
    ///
    /// struct MyTimer;
    ///
    /// impl AsyncTimer for MyTimer {
    ///     type Sleeping = Delay;
    ///
    ///     fn sleep(&self, duration: Duration) -> Delay {
    ///         Delay::new(duration)
    ///     }
    /// }
    ///
    /// impl Clock for MyTimer {
    ///     fn now(&self) -> Instant {
    ///         StdClock.now()
    ///     }
    /// }
    ///
    /// let policy = Policy::new().timer(MyTimer).timeout(Duration::from_secs(1));
    /// let page = pollster::block_on(policy.call_async(|| async { Ok::<_, ()>("page") }));
    /// assert_eq!(page, Ok("page"));
    /// ```
    #[must_use]
    pub fn timer<Z>(self, timer: Z) -> Policy<F, R, B, K, L, T, Z> {
        let Self { fallback, retry, breaker, bulkhead, rate_limit, timeout, .. } = self;
        Policy { fallback, retry, breaker, bulkhead, rate_limit, timeout, timer }
    }
}

/// Lists the parts that there are, outermost first, with their settings.
impl<F: Show, R: Show, B: Admit, K: Enter, L: Conform, T: Show, S> fmt::Debug
    for Policy<F, R, B, K, L, T, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_struct("Policy");
        self.fallback.show(&mut list);
        self.retry.show(&mut list);
        self.breaker.show(&mut list);
        self.bulkhead.show(&mut list);
        self.rate_limit.show(&mut list);
        self.timeout.show(&mut list);
        list.finish()
    }
}
