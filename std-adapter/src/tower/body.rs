//! `SettlingBody`: a response body that ends the call.

use core::fmt;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};

use cutout_core::{Outcome, Report};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Breaker, CallPermit, grpc};

pin_project! {
    /// A response body that settles its call when it ends, or when the trailers come.
    ///
    /// It passes on what the inner body gives, as it is. One made from a body by `From`, or by
    /// `Default`, settles nothing.
    ///
    /// # Cancellation
    ///
    /// Dropped early, it settles the call as its classifier says; dropped by a panic, as a failure.
    pub struct SettlingBody<B, P: Deref>
    where
        P::Target: Breaker,
    {
        #[pin]
        inner: B,
        // None: the call is settled.
        open: Option<OpenCall<P>>,
    }
}

impl<B, P: Deref<Target: Breaker>> SettlingBody<B, P> {
    /// The body of a call that is settled.
    pub(super) const fn settled(inner: B) -> Self {
        Self { inner, open: None }
    }

    /// The body of a call that is a success if the body comes to its end, or is dropped before.
    pub(super) const fn until_its_end(inner: B, permit: CallPermit<P>) -> Self {
        Self { inner, open: Some(OpenCall { permit: Some(permit), awaits: Awaits::End }) }
    }

    /// The body of a call whose gRPC status comes in the trailers.
    pub(super) const fn until_its_trailers(inner: B, permit: CallPermit<P>) -> Self {
        Self { inner, open: Some(OpenCall { permit: Some(permit), awaits: Awaits::Status }) }
    }
}

impl<B, P: Deref<Target: Breaker>> From<B> for SettlingBody<B, P> {
    fn from(inner: B) -> Self {
        Self::settled(inner)
    }
}

impl<B: Default, P: Deref<Target: Breaker>> Default for SettlingBody<B, P> {
    fn default() -> Self {
        Self::settled(B::default())
    }
}

/// What is still to come of a call whose response is there.
#[derive(Clone, Copy, Debug)]
enum Awaits {
    /// The end of the body.
    End,
    /// The gRPC status.
    Status,
}

/// A call whose response is there, and that is not settled.
struct OpenCall<P: Deref<Target: Breaker>> {
    permit: Option<CallPermit<P>>,
    awaits: Awaits,
}

impl<P: Deref<Target: Breaker>> OpenCall<P> {
    /// What the call amounts to, now that `poll` came of its body; `None` if more is to come.
    ///
    /// Who sees by `is_end_stream` that nothing more will come does not poll again.
    fn verdict<D, E>(
        &self,
        poll: &Poll<Option<Result<Frame<D>, E>>>,
        is_end_stream: impl FnOnce() -> bool,
    ) -> Option<Report> {
        let trailers = match poll {
            Poll::Pending => return None,
            Poll::Ready(Some(Err(_))) => return Some(Outcome::Failure.into()),
            Poll::Ready(None) => None,
            Poll::Ready(Some(Ok(frame))) => match frame.trailers_ref() {
                None if !is_end_stream() => return None,
                trailers => trailers,
            },
        };
        Some(match self.awaits {
            Awaits::End => Outcome::Success.into(),
            Awaits::Status => trailers.and_then(grpc::report).unwrap_or(Outcome::Failure.into()),
        })
    }

    fn settle(mut self, report: Report) {
        if let Some(permit) = self.permit.take() {
            permit.settle(report);
        }
    }
}

impl<P: Deref<Target: Breaker>> Drop for OpenCall<P> {
    fn drop(&mut self) {
        // The caller has had its answer, and wants no more of it. A gRPC call has none before its
        // status, so that one is cancelled.
        if matches!(self.awaits, Awaits::End) && !std::thread::panicking() {
            if let Some(permit) = self.permit.take() {
                permit.settle(Outcome::Success);
            }
        }
    }
}

impl<B: Body, P: Deref<Target: Breaker>> Body for SettlingBody<B, P> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // On the stack, so that a panic in the inner body drops it there and then.
        let Some(open) = this.open.take() else { return this.inner.poll_frame(cx) };
        let poll = this.inner.as_mut().poll_frame(cx);
        match open.verdict(&poll, || this.inner.is_end_stream()) {
            Some(report) => open.settle(report),
            None => *this.open = Some(open),
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: fmt::Debug, P: Deref<Target: Breaker>> fmt::Debug for SettlingBody<B, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettlingBody")
            .field("inner", &self.inner)
            .field("awaits", &self.open.as_ref().map(|open| open.awaits))
            .finish()
    }
}
