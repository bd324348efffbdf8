//! `tower-resilience-circuitbreaker`: a tower service, its state in an asynchronous mutex. It asks
//! for a tokio runtime with a timer.

use core::future::{Ready, ready};

use tokio::runtime::{Builder, Runtime};
use tower::util::ServiceFn;
use tower::{Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerError, CircuitBreakerLayer, CircuitState, DefaultClassifier,
};

use super::BREAK;
use crate::peer::{AsyncPeer, Shown, State};
use crate::work::{End, Fault, operation};

pub(crate) type Served = Ready<Result<u64, Fault>>;
pub(crate) type Inner = ServiceFn<fn(bool) -> Served>;

pub(crate) fn serve(fail: bool) -> Served {
    ready(operation(fail))
}

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime");
}

#[derive(Clone)]
pub(crate) struct Tower(CircuitBreaker<Inner, DefaultClassifier>);

impl AsyncPeer for Tower {
    fn closed() -> Self {
        let layer = CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.9)
            .sliding_window_size(100)
            .minimum_number_of_calls(20)
            .wait_duration_in_open(BREAK)
            .build()
            .expect("its settings are valid");
        Self(layer.layer_fn(service_fn(serve)))
    }

    async fn call(&mut self, fail: bool) -> End {
        let ready = self.0.ready().await.expect("the service is always ready");
        match ready.call(fail).await {
            Ok(_) => End::Ok,
            Err(CircuitBreakerError::Inner(_)) => End::Failed,
            Err(CircuitBreakerError::OpenCircuit) => End::Refused,
        }
    }

    fn shown(&self) -> Shown {
        Shown::state(match self.0.state_sync() {
            CircuitState::Closed => State::Closed,
            CircuitState::Open => State::Open,
            CircuitState::HalfOpen => State::HalfOpen,
        })
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        RUNTIME.with(|runtime| runtime.block_on(future))
    }
}
