//! `Policy`: everything that stands around a call to one dependency, in one fixed order.

mod attempt;
mod builder;
mod calling;
mod error;
mod no_part;
pub mod parts;

pub(crate) use self::attempt::{Attempt, Ended, Unmade, Verdict, has_failed};
use self::calling::by_result;
pub use self::error::{AttemptError, PolicyError, RateLimited, Refused, StopReason, TimedOut};

use core::future::{Future, poll_fn};
use core::pin::pin;

use cutout_core::Report;

use self::parts::{
    Admit, Answer, Conform, EnterAsync, Judge, LocalFallBackAsync, NoPart, TimedAsync, WaitAsync,
};
use crate::timer::ThreadTimer;

/// What stands around the calls to one dependency: any of a fallback, retries, a breaker, a
/// bulkhead, a rate limit and a timeout.
///
/// ```text
/// fallback( retry( breaker( bulkhead( rate limit( timeout( call ))))))
/// ```
///
/// This is the order whatever order the parts are written in, and each can be given once. It is the
/// one in which they serve each other:
///
/// - *The timeout is inside the breaker*, so that a call which is given up counts as a failure.
/// - *The breaker is outside the bulkhead*: a circuit that is open is no reason to queue. What the
///   bulkhead or the rate limit refuses at once settles the admission as
///   [`Ignored`](crate::Outcome::Ignored). The admission of an attempt that has to wait for a place
///   is [taken back](cutout_core::CircuitBreaker::take_back), and counts nowhere; the attempt is
///   admitted anew when it has its place. Neither can hold a half-open circuit, nor count against
///   the dependency.
/// - *The rate limit is innermost of those that refuse*, since what it has let pass it cannot take
///   back.
/// - *Retries are outside the breaker*: each attempt is admitted, counted and limited by itself,
///   and between two attempts nothing is held.
///
/// The place in the bulkhead is held until the call has returned or, if it is asynchronous and was
/// given up, until its future is dropped. Work that the future has started elsewhere is not dropped
/// with it; let such work take a permit of its own
/// ([`try_acquire_owned`](crate::Bulkhead::try_acquire_owned)).
///
/// # Parts
///
/// | part | what it may be |
/// | --- | --- |
/// | [`fallback`](Self::fallback) | a [`Fallback`](crate::Fallback): a value, a closure, a future; by kind of failure |
/// | [`retry`](Self::retry) | a [`Retry`](crate::Retry) |
/// | [`breaker`](Self::breaker) | a [`CircuitBreaker`](crate::CircuitBreaker), or what dereferences to one or to a [`Breaker`](crate::Breaker) |
/// | [`bulkhead`](Self::bulkhead) | a [`Bulkhead`](crate::Bulkhead), or what dereferences to one |
/// | `rate_limit` | a `RateLimit`, or what dereferences to one (feature `rate-limit`) |
/// | [`timeout`](Self::timeout) | a [`Limit`](crate::Limit): a duration, or a closure that knows one; in the type of the policy it is a [`Timeout`](crate::Timeout) of that |
/// | [`timer`](Self::timer) | what waits: [`AsyncTimer`](crate::AsyncTimer) or [`BlockingTimer`](crate::BlockingTimer) |
///
/// A part that is missing costs nothing; none is boxed, and a call allocates nothing and takes no
/// lock, but for what its timer and a bulkhead with a queue do when they have to wait.
///
/// # Panics
///
/// A call or a classifier that panics is a failure for the breaker and gives its place back; the
/// panic goes on. It is not retried. Only a panic inside of the call is one:
///
/// - A call that is dropped because another future of its task panics is cancelled, and so is one
///   whose timer panics.
/// - An attempt counts nowhere, and costs no retry of the budget, if a clock or the
///   [`Limit`](crate::Limit) of the timeout panics before the call begins.
/// - If the waker of the caller that gets the place next panics, the attempt counts by its own end;
///   the panic goes on, and the result of the attempt is lost.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{
///     Bulkhead, CircuitBreaker, Config, AttemptError, Fallback, ManualTimer, Policy, PolicyError, Rate,
///     Retry, RetryBudget,
/// };
///
/// static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
/// static BULKHEAD: Bulkhead = Bulkhead::new(20);
/// static BUDGET: RetryBudget = RetryBudget::new(Rate::percent(10), 5);
///
/// # async fn get(_: &str) -> Result<&'static str, std::io::Error> { Ok("page") }
/// # async fn run() {
/// let policy = Policy::new()
///     .timer(ManualTimer::new()) // `TokioTimer` where it is not a test
///     .fallback(Fallback::value("a page from the cache"))
///     .retry(Retry::exponential(Duration::from_millis(50)).max_attempts(3).budget(&BUDGET))
///     .breaker(&BREAKER)
///     .bulkhead(&BULKHEAD)
///     .timeout(Duration::from_millis(300));
///
/// let page = policy.call_async(|| get("/")).await;
/// assert_eq!(page.unwrap(), "page");
/// # }
/// # pollster::block_on(run());
/// ```
///
/// A policy in a field names the types of its parts, outermost first, and its timer. Parts at the
/// end that are missing can be left out:
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use cutout::parts::NoPart;
/// use cutout::{CircuitBreaker, Config, Policy, Retry};
///
/// struct Client {
///     policy: Policy<NoPart, Retry, Arc<CircuitBreaker>>,
/// }
///
/// impl Client {
///     fn new(host: Arc<CircuitBreaker>) -> Self {
///         let retry = Retry::exponential(Duration::from_millis(50));
///         Self { policy: Policy::new().retry(retry).breaker(host) }
///     }
/// }
/// # Client::new(Arc::new(CircuitBreaker::new(Config::new()))).policy.call(|| Ok::<_, ()>(())).unwrap();
/// ```
///
/// The type of a policy with all parts. A part that the policy does not have is `NoPart` there:
///
#[cfg_attr(all(feature = "rate-limit", feature = "tokio"), doc = "```")]
#[cfg_attr(not(all(feature = "rate-limit", feature = "tokio")), doc = "```ignore")]
/// use core::time::Duration;
/// use std::io;
/// use std::sync::Arc;
/// use cutout::parts::{With, NoPart};
/// use cutout::{
///     Bulkhead, CircuitBreaker, Config, Fallback, Policy, PolicyError, Rate, RateLimit,
///     RateLimitConfig, Retry, RetryBudget, Timeout, TokioTimer,
/// };
///
/// type FromCache = fn(PolicyError<io::Error>) -> Result<String, PolicyError<io::Error>>;
///
/// struct Client {
///     policy: Policy<
///         Fallback<With<FromCache>>, // `Fallback<Value<String>>` for a value
///         Retry<NoPart, NoPart, Arc<RetryBudget>>, // no `when`, no `on_retry`, a budget
///         Arc<CircuitBreaker>,
///         Arc<Bulkhead>,
///         Arc<RateLimit>,
///         Timeout<Duration>,
///         TokioTimer,
///     >,
/// }
///
/// impl Client {
///     fn new() -> Self {
///         let from_cache: FromCache = |_| Ok("an older page".into());
///         let budget = Arc::new(RetryBudget::new(Rate::percent(10), 1));
///         let rate = RateLimitConfig::new(100, Duration::from_secs(1));
///         Self {
///             policy: Policy::new()
///                 .timer(TokioTimer)
///                 .fallback(Fallback::from_fn(from_cache))
///                 .retry(Retry::exponential(Duration::from_millis(50)).budget(budget))
///                 .breaker(Arc::new(CircuitBreaker::new(Config::new())))
///                 .bulkhead(Arc::new(Bulkhead::new(64)))
///                 .rate_limit(Arc::new(RateLimit::new(rate)))
///                 .timeout(Duration::from_millis(300)),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = Client::new();
/// let page = client.policy.call_async(async || Err(io::Error::other("down"))).await;
/// assert_eq!(page.unwrap(), "an older page");
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Policy<
    F = NoPart,
    R = NoPart,
    B = NoPart,
    K = NoPart,
    L = NoPart,
    T = NoPart,
    S = ThreadTimer,
