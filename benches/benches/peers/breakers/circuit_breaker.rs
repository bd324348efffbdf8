//! `circuit_breaker`: a mutex, and failures that no success takes back.

use circuit_breaker::{CircuitBreaker, CircuitBreakerError, CircuitState};

use super::BREAK;
use crate::peer::{Configured, Peer, Shown, State};
use crate::work::{End, operation};

pub(crate) struct Breaker(CircuitBreaker);

impl Peer for Breaker {
    fn call(&self, fail: bool) -> End {
        match self.0.execute(|| operation(fail)) {
            Ok(_) => End::Ok,
            Err(error) if error.is::<CircuitBreakerError>() => End::Refused,
            Err(_) => End::Failed,
        }
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
    /// More failures than there will be: with any other threshold half of them failing opens it.
    fn closed() -> Self {
        Self(CircuitBreaker::new(u32::MAX, BREAK))
    }

    fn about_to_open() -> Self {
        Self(CircuitBreaker::new(5, BREAK))
    }
}
