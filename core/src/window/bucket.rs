//! One bucket of the window over time: a word of counts that carries its own tag.
//!
//! ```text
//! bucket  63        52 51     42 41      28 27       14 13         0
//!        +------------+---------+----------+-----------+------------+
//!        | generation |  tick   |   slow   |  failures | successes  |
//!        |   low 12   | low 10  |    14    |    14     |     14     |
//!        +------------+---------+----------+-----------+------------+
//! ```

use super::{Counted, NOTHING, Tally};

/// The largest count of a field: one more halves its bucket first. A model cannot come that far.
pub(super) const FULL: u64 = if cfg!(loom) { 7 } else { COUNT };

const COUNT: u64 = (1 << COUNT_BITS) - 1;

const COUNT_BITS: u32 = 14;
pub(super) const SUCCESSES: u32 = 0;
pub(super) const FAILURES: u32 = COUNT_BITS;
const SLOW: u32 = 2 * COUNT_BITS;
const TAG: u32 = 3 * COUNT_BITS;
const TICK_BITS: u32 = 10;
const ERA_BITS: u32 = 12;
const _: () = assert!(TAG + TICK_BITS + ERA_BITS == u64::BITS);

/// The value of a bucket's word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket(pub(super) u64);

impl Bucket {
    pub(super) const fn new(generation: u32, tick: u64, tally: Tally) -> Self {
        let era = generation as u64 % (1 << ERA_BITS);
        let tag = (era << TICK_BITS) | (tick % (1 << TICK_BITS));
        Self((tag << TAG) | Self::pack(tally))
    }

    const fn pack(tally: Tally) -> u64 {
        (tally.slow << SLOW) | (tally.failures << FAILURES) | tally.successes
    }

    pub(super) const fn tally(self) -> Tally {
        Tally {
            successes: self.0 & COUNT,
            failures: (self.0 >> FAILURES) & COUNT,
            slow: (self.0 >> SLOW) & COUNT,
        }
    }

    #[inline]
    pub(super) const fn is_of(self, generation: u32, tick: u64) -> bool {
        self.0 >> TAG == Self::new(generation, tick, NOTHING).0 >> TAG
    }

    /// Whether one more fits `field` without a halving.
    #[inline]
    pub(super) const fn has_room(self, field: u32) -> bool {
        (self.0 >> field) & COUNT != FULL
    }

    /// This bucket with one more in `field`, which has room.
    #[inline]
    pub(super) const fn plus_one(self, field: u32) -> Self {
        Self(self.0 + (1 << field))
    }

    /// This bucket with one result more, and what had to leave it (W4).
    pub(super) const fn with(self, result: Counted) -> (Self, Tally) {
        let (tally, one) = (self.tally(), result.tally());
        let counts = tally.plus(one);
        if counts.successes <= FULL && counts.failures <= FULL && counts.slow <= FULL {
            return (Self(self.0 + Self::pack(one)), NOTHING);
        }
        let kept = Tally {
            successes: tally.successes / 2,
            failures: tally.failures / 2,
            slow: tally.slow / 2,
        };
        let tag = (self.0 >> TAG) << TAG;
        (Self(tag | Self::pack(kept.plus(one))), tally.minus(kept))
    }
}

/// `tally` halved until it fits a bucket (W4).
pub(super) const fn halved(mut tally: Tally) -> Tally {
    while tally.successes > FULL || tally.failures > FULL || tally.slow > FULL {
        tally = Tally {
            successes: tally.successes / 2,
            failures: tally.failures / 2,
            slow: tally.slow / 2,
        };
    }
    tally
}

/// What `bucket` holds; all of it will go to the totals.
pub(super) const fn held(bucket: u64) -> Tally {
    Bucket(bucket).tally()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const OK: Counted = Counted { failed: false, slow: false };
    const BAD: Counted = Counted { failed: true, slow: false };

    #[test]
    fn a_bucket_gives_back_what_was_put_in() {
        let tally = Tally { successes: FULL, failures: 1, slow: FULL / 2 };
        let bucket = Bucket::new(u32::MAX, u64::MAX, tally);
        assert_eq!(bucket.tally(), tally);
        assert!(bucket.is_of(u32::MAX, u64::MAX));
        assert!(!bucket.is_of(u32::MAX - 1, u64::MAX));
        assert!(!bucket.is_of(u32::MAX, u64::MAX - 1));
    }

    #[test]
    fn a_bucket_is_full_when_any_of_its_fields_is_and_then_halves_all_of_them() {
        for (result, full) in [
            (OK, Tally { successes: FULL, failures: 9, slow: 7 }),
            (BAD, Tally { successes: 9, failures: FULL, slow: 7 }),
            (
                Counted { failed: false, slow: true },
                Tally { successes: 9, failures: 7, slow: FULL },
            ),
        ] {
            let one = result.tally();
            let nearly = Bucket::new(1, 2, full.minus(one));
            assert!(nearly.with(result) == (Bucket::new(1, 2, full), NOTHING), "{full:?}");
            let half = Tally {
                successes: full.successes / 2,
                failures: full.failures / 2,
                slow: full.slow / 2,
            };
            let halved = Bucket::new(1, 2, full).with(result);
            assert!(halved == (Bucket::new(1, 2, half.plus(one)), full.minus(half)), "{full:?}");
        }
    }

    #[test]
    fn what_is_too_much_for_a_bucket_is_halved_until_it_fits() {
        let tally = |successes, failures, slow| Tally { successes, failures, slow };
        assert_eq!(halved(tally(FULL, FULL, FULL)), tally(FULL, FULL, FULL));
        assert_eq!(halved(tally(FULL + 1, 8, 6)), tally(FULL.div_ceil(2), 4, 3));
        assert_eq!(halved(tally(8, FULL + 1, 6)), tally(4, FULL.div_ceil(2), 3));
        assert_eq!(halved(tally(8, 6, FULL + 1)), tally(4, 3, FULL.div_ceil(2)));
        assert_eq!(halved(tally(4 * FULL, 3 * FULL, 8)), tally(FULL, 3 * FULL / 4, 2));
    }
}
