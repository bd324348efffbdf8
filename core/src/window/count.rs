//! The window over results: the last *n*, exactly, in batches of 20 to a word.
//!
//! ```text
//! batch   63        52 51    46   45    44     40 39                        0
//!        +------------+--------+-------+---------+--------------------------+
//!        | generation |  lap   | again | filled  |  20 results of two bits  |
//!        |   low 12   | low 6  |   1   |    5    |  (even: failed, odd: slow) |
//!        +------------+--------+-------+---------+--------------------------+
//! ```
//!
//! Batches are filled one after the other, round and round. Within a batch a new result replaces
//! the one at its place, which is the one from *n* results ago: one swap counts the new and drops
//! the old. `filled` is how many belong to the batch's present lap; `again` says that those above
//! are results of the lap before. The head counts batches and moves when one is full.
//!
//! It is kept in one lane, whatever their number, since "the last *n*" is an order: so it is exact.
//! A sum that is taken while others record sees, for each batch, one moment between its start and
//! its end.

use super::lane::{Head, Lane, swap};
use super::{Counted, NOTHING, Recorded, Shape, Tally};
use crate::divisor::Divisor;
use crate::sync::Ordering;

/// As many results as one word has room for.
pub(crate) const MAX_RESULTS_A_WORD: u32 = 20;

const RESULTS: u64 = (1 << (2 * MAX_RESULTS_A_WORD)) - 1;
const FILLED: u32 = 2 * MAX_RESULTS_A_WORD;
const AGAIN: u32 = FILLED + 5;
const LAP: u32 = AGAIN + 1;
const LAP_BITS: u32 = 6;
const ERA: u32 = LAP + LAP_BITS;
const ERA_BITS: u32 = 12;
const _: () = assert!(ERA + ERA_BITS == u64::BITS);

/// The even bits: whether each result is a failure.
const FAILED: u64 = 0x5555_5555_5555_5555;

/// The last `results` results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    results: u32,
    batches: Divisor,
}

impl Ring {
    pub(crate) const fn new(results: u32) -> Self {
        let batches = results.div_ceil(MAX_RESULTS_A_WORD);
        Self { results, batches: Divisor::new(batches as u64) }
    }

    /// How many results a window holds.
    pub(crate) const fn results(&self) -> u32 {
        self.results
    }

    #[allow(clippy::cast_possible_truncation)] // no more batches than words
    const fn batches(&self) -> usize {
        self.batches.number() as usize
    }

    /// The place of the batch that the head counts as `batch`, and its lap.
    #[allow(clippy::cast_possible_truncation)] // below `batches`
    #[inline]
    const fn place(&self, batch: u64) -> (usize, u64) {
        let (lap, place) = self.batches.divide(batch);
        (place as usize, lap)
    }

    /// How many results the batch at `place` holds: the last one holds what is left over.
    #[allow(clippy::cast_possible_truncation)] // a place is below `batches`
    #[inline]
    const fn size(&self, place: usize) -> u32 {
        let before = place as u32 * MAX_RESULTS_A_WORD;
        let left = self.results - before;
        if left < MAX_RESULTS_A_WORD { left } else { MAX_RESULTS_A_WORD }
    }
}

/// The value of a batch's word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Batch(u64);

impl Batch {
    const fn tag(generation: u32, lap: u64) -> u64 {
        let era = generation as u64 % (1 << ERA_BITS);
        (era << LAP_BITS) | (lap % (1 << LAP_BITS))
    }

    const fn is_of(self, generation: u32, lap: u64) -> bool {
        self.0 >> LAP == Self::tag(generation, lap)
    }

    #[allow(clippy::cast_possible_truncation)] // five bits
    const fn filled(self) -> u32 {
        ((self.0 >> FILLED) & 31) as u32
    }

    const fn holds_lap_before(self) -> bool {
        (self.0 >> AGAIN) & 1 == 1
    }

    /// What the first `results` results amount to.
    const fn tally(self, results: u32) -> Tally {
        let bits = self.0 & ((1 << (2 * results)) - 1);
        let failures = (bits & FAILED).count_ones() as u64;
        let slow = (bits & (FAILED << 1)).count_ones() as u64;
        Tally { successes: results as u64 - failures, failures, slow }
    }

    /// This batch with one result more. There is room.
    const fn with(self, result: Counted) -> Self {
        let at = 2 * self.filled();
        Self(((self.0 & !(3 << at)) | (result.bits() << at)) + (1 << FILLED))
    }

    /// An empty batch of a new lap, above the results of the `old` one if that was the lap before.
    const fn next_lap(generation: u32, lap: u64, old: Option<Self>) -> Self {
        let tag = Self::tag(generation, lap) << LAP;
        match old {
            Some(old) => Self(tag | (1 << AGAIN) | (old.0 & RESULTS)),
            None => Self(tag),
        }
    }
}

