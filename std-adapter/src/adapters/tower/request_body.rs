//! `WatchBody`: a request whose body fails on the caller's side is no failure of the server.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use ::http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::refusal::BODY_FAILED;
use super::{MaybeRefusal, Refusal};

/// What was last seen of a request's body. It is written by whatever sends the body, on any thread,
/// and read once the call has failed: the error comes through the client's channel, behind the
/// word.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyState(Arc<AtomicU8>);

/// Not polled, at its end, or waiting for the server to take more.
const FLOWS: u8 = 0;
/// The caller has not given the next part yet.
const WAITS: u8 = 1;
/// The caller's side has failed, or has panicked.
const FAILED: u8 = 2;

impl BodyState {
    /// Whether the body broke off or panicked.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.load(Relaxed) == FAILED
    }

    /// Whether more of the body was awaited from the caller.
    pub(crate) fn awaits_caller(&self) -> bool {
        self.0.load(Relaxed) == WAITS
    }
}

pin_project! {
    /// A request's body that is watched by a [`WatchBody`]. It passes on what the inner body gives.
    #[derive(Debug)]
    pub struct WatchedBody<B> {
        #[pin]
        inner: B,
        state: BodyState,
    }
}

impl<B> WatchedBody<B> {
    pub(crate) fn new(inner: B) -> (Self, BodyState) {
        let state = BodyState::default();
        (Self { inner, state: state.clone() }, state)
    }
}

impl<B: Body> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let state = &this.state.0;
        // Left standing by a panic.
        state.store(FAILED, Relaxed);
        let poll = this.inner.poll_frame(cx);
        let seen = match &poll {
            Poll::Pending => WAITS,
            Poll::Ready(Some(Err(_))) => FAILED,
            Poll::Ready(_) => FLOWS,
        };
        state.store(seen, Relaxed);
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Tells a request whose body fails on the caller's side from a call that the server fails.
///
/// A proxy passes on bodies that others send. One that breaks off is an error of the client, and
/// counts as a failure of the server that it was meant for: strangers could open its circuit. This
/// layer makes such an error a [`RequestError::Body`], which a breaker outside leaves alone if it
/// is told so by [`ignore_refusals`](super::CircuitBreakerLayer::ignore_refusals). It stands
/// between the breaker and the client. A body that the client has taken whole, such as one of
/// bytes, never fails.
///
/// So is an error that comes while the next part of a body is awaited from the caller, as that of a
/// timeout inside is when a caller sends slowly. Nothing tells a timeout from a server that goes
/// away in that moment, so that is ignored as well; the next call finds out.
///
/// It allocates one word for each request.
///
/// # Examples
///
/// ```
/// use cutout::tower::http::{HttpStatus, WatchBodyLayer};
/// use cutout::tower::CircuitBreakerLayer;
/// use cutout::{CircuitBreaker, Config};
/// use bytes::Bytes;
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use tower::ServiceBuilder;
///
/// static UPSTREAM: CircuitBreaker = CircuitBreaker::new(Config::new());
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(&UPSTREAM).classify(HttpStatus).ignore_refusals())
///     .layer(WatchBodyLayer::new(|body| body)) // for tonic: `tonic::body::Body::new`
///     .service(Client::builder(TokioExecutor::new()).build_http());
/// # let _ = tower::ServiceExt::oneshot(client, http::Request::new(http_body_util::Empty::<Bytes>::new()));
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct WatchBodyLayer<F> {
    into_body: F,
}

impl<F> WatchBodyLayer<F> {
    /// Watches the bodies of requests. `into_body` makes the inner service's body of a
    /// [`WatchedBody`], where it has to be of one type.
    pub const fn new<B, W>(into_body: F) -> Self
    where
        F: Fn(WatchedBody<B>) -> W,
    {
        Self { into_body }
    }
}

impl<S, F: Clone> Layer<S> for WatchBodyLayer<F> {
    type Service = WatchBody<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        WatchBody { inner, into_body: self.into_body.clone() }
    }
}

impl<F> fmt::Debug for WatchBodyLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchBodyLayer").finish_non_exhaustive()
    }
}

/// The service of a [`WatchBodyLayer`].
#[derive(Clone, Copy)]
pub struct WatchBody<S, F> {
    inner: S,
    into_body: F,
}

impl<S, F, B, W> Service<Request<B>> for WatchBody<S, F>
where
    S: Service<Request<W>>,
    F: Fn(WatchedBody<B>) -> W,
    B: Body,
{
    type Response = S::Response;
    type Error = RequestError<S::Error>;
    type Future = WatchBodyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(RequestError::Inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let (body, state) = WatchedBody::new(body);
        let request = Request::from_parts(head, (self.into_body)(body));
        WatchBodyFuture { call: self.inner.call(request), state }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for WatchBody<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

pin_project! {
    /// One call of a [`WatchBody`].
    ///
    /// # Cancellation
    ///
    /// As of the inner future.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WatchBodyFuture<F> {
        #[pin]
        call: F,
        state: BodyState,
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for WatchBodyFuture<F> {
    type Output = Result<T, RequestError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        let is_callers = this.state.has_failed() || this.state.awaits_caller();
        Poll::Ready(result.map_err(|error| match is_callers {
            true => RequestError::Body(error),
            false => RequestError::Inner(error),
        }))
    }
}

/// Why a call behind a [`WatchBodyLayer`] gave no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestError<E> {
    /// The body of the request failed on the caller's side, or was still awaited from there; this
    /// is what the client made of it.
    Body(E),
    /// Any other error of the client.
    Inner(E),
}

impl<E> RequestError<E> {
    /// What the client said, whoever's failure it is.
    pub fn into_inner(self) -> E {
        match self {
            Self::Body(error) | Self::Inner(error) => error,
        }
    }
}

/// A failure of the caller's is not judged, as refusals are not, but it stays the error. A
/// [`MapRejectionLayer`](super::MapRejectionLayer) around a [`WatchBody`] takes what the client
/// said out of it, and a breaker outside of that counts a body that broke off as a failure.
impl<E> MaybeRefusal for RequestError<E> {
    type Other = E;

    fn other(&self) -> Option<&E> {
        match self {
            Self::Body(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    fn into_other(self) -> Result<E, Refusal> {
        Ok(self.into_inner())
    }
}

impl<E: fmt::Display> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(error) => write!(f, "the body of the request did not come whole: {error}"),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for RequestError<E> {
    fn description(&self) -> &str {
        match self {
            // In a box nothing else can be asked of an error of unknown type: see `says_nothing`.
            Self::Body(_) => BODY_FAILED,
            Self::Inner(_) => "the call failed",
        }
    }

    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Body(error) | Self::Inner(error) => Some(error),
        }
    }
}
