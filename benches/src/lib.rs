//! The scenarios that are measured. Each checks before and after what it claims to be.

use core::time::Duration;

use cutout::{CircuitBreaker, Clock, Config, ManualClock, State};

/// The defaults, but a break that outlasts any benchmark.
#[must_use]
pub const fn config() -> Config {
    Config::new().break_duration(Duration::from_secs(24 * 60 * 60))
}

/// Brings `breaker` to Open by failures alone.
///
/// # Panics
///
/// If it does not open.
pub fn trip<C: Clock>(breaker: &CircuitBreaker<C>) {
    for _ in 0..20 {
        let _ = breaker.call(|| Err::<(), _>(()));
    }
    assert_eq!(breaker.state(), State::Open);
}

/// A closed breaker that is told the time, so that no clock is part of what is measured.
#[must_use]
pub fn told() -> CircuitBreaker<ManualClock> {
    CircuitBreaker::with_clock(config(), ManualClock::new())
}
