//! The words for states, modes, causes, outcomes and refusals: one for each, as logs and metrics
//! have them.

use core::fmt;

use crate::error::RejectReason;
use crate::observe::{Cause, TripReason};
use crate::outcome::Outcome;
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

impl Outcome {
    /// The word for it: `success`, `failure` or `ignored`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Ignored => "ignored",
        }
    }
}

impl RejectReason {
    /// The word for it: `open`, `half_open_full`, `forced_open` or `slow_start`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::HalfOpenFull => "half_open_full",
            Self::ForcedOpen => "forced_open",
            Self::SlowStart => "slow_start",
        }
    }
}

/// Words and lists are made of one table, so that none is forgotten.
macro_rules! causes {
    (
        tripped { $($reason:ident => $setting:literal,)* }
        others { $($cause:ident => $word:literal,)* }
    ) => {
        impl TripReason {
            /// The word for it, which is the name of its setting, such as `failure_rate`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$reason => $setting,)*
                }
            }
        }

        impl Cause {
            /// All there are, trips by each reason among them.
            pub const ALL: &'static [Self] =
                &[$(Self::Tripped(TripReason::$reason),)* $(Self::$cause,)*];

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
                    $(Self::$cause => $word,)*
                }
            }
        }
    };
}

causes! {
    tripped {
        FailureRate => "failure_rate",
        SlowCallRate => "slow_call_rate",
        ConsecutiveFailures => "consecutive_failures",
        FailureCount => "failure_count",
        Custom => "trip_when",
    }
    others {
        BreakOver => "break_over",
        TrialsPassed => "trials_passed",
        SlowStartOver => "slow_start_over",
        TrialFailed => "trial_failed",
        TrialTimedOut => "trial_timed_out",
        Mode => "mode",
        Reset => "reset",
        Opened => "opened",
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

display_as_str!(State, Mode, TripReason, Cause, Outcome, RejectReason);