/// What `batch` holds of its present lap; the lap before is in the totals already.
pub(super) const fn held(batch: u64) -> Tally {
    let batch = Batch(batch);
    let filled = batch.filled();
    batch.tally(if filled < MAX_RESULTS_A_WORD { filled } else { MAX_RESULTS_A_WORD })
}

impl<const N: usize> Lane<N> {
    /// Counts a success that is not slow, if its batch is there and has room.
    #[inline]
    pub(super) fn add_success_next(&self, ring: &Ring, generation: u32) -> bool {
        let head = self.head();
        let (place, lap) = ring.place(head.tick());
        let word = self.word(place);
        let old = Batch(word.load(Ordering::Relaxed)); // B7
        head.is_of(generation)
            && old.is_of(generation, lap)
            && old.filled() < ring.size(place)
            && swap(word, old.0, old.with(Counted { failed: false, slow: false }).0)
    }

    /// Empties every batch. The head goes on to a lap whose number is one of 64, as no empty word
    /// can be taken for a batch of the lap before that.
    pub(super) fn empty_last(&self, ring: &Ring) {
        loop {
            let head = self.head();
            let (_, lap) = ring.place(head.tick());
            let lap = (lap | ((1 << LAP_BITS) - 1)) + 1;
            let to = head.with_tick(lap * ring.batches.number());
            let all = 0..ring.batches();
            if self.advance(&Shape::Count(*ring), head, to, all, |_, _| false).is_some() {
                return;
            }
        }
    }

    /// Counts `result` in the place of the one from as many results ago as the window holds.
    pub(super) fn record_next(
        &self,
        ring: &Ring,
        generation: u32,
        result: Counted,
        is_live: impl Fn() -> bool,
    ) -> Recorded {
        loop {
            let head = self.head();
            if !head.is_of(generation) {
                // A head of another generation is an older one's as long as ours lives.
                // R2-check-count
                if !is_live() {
                    return Recorded::Overtaken;
                }
                let (to, all) = (Head::new(generation, 0), 0..ring.batches());
                let _ = self.advance(&Shape::Count(*ring), head, to, all, |_, _| false);
                continue;
            }
            let (place, lap) = ring.place(head.tick());
            let word = self.word(place);
            let old = Batch(word.load(Ordering::Acquire)); // B3-record-count
            let (new, left) = if old.is_of(generation, lap) {
                if old.filled() == ring.size(place) {
                    let _ = self.move_head(head, Head::new(generation, head.tick() + 1));
                    continue;
                }
                (old.with(result), NOTHING)
                // B3-check-record-count
            } else if self.head() == head {
                let is_lap_before = lap > 0 && old.is_of(generation, lap - 1);
                let fresh = Batch::next_lap(generation, lap, is_lap_before.then_some(old));
                (fresh.with(result), held(old.0))
            } else {
                continue;
            };
            if swap(word, old.0, new.0) {
                self.add_to_totals(left);
                return Recorded::In { stayed: None };
            }
        }
    }

    fn batch(&self, place: usize) -> Batch {
        Batch(self.word(place).load(Ordering::Acquire)) // B3-sum-count
    }

    /// Shows the last results of `generation` from the oldest on.
    pub(super) fn each_result(&self, ring: &Ring, generation: u32, mut show: impl FnMut(Counted)) {
        let head = self.head();
        if !head.is_of(generation) {
            return;
        }
        let (current, lap) = ring.place(head.tick());
        let mut show_part = |place: usize, lap: Option<u64>, is_behind: bool| {
            let batch = self.batch(place);
            let of_lap = |lap| batch.is_of(generation, lap);
            let size = ring.size(place);
            let part = match (lap, is_behind) {
                // Of the batch that is being filled, first what the lap before left above.
                (Some(lap), true) if of_lap(lap) && batch.holds_lap_before() => {
                    batch.filled()..size
                }
                (Some(lap), false) if of_lap(lap) => 0..batch.filled().min(size),
                (Some(before), true) if before > 0 && of_lap(before - 1) => 0..size,
                _ => 0..0,
            };
            for at in part {
                let bits = batch.0 >> (2 * at);
                show(Counted { failed: bits & 1 != 0, slow: bits & 2 != 0 });
            }
        };
        show_part(current, Some(lap), true);
        for place in current + 1..ring.batches() {
            show_part(place, lap.checked_sub(1), false);
        }
        for place in 0..=current {
            show_part(place, Some(lap), false);
        }
    }

