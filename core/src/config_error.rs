//! `ConfigError`: which setting is out of its range, and what is allowed.

use core::fmt;

#[cfg(doc)]
use crate::{Config, Rate};

macro_rules! config_errors {
    ($($(#[$doc:meta])* $name:ident: $message:literal,)*) => {
        /// A setting out of its range. The message names the setting and what is allowed.
        ///
        /// # Examples
        ///
        /// ```
        /// use cutout_core::{CircuitBreaker, Config, ConfigError, ManualClock};
        ///
        /// let error = CircuitBreaker::try_with_clock(Config::new().trials(17), ManualClock::new())
        ///     .unwrap_err();
        /// assert_eq!(error, ConfigError::Trials);
        /// assert_eq!(error.to_string(), "trials: must be 1 to 16");
        /// assert_eq!((error.field(), error.allowed()), (Some("trials"), "must be 1 to 16"));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum ConfigError {
            $($(#[$doc])* $name,)*
        }

        impl ConfigError {
            pub(crate) const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }
        }
    };
}

config_errors! {
    /// A [`Rate`] above 100 %.
    Rate: "rate: must be 0 % to 100 %",
    /// [`Config::failure_rate`].
    FailureRate: "failure_rate: must be above 0 %, up to 100 %",
    /// [`Config::slow_call_rate`].
    SlowCallRate: "slow_call_rate: must be above 0 %, up to 100 %",
    /// [`Config::slow_call_rate`] without [`Config::slow_call_duration`].
    SlowCallRateWithoutDuration: "slow_call_rate: needs slow_call_duration to be set",
    /// [`Config::slow_call_duration`].
    SlowCallDuration: "slow_call_duration: must be 1 µs to 1 day",
    /// [`Config::minimum_throughput`].
    MinimumThroughput: "minimum_throughput: must be 1 to 8192",
    /// [`Config::window`]: its length.
    Window: "window: must be 1 ms to 1 day long",
    /// [`Config::window`]: its buckets.
    Buckets: "window: must have 1 bucket to as many as the breaker has room for (10 unless its \
              type says otherwise), each at least 100 µs wide",
    /// [`Config::window`]: how many results it holds.
    WindowResults: "window: must hold 1 result to as many as the breaker has room for (20 for each \
                    of its buckets: 200 unless its type says otherwise)",
    /// [`Config::window`] by count, and [`Config::minimum_throughput`].
    MinimumOverWindow: "minimum_throughput: must not be more than the results that the window holds",
    /// [`Config::consecutive_failures`].
    ConsecutiveFailures: "consecutive_failures: must be 1 to 1000000",
    /// [`Config::failure_count`].
    FailureCount: "failure_count: must be 1 to 8192",
    /// [`Config::break_duration`].
    BreakDuration: "break_duration: must be 1 ms to 365 days",
    /// [`Config::break_backoff`]: its multiplier.
    BackoffMultiplier: "break_backoff: the multiplier must be 100 % to 10000 %",
    /// [`Config::break_backoff`]: its cap.
    BackoffCap: "break_backoff: the cap must be break_duration to 365 days",
    /// [`Config::break_jitter`].
    BreakJitter: "break_jitter: must be 0 % to 50 %",
    /// [`Config::trials`].
    Trials: "trials: must be 1 to 16",
    /// [`Config::minimum_trials`].
    MinimumTrials: "minimum_trials: must be 1 to the number of trials",
    /// [`Config::half_open_rule`].
    HalfOpenRule: "half_open_rule: Rate needs failure_rate or slow_call_rate to be set",
    /// [`Config::trial_timeout`].
    TrialTimeout: "trial_timeout: must be 1 ms to 1 day",
    /// [`Config::slow_start`]: the length of its stages.
    SlowStartStage: "slow_start: a stage must be 1 ms to 1 day long",
    /// [`Config::slow_start`]: its shares.
    SlowStartShares: "slow_start: the shares must be above 0 %, and none below the one before",
    /// [`Config::window`] of a breaker that runs.
    FixedWindow: "window: cannot change while the breaker runs",
    /// [`Config::trip_when`] of a breaker that runs.
    FixedTripWhen: "trip_when: cannot change while the breaker runs",
    /// Another thread is changing the settings.
    BeingChanged: "the settings are being changed by another thread, try again",
    /// The window of a [`Latency`](crate::Latency).
    LatencyWindow: "window: that of latencies must be 10 ms to 1 day long",
    /// How many samples a [`Latency`](crate::Latency) needs.
    MinimumSamples: "minimum_samples: must be 1 to 4095",
    /// [`TimeoutConfig::between`](crate::TimeoutConfig::between): its floor.
    TimeoutFloor: "floor: must be 1 µs to the ceiling",
    /// [`TimeoutConfig::between`](crate::TimeoutConfig::between): its ceiling.
    TimeoutCeiling: "ceiling: must be 1 µs to 1 hour",
    /// [`TimeoutConfig::quantile`](crate::TimeoutConfig::quantile).
    TimeoutQuantile: "quantile: must be 50 % to 98.99 %",
    /// [`TimeoutConfig::multiplier_percent`](crate::TimeoutConfig::multiplier_percent).
    TimeoutMultiplier: "multiplier_percent: must be 100 % to 1000 %",
}

impl ConfigError {
    /// The name of the setting, as its setter on [`Config`] has it; `None` if it is about them all.
    #[must_use]
    pub fn field(self) -> Option<&'static str> {
        self.message().split_once(": ").map(|(field, _)| field)
    }

    /// What is allowed, in words that follow the name.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        self.message().split_once(": ").map_or(self.message(), |(_, allowed)| allowed)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for ConfigError {}
