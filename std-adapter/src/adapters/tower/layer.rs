//! `CircuitBreakerLayer`: puts a breaker in front of a service.

use core::ops::Deref;

use cutout_core::Report;
use tower_layer::Layer;

use super::{
    AnswerWith, BackpressureLayer, BoxErrors, Breaker, ByResult, CircuitBreakerService,
    IgnoreRefusals, Keyed, Layered, MapRejectionLayer, Refusal, Single,
};
use crate::timer::AsyncTimer;

/// Puts a circuit breaker in front of a service.
///
/// All services that one layer makes, and all clones of them, share its breaker. See the
/// [module](super) for what they promise.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use cutout::tower::CircuitBreakerLayer;
/// use cutout::{CircuitBreaker, Config, Error};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bank = Arc::new(CircuitBreaker::new(Config::new().consecutive_failures(1)));
/// let client = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(Arc::clone(&bank)))
///     .service(service_fn(async |order: u32| Err::<u32, _>(format!("no answer to {order}"))));
///
/// assert!(matches!(client.clone().oneshot(1).await, Err(Error::Inner(_))));
/// assert!(matches!(client.oneshot(2).await, Err(Error::Rejected(_))));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CircuitBreakerLayer<B, K = ByResult> {
    breakers: B,
    classifier: K,
}

/// # Constructing
impl<P: Deref<Target: Breaker> + Clone> CircuitBreakerLayer<Single<P>> {
    /// One breaker for all requests, held by an [`Arc`](std::sync::Arc), by a `&'static`, or by the
    /// handle of a registry.
    pub const fn new(breaker: P) -> Self {
        Self { breakers: Single(breaker), classifier: ByResult }
    }
}

/// # Constructing for several breakers
impl<F> CircuitBreakerLayer<Keyed<F>> {
    /// The breaker that `find` finds for each request: one per host, per route, per tenant.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::tower::CircuitBreakerLayer;
    /// use cutout::{CircuitBreaker, Config};
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// static READS: CircuitBreaker = CircuitBreaker::new(Config::new());
    /// static WRITES: CircuitBreaker = CircuitBreaker::new(Config::new());
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let by_verb = |request: &&str| if request.starts_with("get") { &READS } else { &WRITES };
    /// let store = ServiceBuilder::new()
    ///     .layer(CircuitBreakerLayer::keyed(by_verb))
    ///     .service(service_fn(async |_: &str| Ok::<_, std::io::Error>("done")));
    ///
    /// WRITES.force_open();
    /// assert!(store.clone().oneshot("get 1").await.is_ok());
    /// assert!(store.oneshot("put 1").await.is_err());
    /// # }
    /// ```
    pub const fn keyed<Req, P>(find: F) -> Self
    where
        F: Fn(&Req) -> P,
        P: Deref<Target: Breaker> + Clone,
    {
        Self { breakers: Keyed(find), classifier: ByResult }
    }
}

/// # Judging
impl<B, K> CircuitBreakerLayer<B, K> {
    /// Has `classifier` judge how calls end, instead of [`ByResult`].
    pub fn classify<L>(self, classifier: L) -> CircuitBreakerLayer<B, L> {
        CircuitBreakerLayer { breakers: self.breakers, classifier }
    }

    /// Has a function judge how calls end.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::tower::CircuitBreakerLayer;
    /// use cutout::{CircuitBreaker, Config, Outcome};
    /// use std::io::{Error, ErrorKind};
    ///
    /// static FILES: CircuitBreaker = CircuitBreaker::new(Config::new());
    ///
    /// let layer = CircuitBreakerLayer::new(&FILES).classify_with(
    ///     |result: Result<&String, &Error>| match result {
    ///         Err(error) if error.kind() != ErrorKind::NotFound => Outcome::Failure,
    ///         _ => Outcome::Success,
    ///     },
    /// );
    /// # let _ = layer;
    /// ```
    pub fn classify_with<T, E, F, R>(self, classifier: F) -> CircuitBreakerLayer<B, F>
    where
        F: Fn(Result<&T, &E>) -> R,
        R: Into<Report>,
    {
        self.classify(classifier)
    }
}

