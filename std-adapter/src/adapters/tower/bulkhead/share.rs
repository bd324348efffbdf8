//! `BulkheadShare`: how a layer holds its bulkhead.

use core::future::Future;
use std::sync::Arc;

use crate::resilience::bulkhead::{
    Bulkhead, BulkheadAcquire, BulkheadPermit, BulkheadRejected, OwnedBulkheadAcquire,
    OwnedBulkheadPermit,
};
use crate::timer::AsyncTimer;

/// How a layer holds its bulkhead: by an `Arc<Bulkhead>`, or by a `&'static Bulkhead`.
pub trait BulkheadShare: Clone {
    /// What a call holds while it runs.
    type Permit;

    /// What a call does while it waits.
    type Acquire<T: AsyncTimer>: Future<Output = Result<Self::Permit, BulkheadRejected>>;

    /// A permit, if one is free: [`Bulkhead::try_acquire`].
    ///
    /// # Errors
    ///
    /// If none is.
    fn try_acquire(&self) -> Result<Self::Permit, BulkheadRejected>;

    /// Waits for a permit as the bulkhead's settings say: [`Bulkhead::acquire_async`].
    fn acquire<T: AsyncTimer>(&self, timer: T) -> Self::Acquire<T>;
}

impl BulkheadShare for Arc<Bulkhead> {
    type Permit = OwnedBulkheadPermit;
    type Acquire<T: AsyncTimer> = OwnedBulkheadAcquire<T>;

    fn try_acquire(&self) -> Result<Self::Permit, BulkheadRejected> {
        self.try_acquire_owned()
    }

    fn acquire<T: AsyncTimer>(&self, timer: T) -> Self::Acquire<T> {
        self.acquire_owned_async(timer)
    }
}

impl<'a> BulkheadShare for &'a Bulkhead {
    type Permit = BulkheadPermit<'a>;
    type Acquire<T: AsyncTimer> = BulkheadAcquire<'a, T>;

    fn try_acquire(&self) -> Result<Self::Permit, BulkheadRejected> {
        Bulkhead::try_acquire(self)
    }

    fn acquire<T: AsyncTimer>(&self, timer: T) -> Self::Acquire<T> {
        Bulkhead::acquire_async(self, timer)
    }
}
