//! The words for states, modes, causes: one for each, as logs and metrics have them.

use core::fmt;

use crate::observe::{Cause, TripReason};
use crate::state::{Mode, State};

impl State {
    /// The word for it: `closed`, `open` or `half_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Mode {
    /// The word for it: `auto`, `forced_open`, `forced_closed`, `disabled` or `shadow`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
            Self::Shadow => "shadow",
        }
    }
}

impl TripReason {
    /// The word for it, which is the name of its setting, such as `failure_rate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::SlowCallRate => "slow_call_rate",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureCount => "failure_count",
            Self::Custom => "trip_when",
        }
    }
}

impl Cause {
    /// All there are, trips by each reason among them.
    pub const ALL: &'static [Self] = &[
        Self::Tripped(TripReason::FailureRate),
        Self::Tripped(TripReason::SlowCallRate),
        Self::Tripped(TripReason::ConsecutiveFailures),
        Self::Tripped(TripReason::FailureCount),
        Self::Tripped(TripReason::Custom),
        Self::BreakOver,
        Self::TrialsPassed,
        Self::RecoveryOver,
        Self::TrialFailed,
        Self::TrialTimedOut,
        Self::Mode,
        Self::Reset,
    ];

    /// The word for it, such as `break_over`; for a trip that of its [`TripReason`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{Cause, TripReason};
    ///
    /// assert_eq!(Cause::TrialsPassed.as_str(), "trials_passed");
    /// assert_eq!(Cause::Tripped(TripReason::FailureRate).to_string(), "failure_rate");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tripped(reason) => reason.as_str(),
            Self::BreakOver => "break_over",
            Self::TrialsPassed => "trials_passed",
            Self::RecoveryOver => "recovery_over",
            Self::TrialFailed => "trial_failed",
            Self::TrialTimedOut => "trial_timed_out",
            Self::Mode => "mode",
            Self::Reset => "reset",
            Self::Opened => "opened",
        }
    }
}

macro_rules! display_as_str {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

display_as_str!(State, Mode, TripReason, Cause);
