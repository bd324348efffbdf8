//! SelectBreaker in every state and mode, and a mock service that counts how often it is asked.

use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use cutout::tower::CircuitBreakerLayer;
use cutout::tower::{CircuitBreakerService, Single};
use cutout::{CircuitBreaker, Config, ManualClock, Outcome};
use tower::{Layer, Service};
use tower_test::mock::{self, Handle, Mock, Spawn};

pub(crate) type Breaker = CircuitBreaker<ManualClock>;

pub(crate) const BREAK: Duration = Duration::from_secs(5);

/// Two failures in a row open it for five seconds, and one trial decides.
pub(crate) fn breaker() -> Arc<Breaker> {
    let config = Config::new().consecutive_failures(2).break_duration(BREAK).trials(1);
    Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()))
}

pub(crate) fn trip(breaker: &Breaker) {
    for _ in 0..2 {
        breaker.try_acquire().unwrap().settle(Outcome::Failure);
    }
}

pub(crate) fn tripped() -> Arc<Breaker> {
    let breaker = breaker();
    trip(&breaker);
    breaker
}

/// Half-open with a place for its trial once somebody calls.
pub(crate) fn rested() -> Arc<Breaker> {
    let breaker = tripped();
    breaker.clock().advance(BREAK);
    breaker
}

fn with(breaker: Arc<Breaker>, change: fn(&Breaker)) -> Arc<Breaker> {
    change(&breaker);
    breaker
}

/// Every way in which a circuit lets calls flow.
pub(crate) fn flowing() -> Vec<(&'static str, Arc<Breaker>)> {
    vec![
        ("closed", breaker()),
        ("rested", rested()),
        ("forced closed", with(tripped(), |breaker| breaker.force_closed())),
        ("disabled", with(tripped(), |breaker| breaker.disable())),
        ("shadow, closed", with(breaker(), |breaker| breaker.shadow())),
        ("shadow, open", with(tripped(), |breaker| breaker.shadow())),
    ]
}

/// Every way in which a circuit refuses calls before they come.
pub(crate) fn refusing() -> Vec<(&'static str, Arc<Breaker>)> {
    let take_the_trial = |breaker: &Breaker| core::mem::forget(breaker.try_acquire());
    vec![
        ("open", tripped()),
        ("half-open, full", with(rested(), take_the_trial)),
        ("forced open", with(breaker(), |breaker| breaker.force_open())),
        ("forced open over open", with(tripped(), |breaker| breaker.force_open())),
    ]
}

/// How calls ended: successes, failures, ignored, cancelled.
pub(crate) fn ends(breaker: &Breaker) -> [u64; 4] {
    let totals = breaker.totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

/// How much `ends` grew since `before`.
pub(crate) fn since(before: [u64; 4], breaker: &Breaker) -> [u64; 4] {
    let now = ends(breaker);
    core::array::from_fn(|at| now[at] - before[at])
}

/// How often a service and its clones were asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    polled: Arc<AtomicU32>,
    called: Arc<AtomicU32>,
}

impl Asked {
    pub(crate) fn polled(&self) -> u32 {
        self.polled.load(Ordering::Relaxed)
    }

    pub(crate) fn called(&self) -> u32 {
        self.called.load(Ordering::Relaxed)
    }
}

/// A service that counts how often it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Probe<S> {
    inner: S,
    asked: Asked,
}

impl<S: Service<Req>, Req> Service<Req> for Probe<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.asked.polled.fetch_add(1, Ordering::Relaxed);
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.asked.called.fetch_add(1, Ordering::Relaxed);
        self.inner.call(request)
    }
}

pub(crate) type Guarded<K = cutout::tower::ByResult> =
    CircuitBreakerService<Probe<Mock<u32, u32>>, Single<Arc<Breaker>>, K>;

pub(crate) fn layer(breaker: &Arc<Breaker>) -> CircuitBreakerLayer<Single<Arc<Breaker>>> {
    CircuitBreakerLayer::new(Arc::clone(breaker))
}

/// A mock behind what `layer` puts in front of it.
pub(crate) fn spawn<L>(layer: &L) -> (Spawn<L::Service>, Handle<u32, u32>, Asked)
where
    L: Layer<Probe<Mock<u32, u32>>>,
{
    let asked = Asked::default();
    let (inner, handle) = mock::pair();
    (Spawn::new(layer.layer(Probe { inner, asked: asked.clone() })), handle, asked)
}

/// A mock behind a breaker.
pub(crate) fn guarded(breaker: &Arc<Breaker>) -> (Spawn<Guarded>, Handle<u32, u32>, Asked) {
    spawn(&layer(breaker))
}