    /// The last results of `generation`.
    pub(super) fn sum_last(&self, ring: &Ring, generation: u32, head: Head) -> Tally {
        let (current, lap) = ring.place(head.tick());
        let mut sum = NOTHING;
        for place in 0..ring.batches() {
            let batch = self.batch(place);
            let is_this_lap = place <= current && batch.is_of(generation, lap);
            let is_lap_before = place >= current && lap > 0 && batch.is_of(generation, lap - 1);
            if is_lap_before || (is_this_lap && batch.holds_lap_before()) {
                sum = sum.plus(batch.tally(ring.size(place)));
            } else if is_this_lap {
                sum = sum.plus(batch.tally(batch.filled())); // W1
            }
        }
        sum
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Entry;
    use super::*;
    use crate::time::Instant;

    fn put(lane: &Lane<4>, ring: Ring, generation: u32, failed: bool, slow: bool) {
        let result = Counted { failed, slow };
        let entry = Entry { generation, now: Instant::ORIGIN, result };
        let recorded = lane.record(&Shape::Count(ring), entry, || (), || true, || 0);
        assert_eq!(recorded, Recorded::In { stayed: None });
    }

    #[test]
    fn a_batch_is_of_its_own_generation_and_lap_alone() {
        for (generation, lap) in [(0, 0), (1, 1), (5, 63), (1 << 11, 64), (u32::MAX, u64::MAX)] {
            let batch = Batch::next_lap(generation, lap, None);
            assert!(batch.is_of(generation, lap), "{generation} {lap}");
            for near in 1..1 << LAP_BITS {
                assert!(!batch.is_of(generation, lap ^ near), "{generation} {lap} and {near}");
                assert!(!batch.is_of(generation ^ (1 << (near % ERA_BITS as u64)), lap));
                assert!(!batch.is_of(generation ^ 1, lap ^ near));
            }
        }
    }

    #[test]
    fn a_success_is_added_at_once_only_where_its_batch_has_room() {
        let (lane, ring) = (Lane::<4>::new(), Ring::new(25));
        for room in [20, 5, 20] {
            put(&lane, ring, 7, true, false);
            assert!(!lane.add_success_next(&ring, 6), "another generation");
            for _ in 1..room {
                assert!(lane.add_success_next(&ring, 7));
            }
            assert!(!lane.add_success_next(&ring, 7), "the batch is full");
        }
        let shape = Shape::Count(ring);
        let tally = Tally { successes: 23, failures: 2, slow: 0 };
        assert_eq!(lane.tally(&shape, 7, Instant::ORIGIN), tally);
        assert_eq!(lane.totals(&shape), Tally { successes: 42, failures: 3, slow: 0 });
    }

    #[test]
    fn the_window_holds_exactly_the_last_results_whatever_its_length() {
        extern crate std;
        use std::collections::VecDeque;
        for results in [1, 2, 19, 20, 21, 40, 41, 79, 80] {
            let (lane, ring) = (Lane::<4>::new(), Ring::new(results));
            let mut last = VecDeque::new();
            for n in 0..2_000_u32 {
                let (failed, slow) = (n % 7 < 3, n % 5 == 0);
                put(&lane, ring, 0, failed, slow);
                last.push_back((failed, slow));
                if last.len() > results as usize {
                    last.pop_front();
                }
                let tally = lane.tally(&Shape::Count(ring), 0, Instant::ORIGIN);
                let failures = last.iter().filter(|result| result.0).count() as u64;
                assert_eq!(tally.failures, failures, "{results} after {n}");
                assert_eq!(tally.total(), last.len() as u64, "{results} after {n}");
                assert_eq!(tally.slow, last.iter().filter(|result| result.1).count() as u64);
                assert_eq!(lane.totals(&Shape::Count(ring)).total(), u64::from(n) + 1);
            }
        }
    }

    #[test]
    fn a_new_generation_starts_empty_and_keeps_the_totals() {
        let (lane, ring) = (Lane::<4>::new(), Ring::new(30));
        for generation in [0, 1, 1 << 12, 5] {
            for _ in 0..45 {
                put(&lane, ring, generation, true, false);
            }
            assert_eq!(lane.tally(&Shape::Count(ring), generation + 1, Instant::ORIGIN), NOTHING);
            put(&lane, ring, generation + 1, false, false);
            let tally = lane.tally(&Shape::Count(ring), generation + 1, Instant::ORIGIN);
            assert_eq!((tally.successes, tally.failures), (1, 0));
        }
        let totals = lane.totals(&Shape::Count(ring));
        assert_eq!((totals.failures, totals.successes), (4 * 45, 4));
    }

    #[test]
    fn an_overtaken_result_is_counted_nowhere() {
        let (lane, ring) = (Lane::<4>::new(), Ring::new(30));
        put(&lane, ring, 7, false, false);
        let result = Counted { failed: true, slow: false };
        let entry = Entry { generation: 6, now: Instant::ORIGIN, result };
        let recorded = lane.record(&Shape::Count(ring), entry, || (), || false, || 0);
        assert_eq!(recorded, Recorded::Overtaken);
        assert_eq!(lane.totals(&Shape::Count(ring)).total(), 1);
    }
}
