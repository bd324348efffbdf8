//! The named futures that wait for a permit.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use pin_project_lite::pin_project;

use super::acquire::Acquire;
use super::{Bulkhead, BulkheadPermit, BulkheadRejected, OwnedBulkheadPermit};
use crate::timer::AsyncTimer;

pin_project! {
    /// Waits for a permit; made by [`Bulkhead::acquire_async`].
    ///
    /// # Panics
    ///
    /// If it is polled after its end.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct BulkheadAcquire<'a, S: AsyncTimer> {
        #[pin]
        wait: Acquire<&'a Bulkhead, S>,
    }
}

impl<'a, S: AsyncTimer> BulkheadAcquire<'a, S> {
    pub(super) const fn new(bulkhead: &'a Bulkhead, sleep: S) -> Self {
        Self::within(bulkhead, sleep, None)
    }

    pub(super) const fn within(
        bulkhead: &'a Bulkhead,
        sleep: S,
        at_most: Option<Duration>,
    ) -> Self {
        Self { wait: Acquire::new(bulkhead, sleep, at_most) }
    }
}

impl<'a, S: AsyncTimer> Future for BulkheadAcquire<'a, S> {
    type Output = Result<BulkheadPermit<'a>, BulkheadRejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().wait.poll(context)
    }
}

impl<S: AsyncTimer> fmt::Debug for BulkheadAcquire<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadAcquire").finish_non_exhaustive()
    }
}

pin_project! {
    /// Waits for a permit that keeps its bulkhead alive; made by [`Bulkhead::acquire_owned_async`].
    ///
    /// # Panics
    ///
    /// If it is polled after its end.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct OwnedBulkheadAcquire<S: AsyncTimer> {
        #[pin]
        wait: Acquire<Arc<Bulkhead>, S>,
    }
}

impl<S: AsyncTimer> OwnedBulkheadAcquire<S> {
    pub(super) const fn new(bulkhead: Arc<Bulkhead>, sleep: S) -> Self {
        Self { wait: Acquire::new(bulkhead, sleep, None) }
    }
}

impl<S: AsyncTimer> Future for OwnedBulkheadAcquire<S> {
    type Output = Result<OwnedBulkheadPermit, BulkheadRejected>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().wait.poll(context)
    }
}

impl<S: AsyncTimer> fmt::Debug for OwnedBulkheadAcquire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedBulkheadAcquire").finish_non_exhaustive()
    }
}
