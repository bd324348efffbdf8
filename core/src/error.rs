//! What a refused or failed call returns.

use core::fmt;
use core::time::Duration;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RejectReason {
    /// The circuit is open and its break is not over.
    Open,
    /// The circuit is half-open and all its trials are taken.
    HalfOpenFull,
    /// An operator forced the circuit open.
    ForcedOpen,
    /// The circuit has just closed and takes up its load in stages.
    SlowStart,
}

/// A call was refused without running. It is cheap to make, copy and drop.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{CircuitBreaker, Config, Error, ManualClock, RejectReason};
///
/// let config = Config::new().consecutive_failures(1).break_duration(Duration::from_secs(5));
/// let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
/// let _ = breaker.call(|| Err::<(), _>("down"));
///
/// let Err(Error::Rejected(refusal)) = breaker.call(|| Err::<(), _>("down")) else { panic!() };
/// assert_eq!(refusal.reason(), RejectReason::Open);
/// assert_eq!(refusal.retry_after(), Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rejected {
    reason: RejectReason,
    /// In nanoseconds: to make a [`Duration`] of them is a division, for who asks.
    retry_after: Option<u64>,
}

impl Rejected {
    pub(crate) const fn new(reason: RejectReason, retry_after: Option<u64>) -> Self {
        Self { reason, retry_after }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> RejectReason {
        self.reason
    }

    /// How long until a call may be admitted, where that can be known: while the circuit is open.
    ///
    /// | reason | `None` means | how long to wait then |
    /// | --- | --- | --- |
    /// | [`HalfOpenFull`](RejectReason::HalfOpenFull) | a call is admitted when a trial ends, or the circuit has closed | a millisecond, then twice as long each time |
    /// | [`SlowStart`](RejectReason::SlowStart) | the circuit is closed and admits a part of the calls | the same |
    /// | [`ForcedOpen`](RejectReason::ForcedOpen) | an operator decides when it is released | not at all: give up |
    ///
    /// `Retry::wait_for_retry_after` of the package `cutout` waits in this way.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            RejectReason::Open => "refused: the circuit is open",
            RejectReason::HalfOpenFull => {
                "refused: the circuit is half-open and its trials are taken"
            }
            RejectReason::ForcedOpen => "refused: the circuit is forced open",
            RejectReason::SlowStart => "refused: the circuit takes up its load again",
        })?;
        match self.retry_after() {
            Some(after) => {
                f.write_str(", retry after ")?;
                write_wait(f, after)
            }
            None => Ok(()),
        }
    }
}

/// Writes `wait` in two or three digits, and never shorter than it is: whole milliseconds, tenths
/// of a second below ten, then whole seconds, minutes, hours and days.
///
/// Who logs refusals finds the same text for the same situation, whatever the clock's last digits.
fn write_wait(f: &mut fmt::Formatter<'_>, wait: Duration) -> fmt::Result {
    // 64 bits of nanoseconds are 584 years, which are 34 bits of seconds: the last are told as 136
    // years. All divisions are of 32 bits, which microcontrollers have or can spare.
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX - 1);
    let millis = wait.subsec_nanos().div_ceil(1_000_000);
    let (number, unit) = match (seconds, seconds + u32::from(millis > 0)) {
        (_, 0) => (0, "s"),
        (0, _) if millis < 1_000 => (millis, "ms"),
        (0..10, _) => {
            let tenths = seconds * 10 + millis.div_ceil(100);
            if tenths % 10 != 0 {
                return write!(f, "{}.{}s", tenths / 10, tenths % 10);
            }
            (tenths / 10, "s")
        }
        (_, seconds @ ..1_000) => (seconds, "s"),
        (_, seconds @ ..=59_940) => (seconds.div_ceil(60), "m"),
        (_, seconds @ ..=3_596_400) => (seconds.div_ceil(3_600), "h"),
        (_, seconds) => (seconds.div_ceil(86_400), "d"),
    };
    write!(f, "{number}{unit}")
}

impl core::error::Error for Rejected {}

#[cfg(feature = "defmt")]
impl defmt::Format for Rejected {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { reason, .. } = self;
        defmt::write!(f, "Rejected {{ reason: {}, retry_after: {} }}", reason, self.retry_after());
    }
}

/// Why a protected call gave no value: the breaker refused it, or it ran and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error<E> {
    /// The breaker refused the call; it did not run.
    Rejected(Rejected),
    /// The call ran and returned this error.
    Inner(E),
}

impl<E> Error<E> {
    /// The refusal, if that is what it is.
    #[must_use]
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }

    /// The call's own error, if it ran.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(error) => Some(error),
        }
    }
}
