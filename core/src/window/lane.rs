//! One copy of the window: a ring of words, its head, and the totals of what was counted in it.

use super::budget::Budget;
use super::{Entry, NOTHING, Recorded, Shape, Tally, bucket, count};
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::time::Instant;
use crate::totals::Counter;

/// The value of the head's word: the generation, and the tick or batch that is being filled.
///
/// ```text
///  63        48 47                                          0
/// +------------+---------------------------------------------+
/// | generation |   tick or batch                             |
/// |   low 16   |   48                                        |
/// +------------+---------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head(u64);

const HEAD_TICK_BITS: u32 = 48;

impl Head {
    pub(super) const fn new(generation: u32, tick: u64) -> Self {
        Self(((generation as u64) << HEAD_TICK_BITS) | (tick & ((1 << HEAD_TICK_BITS) - 1)))
    }

    /// The same generation, elsewhere.
    pub(super) const fn with_tick(self, tick: u64) -> Self {
        Self(self.0 & !Self::new(0, u64::MAX).0 | Self::new(0, tick).0)
    }

    #[inline]
    pub(super) const fn tick(self) -> u64 {
        self.0 & ((1 << HEAD_TICK_BITS) - 1)
    }

    #[inline]
    pub(super) const fn is_of(self, generation: u32) -> bool {
        self.0 >> HEAD_TICK_BITS == Self::new(generation, 0).0 >> HEAD_TICK_BITS
    }
}

/// Whether a result was added to the bucket that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is counted.
    Yes,
    /// Another thread was faster.
    Contended,
    /// There is no such bucket yet, or it is full.
    No,
}

/// One copy of the window's counters, and of those that a refused call writes.
#[repr(C)]
pub(crate) struct Lane<const N: usize> {
    head: AtomicU64,
    pub(super) budget: Budget,
    words: [AtomicU64; N],
    /// Successes that the words no longer hold.
    pub(super) successes: Counter,
    failures: Counter,
    pub(super) rejected: Counter,
}

impl<const N: usize> Lane<N> {
    const_fn! {
        pub(super) fn new() -> Self {
            Self {
                head: AtomicU64::new(0),
                budget: Budget::new(),
                words: zeroes(),
                successes: Counter::new(),
                failures: Counter::new(),
                rejected: Counter::new(),
            }
        }
    }

    /// Whether results of a generation with this number may still lie here.
    pub(super) fn holds(&self, generation: u32) -> bool {
        self.head().is_of(generation)
    }

    /// Counts the result of `entry`.
    ///
    /// `suspend` suspends the budgets of all lanes until what it returns is dropped. `is_live`
    /// tells whether the entry's generation is the current one. `elsewhere` tells how many results
    /// the window holds in other lanes.
    pub(super) fn record<S>(
        &self,
        shape: &Shape,
        entry: Entry,
        suspend: impl Fn() -> S,
        is_live: impl Fn() -> bool,
        elsewhere: impl Fn() -> u64,
    ) -> Recorded {
        match shape {
            Shape::Time(grid) => self.record_at(grid, entry, suspend, is_live, elsewhere),
            Shape::Count(ring) => self.record_next(ring, entry.generation, entry.result, is_live),
        }
    }

    /// What this lane holds of the window of `generation` at `now`.
    pub(super) fn tally(&self, shape: &Shape, generation: u32, now: Instant) -> Tally {
        loop {
            let head = self.head();
            if !head.is_of(generation) {
                return NOTHING;
            }
            let sum = match shape {
                Shape::Time(grid) => self.sum_until(grid, generation, head, now),
                Shape::Count(ring) => self.sum_last(ring, generation, head),
            };
            // B3-check-sum
            if self.head() == head {
                return sum;
            }
        }
    }

    /// All successes and failures that were ever recorded here.
    pub(super) fn totals(&self, shape: &Shape) -> Tally {
        let mut sum =
            Tally { successes: self.successes.get(), failures: self.failures.get(), slow: 0 };
        for word in &self.words {
            sum = sum.plus(held(shape, word.load(Ordering::Relaxed))); // B6
        }
        Tally { slow: 0, ..sum }
    }

    /// Adds to the totals what never was in the window, or has left it. Slow results are counted
    /// when they come.
    pub(super) fn add_to_totals(&self, tally: Tally) {
        for (total, more) in [(&self.successes, tally.successes), (&self.failures, tally.failures)]
        {
            if more != 0 {
                total.add(more);
            }
        }
    }

    #[inline]
    pub(super) fn head(&self) -> Head {
        Head(self.head.load(Ordering::Acquire)) // B1
    }

    /// Turns to `tick` in generation 0, before anybody counts.
    pub(super) fn begin_at(&self, tick: u64) {
        self.head.store(Head::new(0, tick).0, Ordering::Relaxed);
    }

    /// The word at `place`; `config` has checked that a window has no more than `N`.
    #[inline]
    pub(super) fn word(&self, place: usize) -> &AtomicU64 {
        &self.words[if place < N { place } else { 0 }]
    }

    /// Empties every word but those that `stays` knows to be part of the window that ends at `to`,
    /// `places` from the oldest on, then moves the head there (W2). If it was this thread that
    /// moved it: how many results stayed.
    #[cold]
    pub(super) fn advance(
        &self,
        shape: &Shape,
        from: Head,
        to: Head,
        places: impl Iterator<Item = usize>,
        stays: impl Fn(usize, u64) -> bool,
    ) -> Option<u64> {
        let mut stayed = 0;
        for place in places {
            let word = self.word(place);
            loop {
                let old = word.load(Ordering::Acquire); // B3-advance
                // The word is read by `from`'s light, so `from` must still hold.
                // B3-check-advance
                if self.head() != from {
                    return None;
                }
                let left = held(shape, old);
                if stays(place, old) {
                    stayed += left.total();
                    break;
                }
                if left == NOTHING {
                    break;
                }
                if swap(word, old, 0) {
                    self.add_to_totals(left);
                    break;
                }
            }
        }
        self.move_head(from, to).then_some(stayed)
    }

    pub(super) fn move_head(&self, from: Head, to: Head) -> bool {
        self.head.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() // B2
    }
}

/// What a word holds that is not in the totals yet.
const fn held(shape: &Shape, word: u64) -> Tally {
    match shape {
        Shape::Time(_) => bucket::held(word),
        Shape::Count(_) => count::held(word),
    }
}

#[inline]
pub(super) fn swap(word: &AtomicU64, old: u64, new: u64) -> bool {
    word.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok() // B4
}
