//! A saved breaker as numbers, the first of which says how to read the others.
//!
//! ```text
//! version, state, mode, left, reopens, failures in a row,
//! successes, failures, ignored, cancelled, stale, slow, rejected, would reject, trials,
//! length of the last break, for how long still a trip is a reopening,
//! how the window is laid out, how much it holds, and that
//! ```
//!
//! A window over time holds buckets of four numbers: age, successes, failures, slow. One over a
//! count of results holds words of 20 results, of two bits each.

use core::fmt;

use super::SavedState;
use crate::state::{MODES, State};
use crate::totals::Totals;
use crate::window::{RESULTS_A_WORD, SavedBucket, SavedWindow, Tally};

const VERSION: u64 = 1;

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const RAMPING: u64 = 2;

const BY_TIME: u64 = 1;
const BY_COUNT: u64 = 2;

/// No breaker has had more calls of a kind: at one a nanosecond it would take 292 years. So the
/// totals can go on without an overflow.
const MOST_CALLS: u64 = 1 << 63;

/// Numbers that are no saved breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SavedStateError {
    /// They were written in a form that this release does not know.
    Version(u64),
    /// They end too soon.
    Short,
    /// They go on after the end.
    Long,
    /// The number for this is none of those that it may be.
    Invalid(&'static str),
    /// The window holds more than a breaker of this type has room for.
    Room,
}

impl fmt::Display for SavedStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "version: must be {VERSION}, got {version}")
            }
            Self::Short => f.write_str("a saved breaker has more numbers than there are"),
            Self::Long => f.write_str("a saved breaker has fewer numbers than there are"),
            Self::Invalid(field) => write!(f, "{field}: no such value"),
            Self::Room => f.write_str("window: holds more than the breaker has room for"),
        }
    }
}

impl core::error::Error for SavedStateError {}

impl SavedState {
    /// The breaker, with room for 10 buckets, that these numbers were made of.
    ///
    /// # Errors
    ///
    /// As [`from_words_with_room`](Self::from_words_with_room).
    pub fn from_words(numbers: impl IntoIterator<Item = u64>) -> Result<Self, SavedStateError> {
        Self::from_words_with_room(numbers)
    }
}

impl<const BUCKETS: usize> SavedState<BUCKETS> {
    /// This as numbers: their meaning stays what it is for all releases that write the same first
    /// one.
    pub fn to_words(&self) -> impl Iterator<Item = u64> + use<BUCKETS> {
        let saved = *self;
        let Totals {
            successes,
            failures,
            ignored,
            cancelled,
            stale,
            slow,
            rejected,
            would_reject,
            trials,
        } = saved.totals;
        let total = |total: u64| total.min(MOST_CALLS);
        let state = match saved.state {
            State::Closed if saved.in_slow_start => RAMPING,
            State::Closed => CLOSED,
            State::Open | State::HalfOpen => OPEN,
        };
        let mode = MODES.iter().position(|mode| *mode == saved.mode).unwrap_or(0) as u64;
        let (layout, many) = match saved.window {
            SavedWindow::Time { .. } => (BY_TIME, BUCKETS as u64),
            SavedWindow::Count { many, .. } => (BY_COUNT, u64::from(many)),
        };
        let head = [
            VERSION,
            state,
            mode,
            saved.left,
            u64::from(saved.reopens),
            saved.failures_in_a_row,
            total(successes),
            total(failures),
            total(ignored),
            total(cancelled),
            total(stale),
            total(slow),
            total(rejected),
            total(would_reject),
            total(trials),
            saved.last_break,
            saved.unsteady,
            layout,
            many,
        ];
        let buckets = (0..BUCKETS).flat_map(move |at| match saved.window {
            SavedWindow::Time { buckets } => {
                let SavedBucket { age, tally } = buckets[at];
                [Some(age), Some(tally.successes), Some(tally.failures), Some(tally.slow)]
            }
            SavedWindow::Count { many, words } => {
                let is_used = at < many.div_ceil(RESULTS_A_WORD) as usize;
                [is_used.then_some(words[at]), None, None, None]
            }
        });
        head.into_iter().chain(buckets.flatten())
    }

    /// The breaker that these numbers were made of.
    ///
    /// What is in range is believed: a break that has longer to go than the settings allow ends
    /// when they allow. A total of more than 2^63 calls is not in range.
    ///
    /// # Errors
    ///
    /// If they are not [`to_words`](Self::to_words) of a breaker with as many buckets.
    pub fn from_words_with_room(
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<Self, SavedStateError> {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().ok_or(SavedStateError::Short);
        let version = next()?;
        if version != VERSION {
            return Err(SavedStateError::Version(version));
        }
        let (state, in_slow_start) = match next()? {
            CLOSED => (State::Closed, false),
            OPEN => (State::Open, false),
            RAMPING => (State::Closed, true),
            _ => return Err(SavedStateError::Invalid("state")),
        };
        let mode = usize::try_from(next()?).ok().and_then(|code| MODES.get(code).copied());
        let mode = mode.ok_or(SavedStateError::Invalid("mode"))?;
        let left = next()?;
        let reopens = u32::try_from(next()?).map_err(|_| SavedStateError::Invalid("reopens"))?;
        let failures_in_a_row = next()?;
        let mut total = |name| match next()? {
            total if total > MOST_CALLS => Err(SavedStateError::Invalid(name)),
            total => Ok(total),
        };
        let totals = Totals {
            successes: total("successes")?,
            failures: total("failures")?,
            ignored: total("ignored")?,
            cancelled: total("cancelled")?,
            stale: total("stale")?,
            slow: total("slow")?,
            rejected: total("rejected")?,
            would_reject: total("would_reject")?,
            trials: total("trials")?,
        };
        let (last_break, unsteady) = (next()?, next()?);
        let (layout, many) = (next()?, next()?);
        let many = u32::try_from(many).map_err(|_| SavedStateError::Room)?;
        let window = match layout {
            BY_TIME => {
                let mut buckets = [SavedBucket::EMPTY; BUCKETS];
                if many as usize > BUCKETS {
                    return Err(SavedStateError::Room);
                }
                for bucket in buckets.iter_mut().take(many as usize) {
                    let age = next()?;
                    let tally = Tally { successes: next()?, failures: next()?, slow: next()? };
                    *bucket = SavedBucket { age, tally };
                }
                SavedWindow::Time { buckets }
            }
            BY_COUNT => {
                let mut words = [0; BUCKETS];
                let used = many.div_ceil(RESULTS_A_WORD) as usize;
                for word in words.get_mut(..used).ok_or(SavedStateError::Room)? {
                    *word = next()?;
                }
                SavedWindow::Count { many, words }
            }
            _ => return Err(SavedStateError::Invalid("window")),
        };
        if numbers.next().is_some() {
            return Err(SavedStateError::Long);
        }
        Ok(Self {
            state,
            in_slow_start,
            mode,
            left,
            reopens,
            last_break,
            unsteady,
            failures_in_a_row,
            totals,
            window,
        })
    }
}
