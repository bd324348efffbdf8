//! The window over time: a ring of buckets.
//!
//! Time is cut into ticks of one bucket's width on a fixed grid. The results of tick *t* go to the
//! bucket at *t* modulo the number of buckets. The head is touched once a bucket, not once a call.

use super::bucket::Bucket;
use super::grid::Grid;
use super::lane::{Added, Head, Lane, swap};
use super::{Entry, NOTHING, Recorded, Shape, Tally};
use crate::sync::{AtomicU64, Ordering};
use crate::time::Instant;

impl<const N: usize> Lane<N> {
    /// The bucket of `now`, if it is there and has room for one more in `field`.
    #[inline]
    fn bucket_with_room(
        &self,
        grid: &Grid,
        generation: u32,
        now: Instant,
        field: u32,
    ) -> Option<(&AtomicU64, Bucket)> {
        let head = self.head();
        let tick = head.tick();
        if !head.is_of(generation) || grid.is_over(tick, now) {
            return None;
        }
        let word = self.word(grid.place(tick));
        let old = Bucket(word.load(Ordering::Relaxed)); // B7
        let has_room = old.is_of(generation, tick) && old.has_room(field);
        has_room.then_some((word, old))
    }

    /// Adds one to `field` of the bucket of `now`, if the bucket is there and has room.
    #[inline]
    pub(super) fn add(&self, grid: &Grid, generation: u32, now: Instant, field: u32) -> Added {
        match self.bucket_with_room(grid, generation, now, field) {
            None => Added::No,
            Some((word, old)) if swap(word, old.0, old.plus_one(field).0) => Added::Yes,
            Some(_) => Added::Contended,
        }
    }

    /// Counts a result in the bucket of its time.
    pub(super) fn record_at<S>(
        &self,
        grid: &Grid,
        entry: Entry,
        suspend: impl Fn() -> S,
        is_live: impl Fn() -> bool,
        elsewhere: impl Fn() -> u64,
    ) -> Recorded {
        let Entry { generation, now, result } = entry;
        let mut stayed = None;
        loop {
            // Turn the lane to the tick of `now`, unless it is there already.
            let head = self.head();
            let is_current = head.is_of(generation);
            if !is_current || grid.is_over(head.tick(), now) {
                // A head of another generation is an older one's as long as ours lives.
                // R2-check
                if !is_current && !is_live() {
                    return Recorded::Overtaken;
                }
                let _suspended = suspend(); // F4-turn
                if let Some(here) = self.turn(grid, generation, head, grid.tick(now)) {
                    stayed = Some(here + elsewhere());
                }
                continue;
            }
            // Add the result to the newest bucket. What leaves that goes to the totals (W4).
            let tick = head.tick(); // W3
            let word = self.word(grid.place(tick));
            let old = Bucket(word.load(Ordering::Acquire)); // B3-record
            let (new, left) = if old.is_of(generation, tick) {
                old.with(result)
                // B3-check-record
            } else if self.head() == head {
                (Bucket::new(generation, tick, result.tally()), old.tally())
            } else {
                continue;
            };
            let _suspended = (left != NOTHING).then(&suspend); // F4-halve
            if swap(word, old.0, new.0) {
                self.add_to_totals(left);
                return Recorded::In { stayed };
            }
        }
    }

    /// Whether this lane has turned to a tick after `now`.
    pub(super) fn is_beyond(&self, grid: &Grid, generation: u32, now: Instant) -> bool {
        let head = self.head();
        head.is_of(generation) && head.tick() > grid.tick(now)
    }

    /// The results of the window that ends at `now`, or at the head if that is later (W3).
    pub(super) fn sum_until(
        &self,
        grid: &Grid,
        generation: u32,
        head: Head,
        now: Instant,
    ) -> Tally {
        let newest = grid.tick(now).max(head.tick());
        let mut sum = NOTHING;
        let mut place = grid.place(head.tick());
        for back in 0..u64::from(grid.buckets()) {
            let Some(tick) = head.tick().checked_sub(back) else { break };
            if !grid.spans(tick, newest) {
                break;
            }
            let bucket = Bucket(self.word(place).load(Ordering::Acquire)); // B3-sum
            if bucket.is_of(generation, tick) {
                sum = sum.plus(bucket.tally()); // W1
            }
            place = if place == 0 { grid.last_place() } else { place - 1 };
        }
        sum
    }

