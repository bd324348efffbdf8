//! `BulkheadLayer` and `QueueLayer`: put a bulkhead in front of a service.

use tower_layer::Layer;

use super::{BulkheadService, QueueService};
use crate::Sleep;
use crate::tower::{AnswerWith, BoxErrors, Layered, MapRejectionLayer, Refusal};

/// Lets so many calls run at a time, and refuses the others at once.
///
/// It goes inside of a [`CircuitBreakerLayer`](crate::tower::CircuitBreakerLayer), which has to be
/// told that what the bulkhead refuses is nobody's failure:
/// [`ignore_refusals`](crate::tower::CircuitBreakerLayer::ignore_refusals).
///
/// `poll_ready` is that of the inner service, and reserves nothing here: a permit is taken in `call`
/// and given back when the inner service has answered, or when the future is dropped.
///
/// # Examples
///
/// ```
/// use cutout::tower::{BulkheadLayer, CircuitBreakerLayer};
/// use cutout::{Bulkhead, BulkheadRejected, CircuitBreaker, Config};
/// use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
///
/// static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
/// static BULKHEAD: Bulkhead = Bulkhead::new(1);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let mut client = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(&BREAKER).ignore_refusals().box_errors())
///     .layer(BulkheadLayer::new(&BULKHEAD).box_errors())
///     .service(service_fn(async |order: u32| Ok::<_, BoxError>(order)));
///
/// let first = client.ready().await?.call(1);
/// let second = client.ready().await?.call(2);
/// assert!(second.await.unwrap_err().is::<BulkheadRejected>());
/// assert_eq!(first.await?, 1);
/// assert_eq!((BREAKER.totals().successes, BREAKER.totals().ignored), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BulkheadLayer<P> {
    bulkhead: P,
}

impl<P> BulkheadLayer<P> {
    /// Held by an `Arc<Bulkhead>` or by a `&'static Bulkhead`.
    pub const fn new(bulkhead: P) -> Self {
        Self { bulkhead }
    }

    /// Has calls wait in the bulkhead's queue, as long as its settings say, instead of being refused
    /// at once. See [`QueueLayer`].
    pub fn queue<T: Sleep>(self, timer: T) -> QueueLayer<P, T> {
        QueueLayer { bulkhead: self.bulkhead, timer }
    }

    /// Answers refused calls with what `answer` makes of the refusal.
    pub fn map_rejection<R, F>(self, answer: F) -> Layered<Self, MapRejectionLayer<AnswerWith<F>>>
    where
        F: Fn(Refusal) -> R,
    {
        Layered::new(self, MapRejectionLayer::new(answer))
    }

    /// Answers refused calls as `answer` says: see
    /// [`CircuitBreakerLayer::answer_with`](crate::tower::CircuitBreakerLayer::answer_with).
    pub fn answer_with<A>(self, answer: A) -> Layered<Self, MapRejectionLayer<AnswerWith<A>>> {
        Layered::new(self, MapRejectionLayer::answer_with(answer))
    }

    /// Boxes refusals and errors alike.
    pub fn box_errors(self) -> Layered<Self, MapRejectionLayer<BoxErrors>> {
        Layered::new(self, MapRejectionLayer::boxed())
    }
}

impl<S, P: Clone> Layer<S> for BulkheadLayer<P> {
    type Service = BulkheadService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService::new(inner, self.bulkhead.clone())
    }
}

/// Lets so many calls run at a time, and has a few wait for their turn.
///
/// As [`BulkheadLayer`], but a call waits in its future, together with its request and with the inner
/// service that was made ready for it; in place of that a clone is left. A future has its turn from
/// its first poll on. One that is refused or dropped lets go of the service, and with it of what that
/// reserved.
#[derive(Clone, Copy, Debug)]
pub struct QueueLayer<P, T> {
    bulkhead: P,
    timer: T,
}

impl<P, T> QueueLayer<P, T> {
    /// Answers refused calls with what `answer` makes of the refusal.
    pub fn map_rejection<R, F>(self, answer: F) -> Layered<Self, MapRejectionLayer<AnswerWith<F>>>
    where
        F: Fn(Refusal) -> R,
    {
        Layered::new(self, MapRejectionLayer::new(answer))
    }

    /// Answers refused calls as `answer` says: see
    /// [`CircuitBreakerLayer::answer_with`](crate::tower::CircuitBreakerLayer::answer_with).
    pub fn answer_with<A>(self, answer: A) -> Layered<Self, MapRejectionLayer<AnswerWith<A>>> {
        Layered::new(self, MapRejectionLayer::answer_with(answer))
    }

    /// Boxes refusals and errors alike.
    pub fn box_errors(self) -> Layered<Self, MapRejectionLayer<BoxErrors>> {
        Layered::new(self, MapRejectionLayer::boxed())
    }
}

impl<S, P: Clone, T: Clone> Layer<S> for QueueLayer<P, T> {
    type Service = QueueService<S, P, T>;

    fn layer(&self, inner: S) -> Self::Service {
        QueueService::new(inner, self.bulkhead.clone(), self.timer.clone())
    }
}
