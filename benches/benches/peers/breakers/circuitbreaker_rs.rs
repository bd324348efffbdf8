//! `circuitbreaker-rs`: counters that are never started over, and three clock readings a call.

use circuitbreaker_rs::{BreakerError, CircuitBreaker, DefaultPolicy, State as Theirs};

use super::BREAK;
use crate::peer::{AsyncPeer, Configured, Peer, Shown, State};
use crate::work::{End, Fault, operation};

fn end(result: Result<u64, BreakerError<Fault>>) -> End {
    match result {
        Ok(_) => End::Ok,
        Err(BreakerError::Operation(_)) => End::Failed,
        Err(BreakerError::Open) => End::Refused,
        Err(BreakerError::Internal(error)) => panic!("{error}"),
    }
}

#[derive(Clone)]
pub(crate) struct Breaker(CircuitBreaker<DefaultPolicy, Fault>);

impl Peer for Breaker {
    fn call(&self, fail: bool) -> End {
        end(self.0.call(|| operation(fail)))
    }

    fn shown(&self) -> Shown {
        Shown::state(match self.0.current_state() {
            Theirs::Closed => State::Closed,
            Theirs::Open => State::Open,
            Theirs::HalfOpen => State::HalfOpen,
        })
    }
}

impl Configured for Breaker {
    fn closed() -> Self {
        let builder = CircuitBreaker::<DefaultPolicy, Fault>::builder()
            .failure_threshold(0.9)
            .min_throughput(20)
            .consecutive_failures(u64::MAX)
            .cooldown(BREAK);
        Self(builder.build())
    }
}

impl AsyncPeer for Breaker {
    fn closed() -> Self {
        <Self as Configured>::closed()
    }

    async fn call(&mut self, fail: bool) -> End {
        end(self.0.call_async(|| async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        Peer::shown(self)
    }
}