    /// What the bucket of `tick` holds, if it is one of `generation`.
    pub(super) fn held_at(&self, grid: &Grid, generation: u32, tick: u64) -> Tally {
        let bucket = Bucket(self.word(grid.place(tick)).load(Ordering::Acquire)); // B3
        if bucket.is_of(generation, tick) { bucket.tally() } else { NOTHING }
    }

    /// Puts `tally` into the bucket of `tick` in generation 0, before anybody counts.
    pub(super) fn hold_at(&self, grid: &Grid, tick: u64, tally: Tally) {
        let bucket = Bucket::new(0, tick, tally);
        self.word(grid.place(tick)).store(bucket.0, Ordering::Relaxed);
    }

    /// Empties every bucket. The head stays.
    pub(super) fn empty_at(&self, grid: &Grid) {
        loop {
            let head = self.head();
            let shape = &Shape::Time(*grid);
            if self.advance(shape, head, head, oldest_first(grid, head), |_, _| false).is_some() {
                return;
            }
        }
    }

    /// Turns the ring to `tick`. If it was this thread that did: how many results stayed.
    #[cold]
    fn turn(&self, grid: &Grid, generation: u32, from: Head, tick: u64) -> Option<u64> {
        let to = Head::new(generation, tick);
        let is_current = from.is_of(generation);
        self.advance(&Shape::Time(*grid), from, to, oldest_first(grid, from), |place, word| {
            is_current
                && grid
                    .tick_at(place, from.tick())
                    .is_some_and(|old| Bucket(word).is_of(generation, old) && grid.spans(old, tick))
        })
    }
}

