//! `Retry`: which calls are tried again, how often, and when.

mod ask;
mod budget;
mod decide;
mod delays;

pub use self::ask::ByResult;
pub use self::budget::RetryBudget;
pub use self::decide::{Retried, Retrying};

use core::fmt::{self, Debug, DebugStruct};
use core::time::Duration;

use self::delays::Delays;
use crate::resilience::policy::AttemptError;
use crate::resilience::policy::parts::{NoPart, Show};

/// Which calls are tried again, how often, and when: a part of a [`Policy`](crate::Policy).
///
/// It makes up to three attempts, unless it is told otherwise ([`up_to`](Self::max_attempts)), and
/// retries what the dependency failed at:
///
/// | an attempt | is tried again |
/// | --- | --- |
/// | returns an error, or a value, that is judged a [`Failure`](crate::Outcome::Failure) | if [`when`](Self::when) agrees |
/// | times out | if [`when`](Self::when) agrees |
/// | is judged [`Success`](crate::Outcome::Success) or [`Ignored`](crate::Outcome::Ignored) | no |
/// | is refused by the breaker or the rate limit | no, unless it is [waited out](Self::wait_for_retry_after) |
/// | is refused by the bulkhead | no: a bulkhead has a queue of its own to wait in |
/// | panics | no |
///
/// A call ends with what its last attempt that ran returned. If a retry was refused, the error says
/// both: how the dependency failed ([`PolicyError::failure`](crate::PolicyError::failure)) and who
/// refused the retry ([`PolicyError::refused`](crate::PolicyError::refused)).
///
/// Between two attempts it waits for a random part of the delay (*full jitter*), so that callers
/// that failed together do not come back together. The delay never exceeds the
/// [`cap`](Self::max_delay). If the server has said when to come back
/// ([`Outcome::retry_after`](crate::Outcome::retry_after)), the delay is counted from then; a
/// server that asks for more than the cap is not tried again.
///
/// Retries multiply the load of a dependency that has too much of it. Give them a
/// [`budget`](Self::budget).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{AttemptError, StopReason, ManualTimer, Policy, Retry};
///
/// let policy = Policy::new()
///     .timer(ManualTimer::new())
///     .retry(Retry::exponential(Duration::from_millis(50)).max_attempts(4));
///
/// let mut answers = ["down", "down", "page"].into_iter();
/// let page = policy.call(|| match answers.next() {
///     Some("page") => Ok("page"),
///     _ => Err("down"),
/// });
/// assert_eq!(page, Ok("page"));
///
/// let error = policy.call(|| Err::<(), _>("down")).unwrap_err();
/// assert_eq!(error.failure, AttemptError::Inner("down"));
/// assert_eq!((error.attempts, error.gave_up), (4, Some(StopReason::Attempts)));
/// ```
#[derive(Clone, Copy)]
pub struct Retry<W = NoPart, N = NoPart, G = NoPart, A = NoPart> {
    delays: Delays,
    attempts: u32,
    within: Option<Duration>,
    wait_out: Option<Duration>,
    seed: Option<u64>,
    when: W,
    on_retry: N,
    budget: G,
    at_end: A,
}

/// # Constructing
impl Retry {
    /// Always the same delay.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::by(Delays::fixed(delay))
    }

    /// A delay of `step` after the first attempt, and longer by `step` after each that follows.
    #[must_use]
    pub const fn linear(step: Duration) -> Self {
        Self::by(Delays::linear(step))
    }

    /// A delay of `first` after the first attempt, and twice as long after each that follows; see
    /// [`factor`](Self::multiplier).
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self::by(Delays::exponential(first))
    }

    /// The delay that `delay` says for the number of the attempt that failed, counted from 1.
    #[must_use]
    pub const fn custom(delay: fn(u32) -> Duration) -> Self {
        Self::by(Delays::custom(delay))
    }

    const fn by(delays: Delays) -> Self {
        Self {
            delays,
            attempts: 3,
            within: None,
            wait_out: None,
            seed: None,
            when: NoPart,
            on_retry: NoPart,
            budget: NoPart,
            at_end: NoPart,
        }
    }
}

/// # Delays
impl<W, N, G, A> Retry<W, N, G, A> {
    /// How many times as long each delay is as the last, where it is
    /// [`exponential`](Retry::exponential): 2 unless it is said. Other delays are left as they are.
    #[must_use]
    pub const fn multiplier(mut self, factor: u32) -> Self {
        self.delays = self.delays.multiplier(factor);
        self
    }

    /// The longest delay: 30 seconds unless it is said.
    #[must_use]
    pub const fn max_delay(mut self, cap: Duration) -> Self {
        self.delays = self.delays.max_delay(cap);
        self
    }

    /// Waits for exactly the delay, without jitter.
    #[must_use]
    pub const fn without_jitter(mut self) -> Self {
        self.delays = self.delays.without_jitter();
        self
    }

