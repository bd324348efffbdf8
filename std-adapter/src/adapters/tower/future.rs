//! `ResponseFuture`: one call through the layer.

use core::future::Future;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};

use cutout_core::{Error, Rejected};
use pin_project_lite::pin_project;

use super::{AnsweredCall, Breaker, CallPermit, Classify};

pin_project! {
    /// One call: it is refused, or it is that of the inner service.
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, the call is cancelled.
    ///
    /// # Panics
    ///
    /// If it is polled after its end.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, P: Deref, K>
    where
        P::Target: Breaker,
    {
        #[pin]
        call: Call<F, P, K>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = CallProjection]
    enum Call<F, P: Deref, K>
    where
        P::Target: Breaker,
    {
        Rejected { rejected: Rejected },
        Made { #[pin] future: F, permit: Option<CallPermit<P>>, classifier: K },
    }
}

impl<F, P: Deref<Target: Breaker>, K> ResponseFuture<F, P, K> {
    pub(super) const fn rejected(rejected: Rejected) -> Self {
        Self { call: Call::Rejected { rejected } }
    }

    pub(super) const fn made(future: F, permit: CallPermit<P>, classifier: K) -> Self {
        Self { call: Call::Made { future, permit: Some(permit), classifier } }
    }
}

impl<F, P, K, T, E> Future for ResponseFuture<F, P, K>
where
    F: Future<Output = Result<T, E>>,
    P: Deref<Target: Breaker>,
    K: Classify<T, E, P>,
{
    type Output = Result<K::Response, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().call.project() {
            CallProjection::Rejected { rejected } => Poll::Ready(Err(Error::Rejected(*rejected))),
            CallProjection::Made { future, permit, classifier } => {
                // On the stack, so that a panic in the inner future drops it there and then.
                let Some(mut held) = permit.take() else {
                    panic!("the future of a call is polled after its end");
                };
                let Poll::Ready(result) = held.run(|| future.poll(cx)) else {
                    *permit = Some(held);
                    return Poll::Pending;
                };
                Poll::Ready(AnsweredCall::judge(held, |call| match result {
                    Ok(response) => Ok(classifier.response(response, call)),
                    Err(error) => {
                        classifier.error(&error, call);
                        Err(Error::Inner(error))
                    }
                }))
            }
        }
    }
}
