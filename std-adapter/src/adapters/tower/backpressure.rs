//! `Backpressure`: not ready while the circuit refuses.

use core::fmt;
use core::future::Future;
use core::mem;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use cutout_core::Rejected;
use tower_layer::Layer;
use tower_service::Service;

use super::Breaker;
use crate::timer::AsyncTimer;

/// How often a circuit that refuses is looked at, unless its break ends sooner.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Timers are no finer, and a caller that is told to wait should not spin.
const LEAST: Duration = Duration::from_millis(1);

/// Keeps callers waiting in `poll_ready` while the circuit refuses.
///
/// It is for a balancer, which sends its requests to endpoints that are ready: one whose circuit is
/// open is left alone until its break is over. For other callers a refusal at once is the better
/// answer.
///
/// It stands outside of the [`CircuitBreakerLayer`](super::CircuitBreakerLayer) of the same
/// breaker, whose [`backpressure`](super::CircuitBreakerLayer::backpressure) puts it there. It
/// reserves nothing: who was ready may still be refused in `call`, as when several were ready for
/// one trial.
///
/// A timer ends the wait: at the end of the break, but no later than after
/// [`look_again`](Self::look_again). So a circuit that is reset, released, or closed by the trial
/// of another clone is seen to be so within that time, and nothing has to be told of it. While it
/// waits it holds one boxed timer; a service that is ready allocates nothing.
///
/// It arms one timer for each of these periods, and one more for the end of a break. If a circuit
/// still refuses at the time that its own refusal named, that is looked at a period later.
#[derive(Clone, Copy, Debug)]
pub struct BackpressureLayer<P, T> {
    breaker: P,
    timer: T,
    look_again: Duration,
}

impl<P: Deref<Target: Breaker>, T: AsyncTimer> BackpressureLayer<P, T> {
    /// Waits on `timer` while the circuit of `breaker` refuses, and looks at it every 100 ms.
    pub const fn new(breaker: P, timer: T) -> Self {
        Self { breaker, timer, look_again: LOOK_AGAIN }
    }

    /// After how long it looks at the circuit again at the latest. Less than a
    /// millisecond is taken for one.
    #[must_use]
    pub const fn look_again(mut self, period: Duration) -> Self {
        self.look_again = period;
        self
    }
}

impl<S, P: Clone, T: AsyncTimer + Clone> Layer<S> for BackpressureLayer<P, T> {
    type Service = Backpressure<S, P, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Backpressure { inner, layer: self.clone(), sleeping: None, armed_for_end: false }
    }
}

/// The service of a [`BackpressureLayer`].
pub struct Backpressure<S, P, T: AsyncTimer> {
    inner: S,
    layer: BackpressureLayer<P, T>,
    /// Boxed, so that the service can be moved while it waits.
    sleeping: Option<Pin<Box<T::Sleeping>>>,
    /// Whether a timer was armed for the end of this break.
    armed_for_end: bool,
}

impl<S, P: Deref<Target: Breaker>, T: AsyncTimer> Backpressure<S, P, T> {
    /// A timer for the next look at a circuit that refuses.
    fn arm(&mut self, refusal: Rejected) -> Pin<Box<T::Sleeping>> {
        let period = self.layer.look_again.max(LEAST);
        let ends_in = refusal.retry_after().filter(|left| *left < period);
        if refusal.retry_after().is_some_and(|left| left >= period) {
            // Another break, or one of which a timer has not seen the end.
            self.armed_for_end = false;
        }
        let wait = match ends_in {
            // Whatever a refusal says, it is not believed twice.
            Some(left) if !mem::replace(&mut self.armed_for_end, true) => left.max(LEAST),
            _ => period,
        };
        Box::pin(self.layer.timer.sleep(wait))
    }
}

impl<S, P, T, Req> Service<Req> for Backpressure<S, P, T>
where
    S: Service<Req>,
    P: Deref<Target: Breaker>,
    T: AsyncTimer,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        while let Some(refusal) = self.layer.breaker.would_reject() {
            let armed_before = self.sleeping.take();
            let is_new = armed_before.is_none();
            let mut sleeping = match armed_before {
                Some(sleeping) => sleeping,
                None => self.arm(refusal),
            };
            if sleeping.as_mut().poll(cx).is_pending() {
                self.sleeping = Some(sleeping);
                return Poll::Pending;
            }
            if is_new {
                // A timer that is over at once: others have their turn before the next.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        self.sleeping = None;
        self.armed_for_end = false;
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> S::Future {
        self.inner.call(request)
    }
}

/// A clone has a timer of its own.
impl<S: Clone, P: Clone, T: AsyncTimer + Clone> Clone for Backpressure<S, P, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
            sleeping: None,
            armed_for_end: false,
        }
    }
}

impl<S: fmt::Debug, P: fmt::Debug, T: AsyncTimer + fmt::Debug> fmt::Debug
    for Backpressure<S, P, T>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backpressure")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .field("waits", &self.sleeping.is_some())
            .finish()
    }
}
