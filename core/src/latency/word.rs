//! The value of a word: two buckets, each with what it held in its era and in the one before.
//!
//! ```text
//!  63     48 47     36 35     24 23     12 11      0
//! +---------+---------+---------+---------+---------+
//! |   era   |  before |  count  |  before |  count  |
//! |  low 16 |  second bucket    |  first bucket     |
//! +---------+---------+---------+---------+---------+
//! ```

const COUNT_BITS: u32 = 12;
const BUCKET_BITS: u32 = 2 * COUNT_BITS;
const ERA: u32 = 2 * BUCKET_BITS;
const ERA_BITS: u32 = 16;
const _: () = assert!(ERA + ERA_BITS == u64::BITS);

/// The most that a bucket counts in one era.
pub(crate) const FULL: u64 = (1 << COUNT_BITS) - 1;

/// The counts of both buckets, without those of the era before.
const COUNTS: u64 = FULL << BUCKET_BITS | FULL;

/// Two buckets.
pub(super) const PER_WORD: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    #[inline]
    pub(super) const fn is_of(self, era: u16) -> bool {
        self.0 >> ERA == era as u64
    }

    /// This word as `era` sees it, which is its own or a later one: its counts become those of the
    /// era before, or have left.
    #[inline]
    pub(super) const fn at(self, era: u16) -> Self {
        let kept = if self.is_of(era) {
            return self;
        } else if self.is_of(era.wrapping_sub(1)) {
            (self.0 & COUNTS) << COUNT_BITS
        } else {
            0
        };
        Self((era as u64) << ERA | kept)
    }

    /// This word with one more in `bucket`, if there is room.
    #[inline]
    pub(super) const fn with(self, bucket: usize) -> Option<Self> {
        if self.count(bucket) == FULL {
            return None;
        }
        Some(Self(self.0 + (1 << shift(bucket))))
    }

    /// What `bucket` counted in the era of this word.
    #[inline]
    pub(super) const fn count(self, bucket: usize) -> u64 {
        (self.0 >> shift(bucket)) & FULL
    }

    /// What `bucket` counted in the era before.
    pub(super) const fn count_before(self, bucket: usize) -> u64 {
        (self.0 >> (shift(bucket) + COUNT_BITS)) & FULL
    }
}

#[inline]
const fn shift(bucket: usize) -> u32 {
    if bucket % PER_WORD == 0 { 0 } else { BUCKET_BITS }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn counts(word: Word) -> [u64; 4] {
        [word.count(0), word.count_before(0), word.count(1), word.count_before(1)]
    }

    #[test]
    fn counts_become_those_of_the_era_before_and_then_leave() {
        for era in [0, 1, 7, u16::MAX] {
            let word = Word(0).at(era).with(0).unwrap().with(1).unwrap().with(1).unwrap();
            assert_eq!(counts(word), [1, 0, 2, 0]);
            assert_eq!(word.at(era), word);
            let next = word.at(era.wrapping_add(1));
            assert_eq!(counts(next), [0, 1, 0, 2]);
            assert_eq!(counts(next.with(0).unwrap()), [1, 1, 0, 2]);
            assert_eq!(counts(next.at(era.wrapping_add(2))), [0; 4]);
            assert_eq!(counts(word.at(era.wrapping_add(2))), [0; 4]);
        }
    }

    #[test]
    fn a_full_bucket_takes_no_more_and_touches_no_neighbour() {
        for bucket in 0..PER_WORD {
            let mut word = Word(0).at(9);
            for _ in 0..FULL {
                word = word.with(bucket).unwrap();
            }
            assert_eq!(word.with(bucket), None);
            assert_eq!((word.count(bucket), word.count(1 - bucket)), (FULL, 0));
            let next = word.at(10);
            assert_eq!((next.count_before(bucket), next.count_before(1 - bucket)), (FULL, 0));
            assert!(word.is_of(9) && next.is_of(10));
        }
    }
}
