//! `BulkheadLayer` and `QueueLayer`: put a bulkhead in front of a service.

use core::ops::Deref;

use tower_layer::Layer;

use super::{BulkheadService, QueueService};
use crate::adapters::tower::{
    AnswerWith, BoxErrors, Keyed, Layered, MapRejectionLayer, Refusal, Single,
};
use crate::breaker::Breaker;
use crate::timer::AsyncTimer;

/// Lets so many calls run at a time, and refuses the others at once.
///
/// It goes inside of a [`CircuitBreakerLayer`](crate::tower::CircuitBreakerLayer), which has to be
/// told that what the bulkhead refuses is nobody's failure:
/// [`ignore_refusals`](crate::tower::CircuitBreakerLayer::ignore_refusals).
///
/// `poll_ready` is that of the inner service, and reserves nothing here: a permit is taken in
/// `call` and given back when the inner service has answered, or when the future is dropped.
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

    /// Has calls wait in the bulkhead's queue, as long as its settings say, instead of being
    /// refused at once. It then goes outside of the breaker: see [`QueueLayer`].
    pub fn queue<T: AsyncTimer>(self, timer: T) -> QueueLayer<P, T> {
        QueueLayer { bulkhead: self.bulkhead, timer, asks: () }
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
/// As [`BulkheadLayer`], but a call waits in its future, together with its request and with the
/// inner service that was made ready for it; in place of that a clone is left. A future has its
/// turn from its first poll on. One that is refused or dropped lets go of the service, and with it
/// of what that reserved.
///
/// # Where it stands
///
/// Outside of the breaker, which then admits a call when its turn has come. A call that waits holds
/// no trial and is in no total, and its wait is not taken for the dependency's time. With
/// [`refuse_while_open`](Self::refuse_while_open), nobody queues for a dependency that is down.
///
/// Inside of the breaker it is in the wrong place: there a call is admitted before it waits. A long
/// wait makes it a slow call, and a failure if it is given up meanwhile. The trials of a half-open
/// circuit wait in the queue too, and all other calls are refused until the trials have had their
/// turn.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::tower::{BulkheadLayer, CircuitBreakerLayer};
/// use cutout::{Bulkhead, BulkheadConfig, CircuitBreaker, Config, ManualTimer, Rejected};
/// use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
///
/// static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
/// static PLACES: Bulkhead =
///     Bulkhead::with_config(BulkheadConfig::new(1).queue(8).max_wait(Duration::from_secs(1)));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let timer = ManualTimer::new(); // `TokioTimer` where it is not a test
/// let mut client = ServiceBuilder::new()
///     .layer(BulkheadLayer::new(&PLACES).queue(timer).refuse_while_open(&BREAKER).box_errors())
///     .layer(CircuitBreakerLayer::new(&BREAKER).box_errors())
///     .service(service_fn(async |order: u32| Ok::<_, BoxError>(order)));
/// assert_eq!(client.ready().await?.call(1).await?, 1);
///
/// let _held = PLACES.try_acquire()?; // no place is free
/// BREAKER.force_open();
/// let refused = client.ready().await?.call(2).await.unwrap_err();
/// assert!(refused.is::<Rejected>());
/// assert_eq!(PLACES.waiting(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct QueueLayer<P, T, A = ()> {
    bulkhead: P,
    timer: T,
    asks: A,
}

/// # Asking the breaker
impl<P, T, A> QueueLayer<P, T, A> {
    /// Refuses calls at once while the circuit refuses them, instead of having them wait for a
    /// place first: with [`BulkheadError::Circuit`](super::BulkheadError::Circuit). `breaker` is
    /// that of the [`CircuitBreakerLayer`](crate::tower::CircuitBreakerLayer) inside of this layer.
    ///
    /// Such a call is counted as rejected. Asking counts nothing else, and reserves nothing.
    ///
    /// A call that waits when the circuit opens is refused when its turn comes. If the break ends
    /// between `poll_ready` and `call`, the call is refused all the same, as behind a breaker
    /// alone, and is in no total.
    pub fn refuse_while_open<B>(self, breaker: B) -> QueueLayer<P, T, Single<B>>
    where
        B: Deref<Target: Breaker> + Clone,
    {
        QueueLayer { bulkhead: self.bulkhead, timer: self.timer, asks: Single(breaker) }
    }

    /// Refuses calls at once while the circuit of their request refuses them. `find` finds the
    /// breaker of a request, as in
    /// [`CircuitBreakerLayer::keyed`](crate::tower::CircuitBreakerLayer::keyed).
    ///
    /// What is counted is as for [`refuse_while_open`](Self::refuse_while_open).
    pub fn refuse_while_open_keyed<Req, F, B>(self, find: F) -> QueueLayer<P, T, Keyed<F>>
    where
        F: Fn(&Req) -> B,
        B: Deref<Target: Breaker>,
    {
        QueueLayer { bulkhead: self.bulkhead, timer: self.timer, asks: Keyed(find) }
    }
}

/// # Around it
impl<P, T, A> QueueLayer<P, T, A> {
    /// Answers refused calls with what `answer` makes of the refusal.
    pub fn map_rejection<R, F>(self, answer: F) -> Layered<Self, MapRejectionLayer<AnswerWith<F>>>
    where
        F: Fn(Refusal) -> R,
    {
        Layered::new(self, MapRejectionLayer::new(answer))
    }

    /// Answers refused calls as `answer` says: see
    /// [`CircuitBreakerLayer::answer_with`](crate::tower::CircuitBreakerLayer::answer_with).
    pub fn answer_with<W>(self, answer: W) -> Layered<Self, MapRejectionLayer<AnswerWith<W>>> {
        Layered::new(self, MapRejectionLayer::answer_with(answer))
    }

    /// Boxes refusals and errors alike.
    pub fn box_errors(self) -> Layered<Self, MapRejectionLayer<BoxErrors>> {
        Layered::new(self, MapRejectionLayer::boxed())
    }
}

impl<S, P: Clone, T: Clone, A: Clone> Layer<S> for QueueLayer<P, T, A> {
    type Service = QueueService<S, P, T, A>;

    fn layer(&self, inner: S) -> Self::Service {
        let (bulkhead, timer) = (self.bulkhead.clone(), self.timer.clone());
        QueueService::new(inner, bulkhead, timer, self.asks.clone())
    }
}