> {
    fallback: F,
    retry: R,
    breaker: B,
    bulkhead: K,
    rate_limit: L,
    timeout: T,
    timer: S,
}

/// # Calling, asynchronously
impl<F, R, B, K, L, T, S> Policy<F, R, B, K, L, T, S> {
    /// Awaits what `call` returns, through all parts; `Err` is a failure, and `Ok` a success.
    ///
    /// An HTTP client may return `Ok` for a response with status 500, as reqwest does. Then this
    /// counts a success: use [`call_async_with`](Self::call_async_with), and judge the status.
    ///
    /// `call` is called for each attempt, when that is admitted and has its place.
    ///
    /// # Errors
    ///
    /// What the last attempt that ran failed with, and who refused the last attempt if it did not
    /// run.
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, the attempt that is out is cancelled: the breaker is told so, the
    /// place is given back, nothing is retried, and no fallback runs.
    pub async fn call_async<V, E, A>(&self, call: impl FnMut() -> A) -> Result<V, PolicyError<E>>
    where
        A: Future<Output = Result<V, E>>,
        F: LocalFallBackAsync<V, E>,
        R: Judge<V, E, S> + WaitAsync<S>,
        B: Admit,
        K: EnterAsync<S>,
        L: Conform,
        T: TimedAsync<S>,
    {
        self.call_async_with(call, by_result).await
    }

    /// As [`call_async`](Self::call_async), and lets `classify` judge each result.
    ///
    /// The breaker counts what it says; a [`Failure`](crate::Outcome::Failure) is retried, a value
    /// that is one too, and other outcomes are not, also if they are errors. A fallback stands in
    /// for failures, and for errors that are ignored. If it knows when to come back
    /// ([`Outcome::retry_after`](crate::Outcome::retry_after)), breaker and retries both heed it.
    ///
    /// # Errors
    ///
    /// As of [`call_async`](Self::call_async). A value that is still a failure in the last attempt
    /// is returned as it is, unless a fallback stands in for it.
    ///
    /// # Cancellation
    ///
    /// As of [`call_async`](Self::call_async).
    pub async fn call_async_with<V, E, A, J: Into<Report>>(
        &self,
        mut call: impl FnMut() -> A,
        classify: impl Fn(&Result<V, E>) -> J,
    ) -> Result<V, PolicyError<E>>
    where
        A: Future<Output = Result<V, E>>,
        F: LocalFallBackAsync<V, E>,
        R: Judge<V, E, S> + WaitAsync<S>,
        B: Admit,
        K: EnterAsync<S>,
        L: Conform,
        T: TimedAsync<S>,
    {
        let mut course = self.retry.begin(&self.timer);
        let ended = loop {
            let attempt = self.attempt_async(&mut course, &mut call, &classify).await;
            match self.retry.judge(&mut course, attempt, &self.timer) {
                Verdict::Return(ended) => break ended,
                Verdict::RetryAfter(delay) => self.retry.wait_async(&self.timer, delay).await,
            }
        };
        match self.fallback.fall_back_async(ended) {
            Answer::Now(result) => result,
            Answer::Later(later, value) => {
                let mut later = pin!(later);
                let stands_in = poll_fn(|context| F::poll_later(later.as_mut(), context)).await;
                parts::or_as_it_was(stands_in, value)
            }
        }
    }
}
