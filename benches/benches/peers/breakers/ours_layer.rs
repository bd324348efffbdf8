//! `cutout` as a layer, on its default clock.

use core::ops::Deref;
use std::sync::Arc;

use cutout::tower::{ByResult, CircuitBreakerLayer, CircuitBreakerService, Single};
use cutout::{CircuitBreaker, Error};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::ours::{Defaults, Policy, shown};
use super::tower::{Inner, serve};
use crate::peer::{AsyncPeer, Shown};
use crate::work::End;

/// The service without a breaker.
#[derive(Clone)]
pub(crate) struct Bare(Inner);

impl AsyncPeer for Bare {
    fn closed() -> Self {
        Self(service_fn(serve as _))
    }

    async fn call(&mut self, fail: bool) -> End {
        let ready = self.0.ready().await.expect("the service is always ready");
        match ready.call(fail).await {
            Ok(_) => End::Ok,
            Err(_) => End::Failed,
        }
    }

    fn shown(&self) -> Shown {
        Shown::default()
    }
}

/// How the layer holds its breaker.
pub(crate) trait Hold {
    type Pointer: Deref<Target = CircuitBreaker> + Clone + Send + Sync + 'static;

    fn hold(breaker: CircuitBreaker) -> Self::Pointer;
}

/// For as long as the program runs.
pub(crate) struct Static;

impl Hold for Static {
    type Pointer = &'static CircuitBreaker;

    fn hold(breaker: CircuitBreaker) -> &'static CircuitBreaker {
        Box::leak(Box::new(breaker))
    }
}

/// By counting who does.
pub(crate) struct Counted;

impl Hold for Counted {
    type Pointer = Arc<CircuitBreaker>;

    fn hold(breaker: CircuitBreaker) -> Arc<CircuitBreaker> {
        Arc::new(breaker)
    }
}

type Guarded<P> = CircuitBreakerService<Inner, Single<P>, ByResult>;

/// The service behind our layer.
pub(crate) struct Layered<H: Hold> {
    service: Guarded<H::Pointer>,
    breaker: H::Pointer,
}

impl<H: Hold> Clone for Layered<H> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), breaker: self.breaker.clone() }
    }
}

impl<H: Hold + 'static> AsyncPeer for Layered<H> {
    fn closed() -> Self {
        let breaker = H::hold(Defaults::breaker());
        let service = CircuitBreakerLayer::new(breaker.clone()).layer(service_fn(serve as _));
        Self { service, breaker }
    }

    async fn call(&mut self, fail: bool) -> End {
        let ready = self.service.ready().await.expect("the service is always ready");
        match ready.call(fail).await {
            Ok(_) => End::Ok,
            Err(Error::Inner(_)) => End::Failed,
            Err(Error::Rejected(_)) => End::Refused,
        }
    }

    fn shown(&self) -> Shown {
        shown(&self.breaker)
    }
}