    /// Draws the same jitter in each call: for tests.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// # Limits
impl<W, N, G, A> Retry<W, N, G, A> {
    /// The call runs up to `attempts` times. The first attempt is always made, so 0 is taken for 1.
    /// [`u32::MAX`] is without limit.
    ///
    /// An attempt that was refused did not run and is not counted: how long refusals are
    /// [waited out](Self::wait_for_retry_after) has a limit of its own.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// No attempt begins later than this after the call began, whatever it has waited for: the
    /// delay, a place in the bulkhead, the time that a server or a refusal asked for, or a timer
    /// that is late. The wait for a place ends with the deadline. A call whose next attempt would
    /// begin later gives up with [`StopReason::Deadline`](crate::StopReason::Deadline).
    ///
    /// An attempt that has begun may take longer: that is for the
    /// [timeout](crate::Policy::timeout).
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.within = Some(deadline);
        self
    }

    /// A call that the breaker or the rate limit refuses waits and tries again, until it is
    /// admitted or has waited for `limit`. The waits of one call are added up.
    /// [`within`](Self::deadline) ends the waiting as well.
    ///
    /// Refusals use up no [attempts](Self::max_attempts) and no [budget](Self::budget), however
    /// many there are. If an attempt of the call ran before, the next is a retry: then the call
    /// waits only if the budget can pay for one.
    ///
    /// | the refusal | the call waits for |
    /// | --- | --- |
    /// | names a [`retry_after`](crate::Refused::retry_after): the circuit is open, or the rate is exceeded | that time and the delay; the delay is cut where both do not fit into what is left of `limit` |
    /// | names a time longer than what is left of `limit` | nothing: it gives up at once, with [`StopReason::RetryAfter`](crate::StopReason::RetryAfter) |
    /// | names no time: the circuit is half-open and full, or takes up its load in stages | a delay that grows, see below |
    /// | comes from a circuit that an operator has forced open | nothing: it gives up at once |
    ///
    /// The delay that grows is 1 ms after the first refusal of a call that names no time, and twice
    /// as long after each such refusal that follows, up to the [`cap`](Self::max_delay). It is the
    /// delay of the retries where that is longer. With jitter, the call waits for a random part of
    /// it, and for 1 ms at least. A call that uses up its `limit` in this way gives up with
    /// [`StopReason::WaitOut`](crate::StopReason::WaitOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{CircuitBreaker, Clock, Config, StopReason, ManualTimer, Policy, Retry};
    ///
    /// let time = ManualTimer::new(); // its waits move the time by hand
    /// let config = Config::new().consecutive_failures(1).break_duration(Duration::from_secs(10));
    /// let host = CircuitBreaker::with_clock(config, time.clone());
    /// let _ = host.call(|| Err::<(), _>("down")); // opens the circuit for 10 s
    ///
    /// let retry = Retry::exponential(Duration::from_millis(50));
    /// let policy = Policy::new().timer(time.clone()).breaker(&host);
    ///
    /// let five_seconds = policy.clone().retry(retry.wait_for_retry_after(Duration::from_secs(5)));
    /// let error = five_seconds.call(|| Ok::<_, &str>("page")).unwrap_err();
    /// assert_eq!((error.attempts, error.gave_up), (0, Some(StopReason::RetryAfter)));
    /// assert_eq!(time.now(), cutout::Instant::ORIGIN); // it did not wait in vain
    ///
    /// let a_minute = policy.retry(retry.wait_for_retry_after(Duration::from_secs(60)));
    /// assert_eq!(a_minute.call(|| Ok::<_, &str>("page")), Ok("page"));
    /// ```
    #[must_use]
    pub const fn wait_for_retry_after(mut self, limit: Duration) -> Self {
        self.wait_out = Some(limit);
        self
    }
}

/// # Conditions
impl<W, N, A> Retry<W, N, NoPart, A> {
    /// Every retry is to be paid for from `budget`: a [`RetryBudget`], a reference, an
    /// [`Arc`](std::sync::Arc), or whatever else dereferences to one. When it is spent, there are
    /// no retries.
    ///
    /// A retry is paid for when it begins. One that does not begin, because the breaker, the
    /// bulkhead or the rate limit refuses it or the deadline is over, costs nothing.
    #[must_use]
    pub fn budget<G: ask::Pay>(self, budget: G) -> Retry<W, N, G, A> {
        let Self { delays, attempts, within, wait_out, seed, when, on_retry, at_end, .. } = self;
        Retry { delays, attempts, within, wait_out, seed, when, on_retry, budget, at_end }
    }
}

