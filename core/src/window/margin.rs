//! How many failures the newest bucket may reach before one of them has to look at the window.
//!
//! ```text
//!  63          32 31        17   16   15         0
//! +--------------+------------+------+------------+
//! |   version    | disturbers | over |   limit    |
//! +--------------+------------+------+------------+
//! ```
//!
//! To look is to sum all buckets. A look at a healthy window finds how many failures more it would
//! take, were nothing else to come, before any condition holds. It leaves that here as a limit for
//! the newest bucket, and a failure that stays below the limit needs no look: its swap has told it
//! how many there are. Successes only make for more room.
//!
//! # Rules
//!
//! - **M1** A limit holds while no other bucket gets a failure and no bucket loses a result.
//! - **M2** Who turns the window or halves a bucket *disturbs* the margin first and lets go of it
//!   afterwards. While it is disturbed there is no limit, and nobody sets one.
//! - **M3** A failure that finds the window turned since it chose its bucket voids the margin and
//!   looks. So does a change of the settings void it.
//! - **M4** Who looks sets a limit only where the margin is as it was before the look: each change
//!   but that of the limit itself is a version. A thread that is held up during its look for
//!   exactly 2^32 of them would set a limit that no longer holds.
//! - **M5** It is over for good before there is a second lane. Several lanes have none.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | M1 | load of the margin | SeqCst | M2 | Acquire: who sees a limit of a later bucket must then see the later head (M3); who sets one must see the bucket halved, the late failure and the new settings | `m3_a_failure_that_was_held_up_does_not_take_the_limit_of_a_later_bucket` |
//! | | | | B8 | SeqCst: see there | see there |
//! | M2 | swap of the margin | Release | M1 | as M1 | `m3_a_failure_that_was_held_up_does_not_take_the_limit_of_a_later_bucket` |
//! | | on failure | Relaxed | – | who failed tries again with what it saw, or sets no limit | there is nothing weaker |
//! | M3 | load of the margin to change it | Relaxed | – | the swap alone decides | there is nothing weaker |

use crate::field::Field;
use crate::sync::{AtomicU64, Ordering, const_fn};

const LIMIT: Field = Field::lowest(16);
const OVER: Field = Field::above(LIMIT, 1);
const DISTURBERS: Field = Field::above(OVER, 15);
const VERSION: Field = Field::above(DISTURBERS, 32);
const _: () = assert!(VERSION.end() == u64::BITS);

const ONE_DISTURBER: u64 = 1 << DISTURBERS.shift;
const ONE_VERSION: u64 = 1 << VERSION.shift;

#[derive(Debug)]
pub(super) struct Margin(AtomicU64);

/// The margin as a failure saw it after it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    word: u64,
    /// How many failures its bucket then had.
    failures: u64,
}

impl Seen {
    /// Whether the failure has no need to look.
    #[inline]
    pub(crate) const fn is_within(self) -> bool {
        self.failures < LIMIT.get(self.word) as u64
    }
}

impl Margin {
    const_fn! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// The margin for a failure that is the last of so many in its bucket.
    #[inline]
    pub(super) fn see(&self, failures: u64) -> Seen {
        Seen { word: self.0.load(Ordering::SeqCst), failures } // M1
    }

    /// Sets the limit so that there may be `more` failures than there were when the margin was
    /// seen, before the look that found so (M4).
    pub(super) fn widen(&self, seen: Seen, more: u64) {
        let room = seen.failures.saturating_add(more).saturating_add(1).min(LIMIT.max());
        let is_free = OVER.get(seen.word) == 0 && DISTURBERS.get(seen.word) == 0; // M2, M5
        if more > 0 && is_free {
            let _ = self.swap(seen.word, (seen.word & !LIMIT.mask()) | room);
        }
    }

    /// Takes the limit away until what is returned is dropped.
    pub(super) fn disturb(&self) -> Disturbed<'_> {
        self.change(0, ONE_DISTURBER);
        Disturbed(self)
    }

    /// Takes the limit away until the next look.
    pub(super) fn void(&self) {
        self.change(0, 0);
    }

    /// Takes the limit away for good.
    #[cfg(feature = "alloc")]
    pub(super) fn end(&self) {
        self.change(OVER.mask(), 0);
    }

    /// Begins a version without a limit, with `bits` set and so much `more`.
    #[cold]
    #[inline(never)]
    fn change(&self, bits: u64, more: u64) {
        loop {
            let seen = self.0.load(Ordering::Relaxed); // M3
            let word = (seen & !LIMIT.mask()) | bits;
            if self.swap(seen, word.wrapping_add(more).wrapping_add(ONE_VERSION)) {
                break;
            }
        }
    }

    fn swap(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok() // M2
    }
}

/// While it is there, there is no limit.
#[must_use]
pub(super) struct Disturbed<'a>(&'a Margin);

impl Drop for Disturbed<'_> {
    fn drop(&mut self) {
        self.0.change(0, ONE_DISTURBER.wrapping_neg());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_limit_before_the_first_look() {
        let margin = Margin::new();
        assert!(!margin.see(0).is_within());
    }

    #[test]
    fn a_limit_is_for_so_many_failures_more_and_no_more_than_its_field_holds() {
        for (failures, more, last) in [(1, 1, 2), (3, 40, 43), (9, u64::MAX, LIMIT.max() - 1)] {
            let margin = Margin::new();
            margin.widen(margin.see(failures), more);
            assert!(margin.see(last).is_within(), "{failures} {more}");
            assert!(!margin.see(last + 1).is_within(), "{failures} {more}");
        }
        let margin = Margin::new();
        margin.widen(margin.see(5), 0);
        assert!(!margin.see(5).is_within(), "none more is no limit");
    }

    #[test]
    fn a_limit_can_be_set_again_while_nothing_disturbs_it() {
        let margin = Margin::new();
        margin.widen(margin.see(1), 1);
        margin.widen(margin.see(3), 5);
        assert!(margin.see(8).is_within());
    }

    #[test]
    fn what_disturbs_the_margin_takes_the_limit_away_and_keeps_others_from_setting_one() {
        let margin = Margin::new();
        margin.widen(margin.see(1), 10);
        let before = margin.see(1);
        let (one, other) = (margin.disturb(), margin.disturb());
        drop(one);
        let during = margin.see(1);
        assert!(!during.is_within());
        margin.widen(before, 10);
        margin.widen(during, 10);
        assert!(!margin.see(1).is_within(), "it is disturbed still");
        drop(other);
        margin.widen(before, 10);
        margin.widen(during, 10);
        assert!(!margin.see(1).is_within(), "both saw it before it came to rest");
        margin.widen(margin.see(1), 10);
        assert!(margin.see(1).is_within());
        margin.void();
        assert!(!margin.see(1).is_within());
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_margin_that_is_over_stays_over() {
        let margin = Margin::new();
        margin.widen(margin.see(1), 10);
        margin.end();
        drop(margin.disturb());
        margin.widen(margin.see(1), 10);
        assert!(!margin.see(1).is_within());
    }
}
