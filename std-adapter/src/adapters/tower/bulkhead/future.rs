//! `BulkheadFuture` and `QueueFuture`: one call through a bulkhead.

use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::BulkheadError;
use crate::adapters::tower::Refusal;
use crate::resilience::bulkhead::BulkheadRejected;
use crate::support::panics::{caught, in_drop};

pin_project! {
    /// One call: it is refused, or it holds a permit until it has its answer.
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, it drops the inner call and gives the permit back.
    ///
    /// # Panics
    ///
    /// If it is polled after its end. A panic in the inner call drops the inner call and gives the
    /// permit back, too. That wakes the next task that waits for it. If the waker of that task
    /// panics, the panic ends here: it is no part of this call, and would take its answer away.
    #[must_use = "futures do nothing unless polled"]
    pub struct BulkheadFuture<F, G> {
        #[pin]
        call: Call<F, G>,
    }
}

pin_project! {
    #[project = CallProjection]
    enum Call<F, G> {
        Refused { refusal: Refusal },
        // The permit follows the work: the future goes first.
        Made { #[pin] future: F, permit: Held<G> },
        Done,
    }
}

/// The permit of a call. When it comes back it wakes the next task in the queue. If the waker of
/// that task panics, that is no failure of this call.
struct Held<G>(Option<G>);

impl<G> Drop for Held<G> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            caught(|| drop(permit));
        }
    }
}

/// Ends a call when it is dropped, be it by a panic in the call: the inner future goes, and the
/// permit after it.
struct Ends<'a, F, G>(Pin<&'a mut Call<F, G>>);

impl<F, G> Drop for Ends<'_, F, G> {
    fn drop(&mut self) {
        // It is dropped last, even if the future's own drop panics.
        let _permit = match self.0.as_mut().project() {
            CallProjection::Made { permit, .. } => Held(permit.0.take()),
            CallProjection::Refused { .. } | CallProjection::Done => Held(None),
        };
        // A future that has panicked may panic at its drop as well.
        in_drop(|| self.0.set(Call::Done));
    }
}

impl<F, G> BulkheadFuture<F, G> {
    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { call: Call::Refused { refusal } }
    }

    pub(super) const fn made(future: F, permit: G) -> Self {
        Self { call: Call::Made { future, permit: Held(Some(permit)) } }
    }
}

impl<F, G, T, E> Future for BulkheadFuture<F, G>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, BulkheadError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut ends = Ends(self.project().call);
        let result = match ends.0.as_mut().project() {
            CallProjection::Refused { refusal } => Err((*refusal).into()),
            CallProjection::Made { future, .. } => match future.poll(cx) {
                Poll::Ready(result) => result.map_err(BulkheadError::Inner),
                Poll::Pending => {
                    // It goes on.
                    mem::forget(ends);
                    return Poll::Pending;
                }
            },
            CallProjection::Done => panic!("the future of a call is polled after its end"),
        };
        drop(ends);
        Poll::Ready(result)
    }
}

impl<F, G> fmt::Debug for BulkheadFuture<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// One call: it waits for its turn, then makes the call and holds a permit until it has its
    /// answer.
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits, it leaves the queue; dropped later, it drops the inner call and
    /// gives the permit back.
    ///
    /// # Panics
    ///
    /// If it is polled after its end.
    #[must_use = "futures do nothing unless polled"]
    pub struct QueueFuture<S, Req, A, F, G> {
        #[pin]
        step: Step<A, BulkheadFuture<F, G>>,
        // Taken when its turn has come. None is left of one that was refused before it could wait.
        call: Option<(S, Req)>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<A, F> {
        Waiting { #[pin] acquire: A },
        Called { #[pin] future: F },
    }
}

impl<S, Req, A, F, G> QueueFuture<S, Req, A, F, G> {
    pub(super) const fn new(acquire: A, ready: S, request: Req) -> Self {
        Self { step: Step::Waiting { acquire }, call: Some((ready, request)) }
    }

    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { step: Step::Called { future: BulkheadFuture::refused(refusal) }, call: None }
    }
}

impl<S, Req, A, F, G> Future for QueueFuture<S, Req, A, F, G>
where
    S: Service<Req, Future = F>,
    A: Future<Output = Result<G, BulkheadRejected>>,
    F: Future<Output = Result<S::Response, S::Error>>,
{
    type Output = Result<S::Response, BulkheadError<S::Error>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StepProjection::Waiting { acquire } = this.step.as_mut().project() {
            let acquired = ready!(acquire.poll(cx));
            let call = this.call.take();
            let (permit, (mut ready, request)) = match (acquired, call) {
                (Ok(permit), Some(call)) => (permit, call),
                (Err(rejected), _) => return Poll::Ready(Err(BulkheadError::Rejected(rejected))),
                (Ok(_), None) => panic!("the future of a call is polled after its end"),
            };
            let future = BulkheadFuture::made(ready.call(request), permit);
            this.step.set(Step::Called { future });
        }
        match this.step.project() {
            StepProjection::Called { future } => future.poll(cx),
            StepProjection::Waiting { .. } => Poll::Pending,
        }
    }
}

impl<S, Req, A, F, G> fmt::Debug for QueueFuture<S, Req, A, F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueFuture").field("waits", &self.call.is_some()).finish_non_exhaustive()
    }
}