impl<N, G, A> Retry<NoPart, N, G, A> {
    /// Only failures for which `when` says yes are tried again. It is asked about
    /// [`AttemptError::Inner`], [`AttemptError::TimedOut`], and [`AttemptError::Unwanted`] for a
    /// value that was judged a failure; [`when_result`](Self::when_result) sees the value.
    ///
    /// # Examples
    ///
    /// A call that must not be made twice is not tried again if it may have reached the server:
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{AttemptError, Outcome, Policy, Retry};
    /// use std::io::{Error, ErrorKind};
    ///
    /// let policy = Policy::new().retry(Retry::fixed(Duration::ZERO).when(|failure| match failure {
    ///     AttemptError::Inner(error) => Error::kind(error) == ErrorKind::ConnectionRefused,
    ///     _ => false,
    /// }));
    /// let error = policy.call(|| Err::<(), _>(Error::from(ErrorKind::BrokenPipe))).unwrap_err();
    /// assert_eq!((error.attempts, error.gave_up), (1, None));
    ///
    /// let mut posts = 0;
    /// let post = || {
    ///     posts += 1;
    ///     Ok::<u16, Error>(503)
    /// };
    /// assert_eq!(policy.call_with(post, |_| Outcome::Failure).unwrap(), 503);
    /// assert_eq!(posts, 1);
    /// ```
    #[must_use]
    pub fn when<E, W: Fn(&AttemptError<E>) -> bool>(self, when: W) -> Retry<W, N, G, A> {
        let Self { delays, attempts, within, wait_out, seed, on_retry, budget, at_end, .. } = self;
        Retry { delays, attempts, within, wait_out, seed, when, on_retry, budget, at_end }
    }

    /// As [`when`](Self::when), and `when` is shown the value that was judged a failure.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{AttemptError, Outcome, Policy, Retry};
    ///
    /// // "Too many requests" means that the server did nothing.
    /// let retry = Retry::fixed(Duration::ZERO)
    ///     .when_result(|result: Result<&u16, &AttemptError<()>>| result == Ok(&429));
    /// let policy = Policy::new().retry(retry);
    ///
    /// for (status, expected) in [(429, 3), (503, 1)] {
    ///     let mut attempts = 0;
    ///     let post = || {
    ///         attempts += 1;
    ///         Ok(status)
    ///     };
    ///     assert_eq!(policy.call_with(post, |_| Outcome::Failure), Ok(status));
    ///     assert_eq!(attempts, expected);
    /// }
    /// ```
    #[must_use]
    pub fn when_result<T, E, W>(self, when: W) -> Retry<ByResult<W>, N, G, A>
    where
        W: Fn(Result<&T, &AttemptError<E>>) -> bool,
    {
        let Self { delays, attempts, within, wait_out, seed, on_retry, budget, at_end, .. } = self;
        let when = ByResult::new(when);
        Retry { delays, attempts, within, wait_out, seed, when, on_retry, budget, at_end }
    }
}

/// # Hearing of attempts
impl<W, G, A> Retry<W, NoPart, G, A> {
    /// Calls `hook` before each wait for a next attempt. The attempt that it waits for may still be
    /// refused, or come too late for the deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Policy, Retry, Retrying};
    /// use std::cell::Cell;
    ///
    /// let retries = Cell::new(0);
    /// let policy = Policy::new().retry(
    ///     Retry::fixed(Duration::ZERO)
    ///         .on_retry(|next: &Retrying<'_, (), _>| retries.set(next.attempts)),
    /// );
    /// assert!(policy.call(|| Err("down")).is_err());
    /// assert_eq!(retries.get(), 2);
    /// ```
    #[must_use]
    pub fn on_retry<T, E, N>(self, hook: N) -> Retry<W, N, G, A>
    where
        N: Fn(&Retrying<'_, T, E>),
    {
        let Self { delays, attempts, within, wait_out, seed, when, budget, at_end, .. } = self;
        let on_retry = hook;
        Retry { delays, attempts, within, wait_out, seed, when, on_retry, budget, at_end }
    }
}

impl<W, N, G> Retry<W, N, G, NoPart> {
    /// Calls `hook` when a call has had its last attempt, also where that has succeeded: this tells
    /// how many attempts a call took that returns a value. It comes before the fallback. A call
    /// that panics, or is dropped, has no such end.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Policy, Retried, Retry};
    /// use std::cell::Cell;
    ///
    /// let (calls, attempts) = (Cell::new(0), Cell::new(0));
    /// let policy = Policy::new().retry(
    ///     Retry::fixed(Duration::ZERO)
    ///         .at_end(|end: &Retried<'_, &str, &str>| attempts.set(end.attempts)),
    /// );
    /// let second_time_lucky = || {
    ///     calls.set(calls.get() + 1);
    ///     if calls.get() == 2 { Ok("page") } else { Err("down") }
    /// };
    /// assert_eq!(policy.call(second_time_lucky), Ok("page"));
    /// assert_eq!(attempts.get(), 2);
    /// ```
    #[must_use]
    pub fn at_end<T, E, A>(self, hook: A) -> Retry<W, N, G, A>
    where
        A: Fn(&Retried<'_, T, E>),
    {
        let Self { delays, attempts, within, wait_out, seed, when, on_retry, budget, .. } = self;
        let at_end = hook;
        Retry { delays, attempts, within, wait_out, seed, when, on_retry, budget, at_end }
    }
}

impl<W, N, G: ask::Pay, A> Show for Retry<W, N, G, A> {
    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("retry", self);
    }
}

impl<W, N, G: ask::Pay, A> Debug for Retry<W, N, G, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Retry");
        shown.field("delays", &self.delays).field("up_to", &self.attempts);
        if let Some(within) = self.within {
            shown.field("within", &within);
        }
        if let Some(limit) = self.wait_out {
            shown.field("wait_out", &limit);
        }
        self.budget.show(&mut shown);
        shown.finish()
    }
}
