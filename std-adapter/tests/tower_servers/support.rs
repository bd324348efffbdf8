//! SelectBreaker on a clock that is moved by hand, so that no test waits for a break.

use core::time::Duration;
use std::sync::Arc;

use cutout::{CircuitBreaker, Config, ManualClock};

pub(crate) type Breaker = CircuitBreaker<ManualClock>;

/// Two failures in a row open it for five seconds, and one trial decides.
pub(crate) fn breaker() -> Arc<Breaker> {
    breaker_with(Config::new().consecutive_failures(2))
}

pub(crate) fn breaker_with(config: Config) -> Arc<Breaker> {
    let config = config.break_duration(secs(5)).trials(1);
    Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()))
}

/// How calls ended: successes, failures, ignored, cancelled.
pub(crate) fn ends(breaker: &Breaker) -> [u64; 4] {
    let totals = breaker.totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
