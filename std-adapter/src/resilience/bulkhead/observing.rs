//! A bulkhead while it runs: its limit, its places and its counts.

use super::config::BulkheadConfigError;
use super::error::{BulkheadReason, BulkheadRejected};
use super::{Bulkhead, config};
use core::sync::atomic::Ordering::Relaxed;

/// # Changing
impl Bulkhead {
    /// Changes the limit at once, and waits for nothing.
    ///
    /// If it is raised, callers that wait get what has come free. If it is lowered, permits that
    /// are out stay out: no new one is given until as many came back.
    ///
    /// # Errors
    ///
    /// If the limit is not 1 to 1,000,000; it is then as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::Bulkhead;
    ///
    /// let bulkhead = Bulkhead::new(2);
    /// let (first, second) = (bulkhead.try_acquire()?, bulkhead.try_acquire()?);
    /// bulkhead.resize(1).unwrap();
    /// assert_eq!((bulkhead.in_use(), bulkhead.limit()), (2, 1));
    /// drop(first);
    /// assert!(bulkhead.try_acquire().is_err());
    /// drop(second);
    /// assert!(bulkhead.try_acquire().is_ok());
    /// # Ok::<_, cutout::BulkheadRejected>(())
    /// ```
    pub fn resize(&self, limit: u32) -> Result<(), BulkheadConfigError> {
        config::validate_limit(limit)?;
        self.pool.resize(limit);
        Ok(())
    }
}

/// # Observing
impl Bulkhead {
    /// How many permits there are.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.pool.seen().limit()
    }

    /// How many permits are out; more than [`limit`](Self::limit) for a while after it was lowered.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        self.pool.seen().in_use()
    }

    /// How many callers wait.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.pool.seen().waiting()
    }

    /// How many callers were refused so far, for whatever reason.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }
}

/// # Refusing
impl Bulkhead {
    #[cold]
    pub(crate) fn full(&self) -> BulkheadRejected {
        self.refuse(BulkheadReason::Full)
    }

    pub(super) fn refuse(&self, reason: BulkheadReason) -> BulkheadRejected {
        self.rejected.fetch_add(1, Relaxed);
        BulkheadRejected::new(reason)
    }
}
