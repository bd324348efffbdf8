//! `cutout`, by its public API.

use core::time::Duration;
use std::sync::Arc;

use cutout::{
    CircuitBreaker, Clock, Config, Error, ManualClock, QuantaClock, Rate, State as Engine,
    StdClock, Window,
};

use cutout_benches::late;

use super::BREAK;
use crate::peer::{AsyncPeer, Configured, Peer, Shown, State};
use crate::work::{End, Fault, operation};

/// The defaults, but for what all breakers here have in common.
const CONFIG: Config = Config::new().failure_rate(Rate::percent(90)).break_duration(BREAK);

/// One way to set a breaker up.
pub(crate) trait Policy: Send + Sync + 'static {
    type Clock: Clock + Send + Sync + 'static;

    fn breaker() -> CircuitBreaker<Self::Clock>;
}

/// A window over time, on the default clock.
pub(crate) struct Defaults;

impl Policy for Defaults {
    type Clock = StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(CONFIG)
    }
}

/// A window over time, of which the breaker is told: what is left without a clock.
pub(crate) struct Told;

impl Policy for Told {
    type Clock = ManualClock;

    fn breaker() -> CircuitBreaker<ManualClock> {
        CircuitBreaker::with_clock(CONFIG, late())
    }
}

/// The same on the time-stamp counter.
pub(crate) struct Counter;

impl Policy for Counter {
    type Clock = QuantaClock;

    fn breaker() -> CircuitBreaker<QuantaClock> {
        CircuitBreaker::with_clock(CONFIG, QuantaClock)
    }
}

/// The same over so short a window that the default clock is read finely.
pub(crate) struct Short;

impl Policy for Short {
    type Clock = StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(CONFIG.window(Window::time(Duration::from_secs(5))))
    }
}

/// No window.
pub(crate) struct InARow;

impl Policy for InARow {
    type Clock = StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(CONFIG.consecutive_failures(5).without_failure_rate())
    }
}

/// A window over a count of results.
pub(crate) struct Last100;

impl Policy for Last100 {
    type Clock = StdClock;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(CONFIG.window(Window::count(100)))
    }
}

fn end(result: Result<u64, Error<Fault>>) -> End {
    match result {
        Ok(_) => End::Ok,
        Err(Error::Inner(_)) => End::Failed,
        Err(Error::Rejected(_)) => End::Refused,
    }
}

pub(crate) struct Ours<P: Policy>(CircuitBreaker<P::Clock>);

impl<P: Policy> Peer for Ours<P> {
    fn call(&self, fail: bool) -> End {
        end(self.0.call(|| operation(fail)))
    }

    fn shown(&self) -> Shown {
        shown(&self.0)
    }
}

/// What a breaker of ours says of itself.
pub(crate) fn shown<C: Clock>(breaker: &CircuitBreaker<C>) -> Shown {
    let totals = breaker.totals();
    Shown {
        state: Some(match breaker.state() {
            Engine::Closed => State::Closed,
            Engine::Open => State::Open,
            Engine::HalfOpen => State::HalfOpen,
        }),
        ok: Some(totals.successes),
        failed: Some(totals.failures),
        refused: Some(totals.rejected),
    }
}

impl<P: Policy> Configured for Ours<P> {
    fn closed() -> Self {
        Self(P::breaker())
    }
}

/// The same for tasks.
pub(crate) struct Shared<P: Policy>(Arc<Ours<P>>);

impl<P: Policy> Clone for Shared<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Policy> AsyncPeer for Shared<P> {
    fn closed() -> Self {
        Self(Arc::new(Ours::closed()))
    }

    async fn call(&mut self, fail: bool) -> End {
        end(self.0.0.call_async(async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        self.0.shown()
    }
}
