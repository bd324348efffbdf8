//! Permits: one place among those that may run at the same time.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use super::Bulkhead;

/// One of a bulkhead's permits, held as long as the work runs.
///
/// Dropped, be it by a panic, it goes to the first caller that waits, or is free again.
#[must_use = "a permit that is dropped limits nothing"]
pub struct BulkheadPermit<'a> {
    bulkhead: &'a Bulkhead,
}

impl BulkheadPermit<'_> {
    /// The bulkhead that gave it out.
    #[must_use]
    pub const fn bulkhead(&self) -> &Bulkhead {
        self.bulkhead
    }
}

impl Drop for BulkheadPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.bulkhead.pool.give_back();
    }
}

impl fmt::Debug for BulkheadPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadPermit").finish_non_exhaustive()
    }
}

/// A [`BulkheadPermit`] that keeps its bulkhead alive, for work that moves to a task or thread of
/// its own.
#[must_use = "a permit that is dropped limits nothing"]
pub struct OwnedBulkheadPermit {
    bulkhead: Arc<Bulkhead>,
}

impl OwnedBulkheadPermit {
    /// The bulkhead that gave it out.
    #[must_use]
    pub const fn bulkhead(&self) -> &Arc<Bulkhead> {
        &self.bulkhead
    }
}

impl Drop for OwnedBulkheadPermit {
    #[inline]
    fn drop(&mut self) {
        self.bulkhead.pool.give_back();
    }
}

impl fmt::Debug for OwnedBulkheadPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedBulkheadPermit").finish_non_exhaustive()
    }
}

/// How a caller holds on to a bulkhead, and the permit that holds it the same way.
pub(super) trait Holder: Deref<Target = Bulkhead> + Clone {
    type Permit;

    /// The permit for what has been taken from the word.
    fn permit(self) -> Self::Permit;
}

impl<'a> Holder for &'a Bulkhead {
    type Permit = BulkheadPermit<'a>;

    #[inline]
    fn permit(self) -> BulkheadPermit<'a> {
        BulkheadPermit { bulkhead: self }
    }
}

impl Holder for Arc<Bulkhead> {
    type Permit = OwnedBulkheadPermit;

    #[inline]
    fn permit(self) -> OwnedBulkheadPermit {
        OwnedBulkheadPermit { bulkhead: self }
    }
}
