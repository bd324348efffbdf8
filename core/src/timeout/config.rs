//! What a timeout that learns is told: how strict, and between which bounds.

use core::time::Duration;

use crate::config_error::ConfigError;
use crate::latency::{self, end_of_bucket};
use crate::rate::Rate;
use crate::time::nanos;

/// How a timeout follows from the latencies of the calls before.
///
/// The timeout is the latency that a share of all calls does not exceed
/// ([`quantile`](Self::quantile)), times a factor
/// ([`multiplier_percent`](Self::multiplier_percent)), but no longer than the 99th percentile; then
/// raised to the floor or lowered to the ceiling.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Rate, TimeoutConfig};
///
/// const SEARCH: TimeoutConfig =
///     TimeoutConfig::between(Duration::from_millis(50), Duration::from_secs(2))
///         .quantile(Rate::percent(90))
///         .multiplier_percent(150);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutConfig {
    floor: u64,
    ceiling: u64,
    quantile: Rate,
    factor: u32,
    window: Duration,
    minimum_samples: u32,
}

impl TimeoutConfig {
    /// Timeouts from `floor` to `ceiling`: both from 1 µs to 1 hour, and the floor not above the
    /// ceiling.
    ///
    /// The ceiling is also what a call gets while too little is known. The floor is for what a
    /// limit should not follow: a dependency that is fast today, a pause of the caller's own.
    #[must_use]
    pub const fn between(floor: Duration, ceiling: Duration) -> Self {
        Self {
            floor: nanos(floor),
            ceiling: nanos(ceiling),
            quantile: Rate::percent(95),
            factor: 100,
            window: Duration::from_secs(60),
            minimum_samples: 100,
        }
    }

    /// The share of calls that end in time: 95 % by default, 50 % to 98.99 %.
    ///
    /// The rest is cut in a healthy dependency too: the breaker's
    /// [`failure_rate`](crate::Config::failure_rate) should be well above it.
    #[must_use]
    pub const fn quantile(mut self, share: Rate) -> Self {
        self.quantile = share;
        self
    }

    /// How many percent of that latency a call gets: 100 by default, up to 1,000.
    ///
    /// Less than 100 would cut more calls than the quantile says, of which the next limit would be
    /// shorter still.
    #[must_use]
    pub const fn multiplier_percent(mut self, percent: u32) -> Self {
        self.factor = percent;
        self
    }

    /// How long latencies count: 60 s by default, 10 ms to 1 day. As in
    /// [`Latency`](crate::Latency).
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How many latencies it takes to derive a limit: 100 by default, 1 to 4,095.
    #[must_use]
    pub const fn minimum_samples(mut self, samples: u32) -> Self {
        self.minimum_samples = samples;
        self
    }

    /// The longest timeout.
    #[must_use]
    pub const fn ceiling(&self) -> Duration {
        Duration::from_nanos(self.ceiling)
    }

    /// The shortest timeout.
    #[must_use]
    pub const fn floor(&self) -> Duration {
        Duration::from_nanos(self.floor)
    }

    pub(super) const fn share(&self) -> Rate {
        self.quantile
    }

    pub(super) const fn estimate(&self) -> (Duration, u32) {
        (self.window, self.minimum_samples)
    }

    /// The limit where the quantile and the 99th percentile lie in these of `buckets`.
    ///
    /// It is the end of a bucket and not its middle, so that a call that takes as long as the
    /// quantile is in time. The last bucket has no end.
    pub(super) fn limit(&self, quantile: u32, p99: u32, buckets: usize) -> Duration {
        let end = |bucket: u32| {
            if bucket as usize + 1 < buckets { end_of_bucket(bucket) } else { u64::MAX }
        };
        let scaled = u128::from(end(quantile)) * u128::from(self.factor) / 100;
        let strict = u64::try_from(scaled).unwrap_or(u64::MAX).min(end(p99));
        Duration::from_nanos(strict.clamp(self.floor, self.ceiling))
    }

    pub(super) const fn validate(&self) -> Result<(), ConfigError> {
        const MICROSECOND: u64 = 1_000;
        const HOUR: u64 = 3_600_000_000 * MICROSECOND;
        if self.ceiling < MICROSECOND || self.ceiling > HOUR {
            return Err(ConfigError::TimeoutCeiling);
        }
        if self.floor < MICROSECOND || self.floor > self.ceiling {
            return Err(ConfigError::TimeoutFloor);
        }
        if self.quantile.basis_points() < 5_000 || self.quantile.basis_points() > 9_899 {
            return Err(ConfigError::TimeoutQuantile);
        }
        if self.factor < 100 || self.factor > 1_000 {
            return Err(ConfigError::TimeoutMultiplier);
        }
        latency::validate(self.window, self.minimum_samples)
    }
}
