//! How many failures there may be before one of them has to look at the window.
//!
//! ```text
//!  63          32 31        17   16    15         0
//! +--------------+------------+--------+-----------+
//! |   version    | disturbers | shared |   limit   |
//! +--------------+------------+--------+-----------+
//! ```
//!
//! To look is to sum all buckets. A look at a healthy window finds how many failures more it would
//! take, were nothing else to come, before any condition holds, and leaves that here as a limit.
//! Successes only make for more room.
//!
//! In a breaker of one lane the limit is that of the newest bucket: a failure that stays below it
//! needs no look, as its swap has told it how many there are, and writes nothing here. Where there
//! are several lanes the margin is *shared*, and the limit is how many failures there may still be:
//! each takes one off, or looks. A lane that has grown takes several at once, and keeps those for
//! later in a *purse* of its own, so that threads that fail do not contend for this word.
//!
//! # Rules
//!
//! - **M1** A limit holds while no bucket loses a result and, in a breaker of one lane, no bucket but
//!   the newest gets a failure.
//! - **M2** Who turns a lane or halves a bucket *disturbs* the margin first and lets go of it
//!   afterwards. While it is disturbed there is no limit, and nobody sets one.
//! - **M3** In one lane, a failure that finds the window turned since it chose its bucket voids the
//!   margin and looks. So does a change of the settings void it.
//! - **M4** Who looks sets a limit only where the margin is as it was before the look: each change
//!   but that of the limit itself is a version. A thread that is held up during its look for
//!   exactly 2^32 of them would set a limit that no longer holds. Of a shared margin, who has taken
//!   a failure off the limit sets none; who found none left has begun a version.
//! - **M5** It is shared before there is a second lane, for good.
//! - **M6** Of several lanes, who looks sets no limit if one of them is in a later tick: results that
//!   are over there are still in its sum.
//! - **M7** What a purse holds is of one version, and is worth nothing in another. A failure asks for
//!   the version after it was counted. So who begins a version and then sums either sees the failure,
//!   or is seen by it. A purse that lies untouched for exactly 2^32 versions would be worth something
//!   again.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | M1 | load of the margin | SeqCst | B8 | see there | see there |
//! | | | | M2 | Acquire: who sees a limit of a later bucket must then see the later head (M3); who sets one must see the bucket halved, the late failure and the new settings | not by loom: the fence that stands in for SeqCst there orders this too |
//! | M2 | swap of the margin | AcqRel | M1, itself | Release as M1; and of a shared margin, who looks must see the failures that took from the limit before | `m3_a_failure_that_was_held_up_does_not_take_the_limit_of_a_later_bucket` |
//! | | | | | Acquire the same | not by loom: as M1 |
//! | | on failure | Relaxed | – | who failed tries again with what it saw, or sets no limit | there is nothing weaker |
//! | M3 | load of the margin to change it | Relaxed | – | the swap alone decides | there is nothing weaker |
//! | M4 | load, store and swap of a purse | Relaxed | – | what it holds was taken by M2, whoever puts it there; that it is worth something is seen by M1 | there is nothing weaker |

use crate::field::Field;
use crate::sync::{AtomicU64, Ordering, const_fn, fence_for_loom};

const LIMIT: Field = Field::lowest(16);
const SHARED: Field = Field::above(LIMIT, 1);
const DISTURBERS: Field = Field::above(SHARED, 15);
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
    /// How many failures its bucket then had; none where the margin is shared.
    failures: u64,
}

/// What a failure has seen that was taken off a shared limit: it is within, and sets none (M4). No
/// margin is like this, with a limit while it is disturbed.
const TAKEN: Seen = Seen { word: LIMIT.mask() | SHARED.mask() | DISTURBERS.mask(), failures: 0 };

impl Seen {
    /// Whether the failure has no need to look.
    #[inline]
    pub(crate) const fn is_within(self) -> bool {
        self.failures < LIMIT.get(self.word) as u64
    }

    #[inline]
    pub(super) const fn is_shared(self) -> bool {
        self.word & SHARED.mask() != 0
    }
}

impl Margin {
    const_fn! {
        pub(super) fn new(is_shared: bool) -> Self {
            Self(AtomicU64::new(if is_shared { SHARED.mask() } else { 0 }))
        }
    }

    /// The margin for a failure that is the last of so many in its bucket. If it is shared, the failure
    /// takes one off its limit, or begins a version.
    #[inline]
    fn see(&self, failures: u64, sharing: Sharing<'_>) -> Seen {
        fence_for_loom();
        let word = self.0.load(Ordering::SeqCst); // M1
        if matches!(sharing, Sharing::Never) || SHARED.get(word) == 0 {
            Seen { word, failures }
        } else {
            self.take(word, sharing)
        }
    }

