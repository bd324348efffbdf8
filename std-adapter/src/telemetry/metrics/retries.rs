//! `Retries`: how calls ended that may be tried again.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use super::labels::{Numbers, Place};
use crate::support::sync::AtomicU64;

/// Counts how calls ended that may be tried again, for [`Metrics`](super::Metrics). Made by
/// [`Metrics::retries`](super::Metrics::retries); clones, and others of the same name, count
/// together.
///
/// It stands outside the retries, and is told how many attempts there were. A call costs one
/// addition, to a word that threads share.
///
/// # Examples
///
/// In a [`Policy`](crate::Policy), whose retries tell of each call's end (feature `policy`):
///
#[cfg_attr(feature = "policy", doc = "```")]
#[cfg_attr(not(feature = "policy"), doc = "```ignore")]
/// use core::time::Duration;
/// use cutout::metrics::Metrics;
/// use cutout::{Policy, Retried, Retry};
///
/// let metrics = Metrics::new();
/// let retries = metrics.retries("bank");
/// let retry = Retry::fixed(Duration::ZERO)
///     .at_end(move |end: &Retried<'_, &str, &str>| retries.record_end(end));
/// let policy = Policy::new().retry(retry);
///
/// let mut answers = [Err("busy"), Ok("paid")].into_iter();
/// assert_eq!(policy.call(|| answers.next().unwrap()), Ok("paid")); // with one retry
/// ```
///
/// Around retries of another make:
///
/// ```
/// use cutout::metrics::Metrics;
///
/// let metrics = Metrics::new();
/// let retries = metrics.retries("bank");
///
/// let mut attempts = 0;
/// let mut attempt = || {
///     attempts += 1;
///     if attempts < 2 { Err("busy") } else { Ok("paid") }
/// };
/// let result = attempt().or_else(|_| attempt());
/// retries.record(&result, attempts);
/// assert_eq!(result, Ok("paid"));
/// ```
#[derive(Clone)]
pub struct Retries {
    place: Arc<Place<Endings>>,
}

impl Retries {
    pub(super) const fn new(place: Arc<Place<Endings>>) -> Self {
        Self { place }
    }

    /// Counts a call that ended with `result` after so many attempts. One or none is no retry.
    pub fn record<T, E>(&self, result: &Result<T, E>, attempts: u32) {
        self.count(result.is_ok(), attempts);
    }

    /// Counts a call of a [`Policy`](crate::Policy) that ended so: see
    /// [`Retry::at_end`](crate::Retry::at_end). It goes by the judgement of the call: a value that
    /// was judged a failure counts as one, and an error that was judged a success does not.
    #[cfg(feature = "policy")]
    pub fn record_end<T, E>(&self, end: &crate::resilience::retry::Retried<'_, T, E>) {
        self.count(!end.failed, end.attempts);
    }

    fn count(&self, succeeded: bool, attempts: u32) {
        self.place.numbers().of(succeeded, attempts > 1).fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Retries").field(&self.place).finish()
    }
}

/// A count for each way to end. They order nothing, hence Relaxed.
#[derive(Default)]
pub(super) struct Endings([AtomicU64; 4]);

impl Numbers for Endings {}

impl Endings {
    const fn of(&self, succeeded: bool, retried: bool) -> &AtomicU64 {
        &self.0[2 * (succeeded as usize) + retried as usize]
    }

    pub(super) fn read(&self, succeeded: bool, retried: bool) -> u64 {
        self.of(succeeded, retried).load(Relaxed)
    }
}
