//! `failsafe`: two mutexes a call. It shows no state but whether it would admit a call.

use core::time::Duration;

use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{self, ConsecutiveFailures, SuccessRateOverTimeWindow};
use failsafe::{Config, Error, FailurePolicy, StateMachine};

use super::BREAK;
use crate::peer::{AsyncPeer, Configured, Peer, Shown, State};
use crate::work::{End, Fault, operation};

fn end(result: Result<u64, Error<Fault>>) -> End {
    match result {
        Ok(_) => End::Ok,
        Err(Error::Inner(_)) => End::Failed,
        Err(Error::Rejected) => End::Refused,
    }
}

fn shown<P: FailurePolicy>(machine: &StateMachine<P, ()>) -> Shown {
    Shown::state(if machine.is_call_permitted() { State::Closed } else { State::Open })
}

fn success_rate(window: Duration) -> StateMachine<SuccessRateOverTimeWindow<Constant>, ()> {
    let policy =
        failure_policy::success_rate_over_time_window(0.1, 20, window, backoff::constant(BREAK));
    Config::new().failure_policy(policy).build()
}

#[derive(Clone)]
pub(crate) struct Consecutive(StateMachine<ConsecutiveFailures<Constant>, ()>);

impl Peer for Consecutive {
    fn call(&self, fail: bool) -> End {
        end(failsafe::CircuitBreaker::call(&self.0, || operation(fail)))
    }

    fn shown(&self) -> Shown {
        shown(&self.0)
    }
}

impl Configured for Consecutive {
    fn closed() -> Self {
        let policy = failure_policy::consecutive_failures(5, backoff::constant(BREAK));
        Self(Config::new().failure_policy(policy).build())
    }
}

impl AsyncPeer for Consecutive {
    fn closed() -> Self {
        <Self as Configured>::closed()
    }

    async fn call(&mut self, fail: bool) -> End {
        end(failsafe::futures::CircuitBreaker::call(&self.0, async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        shown(&self.0)
    }
}

#[derive(Clone)]
pub(crate) struct SuccessRate(StateMachine<SuccessRateOverTimeWindow<Constant>, ()>);

impl Peer for SuccessRate {
    fn call(&self, fail: bool) -> End {
        end(failsafe::CircuitBreaker::call(&self.0, || operation(fail)))
    }

    fn shown(&self) -> Shown {
        shown(&self.0)
    }
}

impl Configured for SuccessRate {
    fn closed() -> Self {
        Self(success_rate(Duration::from_secs(10)))
    }

    /// It does not open before a window has passed since it was made, so this one is short. What an
    /// open one does is the same.
    fn about_to_open() -> Self {
        Self(success_rate(Duration::from_secs(1)))
    }
}

impl AsyncPeer for SuccessRate {
    fn closed() -> Self {
        <Self as Configured>::closed()
    }

    async fn call(&mut self, fail: bool) -> End {
        end(failsafe::futures::CircuitBreaker::call(&self.0, async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        shown(&self.0)
    }
}
