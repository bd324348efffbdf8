//! What became of all calls, ever.

use crate::sync::{AtomicU64, IS_LOCK_FREE, Ordering, const_fn};

/// What became of all calls since the breaker was made. These only grow, but for `trials` and
/// `would_reject`: an admission that is [taken back](crate::CircuitBreaker::take_back) leaves them.
///
/// Every admitted call ends in exactly one of the first five, so at a quiet moment
/// `settled() + in flight` is the number of calls that were admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Totals {
    /// Results that counted as successes.
    pub successes: u64,
    /// Results that counted as failures.
    pub failures: u64,
    /// Results that counted as neither.
    pub ignored: u64,
    /// Calls that were dropped unfinished and counted for nothing.
    pub cancelled: u64,
    /// Results that came after their generation, or a trial's timeout, was over.
    pub stale: u64,
    /// How many of the successes and failures were slow.
    pub slow: u64,
    /// Calls that were refused.
    pub rejected: u64,
    /// Calls that would have been refused, had the circuit not been shadowed.
    pub would_reject: u64,
    /// Calls that were admitted as trials.
    pub trials: u64,
}

impl Totals {
    /// All calls that were admitted and have ended.
    #[must_use]
    pub const fn settled(&self) -> u64 {
        self.successes
            .saturating_add(self.failures)
            .saturating_add(self.ignored)
            .saturating_add(self.cancelled)
            .saturating_add(self.stale)
    }
}

/// The totals that no lane counts.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) ignored: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) stale: Counter,
    pub(crate) would_reject: Counter,
    pub(crate) trials: Counter,
    pub(crate) slow: Counter,
}

impl Counters {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                ignored: Counter::new(),
                cancelled: Counter::new(),
                stale: Counter::new(),
                would_reject: Counter::new(),
                trials: Counter::new(),
                slow: Counter::new(),
            }
        }
    }
}

/// A number that only grows. It orders nothing, hence Relaxed.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Adds one, unless another thread does so at this very moment.
    ///
    /// In a critical section nobody else does, and one section is less than two.
    #[inline]
    pub(crate) fn try_count(&self) -> bool {
        if !IS_LOCK_FREE {
            self.count();
            return true;
        }
        let old = self.get();
        self.0
            .compare_exchange(old, old.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Adds `more`.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Adds one and says how many there were before.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes one away, if there is one.
    pub(crate) fn uncount(&self) {
        let mut count = self.get();
        while let Some(less) = count.checked_sub(1) {
            match self.0.compare_exchange(count, less, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => count = seen,
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
