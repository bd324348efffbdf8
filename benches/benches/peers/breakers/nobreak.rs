//! `nobreak`: a mutex, taken twice a call.

use std::sync::Arc;

use nobreak::{CircuitBreaker, CircuitError, CircuitState};

use super::BREAK;
use crate::peer::{AsyncPeer, Configured, Peer, Shown, State};
use crate::work::{End, Fault, operation};

fn end(result: Result<u64, CircuitError<Fault>>) -> End {
    match result {
        Ok(_) => End::Ok,
        Err(CircuitError::Failed { .. }) => End::Failed,
        Err(CircuitError::Open) => End::Refused,
    }
}

pub(crate) struct Breaker(CircuitBreaker);

impl Peer for Breaker {
    fn call(&self, fail: bool) -> End {
        end(self.0.call(|| operation(fail)))
    }

    fn shown(&self) -> Shown {
        Shown::state(match self.0.state() {
            CircuitState::Closed => State::Closed,
            CircuitState::Open => State::Open,
            CircuitState::HalfOpen => State::HalfOpen,
        })
    }
}

impl Configured for Breaker {
    fn closed() -> Self {
        Self(nobreak::builder().with_failure_threshold(5).with_open_duration(BREAK).build())
    }
}

/// The same for tasks.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Breaker>);

impl AsyncPeer for Shared {
    fn closed() -> Self {
        Self(Arc::new(Breaker::closed()))
    }

    async fn call(&mut self, fail: bool) -> End {
        end(self.0.0.call_async(|| async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        self.0.shown()
    }
}
