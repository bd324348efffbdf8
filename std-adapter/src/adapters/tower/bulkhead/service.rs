//! `BulkheadService` and `QueueService`: a service behind a bulkhead.

use core::mem;
use core::task::{Context, Poll};

use cutout_core::Rejected;
use tower_service::Service;

use super::{AskFirst, BulkheadError, BulkheadFuture, BulkheadShare, QueueFuture};
use crate::adapters::tower::Refusal;
use crate::timer::AsyncTimer;

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
            Err(rejected) => BulkheadFuture::refused(Refusal::Bulkhead(rejected)),
        }
    }
}

/// A service behind a bulkhead with a queue. See [`QueueLayer`](super::QueueLayer).
#[derive(Clone, Debug)]
pub struct QueueService<S, P, T, A = ()> {
    inner: S,
    bulkhead: P,
    timer: T,
    asks: A,
    /// Set by a `poll_ready` that found the circuit refusing: the breaker inside has then left the
    /// inner service alone, and refuses the next call, which would have waited for that.
    refused: Option<Rejected>,
}

impl<S, P, T, A> QueueService<S, P, T, A> {
    pub(super) const fn new(inner: S, bulkhead: P, timer: T, asks: A) -> Self {
        Self { inner, bulkhead, timer, asks, refused: None }
    }
}

impl<S, P, T, A, Req> Service<Req> for QueueService<S, P, T, A>
where
    S: Service<Req> + Clone,
    P: BulkheadShare,
    T: AsyncTimer + Clone,
    A: AskFirst<Req>,
{
    type Response = S::Response;
    type Error = BulkheadError<S::Error>;
    type Future = QueueFuture<S, Req, P::Acquire<T>, S::Future, P::Permit>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Before the breaker inside looks: if the break ends between the two, that one admits the
        // call.
        self.refused = self.asks.refusal_of_any();
        self.inner.poll_ready(cx).map_err(BulkheadError::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let refused = self.refused.take();
        if let Some(rejected) = self.asks.refusal(&request).or(refused) {
            return QueueFuture::refused(Refusal::Circuit(rejected));
        }
        let unready = self.inner.clone();
        let ready = mem::replace(&mut self.inner, unready);
        QueueFuture::new(self.bulkhead.acquire(self.timer.clone()), ready, request)
    }
}
