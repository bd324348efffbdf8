//! How many failures a lane may count before one of them has to evaluate the window.
//!
//! ```text
//!  63          32 31           16 15          0
//! +--------------+---------------+-------------+
//! |   version    |  suspensions  |    left     |
//! +--------------+---------------+-------------+
//! ```
//!
//! An evaluation sums all buckets. If it finds the window healthy, it also finds how many more
//! failures the window can take before any condition holds. It grants that number to the lanes:
//! half of it to its own lane, the rest to the others. A failure spends one from the budget of its
//! lane and is done. Only a failure that finds nothing left evaluates. Successes only make the
//! window healthier.
//!
//! The word of the first lane leads: its version is the newest, and it counts the suspensions.
//!
//! # Rules
//!
//! - **F1** A failure is counted in its bucket first. Then it spends, or it evaluates.
//! - **F2** An evaluation revokes every budget before it sums: it begins a version in the leading
//!   word, then it takes each other word to that version, with nothing left. A failure that spent
//!   before that is in the sum. A failure that comes after that finds nothing left, or what was
//!   granted after the sum.
//! - **F3** An evaluation grants no more, all lanes together, than its sum allows, and only to a
//!   word that is still at its own version.
//! - **F4** What can make the window worse without a failure revokes first: turning a lane, halving
//!   a bucket, changing the settings. Turning and halving also suspend: an evaluation that began
//!   while one of them was under way grants nothing.
//! - **F5** An evaluation grants nothing if a lane is in a later tick than its own time: the sum
//!   still has results that are over for that lane.
//!
//! A thread that is held up while exactly 2^32 versions pass takes an old version for its own.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | A1 | swap that spends | Release | A6 | an evaluation that revokes after it must see the failure in its bucket (F1, F2) | `f2_two_failures_in_two_lanes_leave_the_third_to_evaluate` |
//! | | on failure | Relaxed | – | the failure evaluates, or tries again with what it saw | there is nothing weaker |
//! | A2 | swap that begins a version, in the leading word | AcqRel | A2, A3 | Acquire: an evaluation that grants must see the settings, the lane turned, the bucket halved | `f4_new_settings_revoke_what_was_granted_before_them` |
//! | | | | | Release: the evaluation of a later version, which may grant, must see the failure or the settings that an earlier version was begun for | `f4_new_settings_revoke_what_was_granted_before_them` |
//! | | on failure | Relaxed | – | tries again with what it saw | there is nothing weaker |
//! | A3 | swap that ends a suspension | Release | A2 | an evaluation that begins after it must see the lane turned or the bucket halved (F4) | `f4_no_lane_keeps_what_was_granted_before_a_halving` |
//! | A4 | load of a budget | Relaxed | – | the swap alone decides | there is nothing weaker |
//! | A5 | swap that grants | Relaxed | – | who spends it needs to see nothing of the evaluation | there is nothing weaker |
//! | A6 | swap that takes another word to a version | Relaxed | A1 | the fence before the sum (B5) comes after it, and acquires what it read | there is nothing weaker |

use crate::field::Field;
use crate::sync::{AtomicU64, Ordering, const_fn};

const LEFT: Field = Field::lowest(16);
const SUSPENSIONS: Field = Field::above(LEFT, 16);
const VERSION: Field = Field::above(SUSPENSIONS, 32);
const _: () = assert!(VERSION.end() == u64::BITS);

const ONE_SUSPENSION: u64 = 1 << SUSPENSIONS.shift;
const ONE_VERSION: u64 = 1 << VERSION.shift;

/// What the failures of one lane may spend.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

/// The version that an evaluation began, and whether it may grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revoked(u64);

impl Revoked {
    /// Whether a lane was turning then, or a bucket halving.
    pub(super) const fn is_suspended(self) -> bool {
        self.0 & SUSPENSIONS.mask() != 0
    }
}

