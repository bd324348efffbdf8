//! `MapRejection`: a refusal as something else, for services whose error has no room for one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use cutout_core::{Error, Rejected};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Makes something else of refusals, in front of a
/// [`CircuitBreakerLayer`](super::CircuitBreakerLayer), whose
/// [`map_rejection`](super::CircuitBreakerLayer::map_rejection) and
/// [`box_errors`](super::CircuitBreakerLayer::box_errors) put it there.
#[derive(Clone, Copy, Debug)]
pub struct MapRejectionLayer<R> {
    rejection: R,
}

impl<F> MapRejectionLayer<AnswerWith<F>> {
    /// Answers with what `answer` makes of the refusal. What is left as the error is that of the
    /// inner service.
    pub const fn new(answer: F) -> Self {
        Self { rejection: AnswerWith(answer) }
    }
}

impl MapRejectionLayer<BoxErrors> {
    /// Boxes refusals and errors alike.
    #[must_use]
    pub const fn boxed() -> Self {
        Self { rejection: BoxErrors }
    }
}

/// What becomes of a refusal, and with it of the error type.
pub trait OnRejection<T, E> {
    /// The error that is left.
    type Error;

    /// The call was refused.
    ///
    /// # Errors
    ///
    /// If a refusal is to stay one.
    fn rejected(&self, rejected: Rejected) -> Result<T, Self::Error>;

    /// The inner service failed.
    fn error(&self, error: E) -> Self::Error;
}

/// A refusal is answered with what a function makes of it.
#[derive(Clone, Copy, Debug)]
pub struct AnswerWith<F>(F);

impl<T, E, F: Fn(Rejected) -> T> OnRejection<T, E> for AnswerWith<F> {
    type Error = E;

    fn rejected(&self, rejected: Rejected) -> Result<T, E> {
        Ok((self.0)(rejected))
    }

    fn error(&self, error: E) -> E {
        error
    }
}

type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// A refusal is boxed as a [`Rejected`], an error as it is.
#[derive(Clone, Copy, Debug)]
pub struct BoxErrors;

impl<T, E: Into<BoxError>> OnRejection<T, E> for BoxErrors {
    type Error = BoxError;

    fn rejected(&self, rejected: Rejected) -> Result<T, BoxError> {
        Err(rejected.into())
    }

    fn error(&self, error: E) -> BoxError {
        error.into()
    }
}

impl<S, R: Clone> Layer<S> for MapRejectionLayer<R> {
    type Service = MapRejection<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        MapRejection { inner, rejection: self.rejection.clone(), refused: None }
    }
}

/// The service of a [`MapRejectionLayer`].
#[derive(Clone, Debug)]
pub struct MapRejection<S, R> {
    inner: S,
    rejection: R,
    /// A refusal that a service which is not ours gave in `poll_ready`: it waits for the request.
    refused: Option<Rejected>,
}

impl<S, R, Req, E> Service<Req> for MapRejection<S, R>
where
    S: Service<Req, Error = Error<E>>,
    R: OnRejection<S::Response, E> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = MapRejectionFuture<S::Future, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.refused = None;
        Poll::Ready(match ready!(self.inner.poll_ready(cx)) {
            Ok(()) => Ok(()),
            Err(Error::Rejected(rejected)) => {
                self.refused = Some(rejected);
                Ok(())
            }
            Err(Error::Inner(error)) => Err(self.rejection.error(error)),
        })
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let rejection = self.rejection.clone();
        let step = match self.refused.take() {
            Some(rejected) => Step::Refused { rejected },
            None => Step::Called { future: self.inner.call(request) },
        };
        MapRejectionFuture { rejection, step }
    }
}

pin_project! {
    /// One call of a [`MapRejection`].
    ///
    /// # Cancellation
    ///
    /// As of the inner future.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MapRejectionFuture<F, R> {
        rejection: R,
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StepProjection]
    enum Step<F> {
        Refused { rejected: Rejected },
        Called { #[pin] future: F },
    }
}

impl<F, R, T, E> Future for MapRejectionFuture<F, R>
where
    F: Future<Output = Result<T, Error<E>>>,
    R: OnRejection<T, E>,
{
    type Output = Result<T, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.step.project() {
            StepProjection::Refused { rejected } => Err(Error::Rejected(*rejected)),
            StepProjection::Called { future } => ready!(future.poll(cx)),
        };
        Poll::Ready(match result {
            Ok(response) => Ok(response),
            Err(Error::Rejected(rejected)) => this.rejection.rejected(rejected),
            Err(Error::Inner(error)) => Err(this.rejection.error(error)),
        })
    }
}