/// The places of the buckets of a window that ends at `head`.
fn oldest_first(grid: &Grid, head: Head) -> impl Iterator<Item = usize> {
    (1..=u64::from(grid.buckets())).map(move |on| grid.place(head.tick() + on))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Counted;
    use super::super::bucket::{FAILURES, FULL, SUCCESSES};
    use super::*;

    const OK: Counted = Counted { failed: false, slow: false };
    const BAD: Counted = Counted { failed: true, slow: false };
    const WIDTH: u64 = 100;
    const SHAPE: Shape = Shape::Time(Grid::new(WIDTH, 4));

    fn at(tick: u64) -> Instant {
        Instant::from_nanos(tick * WIDTH)
    }

    fn put(lane: &Lane<4>, generation: u32, tick: u64, result: Counted) {
        let entry = Entry { generation, now: at(tick), result };
        assert!(matches!(lane.record(&SHAPE, entry, || (), || true, || 0), Recorded::In { .. }));
    }

    #[test]
    fn a_result_is_added_at_once_only_where_its_bucket_has_room() {
        for (field, result) in [(SUCCESSES, OK), (FAILURES, BAD)] {
            let (lane, grid) = (Lane::<4>::new(), Grid::new(WIDTH, 4));
            let add = |generation, tick| lane.add(&grid, generation, at(tick), field);
            assert_eq!(add(0, 3), Added::No, "the head is behind");
            put(&lane, 0, 3, result);
            assert_eq!(add(1, 3), Added::No, "another generation");
            assert_eq!(add(0, 4), Added::No, "another tick");
            for _ in 1..FULL {
                assert_eq!(add(0, 3), Added::Yes);
            }
            assert_eq!(add(0, 2), Added::No, "the bucket is full");
            let tally = lane.tally(&SHAPE, 0, at(3));
            assert_eq!((tally.total(), tally.failures != 0), (FULL, result.failed));
            assert_eq!(lane.totals(&SHAPE), tally);
        }
    }

    #[test]
    fn a_full_bucket_halves_and_what_leaves_it_is_kept_in_the_totals() {
        let lane = Lane::<4>::new();
        for _ in 0..FULL {
            put(&lane, 0, 0, OK);
        }
        for _ in 0..100 {
            put(&lane, 0, 0, BAD);
        }
        let tally = lane.tally(&SHAPE, 0, at(0));
        assert_eq!((tally.successes, tally.failures), (FULL, 100));
        put(&lane, 0, 0, OK);
        let tally = lane.tally(&SHAPE, 0, at(0));
        assert_eq!((tally.successes, tally.failures), (FULL / 2 + 1, 50));
        assert_eq!(lane.totals(&SHAPE), Tally { successes: FULL + 1, failures: 100, slow: 0 });
    }

    #[test]
    fn results_leave_with_their_bucket_and_not_before() {
        let lane = Lane::<4>::new();
        put(&lane, 0, 10, BAD);
        assert_eq!(lane.tally(&SHAPE, 0, at(13)).failures, 1);
        assert_eq!(lane.tally(&SHAPE, 0, at(14)).failures, 0);
        put(&lane, 0, 14, OK);
        assert_eq!(lane.tally(&SHAPE, 0, at(14)), OK.tally());
    }

    #[test]
    fn nothing_old_comes_back_after_any_idle_time() {
        // Wherever the short tick tag wraps, and around it.
        for idle in (1..40).chain([1 << 10, 1 << 11, 5 << 10, 1 << 20, 1 << 40]) {
            for shift in 0..4 {
                for filled in 1..5 {
                    let lane = Lane::<4>::new();
                    for tick in 8..8 + filled {
                        put(&lane, 0, tick, BAD);
                    }
                    let later = 8 + filled - 1 + idle + shift;
                    put(&lane, 0, later, OK);
                    let young = (8..8 + filled).filter(|tick| later - tick < 4).count() as u64;
                    let tally = lane.tally(&SHAPE, 0, at(later));
                    assert_eq!((tally.failures, tally.successes), (young, 1));
                }
            }
        }
    }

    #[test]
    fn a_place_that_is_skipped_for_ever_does_not_come_back_when_its_tag_wraps() {
        let lane = Lane::<4>::new();
        put(&lane, 0, 1, BAD);
        // One result every four ticks touches place 0 alone, until the tag of tick 1 comes round.
        for lap in 1..=(1 << 10) / 4 {
            put(&lane, 0, 4 * lap, OK);
        }
        let tally = lane.tally(&SHAPE, 0, at((1 << 10) + 1));
        assert_eq!(tally, OK.tally());
    }

    #[test]
    fn a_new_generation_sees_nothing_of_the_last_even_where_its_short_tags_are_equal() {
        for step in [1, 1 << 12, 3 << 12] {
            let lane = Lane::<4>::new();
            put(&lane, 5, 10, BAD);
            put(&lane, 5, 11, BAD);
            assert_eq!(lane.tally(&SHAPE, 5 + step, at(11)), NOTHING);
            put(&lane, 5 + step, 11, OK);
            assert_eq!(lane.tally(&SHAPE, 5 + step, at(11)), OK.tally());
            assert_eq!(lane.totals(&SHAPE).failures, 2);
        }
    }

    #[test]
    fn an_overtaken_result_is_counted_nowhere() {
        let lane = Lane::<4>::new();
        put(&lane, 7, 10, OK);
        let entry = Entry { generation: 6, now: at(10), result: BAD };
        let recorded = lane.record(&SHAPE, entry, || (), || false, || 0);
        assert_eq!(recorded, Recorded::Overtaken);
        assert_eq!(lane.totals(&SHAPE), OK.tally());
    }

    #[test]
    fn a_step_back_in_time_goes_to_the_newest_bucket() {
        let lane = Lane::<4>::new();
        put(&lane, 0, 10, BAD);
        put(&lane, 0, 2, OK);
        assert_eq!(lane.tally(&SHAPE, 0, at(0)).total(), 2);
        assert_eq!(lane.tally(&SHAPE, 0, at(13)).total(), 2);
        assert_eq!(lane.tally(&SHAPE, 0, at(14)).total(), 0);
    }

    #[test]
    fn the_end_of_time_is_a_tick_like_any_other() {
        let shape = Shape::Time(Grid::new(100_000, 4));
        let lane = Lane::<4>::new();
        let end = Instant::from_nanos(u64::MAX);
        let entry = Entry { generation: 0, now: end, result: BAD };
        let recorded = lane.record(&shape, entry, || (), || true, || 0);
        assert!(matches!(recorded, Recorded::In { stayed: Some(0), .. }));
        assert_eq!(lane.tally(&shape, 0, end).failures, 1);
    }
}
