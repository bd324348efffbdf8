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
    /// Dropped while somebody waits for more of it, before its gRPC status came, or by a panic
    /// elsewhere, it cancels the call. Else who drops it early has read as much as it wanted, and
    /// the call is a success. A panic in the inner body is a failure.
    pub struct SettlingBody<B, P: Deref>
    where
        P::Target: Breaker,
    {
        #[pin]
        inner: B,
        // None: the call is settled.
        open: Option<OpenCall<P>>,
    }

    impl<B, P: Deref> PinnedDrop for SettlingBody<B, P>
    where
        P::Target: Breaker,
    {
        fn drop(this: Pin<&mut Self>) {
            let enough = this.has_given_enough();
            if let (true, Some(open)) = (enough, this.project().open.take()) {
                open.permit.settle(Outcome::Success);
            }
        }
    }
}

impl<B, P: Deref<Target: Breaker>> SettlingBody<B, P> {
    /// The body of a call that is settled.
    pub(super) const fn settled(inner: B) -> Self {
        Self { inner, open: None }
    }

    /// The body of a call that is a success if the body comes to its end, or is dropped before by
    /// who does not wait for it.
    pub(super) const fn until_its_end(inner: B, permit: CallPermit<P>) -> Self {
        Self { inner, open: Some(OpenCall { permit, awaits: Awaits::End { hangs: false } }) }
    }

    /// The body of a call whose gRPC status comes in the trailers, or else is `head`.
    pub(super) const fn until_its_trailers(
        inner: B,
        permit: CallPermit<P>,
        head: Option<Report>,
    ) -> Self {
        Self { inner, open: Some(OpenCall { permit, awaits: Awaits::Status { head } }) }
    }

    /// Whether the call is a success if the body is dropped now.
    fn has_given_enough(&self) -> bool {
        let awaits = self.open.as_ref().map(|open| open.awaits);
        matches!(awaits, Some(Awaits::End { hangs: false })) && !std::thread::panicking()
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
    End {
        /// Whether the last who asked for more still waits for it.
        hangs: bool,
    },
    /// The gRPC status.
    Status {
        /// That of the head, which counts if no other comes.
        head: Option<Report>,
    },
}

/// A call whose response is there, and that is not settled.
struct OpenCall<P: Deref<Target: Breaker>> {
    permit: CallPermit<P>,
    awaits: Awaits,
}

impl Awaits {
    /// What the call amounts to, now that `poll` came of its body; `None` if more is to come.
    ///
    /// Who sees by `is_end_stream` that nothing more will come does not poll again.
    fn verdict<D, E>(
        &mut self,
        poll: &Poll<Option<Result<Frame<D>, E>>>,
        is_end_stream: impl FnOnce() -> bool,
    ) -> Option<Report> {
        if let Self::End { hangs } = self {
            *hangs = poll.is_pending();
        }
        let trailers = match poll {
            Poll::Pending => return None,
            Poll::Ready(Some(Err(_))) => return Some(Report::FAILURE),
            Poll::Ready(None) => None,
            Poll::Ready(Some(Ok(frame))) => match frame.trailers_ref() {
                None if !is_end_stream() => return None,
                trailers => trailers,
            },
        };
        Some(match *self {
            Self::End { .. } => Report::SUCCESS,
            Self::Status { head } => {
                trailers.and_then(grpc::report).or(head).unwrap_or(Report::FAILURE)
            }
        })
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
        let Some(mut open) = this.open.take() else { return this.inner.poll_frame(cx) };
        let (poll, verdict) = open.permit.run(|| {
            let poll = this.inner.as_mut().poll_frame(cx);
            let verdict = open.awaits.verdict(&poll, || this.inner.is_end_stream());
            (poll, verdict)
        });
        match verdict {
            Some(report) => open.permit.settle(report),
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
