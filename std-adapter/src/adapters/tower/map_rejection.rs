//! `MapRejection`: a refusal as something else, for services whose error has no room for one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::refusal::BoxError;
use super::{MaybeRefusal, Refusal};

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

impl<A> MapRejectionLayer<AnswerWith<A>> {
    /// Answers with what `answer` makes of the refusal. What is left as the error is that of the
    /// inner service.
    pub const fn new<T>(answer: A) -> Self
    where
        A: Fn(Refusal) -> T,
    {
        Self { rejection: AnswerWith(answer) }
    }

    /// The same for an [`Answer`] that is a type.
    pub const fn answer_with(answer: A) -> Self {
        Self { rejection: AnswerWith(answer) }
    }
}

impl<R> MapRejectionLayer<R> {
    /// Has `rejection` say what becomes of refusals, and of the error with them.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::tower::{CircuitBreakerLayer, MapRejectionLayer, OnRejection, Refusal};
    /// use cutout::{CircuitBreaker, Config};
    /// use std::io;
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// static FILES: CircuitBreaker = CircuitBreaker::new(Config::new());
    ///
    /// /// A refusal as an error of the inner service's own kind.
    /// #[derive(Clone)]
    /// struct AsIoError;
    ///
    /// impl<T> OnRejection<T, io::Error> for AsIoError {
    ///     type Error = io::Error;
    ///
    ///     fn refused(&self, refusal: Refusal) -> io::Result<T> {
    ///         Err(io::Error::other(refusal))
    ///     }
    ///
    ///     fn error(&self, error: io::Error) -> io::Error {
    ///         error
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let files = ServiceBuilder::new()
    ///     .layer(MapRejectionLayer::on_rejection(AsIoError))
    ///     .layer(CircuitBreakerLayer::new(&FILES))
    ///     .service(service_fn(async |name: &str| Ok::<_, io::Error>(name.len())));
    ///
    /// FILES.force_open();
    /// let error = files.oneshot("a.txt").await.unwrap_err();
    /// assert_eq!(error.to_string(), "refused: the circuit is forced open");
    /// # }
    /// ```
    pub const fn on_rejection(rejection: R) -> Self {
        Self { rejection }
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

/// What a refused call is answered with, in place of a `T` of the inner service. Any
/// `Fn(Refusal) -> T` is one.
///
/// # Examples
///
/// An answer of one's own, for responses with a body of whatever type, on a `static` breaker and in
/// a spawned task:
///
/// ```
/// # #[cfg(feature = "http")]
/// # {
/// use ::http::{Request, Response, StatusCode};
/// use cutout::tower::{Answer, CircuitBreakerLayer, Refusal, http};
/// use cutout::{CircuitBreaker, Config};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// static SEARCH: CircuitBreaker = CircuitBreaker::new(Config::new());
///
/// #[derive(Clone)]
/// struct TooManyRequests;
///
/// impl<B: Default> Answer<Response<B>> for TooManyRequests {
///     fn answer(&self, _: Refusal) -> Response<B> {
///         let mut response = Response::new(B::default());
///         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
///         response
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let layer = CircuitBreakerLayer::new(&SEARCH)
///     .classify(http::HttpStatusAndBody)
///     .answer_with(TooManyRequests);
/// let client = ServiceBuilder::new().layer(layer).service(service_fn(
///     async |_: Request<()>| Ok::<_, std::io::Error>(Response::new(String::new())),
/// ));
///
/// SEARCH.force_open();
/// let answer = tokio::spawn(async move { client.oneshot(Request::new(())).await });
/// assert_eq!(answer.await.unwrap().unwrap().status(), 429);
/// # }
/// # main();
/// # }
/// ```
pub trait Answer<T> {
    /// The answer to a call that was refused.
    fn answer(&self, refusal: Refusal) -> T;
}

impl<T, F: Fn(Refusal) -> T> Answer<T> for F {
    fn answer(&self, refusal: Refusal) -> T {
        self(refusal)
    }
}

/// A refusal is answered with what an [`Answer`] makes of it.
#[derive(Clone, Copy, Debug)]
pub struct AnswerWith<A>(A);

impl<T, E, A: Answer<T>> OnRejection<T, E> for AnswerWith<A> {
    type Error = E;

    fn refused(&self, refusal: Refusal) -> Result<T, E> {
        Ok(self.0.answer(refusal))
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
    S: Service<Req, Error: MaybeRefusal>,
    R: OnRejection<S::Response, <S::Error as MaybeRefusal>::Other> + Clone,
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
    E: MaybeRefusal,
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
