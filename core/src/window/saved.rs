//! What a window holds, apart from the grid or the ring that it lies on.

use super::lane::Lane;
use super::{Counted, Lanes, NOTHING, Shape, Tally, bucket, count};
use crate::time::{Clock, Instant};

/// As many results are kept in a word.
pub(crate) const RESULTS_A_WORD: u32 = count::MAX_RESULTS_A_WORD;

/// One bucket, and how long ago it began, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SavedBucket {
    pub(crate) age: u64,
    pub(crate) tally: Tally,
}

impl SavedBucket {
    pub(crate) const EMPTY: Self = Self { age: 0, tally: NOTHING };
}

/// The results of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SavedWindow<const N: usize> {
    Time {
        buckets: [SavedBucket; N],
    },
    /// From the oldest on, two bits each as in a batch.
    Count {
        many: u32,
        words: [u64; N],
    },
}

impl<const N: usize> SavedWindow<N> {
    /// The same, so much older.
    pub(crate) const fn advanced_by(mut self, by: u64) -> Self {
        if let Self::Time { buckets } = &mut self {
            let mut at = 0;
            while at < N {
                buckets[at].age = buckets[at].age.saturating_add(by);
                at += 1;
            }
        }
        self
    }
}

impl<const N: usize> Lanes<N> {
    /// What the window of `generation` holds at `now`, read as a sum over it is.
    pub(crate) fn save(&self, shape: &Shape, generation: u32, now: Instant) -> SavedWindow<N> {
        match shape {
            Shape::Time(grid) => {
                let mut buckets = [SavedBucket::EMPTY; N];
                let heads =
                    self.all().map(|lane| lane.head()).filter(|head| head.is_of(generation));
                let newest = heads.map(|head| head.tick()).max().unwrap_or(0).max(grid.tick(now));
                let ticks = (0..u64::from(grid.buckets())).map_while(|on| newest.checked_sub(on));
                for (bucket, tick) in buckets.iter_mut().zip(ticks) {
                    let of_lane = |lane: &Lane<N>| lane.held_at(grid, generation, tick);
                    bucket.age = now.as_nanos().saturating_sub(tick * grid.width());
                    bucket.tally = self.all().map(of_lane).fold(NOTHING, Tally::plus);
                }
                SavedWindow::Time { buckets }
            }
            Shape::Count(ring) => {
                let (mut many, mut words) = (0, [0; N]);
                self.first().each_result(ring, generation, |result| {
                    let (word, at) = (many / RESULTS_A_WORD, many % RESULTS_A_WORD);
                    words[word as usize] |= result.bits() << (2 * at);
                    many += 1;
                });
                SavedWindow::Count { many, words }
            }
        }
    }

    /// Takes over what another window held, into this one, which nobody has used yet.
    ///
    /// What is older than the clock's origin is as old as that.
    pub(crate) fn restore(
        &self,
        shape: &Shape,
        window: &SavedWindow<N>,
        now: Instant,
        clock: &impl Clock,
    ) {
        match (shape, window) {
            (Shape::Time(grid), SavedWindow::Time { buckets }) => {
                let newest = grid.tick(now);
                let length = grid.width() * u64::from(grid.buckets());
                for tick in (0..u64::from(grid.buckets())).filter_map(|on| newest.checked_sub(on)) {
                    let is_of_tick = |bucket: &&SavedBucket| {
                        let began = now.as_nanos().saturating_sub(bucket.age);
                        bucket.age < length && grid.tick(Instant::from_nanos(began)) == tick
                    };
                    let held = buckets.iter().filter(is_of_tick);
                    let tally = held.fold(NOTHING, |sum, bucket| sum.saturating_plus(bucket.tally));
                    self.first().hold_at(grid, tick, bucket::halved(tally));
                }
                self.first().begin_at(newest);
            }
            (Shape::Count(_), SavedWindow::Count { many, words }) => {
                for at in 0..*many {
                    let word = words[(at / RESULTS_A_WORD) as usize];
                    let bits = word >> (2 * (at % RESULTS_A_WORD));
                    let result = Counted { failed: bits & 1 != 0, slow: bits & 2 != 0 };
                    let _ = self.record(shape, 0, now, result, clock, || true);
                }
            }
            // Results of another kind of window say nothing about this one.
            _ => {}
        }
    }
}
