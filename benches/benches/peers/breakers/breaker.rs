//! `breaker`: a ring of results under a reader-writer lock, for tasks alone.

use std::sync::Arc;

use breaker::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError, State as Theirs};

use super::BREAK;
use crate::peer::{AsyncPeer, Shown, State};
use crate::work::{End, operation};

#[derive(Clone)]
pub(crate) struct Breaker(Arc<CircuitBreaker>);

impl AsyncPeer for Breaker {
    fn closed() -> Self {
        let config = CircuitBreakerConfig::builder()
            .failure_rate_threshold(0.9)
            .sliding_window_size(100)
            .minimum_calls(20)
            .consecutive_failures(u32::MAX)
            .wait_duration(BREAK)
            .build();
        Self(Arc::new(CircuitBreaker::new(config)))
    }

    async fn call(&mut self, fail: bool) -> End {
        match self.0.call(|| async { operation(fail) }).await {
            Ok(_) => End::Ok,
            Err(CircuitBreakerError::Failure(_)) => End::Failed,
            Err(CircuitBreakerError::CircuitOpen | CircuitBreakerError::Rejected) => End::Refused,
        }
    }

    fn shown(&self) -> Shown {
        let metrics = self.0.metrics();
        Shown {
            state: Some(match metrics.state {
                Theirs::Closed => State::Closed,
                Theirs::Open => State::Open,
                Theirs::HalfOpen => State::HalfOpen,
            }),
            ok: Some(metrics.total_successes),
            failed: Some(metrics.total_failures),
            refused: None,
        }
    }
}
