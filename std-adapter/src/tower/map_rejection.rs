//! `MapRejection`: a refusal as something else, for services whose error has no room for one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::refusal::BoxError;
use super::{Refusable, Refusal};

/// Makes something else of refusals.
///
/// It stands in front of what may refuse:
/// [`CircuitBreakerLayer::map_rejection`](super::CircuitBreakerLayer::map_rejection),
/// [`CircuitBreakerLayer::box_errors`](super::CircuitBreakerLayer::box_errors) and their like of
/// [`BulkheadLayer`](super::BulkheadLayer) put it there.
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
    fn refused(&self, refusal: Refusal) -> Result<T, Self::Error>;

    /// The inner service failed.
    fn error(&self, error: E) -> Self::Error;
}

/// A refusal is answered with what a function makes of it.
#[derive(Clone, Copy, Debug)]
pub struct AnswerWith<F>(F);

impl<T, E, F: Fn(Refusal) -> T> OnRejection<T, E> for AnswerWith<F> {
    type Error = E;

    fn refused(&self, refusal: Refusal) -> Result<T, E> {
        Ok((self.0)(refusal))
    }

    fn error(&self, error: E) -> E {
        error
    }
}

/// A refusal is boxed as a [`Rejected`](crate::Rejected) or as a
/// [`BulkheadRejected`](crate::BulkheadRejected), an error as it is.
#[derive(Clone, Copy, Debug)]
pub struct BoxErrors;

impl<T, E: Into<BoxError>> OnRejection<T, E> for BoxErrors {
    type Error = BoxError;

    fn refused(&self, refusal: Refusal) -> Result<T, BoxError> {
        Err(refusal.boxed())
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
    refused: Option<Refusal>,
}

impl<S, R, Req> Service<Req> for MapRejection<S, R>
where
    S: Service<Req, Error: Refusable>,
    R: OnRejection<S::Response, <S::Error as Refusable>::Other> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = MapRejectionFuture<S::Future, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.refused = None;
        Poll::Ready(match ready!(self.inner.poll_ready(cx)) {
            Ok(()) => Ok(()),
            Err(error) => match error.into_other() {
                Ok(error) => Err(self.rejection.error(error)),
                Err(refusal) => {
                    self.refused = Some(refusal);
                    Ok(())
                }
            },
        })
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let rejection = self.rejection.clone();
        let step = match self.refused.take() {
            Some(refusal) => Step::Refused { refusal },
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
        Refused { refusal: Refusal },
        Called { #[pin] future: F },
    }
}

impl<F, R, T, E> Future for MapRejectionFuture<F, R>
where
    F: Future<Output = Result<T, E>>,
    E: Refusable,
    R: OnRejection<T, E::Other>,
{
    type Output = Result<T, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let error = match this.step.project() {
            StepProjection::Refused { refusal } => Err(*refusal),
            StepProjection::Called { future } => match ready!(future.poll(cx)) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(error) => error.into_other(),
            },
        };
        Poll::Ready(match error {
            Ok(error) => Err(this.rejection.error(error)),
            Err(refusal) => this.rejection.refused(refusal),
        })
    }
}