    #[inline(never)]
    fn take(&self, mut word: u64, sharing: Sharing<'_>) -> Seen {
        let purse = if let Sharing::By(purse) = sharing { Some(purse) } else { None };
        if purse.is_some_and(|purse| purse.spend(word)) {
            return TAKEN;
        }
        loop {
            // A disturbed margin has no limit.
            let left = LIMIT.get(word);
            if left > 0 {
                let taken = if purse.is_some() { Purse::share_of(left) } else { 1 };
                if self.swap(word, word - u64::from(taken)) {
                    if let Some(purse) = purse {
                        purse.keep(word, taken - 1);
                    }
                    return TAKEN;
                }
            } else if self.swap(word, word.wrapping_add(ONE_VERSION)) {
                return Seen { word: word.wrapping_add(ONE_VERSION), failures: 0 };
            }
            word = self.0.load(Ordering::Relaxed); // M3
        }
    }

    /// Sets the limit so that there may be `more` failures than there were when the margin was
    /// seen, before the look that found so (M4).
    pub(super) fn widen(&self, seen: Seen, more: u64) {
        let before = if seen.is_shared() { 0 } else { seen.failures.saturating_add(1) };
        let limit = before.saturating_add(more).min(LIMIT.max());
        if more > 0 && DISTURBERS.get(seen.word) == 0 {
            let _ = self.swap(seen.word, (seen.word & !LIMIT.mask()) | limit); // M2, M5
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

    /// From now on it is shared.
    #[cfg(feature = "alloc")]
    pub(super) fn share(&self) {
        self.change(SHARED.mask(), 0);
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
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() // M2
    }
}

/// What a lane has taken off a shared limit for failures to come: how many, and of which version.
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
#[derive(Debug)]
pub(super) struct Purse(AtomicU64);

#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
impl Purse {
    const_fn! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// How many a lane takes of what is `left`: so few that others find some, and so many that it
    /// seldom comes.
    fn share_of(left: u32) -> u32 {
        if cfg!(any(loom, fuzzing)) { left.min(2) } else { (left / 8).clamp(1, 64) }
    }

    /// Takes one out, if it is worth something where the margin is `word` (M7).
    fn spend(&self, word: u64) -> bool {
        let held = self.0.load(Ordering::Relaxed); // M4
        LIMIT.get(held) > 0
            && VERSION.get(held) == VERSION.get(word)
            && self.0.compare_exchange(held, held - 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Keeps what was taken when the margin was `word`, in place of what there was.
    fn keep(&self, word: u64, taken: u32) {
        if taken > 0 {
            self.0.store((word & VERSION.mask()) | u64::from(taken), Ordering::Relaxed);
        }
    }
}

/// How the failures of a lane come to share a margin.
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Sharing<'a> {
    /// There is one lane, for good.
    Never,
    /// One by one, once there are several lanes.
    One,
    /// By this purse.
    By(&'a Purse),
}

/// The margin, as the failures of one lane come to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    margin: &'a Margin,
    sharing: Sharing<'a>,
}

impl<'a> View<'a> {
    pub(super) const fn new(margin: &'a Margin, sharing: Sharing<'a>) -> Self {
        Self { margin, sharing }
    }

    /// See [`Margin::see`].
    #[inline]
    pub(super) fn see(self, failures: u64) -> Seen {
        self.margin.see(failures, self.sharing)
    }

    /// See [`Margin::disturb`].
    pub(super) fn disturb(self) -> Disturbed<'a> {
        self.margin.disturb()
    }

    /// See [`Margin::void`].
    pub(super) fn void(self) {
        self.margin.void();
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
        let margin = Margin::new(false);
        assert!(!margin.see(0, Sharing::One).is_within());
    }

    #[test]
    fn a_limit_is_for_so_many_failures_more_and_no_more_than_its_field_holds() {
        for (failures, more, last) in [(1, 1, 2), (3, 40, 43), (9, u64::MAX, LIMIT.max() - 1)] {
            let margin = Margin::new(false);
            margin.widen(margin.see(failures, Sharing::One), more);
            assert!(margin.see(last, Sharing::One).is_within(), "{failures} {more}");
            assert!(!margin.see(last + 1, Sharing::One).is_within(), "{failures} {more}");
        }
        let margin = Margin::new(false);
        margin.widen(margin.see(5, Sharing::One), 0);
        assert!(!margin.see(5, Sharing::One).is_within(), "none more is no limit");
    }

    #[test]
    fn a_limit_can_be_set_again_while_nothing_disturbs_it() {
        let margin = Margin::new(false);
        margin.widen(margin.see(1, Sharing::One), 1);
        margin.widen(margin.see(3, Sharing::One), 5);
        assert!(margin.see(8, Sharing::One).is_within());
    }

    #[test]
    fn what_disturbs_the_margin_takes_the_limit_away_and_keeps_others_from_setting_one() {
        let margin = Margin::new(false);
        margin.widen(margin.see(1, Sharing::One), 10);
        let before = margin.see(1, Sharing::One);
        let (one, other) = (margin.disturb(), margin.disturb());
        drop(one);
        let during = margin.see(1, Sharing::One);
        assert!(!during.is_within());
        margin.widen(before, 10);
        margin.widen(during, 10);
        assert!(!margin.see(1, Sharing::One).is_within(), "it is disturbed still");
        drop(other);
        margin.widen(before, 10);
        margin.widen(during, 10);
        assert!(!margin.see(1, Sharing::One).is_within(), "both saw it before it came to rest");
        margin.widen(margin.see(1, Sharing::One), 10);
        assert!(margin.see(1, Sharing::One).is_within());
        margin.void();
        assert!(!margin.see(1, Sharing::One).is_within());
    }

    #[test]
    fn a_shared_limit_is_taken_from_by_each_failure_until_none_is_left() {
        let margin = Margin::new(true);
        let first = margin.see(900, Sharing::One);
        assert!(!first.is_within(), "nobody has looked");
        margin.widen(first, 2);
        assert!(margin.see(900, Sharing::One).is_within());
        assert!(margin.see(900, Sharing::One).is_within());
        let third = margin.see(900, Sharing::One);
        assert!(!third.is_within());
        margin.widen(first, 2);
        assert!(
            !margin.see(900, Sharing::One).is_within(),
            "there was another since the first looked"
        );
        margin.widen(third, 2);
        assert!(!margin.see(900, Sharing::One).is_within(), "and since the third did");
        margin.widen(margin.see(900, Sharing::One), u64::MAX);
        for _ in 0..LIMIT.max() {
            assert!(margin.see(900, Sharing::One).is_within());
        }
        assert!(!margin.see(900, Sharing::One).is_within());
    }

    #[test]
    fn what_disturbs_a_shared_margin_takes_the_limit_away_and_keeps_others_from_setting_one() {
        let margin = Margin::new(true);
        margin.widen(margin.see(0, Sharing::One), 10);
        let disturbed = margin.disturb();
        let during = margin.see(0, Sharing::One);
        assert!(!during.is_within());
        margin.widen(during, 10);
        assert!(!margin.see(0, Sharing::One).is_within());
        drop(disturbed);
        margin.widen(margin.see(0, Sharing::One), 10);
        assert!(margin.see(0, Sharing::One).is_within());
        margin.void();
        assert!(!margin.see(0, Sharing::One).is_within());
    }

    #[test]
    fn a_lane_takes_an_eighth_of_what_is_left_but_one_at_least_and_64_at_most() {
        for (left, taken) in [(1, 1), (15, 1), (16, 2), (100, 12), (519, 64), (65_535, 64)] {
            assert_eq!(Purse::share_of(left), taken, "{left}");
        }
    }

    #[test]
    fn what_a_purse_holds_is_spent_before_more_is_taken() {
        let (margin, purse) = (Margin::new(true), Purse::new());
        let own = View::new(&margin, Sharing::By(&purse));
        let first = own.see(900);
        assert!(!first.is_within(), "nobody has looked");
        margin.widen(first, 20);
        let left = || LIMIT.get(margin.0.load(Ordering::Relaxed));
        for left_then in [18, 18, 16, 16, 14, 14, 13, 12] {
            assert!(own.see(900).is_within());
            assert_eq!(left(), left_then);
        }
        let from_another = View::new(&margin, Sharing::One);
        for _ in 0..12 {
            assert!(from_another.see(900).is_within());
        }
        assert!(!own.see(900).is_within(), "none is left");
    }

    #[test]
    fn what_a_purse_holds_is_worth_nothing_once_the_limit_was_another() {
        let (margin, purse, other) = (Margin::new(true), Purse::new(), Purse::new());
        let own = View::new(&margin, Sharing::By(&purse));
        let limit = |more| {
            margin.void();
            margin.widen(View::new(&margin, Sharing::By(&other)).see(0), more);
        };
        limit(80);
        assert!(own.see(900).is_within(), "and nine more are in the purse");
        limit(1);
        let within = own.see(900);
        assert!(within.is_within() && within.is_shared(), "the one");
        margin.widen(within, 80);
        assert!(!own.see(900).is_within(), "who was within sets no limit");
        limit(80);
        assert!(own.see(900).is_within());
        drop(margin.disturb());
        assert!(!own.see(900).is_within());
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_margin_that_becomes_shared_has_no_limit_until_the_next_look_and_stays_shared() {
        let margin = Margin::new(false);
        let before = margin.see(1, Sharing::One);
        margin.widen(before, 10);
        let within = margin.see(1, Sharing::One);
        margin.share();
        margin.share();
        margin.widen(before, 10);
        margin.widen(within, 10);
        assert!(!margin.see(1, Sharing::One).is_within(), "they saw it before");
        drop(margin.disturb());
        margin.widen(margin.see(1, Sharing::One), 1);
        assert!(margin.see(1, Sharing::One).is_within());
        assert!(!margin.see(1, Sharing::One).is_within());
    }
}
