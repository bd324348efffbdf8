//! `Retry`: which calls are tried again, how often, and when.

mod budget;
mod delays;
mod judge;

pub use self::budget::RetryBudget;
pub use self::judge::Retrying;

use core::fmt::{self, Debug, DebugStruct};
use core::ops::Deref;
use core::time::Duration;

use cutout_core::Clock;

use self::delays::Delays;
use crate::Failure;
use crate::parts::{Show, Without};

/// Which calls are tried again, how often, and when: a part of a [`Policy`](crate::Policy).
///
/// It makes up to three attempts, unless it is told otherwise ([`up_to`](Self::up_to)), and retries
/// what the dependency failed at:
///
/// | an attempt | is tried again |
/// | --- | --- |
/// | returns an error, or a value, that is judged a [`Failure`](crate::Outcome::Failure) | if [`when`](Self::when) agrees |
/// | times out | if [`when`](Self::when) agrees |
/// | is judged [`Success`](crate::Outcome::Success) or [`Ignored`](crate::Outcome::Ignored) | no |
/// | is refused by the breaker or the rate limit | no, or after the time that they name: [`wait_out`](Self::wait_out) |
/// | is refused by the bulkhead | no: a bulkhead has a queue of its own to wait in |
/// | panics | no |
///
/// Between two attempts it waits for a random part of the delay (*full jitter*), so that callers that
/// failed together do not come back together. The delay never exceeds the [`cap`](Self::cap). If
/// the server has said when to come back ([`Outcome::retry_after`](crate::Outcome::retry_after)), the
/// delay is counted from then; a server that asks for more than the cap is not tried again.
///
/// Retries multiply the load of a dependency that has too much of it. Give them a
/// [`budget`](Self::budget).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Failure, GaveUp, ManualSleep, Policy, Retry};
///
/// let policy = Policy::new()
///     .timer(ManualSleep::new())
///     .retry(Retry::exponential(Duration::from_millis(50)).up_to(4));
///
/// let mut answers = ["down", "down", "page"].into_iter();
/// let page = policy.call(|| match answers.next() {
///     Some("page") => Ok("page"),
///     _ => Err("down"),
/// });
/// assert_eq!(page, Ok("page"));
///
/// let error = policy.call(|| Err::<(), _>("down")).unwrap_err();
/// assert_eq!(error.failure, Failure::Inner("down"));
/// assert_eq!((error.attempts, error.gave_up), (4, Some(GaveUp::Attempts)));
/// ```
#[derive(Clone, Copy)]
pub struct Retry<W = Without, N = Without, G = Without> {
    delays: Delays,
    attempts: u32,
    within: Option<Duration>,
    wait_out: Option<Duration>,
    seed: Option<u64>,
    when: W,
    before_next: N,
    budget: G,
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
    /// [`factor`](Self::factor).
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
            when: Without,
            before_next: Without,
            budget: Without,
        }
    }
}

/// # Delays
impl<W, N, G> Retry<W, N, G> {
    /// How many times as long each delay is as the last, where it is
    /// [`exponential`](Retry::exponential): 2 unless it is said. Other delays are left as they are.
    #[must_use]
    pub const fn factor(mut self, factor: u32) -> Self {
        self.delays = self.delays.factor(factor);
        self
    }

    /// The longest delay: 30 seconds unless it is said.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.delays = self.delays.cap(cap);
        self
    }

    /// Waits for exactly the delay, without jitter.
    #[must_use]
    pub const fn exactly(mut self) -> Self {
        self.delays = self.delays.exactly();
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
impl<W, N, G> Retry<W, N, G> {
    /// So many attempts in all. The first is always made, so 0 is taken for 1; an attempt that is
    /// refused and [waited out](Self::wait_out) is one of them. [`u32::MAX`] is without limit.
    #[must_use]
    pub const fn up_to(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// No attempt begins later than this after the call began. An attempt that has begun may take
    /// longer: that is for the [timeout](crate::Policy::timeout).
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.within = Some(deadline);
        self
    }

    /// What the breaker or the rate limit refuses is tried again after the `retry_after` that they
    /// name and the delay, of which as much is left out as does not fit: a call waits no longer than
    /// `limit` for that in all. Such a retry spends no budget. A refusal that names no time, or too
    /// long a one, is returned.
    #[must_use]
    pub const fn wait_out(mut self, limit: Duration) -> Self {
        self.wait_out = Some(limit);
        self
    }
}

/// # Conditions
impl<W, N> Retry<W, N, Without> {
    /// Every retry is to be paid for from `budget`: a reference, an [`Arc`](std::sync::Arc), or
    /// whatever else dereferences to one. When it is spent, there are no retries.
    #[must_use]
    pub fn budget<G, C>(self, budget: G) -> Retry<W, N, G>
    where
        G: Deref<Target = RetryBudget<C>>,
        C: Clock,
    {
        let Self { delays, attempts, within, wait_out, seed, when, before_next, .. } = self;
        Retry { delays, attempts, within, wait_out, seed, when, before_next, budget }
    }
}

impl<N, G> Retry<Without, N, G> {
    /// Only failures for which `when` says yes are tried again. It is asked about
    /// [`Failure::Inner`] and [`Failure::TimedOut`].
    ///
    /// # Examples
    ///
    /// A call that must not be made twice is not tried again if it may have reached the server:
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Failure, Policy, Retry};
    /// use std::io::{Error, ErrorKind};
    ///
    /// let policy = Policy::new().retry(Retry::fixed(Duration::ZERO).when(|failure| match failure {
    ///     Failure::Inner(error) => Error::kind(error) == ErrorKind::ConnectionRefused,
    ///     _ => false,
    /// }));
    /// let error = policy.call(|| Err::<(), _>(Error::from(ErrorKind::BrokenPipe))).unwrap_err();
    /// assert_eq!((error.attempts, error.gave_up), (1, None));
    /// ```
    #[must_use]
    pub fn when<E, W: Fn(&Failure<E>) -> bool>(self, when: W) -> Retry<W, N, G> {
        let Self { delays, attempts, within, wait_out, seed, before_next, budget, .. } = self;
        Retry { delays, attempts, within, wait_out, seed, when, before_next, budget }
    }
}

impl<W, G> Retry<W, Without, G> {
    /// Calls `hook` before each wait for a next attempt, when it is certain that there is to be one.
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
    ///         .before_next(|next: &Retrying<'_, (), _>| retries.set(next.attempts)),
    /// );
    /// assert!(policy.call(|| Err("down")).is_err());
    /// assert_eq!(retries.get(), 2);
    /// ```
    #[must_use]
    pub fn before_next<T, E, N>(self, hook: N) -> Retry<W, N, G>
    where
        N: Fn(&Retrying<'_, T, E>),
    {
        let Self { delays, attempts, within, wait_out, seed, when, budget, .. } = self;
        Retry { delays, attempts, within, wait_out, seed, when, before_next: hook, budget }
    }
}

impl<W, N, G: judge::Pay> Show for Retry<W, N, G> {
    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("retry", self);
    }
}

impl<W, N, G: judge::Pay> Debug for Retry<W, N, G> {
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
