//! `BulkheadService` and `QueueService`: a service behind a bulkhead.

use core::mem;
use core::task::{Context, Poll};

use tower_service::Service;

use super::{BulkheadError, BulkheadFuture, BulkheadShare, QueueFuture};
use crate::Sleep;

/// A service behind a bulkhead that refuses at once. See [`BulkheadLayer`](super::BulkheadLayer).
#[derive(Clone, Debug)]
pub struct BulkheadService<S, P> {
    inner: S,
    bulkhead: P,
}

impl<S, P> BulkheadService<S, P> {
    pub(super) const fn new(inner: S, bulkhead: P) -> Self {
        Self { inner, bulkhead }
    }
}

impl<S: Service<Req>, P: BulkheadShare, Req> Service<Req> for BulkheadService<S, P> {
    type Response = S::Response;
    type Error = BulkheadError<S::Error>;
    type Future = BulkheadFuture<S::Future, P::Permit>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(BulkheadError::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.bulkhead.try_acquire() {
            Ok(permit) => BulkheadFuture::made(self.inner.call(request), permit),
            Err(rejected) => BulkheadFuture::rejected(rejected),
        }
    }
}

/// A service behind a bulkhead with a queue. See [`QueueLayer`](super::QueueLayer).
#[derive(Clone, Debug)]
pub struct QueueService<S, P, T> {
    inner: S,
    bulkhead: P,
    timer: T,
}

impl<S, P, T> QueueService<S, P, T> {
    pub(super) const fn new(inner: S, bulkhead: P, timer: T) -> Self {
        Self { inner, bulkhead, timer }
    }
}

impl<S, P, T, Req> Service<Req> for QueueService<S, P, T>
where
    S: Service<Req> + Clone,
    P: BulkheadShare,
    T: Sleep + Clone,
{
    type Response = S::Response;
    type Error = BulkheadError<S::Error>;
    type Future = QueueFuture<S, P, T, Req>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(BulkheadError::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let unready = self.inner.clone();
        let ready = mem::replace(&mut self.inner, unready);
        QueueFuture::new(self.bulkhead.acquire(self.timer.clone()), ready, request)
    }
}
