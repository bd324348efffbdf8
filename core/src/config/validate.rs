//! The range of every setting, in one place.

use super::parts::Span;
use super::{Config, DAY, HalfOpenRule, MILLISECOND};
use crate::circuit::MAX_TRIALS;
use crate::config_error::ConfigError;
use crate::rate::Rate;
use crate::window::MAX_RESULTS_A_WORD;

/// The narrowest bucket; `window` relies on it (W5).
const MIN_BUCKET: u64 = MILLISECOND / 10;

/// As many results as a bucket is sure to hold after it halved.
const MAX_COUNT: u32 = 8_192;

/// # Checking the settings
impl Config {
    /// Checks every setting, for a breaker with room for `room` buckets: 10 unless its type says
    /// otherwise.
    ///
    /// Constructing a breaker checks them too. This is for settings that are read long before.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{Config, ConfigError};
    ///
    /// assert_eq!(Config::new().validate(10), Ok(()));
    /// assert_eq!(Config::new().trials(17).validate(10), Err(ConfigError::Trials));
    /// ```
    pub const fn validate(&self, room: usize) -> Result<(), ConfigError> {
        if is_out(self.failure_rate) {
            return Err(ConfigError::FailureRate);
        }
        if is_out(self.slow_call_rate) {
            return Err(ConfigError::SlowCallRate);
        }
        match self.slow_call_duration {
            Some(duration) if duration.get() < 1_000 || duration.get() > DAY => {
                return Err(ConfigError::SlowCallDuration);
            }
            None if self.slow_call_rate.is_some() => {
                return Err(ConfigError::SlowCallRateWithoutDuration);
            }
            _ => {}
        }
        if self.minimum_throughput < 1 || self.minimum_throughput > MAX_COUNT {
            return Err(ConfigError::MinimumThroughput);
        }
        match self.window.0 {
            Span::Time { length, .. } if length < MILLISECOND || length > DAY => {
                return Err(ConfigError::Window);
            }
            Span::Time { length, buckets }
                if buckets < 1
                    || buckets as usize > room
                    || length / (buckets as u64) < MIN_BUCKET =>
            {
                return Err(ConfigError::Buckets);
            }
            Span::Count { results }
                if results < 1
                    || results as usize > room.saturating_mul(MAX_RESULTS_A_WORD as usize) =>
            {
                return Err(ConfigError::WindowResults);
            }
            Span::Count { results } if self.has_rate() && results < self.minimum_throughput => {
                return Err(ConfigError::MinimumOverWindow);
            }
            _ => {}
        }
        match self.consecutive_failures {
            Some(failures) if failures.get() > 1_000_000 => {
                return Err(ConfigError::ConsecutiveFailures);
            }
            _ => {}
        }
        match self.failure_count {
            Some(failures) if failures.get() > MAX_COUNT => {
                return Err(ConfigError::FailureCount);
            }
            _ => {}
        }
        if self.break_duration < MILLISECOND || self.break_duration > 365 * DAY {
            return Err(ConfigError::BreakDuration);
        }
        match self.break_backoff {
            Some(backoff) if backoff.percent.get() < 100 || backoff.percent.get() > 10_000 => {
                return Err(ConfigError::BackoffMultiplier);
            }
            Some(backoff) if backoff.cap < self.break_duration || backoff.cap > 365 * DAY => {
                return Err(ConfigError::BackoffCap);
            }
            _ => {}
        }
        match self.break_jitter {
            Some(share) if share.basis_points() > 5_000 => return Err(ConfigError::BreakJitter),
            _ => {}
        }
        if self.trials < 1 || self.trials as u32 > MAX_TRIALS {
            return Err(ConfigError::Trials);
        }
        match self.minimum_trials {
            Some(trials) if trials.get() > self.trials => {
                return Err(ConfigError::MinimumTrials);
            }
            _ => {}
        }
        if matches!(self.half_open_rule, HalfOpenRule::Rate)
            && self.failure_rate.is_none()
            && self.slow_call_rate.is_none()
        {
            return Err(ConfigError::HalfOpenRule);
        }
        if self.trial_timeout < MILLISECOND || self.trial_timeout > DAY {
            return Err(ConfigError::TrialTimeout);
        }
        if let Some(slow_start) = self.slow_start {
            if slow_start.stage.get() < MILLISECOND || slow_start.stage.get() > DAY {
                return Err(ConfigError::SlowStartStage);
            }
            let [first, second, third] = slow_start.shares;
            if first.basis_points() == 0
                || second.basis_points() < first.basis_points()
                || third.basis_points() < second.basis_points()
            {
                return Err(ConfigError::SlowStartShares);
            }
        }
        Ok(())
    }

    /// Whether a rate is a trip condition. A success can then open the circuit: it can complete the
    /// minimum of a rate that is over already.
    pub(crate) const fn has_rate(&self) -> bool {
        self.failure_rate.is_some() || self.slow_call_rate.is_some()
    }
}

/// A threshold of 0 % would be reached by a healthy dependency.
const fn is_out(rate: Option<Rate>) -> bool {
    matches!(rate, Some(rate) if rate.basis_points() == 0)
}
