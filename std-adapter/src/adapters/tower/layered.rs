//! `Layered`: one of our layers with others around it.

use core::ops::Deref;

use tower_layer::Layer;

use super::{
    AnswerWith, BackpressureLayer, BoxErrors, Breaker, CircuitBreakerLayer, MapRejectionLayer,
    Refusal, Single,
};
use crate::timer::AsyncTimer;

/// A layer with another one around it, to which more can be added.
///
/// # Examples
///
/// In either order:
///
/// ```
/// use cutout::tower::CircuitBreakerLayer;
/// use cutout::{CircuitBreaker, Config};
/// # use core::future::{Ready, ready};
/// # use core::time::Duration;
/// # #[derive(Clone, Copy)]
/// # struct Timer;
/// # impl cutout::AsyncTimer for Timer {
/// #     type Sleeping = Ready<()>;
/// #     fn sleep(&self, _: Duration) -> Ready<()> { ready(()) }
/// # }
///
/// static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
///
/// let one = CircuitBreakerLayer::new(&BANK).backpressure(Timer).box_errors();
/// let other = CircuitBreakerLayer::new(&BANK).box_errors().backpressure(Timer);
/// # let _ = (one, other);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Layered<I, O> {
    inner: I,
    outer: O,
}

impl<I, O> Layered<I, O> {
    pub(super) const fn new(inner: I, outer: O) -> Self {
        Self { inner, outer }
    }
}

/// # Around it
impl<I, O> Layered<I, O> {
    /// Answers refused calls with what `answer` makes of the refusal: see
    /// [`CircuitBreakerLayer::map_rejection`].
    pub fn map_rejection<T, F>(self, answer: F) -> Layered<Self, MapRejectionLayer<AnswerWith<F>>>
    where
        F: Fn(Refusal) -> T,
    {
        Layered::new(self, MapRejectionLayer::new(answer))
    }

    /// Answers refused calls as `answer` says: see [`CircuitBreakerLayer::answer_with`].
    pub fn answer_with<A>(self, answer: A) -> Layered<Self, MapRejectionLayer<AnswerWith<A>>> {
        Layered::new(self, MapRejectionLayer::answer_with(answer))
    }

    /// Boxes refusals and errors alike: see [`CircuitBreakerLayer::box_errors`].
    pub fn box_errors(self) -> Layered<Self, MapRejectionLayer<BoxErrors>> {
        Layered::new(self, MapRejectionLayer::boxed())
    }
}

/// # Around what refuses, with one breaker
impl<P, K, R> Layered<CircuitBreakerLayer<Single<P>, K>, MapRejectionLayer<R>>
where
    P: Deref<Target: Breaker> + Clone,
{
    /// Keeps callers waiting in `poll_ready` while the circuit refuses: see
    /// [`CircuitBreakerLayer::backpressure`].
    pub fn backpressure<T: AsyncTimer>(self, timer: T) -> Layered<Self, BackpressureLayer<P, T>> {
        let breaker = self.inner.breaker().clone();
        Layered::new(self, BackpressureLayer::new(breaker, timer))
    }
}

impl<S, I: Layer<S>, O: Layer<I::Service>> Layer<S> for Layered<I, O> {
    type Service = O::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.outer.layer(self.inner.layer(inner))
    }
}
