//! What a caller gets who gets no permit.

use core::fmt;

/// Why a bulkhead refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BulkheadReason {
    /// All permits were out, and so was every place in the queue; or the caller did not want to
    /// wait.
    Full,
    /// The caller waited as long as it may, and no permit came to it.
    TimedOut,
}

/// A call was refused by a bulkhead, without running. It is cheap to make, copy and drop.
///
/// It says nothing about the dependency; a breaker is to count it as
/// [`Outcome::Ignored`](crate::Outcome::Ignored).
///
/// # Examples
///
/// ```
/// use cutout::{Bulkhead, BulkheadReason};
///
/// let bulkhead = Bulkhead::new(1);
/// let held = bulkhead.try_acquire()?;
/// let refusal = bulkhead.try_acquire().unwrap_err();
/// assert_eq!(refusal.reason(), BulkheadReason::Full);
/// assert_eq!(refusal.to_string(), "refused: the bulkhead is full");
/// # drop(held);
/// # Ok::<_, cutout::BulkheadRejected>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BulkheadRejected {
    reason: BulkheadReason,
}

impl BulkheadRejected {
    pub(crate) const fn new(reason: BulkheadReason) -> Self {
        Self { reason }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> BulkheadReason {
        self.reason
    }
}

impl fmt::Display for BulkheadRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            BulkheadReason::Full => "refused: the bulkhead is full",
            BulkheadReason::TimedOut => "refused: the bulkhead had no place in time",
        })
    }
}

impl core::error::Error for BulkheadRejected {}
