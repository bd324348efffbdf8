//! Failures in a row, in one word that carries its generation.
//!
//! ```text
//!  63        41 40                        0
//! +------------+---------------------------+
//! | generation |   failures in a row       |
//! +------------+---------------------------+
//! ```
//!
//! The word has one modification order, and that order is the row: whichever failure finds the
//! count at its limit trips. No other memory hangs on it.
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | S1 | load of the streak | Acquire | S2 | whether the generation lives is asked after it: who saw a later generation's streak must then see its word | `s1_a_failure_from_before_cannot_end_the_row_of_a_later_generation` |
//! | S2 | swap of the streak | Release | S1 | as S1; it reads no value but the one that S1 saw | `s1_a_failure_from_before_cannot_end_the_row_of_a_later_generation` |
//! | | on failure | Relaxed | – | who failed loads the streak again by S1 | there is nothing weaker |

//! # Lanes that have grown
//!
//! Threads that fail and succeed by turns would contend for this word. So a lane that has grown
//! keeps the first failures after a success of its own to itself ([`KeptBack`]): a sixth of the row
//! that trips, three at most, and none of a row of less than six. Failures after them are counted
//! here, one by one, and a success in any lane ends the row as ever. So the row here is never
//! longer than that of the failures that really came in a row, and a circuit that opens by it opens
//! rightly; it is shorter by what the lanes keep back, three for each thread at most.

use crate::circuit::GENERATION_BITS;
use crate::sync::{AtomicU64, Ordering, const_fn};

const COUNT_BITS: u32 = u64::BITS - GENERATION_BITS;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

#[derive(Debug)]
pub(crate) struct Streak {
    word: AtomicU64,
}

impl Streak {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(0) }
        }
    }

    /// Whether the streak was last touched by this generation.
    pub(crate) fn holds(&self, generation: u32) -> bool {
        self.load() >> COUNT_BITS == u64::from(generation)
    }

    /// The failures in a row of `generation`.
    pub(crate) fn length(&self, generation: u32) -> u64 {
        Self::length_in(self.load(), generation)
    }

    /// Counts a failure and says how many in a row that makes; none if `generation` is over.
    pub(crate) fn fail(&self, generation: u32, is_live: impl Fn() -> bool) -> u64 {
        loop {
            let old = self.load();
            // R2-check-streak
            if old >> COUNT_BITS != u64::from(generation) && !is_live() {
                return 0;
            }
            let length = (Self::length_in(old, generation) + 1).min(COUNT);
            if self.swap(old, (u64::from(generation) << COUNT_BITS) | length) {
                return length;
            }
        }
    }

    /// Begins with a row of `length` in generation 0, before anybody counts.
    pub(crate) fn restore(&self, length: u64) {
        self.word.store(length.min(COUNT), Ordering::Relaxed);
    }

    /// Ends the row. Writes nothing where there is none.
    #[inline]
    pub(crate) fn succeed(&self, generation: u32) {
        loop {
            let old = self.load();
            if Self::length_in(old, generation) == 0
                || self.swap(old, u64::from(generation) << COUNT_BITS)
            {
                return;
            }
        }
    }

    #[inline]
    const fn length_in(word: u64, generation: u32) -> u64 {
        if word >> COUNT_BITS == generation as u64 { word & COUNT } else { 0 }
    }

    #[inline]
    fn load(&self) -> u64 {
        self.word.load(Ordering::Acquire) // S1
    }

    fn swap(&self, old: u64, new: u64) -> bool {
        self.word.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok() // S2
    }
}

/// The failures that a lane has had since its own last success, as far as it keeps them back.
///
/// Laid out as the row is. Two threads that share a lane may overlook each other's failure or
/// success here, so that one failure more or less is kept back.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub(crate) struct KeptBack(AtomicU64);

#[cfg(feature = "alloc")]
impl KeptBack {
    /// More than these would open late and save little: of failures and successes by turns, one in
    /// eight comes after three failures.
    const MOST: u64 = 3;

    const_fn! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Keeps back a failure of `generation`, if a row of `row` failures has it kept back here.
    pub(crate) fn keeps(&self, generation: u32, row: u32) -> bool {
        let kept = Streak::length_in(self.0.load(Ordering::Relaxed), generation);
        let keeps = kept < Self::MOST.min(u64::from(row) / 6);
        if keeps {
            self.0.store((u64::from(generation) << COUNT_BITS) | (kept + 1), Ordering::Relaxed);
        }
        keeps
    }

    /// Begins anew after a success.
    #[inline]
    pub(crate) fn begin(&self) {
        let kept = self.0.load(Ordering::Relaxed);
        if kept & COUNT != 0 {
            self.0.store(kept & !COUNT, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[cfg(feature = "alloc")]
    #[test]
    fn a_lane_keeps_back_a_sixth_of_the_row_and_three_at_most() {
        for (row, most) in [(1, 0), (5, 0), (6, 1), (11, 1), (12, 2), (17, 2), (18, 3), (999, 3)] {
            let lane = KeptBack::new();
            for _ in 0..2 {
                let kept = (0..10).take_while(|_| lane.keeps(7, row)).count();
                assert_eq!(kept, most, "{row}");
                assert!(!lane.keeps(7, row), "and the failures after them are counted");
                lane.begin();
            }
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn what_a_lane_keeps_back_is_of_one_generation() {
        let lane = KeptBack::new();
        while lane.keeps(1, 20) {}
        assert!(lane.keeps(2, 20));
        assert!(lane.keeps(1, 20));
    }

    #[test]
    fn a_success_ends_the_row_and_a_new_generation_starts_without_one() {
        let streak = Streak::new();
        assert_eq!(streak.fail(0, || true), 1);
        assert_eq!(streak.fail(0, || true), 2);
        streak.succeed(0);
        assert_eq!(streak.fail(0, || true), 1);
        assert_eq!(streak.length(1), 0);
        assert_eq!(streak.fail(1, || true), 1);
        assert_eq!(streak.fail(0, || false), 0);
        assert_eq!(streak.length(1), 1);
    }

    #[test]
    fn a_row_that_has_ended_is_still_that_of_its_generation() {
        let streak = Streak::new();
        assert_eq!(streak.fail(1, || true), 1);
        streak.succeed(1);
        assert!(streak.holds(1) && !streak.holds(0));
        assert_eq!(streak.fail(0, || false), 0, "its generation is over");
        assert!(streak.holds(1));
    }
}