/// # Judging refusals
impl<B, K> CircuitBreakerLayer<B, K> {
    /// Ignores what layers inside of this one refuse, however deep: a
    /// [`BulkheadLayer`](super::BulkheadLayer), or a breaker for a part of the dependency. Their
    /// refusals say nothing about it, and a trial that one of them refuses gives its place back.
    /// The same goes for the bodies of requests that an `http::WatchBodyLayer` found broken.
    ///
    /// The inner service's error has to be one that may be a refusal
    /// ([`MaybeRefusal`](super::MaybeRefusal)): a [`BulkheadError`](super::BulkheadError), an
    /// [`Error`](crate::Error), an `http::RequestError`, or a box. In that, and in the errors in
    /// it, a refusal is found at any depth: also in a box, and in errors of others that name it as
    /// their [source](core::error::Error::source). The innermost error is a [`core::error::Error`],
    /// a box, or another type that [`RefusedInside`](super::RefusedInside) knows. The classifier
    /// hears of the other errors. Set the classifier first.
    ///
    /// One layer goes in front of services of one kind: those whose errors are a
    /// [`core::error::Error`], or those whose errors are none, as one with a box in it. A layer
    /// that is made and never used does not compile, because the kind is not known then.
    ///
    /// Refusals of other crates' layers are not known here. What tower's `LoadShedLayer` sheds is a
    /// failure of the dependency, unless [`classify_with`](Self::classify_with) says otherwise:
    ///
    /// ```
    /// use cutout::Outcome;
    /// use tower::BoxError;
    /// use tower::load_shed::error::Overloaded;
    ///
    /// let judge = |result: Result<&u32, &BoxError>| match result {
    ///     Ok(_) => Outcome::Success,
    ///     Err(error) if error.is::<Overloaded>() => Outcome::Ignored,
    ///     Err(_) => Outcome::Failure,
    /// };
    /// assert_eq!(judge(Err(&Overloaded::new().into())), Outcome::Ignored);
    /// ```
    pub fn ignore_refusals<L>(self) -> CircuitBreakerLayer<B, IgnoreRefusals<K, L>> {
        let classifier = IgnoreRefusals::new(self.classifier);
        CircuitBreakerLayer { breakers: self.breakers, classifier }
    }
}

/// # Around it
impl<B, K> CircuitBreakerLayer<B, K> {
    /// Answers refused calls with what `answer` makes of the refusal, so that the service has the
    /// inner service's errors and no other: for those whose error is
    /// [`Infallible`](core::convert::Infallible).
    pub fn map_rejection<T, F>(self, answer: F) -> Layered<Self, MapRejectionLayer<AnswerWith<F>>>
    where
        F: Fn(Refusal) -> T,
    {
        Layered::new(self, MapRejectionLayer::new(answer))
    }

    /// Answers refused calls as `answer` says: the same for an answer that is a type, such as
    /// `http::Unavailable`, `grpc::Unavailable`, or an [`Answer`](super::Answer) of one's own.
    ///
    /// It is needed where the answer's type has the breaker in it, as that of
    /// `http::HttpStatusAndBody` and `grpc::GrpcStatus`, where the breaker is a `static`, and where
    /// the call is made in a spawned task. The compiler then asks for an answer for each lifetime
    /// of the breaker, which a function has not: "one type is more general than the other".
    pub fn answer_with<A>(self, answer: A) -> Layered<Self, MapRejectionLayer<AnswerWith<A>>> {
        Layered::new(self, MapRejectionLayer::answer_with(answer))
    }

    /// Boxes refusals and errors alike, as tower's own layers expect of what they stand in front
    /// of: a refusal as a [`Rejected`](crate::Rejected), which a caller can downcast to, an error
    /// as what it is. [`Refusal::find`] finds the refusals of all layers in the box, also of those
    /// further inside.
    ///
    /// It is needed where the inner service's error is a box already, because an
    /// [`Error`](crate::Error) of a box is no [`core::error::Error`]: the box is none.
    ///
    /// In a spawned task, call such a service by `ready` and `call`, or put it into tower's
    /// `BoxCloneService` first. Its `oneshot` does not compile there: rustc says that an
    /// implementation "is not general enough", as it does of tower's own timeout over an error in a
    /// box.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::tower::CircuitBreakerLayer;
    /// use cutout::{CircuitBreaker, Config, Rejected};
    /// use tower::buffer::BufferLayer;
    /// use tower::timeout::TimeoutLayer;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    ///
    /// static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let client = ServiceBuilder::new()
    ///     .layer(BufferLayer::new(8))
    ///     .layer(CircuitBreakerLayer::new(&BANK).box_errors())
    ///     .layer(TimeoutLayer::new(Duration::from_secs(1)))
    ///     .service(service_fn(async |order: u32| Ok::<_, BoxError>(order)));
    ///
    /// BANK.force_open();
    /// assert!(client.oneshot(7).await.unwrap_err().is::<Rejected>());
    /// # }
    /// ```
    pub fn box_errors(self) -> Layered<Self, MapRejectionLayer<BoxErrors>> {
        Layered::new(self, MapRejectionLayer::boxed())
    }
}

/// # Around it, with one breaker
impl<P: Deref<Target: Breaker> + Clone, K> CircuitBreakerLayer<Single<P>, K> {
    /// Keeps callers waiting in `poll_ready` while the circuit refuses, for balancers that would
    /// rather go elsewhere. See [`BackpressureLayer`].
    pub fn backpressure<T: AsyncTimer>(self, timer: T) -> Layered<Self, BackpressureLayer<P, T>> {
        let breaker = self.breaker().clone();
        Layered::new(self, BackpressureLayer::new(breaker, timer))
    }

    /// The one breaker.
    pub(super) const fn breaker(&self) -> &P {
        &self.breakers.0
    }
}

impl<S, B: Clone, K: Clone> Layer<S> for CircuitBreakerLayer<B, K> {
    type Service = CircuitBreakerService<S, B, K>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreakerService::new(inner, self.breakers.clone(), self.classifier.clone())
    }
}