impl Budget {
    const_fn! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Spends one, if there is one left.
    #[inline]
    pub(super) fn spend(&self) -> bool {
        let mut word = self.load();
        while word & LEFT.mask() != 0 {
            // A1
            match self.swap(word, word - 1, Ordering::Release) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    /// Begins a version with nothing left, in the leading word.
    pub(super) fn begin_version(&self) -> Revoked {
        self.lead(0)
    }

    /// Begins a version with nothing left, and suspends all grants, in the leading word.
    pub(super) fn suspend(&self) -> Revoked {
        self.lead(ONE_SUSPENSION)
    }

    /// Ends a suspension, in the leading word.
    pub(super) fn resume(&self) {
        let mut word = self.load();
        // A3
        while let Err(seen) = self.swap(word, word - ONE_SUSPENSION, Ordering::Release) {
            word = seen;
        }
    }

    fn lead(&self, more: u64) -> Revoked {
        let mut word = self.load();
        loop {
            let next = (word & !LEFT.mask()).wrapping_add(ONE_VERSION).wrapping_add(more);
            // A2
            match self.swap(word, next, Ordering::AcqRel) {
                Ok(_) => return Revoked(next),
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes a word that does not lead to the version of `revoked`, unless it is at a later one.
    pub(super) fn follow(&self, revoked: Revoked) {
        let mut word = self.load();
        let version = revoked.0 & VERSION.mask();
        // By how many versions the word is behind, in half of all that there are.
        // F3-behind
        while let 1..=0x7FFF_FFFF = VERSION.get(revoked.0.wrapping_sub(word & VERSION.mask())) {
            // A6
            match self.swap(word, version, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// Grants `more` failures, if the word is still as `revoked` has left it.
    pub(super) fn grant(&self, revoked: Revoked, more: u64) {
        let granted = revoked.0 | more.min(LEFT.max());
        let _ = self.swap(revoked.0, granted, Ordering::Relaxed); // A5, F3
    }

    #[inline]
    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed) // A4
    }

    #[inline]
    fn swap(&self, old: u64, new: u64, ordering: Ordering) -> Result<u64, u64> {
        self.0.compare_exchange(old, new, ordering, Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn left(budget: &Budget) -> u32 {
        LEFT.get(budget.load())
    }

    #[test]
    fn nothing_is_left_before_the_first_grant() {
        assert!(!Budget::new().spend());
    }

    #[test]
    fn a_grant_is_spent_one_by_one_and_is_no_more_than_its_field_holds() {
        for (granted, left) in [(0, 0), (1, 1), (40, 40), (65_535, 65_535), (u64::MAX, 65_535)] {
            let budget = Budget::new();
            let revoked = budget.begin_version();
            budget.grant(revoked, granted);
            for _ in 0..left {
                assert!(budget.spend(), "{granted}");
            }
            assert!(!budget.spend(), "{granted}");
        }
    }

    #[test]
    fn a_grant_of_an_earlier_version_fails() {
        let (leading, other) = (Budget::new(), Budget::new());
        let (first, second) = (leading.begin_version(), leading.begin_version());
        other.follow(second);
        for budget in [&leading, &other] {
            budget.grant(first, 9);
            assert_eq!(left(budget), 0);
            budget.grant(second, 9);
            assert_eq!(left(budget), 9);
            budget.grant(second, 9);
            assert_eq!(left(budget), 9, "once");
        }
    }

    #[test]
    fn a_word_follows_to_later_versions_alone_where_they_wrap_too() {
        let leading = Budget(AtomicU64::new(VERSION.mask() - ONE_VERSION));
        let other = Budget(AtomicU64::new(VERSION.mask() - ONE_VERSION));
        let versions = [(); 4].map(|()| leading.begin_version());
        for (at, version) in versions.iter().enumerate() {
            other.follow(*version);
            other.grant(*version, 5);
            assert_eq!(left(&other), 5);
            for earlier in &versions[..=at] {
                other.follow(*earlier);
                assert_eq!(left(&other), 5, "it is at that version or a later one");
            }
        }
        let newest = leading.begin_version();
        other.follow(newest);
        assert_eq!(left(&other), 0);
    }

    #[test]
    fn suspensions_are_counted_and_seen_by_who_revokes_meanwhile() {
        let leading = Budget::new();
        let before = leading.begin_version();
        assert!(leading.suspend().is_suspended());
        leading.suspend();
        leading.grant(before, 9);
        assert_eq!(left(&leading), 0, "its version is over");
        leading.resume();
        let during = leading.begin_version();
        assert!(during.is_suspended());
        leading.resume();
        leading.grant(during, 9);
        assert_eq!(left(&leading), 0, "the suspensions that it saw are over");
        let after = leading.begin_version();
        assert!(!after.is_suspended());
        leading.grant(after, 9);
        assert_eq!(left(&leading), 9);
    }

    #[test]
    fn a_revocation_leaves_nothing() {
        let (leading, other) = (Budget::new(), Budget::new());
        let revoked = leading.begin_version();
        other.follow(revoked);
        leading.grant(revoked, 9);
        other.grant(revoked, 9);
        let revoked = leading.begin_version();
        other.follow(revoked);
        assert!(!leading.spend() && !other.spend());
    }
}
