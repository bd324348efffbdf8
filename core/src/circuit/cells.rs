//! The times that belong to states: ends of breaks and of slow starts, and what else there is to
//! note.

use super::word::PLACES;
use crate::sync::{AtomicU64, const_fn, zeroes};

/// What belongs to states beside the word.
#[derive(Debug)]
pub(crate) struct Cells {
    /// The end of a break, in each place.
    ends: [AtomicU64; PLACES],
    /// What else there is to note of a break.
    notes: [AtomicU64; PLACES],
    /// During a slow start: when it is over.
    slow_start_end: AtomicU64,
    /// While Closed, if there was a break: when it has been closed for as long as that was.
    steady: AtomicU64,
}

impl Cells {
    // A place has two bits; to say so spares firmware the code of a panic.

    #[inline]
    pub(super) const fn end(&self, place: u32) -> &AtomicU64 {
        &self.ends[place as usize % PLACES]
    }

    pub(super) const fn note(&self, place: u32) -> &AtomicU64 {
        &self.notes[place as usize % PLACES]
    }

    pub(super) const fn slow_start_end(&self) -> &AtomicU64 {
        &self.slow_start_end
    }

    pub(super) const fn steady(&self) -> &AtomicU64 {
        &self.steady
    }

    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                ends: zeroes(),
                notes: zeroes(),
                slow_start_end: AtomicU64::new(0),
                steady: AtomicU64::new(0),
            }
        }
    }
}

/// What is known of a break beside its end, in a word.
///
/// ```text
///  63                  14 13                 0
/// +----------------------+--------------------+
/// | length / 64 ns       |  reopenings        |
/// +----------------------+--------------------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Break {
    /// In nanoseconds; kept rounded up to 64.
    pub(crate) length: u64,
    /// How often in a row the circuit had reopened when it began.
    pub(crate) reopens: u32,
}

impl Break {
    const REOPENS_BITS: u32 = 14;
    pub(crate) const MOST_REOPENS: u32 = (1 << Self::REOPENS_BITS) - 1;
    /// No break is longer than 365 days and half as much, which are fewer of these than fit.
    const UNIT_BITS: u32 = 6;

    /// The break that comes after this one, if the circuit reopens.
    pub(crate) const fn reopened(self) -> u32 {
        // R7
        if self.reopens < Self::MOST_REOPENS { self.reopens + 1 } else { Self::MOST_REOPENS }
    }

    pub(super) const fn bits(self) -> u64 {
        const MOST: u64 = u64::MAX >> Break::REOPENS_BITS;
        let units = self.length.saturating_add((1 << Self::UNIT_BITS) - 1) >> Self::UNIT_BITS;
        let units = if units < MOST { units } else { MOST };
        let reopens =
            if self.reopens < Self::MOST_REOPENS { self.reopens } else { Self::MOST_REOPENS };
        units << Self::REOPENS_BITS | reopens as u64
    }

    #[allow(clippy::cast_possible_truncation)] // fourteen bits
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self {
            length: (bits >> Self::REOPENS_BITS) << Self::UNIT_BITS,
            reopens: bits as u32 & Self::MOST_REOPENS,
        }
    }
}
