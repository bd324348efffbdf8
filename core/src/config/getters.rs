//! Reading the settings back, as they are kept: a value out of its range may have become another
//! one that is out of its range too.

use core::num::NonZeroU32;
use core::time::Duration;

use super::{Backoff, Config, HalfOpenRule, SlowStart, Window};
use crate::outcome::Outcome;
use crate::rate::Rate;
use crate::window::Tally;

/// # Reading the settings
impl Config {
    /// [`failure_rate`](Self::failure_rate); `None` is off.
    #[must_use]
    pub const fn get_failure_rate(&self) -> Option<Rate> {
        self.failure_rate
    }

    /// [`slow_call_rate`](Self::slow_call_rate); `None` is off.
    #[must_use]
    pub const fn get_slow_call_rate(&self) -> Option<Rate> {
        self.slow_call_rate
    }

    /// [`slow_call_duration`](Self::slow_call_duration); `None` where it is not measured.
    #[must_use]
    pub const fn get_slow_call_duration(&self) -> Option<Duration> {
        match self.slow_call_duration {
            Some(duration) => Some(Duration::from_nanos(duration.get())),
            None => None,
        }
    }

    /// [`minimum_throughput`](Self::minimum_throughput).
    #[must_use]
    pub const fn get_minimum_throughput(&self) -> u32 {
        self.minimum_throughput
    }

    /// [`window`](Self::window).
    #[must_use]
    pub const fn get_window(&self) -> Window {
        self.window
    }

    /// [`consecutive_failures`](Self::consecutive_failures); `None` is off.
    #[must_use]
    pub const fn get_consecutive_failures(&self) -> Option<u32> {
        number(self.consecutive_failures)
    }

    /// [`failure_count`](Self::failure_count); `None` is off.
    #[must_use]
    pub const fn get_failure_count(&self) -> Option<u32> {
        number(self.failure_count)
    }

    /// [`trip_when`](Self::trip_when); `None` is off.
    #[must_use]
    pub const fn get_trip_when(&self) -> Option<fn(&Tally) -> bool> {
        self.trip_when
    }

    /// [`evaluate_every_result`](Self::evaluate_every_result).
    #[must_use]
    pub const fn get_evaluate_every_result(&self) -> bool {
        self.evaluate_every_result
    }

    /// [`cancelled_as`](Self::cancelled_as); `None` where the time that the call ran decides.
    #[must_use]
    pub const fn get_cancelled_as(&self) -> Option<Outcome> {
        self.cancelled_as
    }

    /// [`break_duration`](Self::break_duration).
    #[must_use]
    pub const fn get_break_duration(&self) -> Duration {
        Duration::from_nanos(self.break_duration)
    }

    /// [`break_backoff`](Self::break_backoff); `None` where every break is the same.
    #[must_use]
    pub const fn get_break_backoff(&self) -> Option<Backoff> {
        self.break_backoff
    }

    /// [`break_jitter`](Self::break_jitter); `None` is off.
    #[must_use]
    pub const fn get_break_jitter(&self) -> Option<Rate> {
        self.break_jitter
    }

    /// [`trials`](Self::trials).
    #[must_use]
    pub const fn get_trials(&self) -> u32 {
        self.trials as u32
    }

    /// [`minimum_trials`](Self::minimum_trials); `None` is all of them.
    #[must_use]
    pub const fn get_minimum_trials(&self) -> Option<u32> {
        match self.minimum_trials {
            Some(trials) => Some(trials.get() as u32),
            None => None,
        }
    }

    /// [`half_open_rule`](Self::half_open_rule).
    #[must_use]
    pub const fn get_half_open_rule(&self) -> HalfOpenRule {
        self.half_open_rule
    }

    /// [`trial_timeout`](Self::trial_timeout).
    #[must_use]
    pub const fn get_trial_timeout(&self) -> Duration {
        Duration::from_nanos(self.trial_timeout)
    }

    /// [`slow_start`](Self::slow_start); `None` is off.
    #[must_use]
    pub const fn get_slow_start(&self) -> Option<SlowStart> {
        self.slow_start
    }
}

const fn number(setting: Option<NonZeroU32>) -> Option<u32> {
    match setting {
        Some(number) => Some(number.get()),
        None => None,
    }
}
