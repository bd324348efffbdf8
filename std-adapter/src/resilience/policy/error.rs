//! Why a call through a policy gave no value, and which part said so.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use cutout_core::Rejected;

use crate::resilience::bulkhead::BulkheadRejected;
use crate::support::lengths::{Length, Wait};

/// A call did not end within its limit and was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut {
    limit: Duration,
}

impl TimedOut {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit }
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out after {}", Length(self.limit))
    }
}

impl Error for TimedOut {}

/// A call was refused because there were too many in a span of time; it did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimited {
    retry_after: Duration,
}

impl RateLimited {
    #[cfg(feature = "rate-limit")]
    pub(crate) const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }

    /// How long until a call conforms again, if no other comes first.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: over the rate limit, retry after {}", Wait(self.retry_after))
    }
}

impl Error for RateLimited {}

/// A part refused the call, which did not run. It is cheap to make, copy and drop.
///
/// Its text begins with `refused: `, and says what refused, and how long to wait where that is
/// known. Print it by itself.
///
/// # Examples
///
/// ```
/// use cutout::{Bulkhead, Policy};
///
/// let places = Bulkhead::new(1);
/// let policy = Policy::new().bulkhead(&places);
/// let _held = places.try_acquire()?;
/// let error = policy.call(|| Ok::<_, &str>(())).unwrap_err();
/// let refused = error.refused().unwrap();
/// assert_eq!(format!("no page: {refused}"), "no page: refused: the bulkhead is full");
/// # Ok::<_, cutout::BulkheadRejected>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// The breaker.
    Rejected(Rejected),
    /// The bulkhead: all its places are taken.
    BulkheadRejected(BulkheadRejected),
    /// The rate limit.
    RateLimited(RateLimited),
}

impl Refused {
    /// How long until a call may be admitted, where that can be known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(rejected) => rejected.retry_after(),
            Self::BulkheadRejected(_) => None,
            Self::RateLimited(limited) => Some(limited.retry_after()),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::BulkheadRejected(rejected) => rejected.fmt(f),
            Self::RateLimited(limited) => limited.fmt(f),
        }
    }
}

impl Error for Refused {}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptError<E> {
    /// The breaker refused it; it did not run.
    Rejected(Rejected),
    /// The bulkhead refused it; it did not run.
    BulkheadRejected(BulkheadRejected),
    /// The rate limit refused it; it did not run.
    RateLimited(RateLimited),
    /// It did not end within its limit.
    TimedOut(TimedOut),
    /// It returned a value that was judged a failure, or that
    /// [`Fallback::also_replace`](crate::Fallback::also_replace) is to replace.
    Unwanted,
    /// It returned this error.
    Inner(E),
}

impl<E> AttemptError<E> {
    /// Who refused the attempt, if it did not run.
    #[must_use]
    pub const fn refused(&self) -> Option<Refused> {
        match self {
            Self::Rejected(rejected) => Some(Refused::Rejected(*rejected)),
            Self::BulkheadRejected(rejected) => Some(Refused::BulkheadRejected(*rejected)),
            Self::RateLimited(limited) => Some(Refused::RateLimited(*limited)),
            Self::TimedOut(_) | Self::Unwanted | Self::Inner(_) => None,
        }
    }
}

impl<E> From<Refused> for AttemptError<E> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rejected(rejected) => Self::Rejected(rejected),
            Refused::BulkheadRejected(rejected) => Self::BulkheadRejected(rejected),
            Refused::RateLimited(limited) => Self::RateLimited(limited),
        }
    }
}

impl<E: fmt::Display> fmt::Display for AttemptError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::BulkheadRejected(rejected) => rejected.fmt(f),
            Self::RateLimited(limited) => limited.fmt(f),
            Self::TimedOut(timed_out) => timed_out.fmt(f),
            Self::Unwanted => f.write_str("returned an unwanted value"),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for AttemptError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Inner(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a failure that is to be retried was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The call ran as often as [`Retry::max_attempts`](crate::Retry::max_attempts) allows.
    Attempts,
    /// The next attempt would have begun after the deadline.
    Deadline,
    /// The next attempt was refused: [`PolicyError::refused`] says by whom.
    Refused,
    /// The retry budget is spent.
    Budget,
    /// The server, or the part that refused, asked for a longer wait than is allowed.
    RetryAfter,
    /// The call has waited for refusals that name no time for as long as
    /// [`Retry::wait_for_retry_after`](crate::Retry::wait_for_retry_after) allows.
    WaitOut,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "all attempts were made",
            Self::Deadline => "the deadline is too near",
            Self::Refused => "the next was refused",
            Self::Budget => "the retry budget is spent",
            Self::RetryAfter => "the wait that was asked for is too long",
            Self::WaitOut => "the time to wait out refusals is used up",
        })
    }
}

/// Why a call through a [`Policy`](crate::Policy) gave no value.
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, AttemptError, StopReason, Policy, PolicyError, Retry};
/// use std::time::Duration;
///
/// let host = CircuitBreaker::new(Config::new());
/// let policy =
///     Policy::new().retry(Retry::fixed(Duration::ZERO).max_attempts(2)).breaker(&host);
///
/// match policy.call(|| Err::<(), _>("down")) {
///     Err(PolicyError { failure: AttemptError::Rejected(refusal), .. }) => {
///         panic!("{refusal}") // such as "refused: the circuit is open, retry after 30s"
///     }
///     Err(PolicyError { failure: AttemptError::Inner(error), attempts, gave_up, .. }) => {
///         assert_eq!((error, attempts, gave_up), ("down", 2, Some(StopReason::Attempts)));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PolicyError<E> {
    /// How the last attempt failed that ran; if none ran, who refused the call.
    pub failure: AttemptError<E>,
    /// How many attempts ran; one that was refused did not.
    pub attempts: u32,
    /// Why there was no other attempt, where the failure is one that is retried.
    pub gave_up: Option<StopReason>,
    /// Who refused the last attempt.
    pub(super) refused: Option<Refused>,
}

impl<E> PolicyError<E> {
    /// Who refused the last attempt, if it did not run. If an attempt ran before, the
    /// [`failure`](Self::failure) says how that failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{CircuitBreaker, Config, AttemptError, StopReason, Policy, Refused, Retry};
    ///
    /// let host = CircuitBreaker::new(Config::new().consecutive_failures(1));
    /// let policy = Policy::new().retry(Retry::fixed(Duration::ZERO)).breaker(&host);
    ///
    /// let error = policy.call(|| Err::<(), _>("down")).unwrap_err();
    /// assert_eq!((error.failure, error.gave_up), (AttemptError::Inner("down"), Some(StopReason::Refused)));
    /// assert!(matches!(error.refused(), Some(Refused::Rejected(_))));
    /// ```
    #[must_use]
    pub const fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Whether the last attempt was given up for its limit of time.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.failure, AttemptError::TimedOut(_))
    }

    /// The call's own error, if that is how the last attempt failed.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self.failure {
            AttemptError::Inner(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for PolicyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        let Some(gave_up) = self.gave_up else { return Ok(()) };
        let attempts = if self.attempts == 1 { "attempt" } else { "attempts" };
        write!(f, " ({} {attempts}; ", self.attempts)?;
        match self.refused {
            Some(refused) if self.attempts > 0 => {
                if gave_up != StopReason::Refused {
                    write!(f, "{gave_up}; ")?;
                }
                write!(f, "the next was {refused})")
            }
            _ => write!(f, "{gave_up})"),
        }
    }
}

impl<E: Error + 'static> Error for PolicyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure.source()
    }
}
