//! The rolling window: a ring of buckets, each one word that carries its own tag.
//!
//! # The words
//!
//! ```text
//! bucket  63        52 51     42 41      28 27       14 13         0
//!        +------------+---------+----------+-----------+------------+
//!        | generation |  tick   |   slow   |  failures | successes  |
//!        |   low 12   | low 10  |    14    |    14     |     14     |
//!        +------------+---------+----------+-----------+------------+
//! head    63        48 47                                          0
//!        +------------+---------------------------------------------+
//!        | generation |   tick of the newest bucket                 |
//!        |   low 16   |   48                                        |
//!        +------------+---------------------------------------------+
//! ```
//!
//! Time is cut into ticks of one bucket's width on a fixed grid. The results of tick *t* go to the
//! bucket at *t* modulo the number of buckets. The head is touched once a bucket, not once a call.
//!
//! # Rules
//!
//! - **W1** A bucket counts only if its tag is the one that the head implies for its place: the
//!   head's generation, and the one tick of its place among the last *n*.
//! - **W2** The head moves only after every bucket that is not part of the new window was emptied.
//!   So what a bucket holds is never older than one window behind the head, however long nobody
//!   called, and the short tags cannot be mistaken. They have to tell apart only what a thread
//!   that was held up *between its load and its swap* may bring: 2^10 ticks and 2^12 generations
//!   later, to the very same counts. `core/DESIGN.md` has what happens then.
//! - **W3** The head's tick only grows within a generation: a result that is told an earlier time
//!   goes to the newest bucket.
//! - **W4** A field that is full halves its bucket before it counts on: the rate survives. What
//!   leaves a bucket, by halving or by emptying, goes to the totals; who swaps it out adds it.
//! - **W5** A bucket is at least 100 µs wide (`config`), so 48 bits hold every tick that 64 bits of
//!   nanoseconds can reach: nothing wraps.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because |
//! | --- | --- | --- | --- | --- |
//! | B1 | load of the head | Acquire | B2 | who sees the head moved must see the buckets emptied (W2) |
//! | B2 | swap of the head | AcqRel, Relaxed on failure | B1 | as B1; and who moves it on saw all that the last one did |
//! | B3 | load of a bucket | Acquire | B4 | the head is looked at again after it: who saw a bucket of a later tick must then see the later head |
//! | B4 | swap of a bucket | Release, Relaxed on failure | B3 | as B3 |
//! | B5 | fence before the sum | SeqCst | itself | of two threads that record and then sum, one must see the other (a store, then a load elsewhere) |
//! | B6 | totals | Relaxed | – | they order nothing; exact when all is quiet |

use core::fmt;

use crate::rate::Rate;
use crate::sync::{AtomicU64, Ordering, const_fn, fence, zeroes};
use crate::time::Instant;

/// The results that a window holds.
///
/// # Examples
///
/// ```
/// use cutout_core::{Rate, Tally};
///
/// let tally = Tally { successes: 15, failures: 5, slow: 2 };
/// assert_eq!(tally.total(), 20);
/// assert_eq!(tally.failure_rate(), Some(Rate::percent(25)));
/// assert_eq!(tally.slow_call_rate(), Some(Rate::percent(10)));
/// assert_eq!(Tally::default().failure_rate(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Successful results.
    pub successes: u64,
    /// Failed results.
    pub failures: u64,
    /// Results of either kind that took longer than `slow_call_duration`.
    pub slow: u64,
}

impl Tally {
    /// Successes and failures together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.successes + self.failures
    }

    /// The share of failures, rounded down; `None` where there are no results.
    #[must_use]
    pub const fn failure_rate(&self) -> Option<Rate> {
        Rate::of(self.failures, self.total())
    }

    /// The share of slow results, rounded down; `None` where there are no results.
    #[must_use]
    pub const fn slow_call_rate(&self) -> Option<Rate> {
        Rate::of(self.slow, self.total())
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            successes: self.successes + other.successes,
            failures: self.failures + other.failures,
            slow: self.slow + other.slow,
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            successes: self.successes - other.successes,
            failures: self.failures - other.failures,
            slow: self.slow - other.slow,
        }
    }
}

/// One success or failure, as the window counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Counted {
    pub(crate) const fn tally(self) -> Tally {
        Tally {
            successes: !self.failed as u64,
            failures: self.failed as u64,
            slow: self.slow as u64,
        }
    }
}

/// Cuts time into ticks of `width` nanoseconds, of which a window spans `buckets`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) width: u64,
    pub(crate) buckets: u32,
}

impl Grid {
    const fn tick(self, now: Instant) -> u64 {
        now.as_nanos() / self.width
    }

    #[allow(clippy::cast_possible_truncation)] // below `buckets`
    const fn place(self, tick: u64) -> usize {
        (tick % self.buckets as u64) as usize
    }

    /// The newest tick up to `newest` that belongs to `place`, if there was one.
    const fn tick_at(self, place: u32, newest: u64) -> Option<u64> {
        let back = (newest % self.buckets as u64 + self.buckets as u64 - place as u64)
            % self.buckets as u64;
        newest.checked_sub(back)
    }
}

/// The largest count of a field: one more halves its bucket first.
const FULL: u64 = (1 << COUNT_BITS) - 1;

const COUNT_BITS: u32 = 14;
const FAILURES: u32 = COUNT_BITS;
const SLOW: u32 = 2 * COUNT_BITS;
const TAG: u32 = 3 * COUNT_BITS;
const TICK_BITS: u32 = 10;
const ERA_BITS: u32 = 12;
const _: () = assert!(TAG + TICK_BITS + ERA_BITS == u64::BITS);

/// The value of a bucket's word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bucket(u64);

impl Bucket {
    const EMPTY: Self = Self(0);

    const fn new(generation: u32, tick: u64, tally: Tally) -> Self {
        let era = generation as u64 % (1 << ERA_BITS);
        let tag = (era << TICK_BITS) | (tick % (1 << TICK_BITS));
        Self((tag << TAG) | Self::pack(tally))
    }

    const fn pack(tally: Tally) -> u64 {
        (tally.slow << SLOW) | (tally.failures << FAILURES) | tally.successes
    }

    const fn tally(self) -> Tally {
        Tally {
            successes: self.0 & FULL,
            failures: (self.0 >> FAILURES) & FULL,
            slow: (self.0 >> SLOW) & FULL,
        }
    }

    const fn is_of(self, generation: u32, tick: u64) -> bool {
        self.0 >> TAG == Self::new(generation, tick, NOTHING).0 >> TAG
    }

    const fn holds_nothing(self) -> bool {
        self.0 & ((1 << TAG) - 1) == 0
    }

    /// This bucket with one result more, and what had to leave it (W4).
    const fn with(self, result: Counted) -> (Self, Tally) {
        let (tally, one) = (self.tally(), result.tally());
        let mut kept = tally;
        let mut counts = kept.plus(one);
        if counts.successes > FULL || counts.failures > FULL || counts.slow > FULL {
            kept = Tally {
                successes: tally.successes / 2,
                failures: tally.failures / 2,
                slow: tally.slow / 2,
            };
            counts = kept.plus(one);
        }
        let tag = (self.0 >> TAG) << TAG;
        (Self(tag | Self::pack(counts)), tally.minus(kept))
    }
}

const NOTHING: Tally = Tally { successes: 0, failures: 0, slow: 0 };

/// The value of the head's word: the generation and tick of the newest bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Head(u64);

const HEAD_TICK_BITS: u32 = 48;

impl Head {
    const fn new(generation: u32, tick: u64) -> Self {
        Self(((generation as u64) << HEAD_TICK_BITS) | (tick & ((1 << HEAD_TICK_BITS) - 1)))
    }

    const fn tick(self) -> u64 {
        self.0 & ((1 << HEAD_TICK_BITS) - 1)
    }

    const fn is_of(self, generation: u32) -> bool {
        self.0 >> HEAD_TICK_BITS == Self::new(generation, 0).0 >> HEAD_TICK_BITS
    }
}

/// Where a result went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Into the window. `rotated`: it was the first of its tick, so older results may have left.
    In { rotated: bool },
    /// Nowhere: its generation is over.
    Overtaken,
}

/// One copy of the window's counters.
pub(crate) struct Lane<const N: usize> {
    head: AtomicU64,
    buckets: [AtomicU64; N],
    successes: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
}

impl<const N: usize> Lane<N> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                head: AtomicU64::new(0),
                buckets: zeroes(),
                successes: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                slow: AtomicU64::new(0),
            }
        }
    }

    /// Whether results of a generation with this number may still lie here.
    pub(crate) fn holds(&self, generation: u32) -> bool {
        self.head().is_of(generation)
    }

    /// Counts `result` in the bucket of `now`. `is_live` says whether `generation` still is.
    pub(crate) fn record(
        &self,
        grid: Grid,
        generation: u32,
        now: Instant,
        result: Counted,
        is_live: impl Fn() -> bool,
    ) -> Recorded {
        let mut rotated = false;
        let tick = grid.tick(now);
        loop {
            let head = self.head();
            let is_current = head.is_of(generation);
            if !is_current || head.tick() < tick {
                // A head of another generation is an older one's as long as ours lives.
                if !is_current && !is_live() {
                    return Recorded::Overtaken;
                }
                rotated |= self.advance(grid, head, Head::new(generation, tick), generation);
                continue;
            }
            let tick = head.tick(); // W3
            let bucket = self.bucket(grid.place(tick));
            let old = Bucket(bucket.load(Ordering::Acquire)); // B3
            let (new, left) = if old.is_of(generation, tick) {
                old.with(result)
            } else if self.head() == head {
                (Bucket::new(generation, tick, result.tally()), old.tally())
            } else {
                continue;
            };
            if swap(bucket, old, new) {
                self.add_to_totals(left);
                return Recorded::In { rotated };
            }
        }
    }

    /// What the window of `generation` holds at `now`.
    ///
    /// A result that was recorded before this sum's fence, by a thread that then passed the same
    /// fence, is not missed (B5).
    pub(crate) fn tally(&self, grid: Grid, generation: u32, now: Instant) -> Tally {
        fence(Ordering::SeqCst); // B5
        loop {
            let head = self.head();
            if !head.is_of(generation) {
                return NOTHING;
            }
            let newest = grid.tick(now).max(head.tick()); // W3
            let mut sum = NOTHING;
            for place in 0..grid.buckets {
                if let Some(tick) = grid.tick_at(place, head.tick()) {
                    let bucket = Bucket(self.bucket(place as usize).load(Ordering::Acquire)); // B3
                    if newest - tick < u64::from(grid.buckets) && bucket.is_of(generation, tick) {
                        sum = sum.plus(bucket.tally()); // W1
                    }
                }
            }
            if self.head() == head {
                return sum;
            }
        }
    }

    /// All successes, failures and slow results that were ever recorded here.
    pub(crate) fn totals(&self) -> Tally {
        let mut sum = Tally {
            successes: self.successes.load(Ordering::Relaxed), // B6
            failures: self.failures.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        };
        for bucket in &self.buckets {
            sum = sum.plus(Bucket(bucket.load(Ordering::Relaxed)).tally()); // B6
        }
        sum
    }

    /// Adds to the totals what never was in the window, or has left it.
    pub(crate) fn add_to_totals(&self, tally: Tally) {
        for (total, more) in [
            (&self.successes, tally.successes),
            (&self.failures, tally.failures),
            (&self.slow, tally.slow),
        ] {
            if more != 0 {
                total.fetch_add(more, Ordering::Relaxed); // B6
            }
        }
    }

    fn head(&self) -> Head {
        Head(self.head.load(Ordering::Acquire)) // B1
    }

    /// The bucket at `place`; `config` has checked that a window has no more than `N`.
    fn bucket(&self, place: usize) -> &AtomicU64 {
        &self.buckets[place % N]
    }

    /// Empties what is not part of the window that ends at `to`, then moves the head there (W2).
    /// Whether it was this thread that moved it.
    #[cold]
    fn advance(&self, grid: Grid, from: Head, to: Head, generation: u32) -> bool {
        for place in 0..grid.buckets {
            let bucket = self.bucket(place as usize);
            loop {
                let old = Bucket(bucket.load(Ordering::Acquire)); // B3
                // The bucket is read by `from`'s light, so `from` must still hold.
                if self.head() != from {
                    return false;
                }
                let stays = from.is_of(generation)
                    && grid.tick_at(place, from.tick()).is_some_and(|tick| {
                        old.is_of(generation, tick) && to.tick() - tick < u64::from(grid.buckets)
                    });
                if stays || old.holds_nothing() {
                    break;
                }
                if swap(bucket, old, Bucket::EMPTY) {
                    self.add_to_totals(old.tally());
                    break;
                }
            }
        }
        self.head.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() // B2
    }
}

fn swap(bucket: &AtomicU64, old: Bucket, new: Bucket) -> bool {
    bucket.compare_exchange(old.0, new.0, Ordering::Release, Ordering::Relaxed).is_ok() // B4
}

impl<const N: usize> fmt::Debug for Lane<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("totals", &self.totals()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const OK: Counted = Counted { failed: false, slow: false };
    const BAD: Counted = Counted { failed: true, slow: false };
    const GRID: Grid = Grid { width: 100, buckets: 4 };

    fn at(tick: u64) -> Instant {
        Instant::from_nanos(tick * GRID.width)
    }

    fn put(lane: &Lane<4>, generation: u32, tick: u64, result: Counted) {
        assert!(matches!(
            lane.record(GRID, generation, at(tick), result, || true),
            Recorded::In { .. }
        ));
    }

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
    fn a_full_bucket_halves_and_what_leaves_it_is_kept_in_the_totals() {
        let lane = Lane::<4>::new();
        for _ in 0..FULL {
            put(&lane, 0, 0, OK);
        }
        for _ in 0..100 {
            put(&lane, 0, 0, BAD);
        }
        let tally = lane.tally(GRID, 0, at(0));
        assert_eq!((tally.successes, tally.failures), (FULL, 100));
        put(&lane, 0, 0, OK);
        let tally = lane.tally(GRID, 0, at(0));
        assert_eq!((tally.successes, tally.failures), (FULL / 2 + 1, 50));
        assert_eq!(lane.totals(), Tally { successes: FULL + 1, failures: 100, slow: 0 });
    }

    #[test]
    fn results_leave_with_their_bucket_and_not_before() {
        let lane = Lane::<4>::new();
        put(&lane, 0, 10, BAD);
        assert_eq!(lane.tally(GRID, 0, at(13)).failures, 1);
        assert_eq!(lane.tally(GRID, 0, at(14)).failures, 0);
        put(&lane, 0, 14, OK);
        assert_eq!(lane.tally(GRID, 0, at(14)), OK.tally());
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
                    let tally = lane.tally(GRID, 0, at(later));
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
        let tally = lane.tally(GRID, 0, at((1 << 10) + 1));
        assert_eq!(tally, OK.tally());
    }

    #[test]
    fn a_new_generation_sees_nothing_of_the_last_even_where_its_short_tags_are_equal() {
        for step in [1, 1 << 12, 3 << 12] {
            let lane = Lane::<4>::new();
            put(&lane, 5, 10, BAD);
            put(&lane, 5, 11, BAD);
            assert_eq!(lane.tally(GRID, 5 + step, at(11)), NOTHING);
            put(&lane, 5 + step, 11, OK);
            assert_eq!(lane.tally(GRID, 5 + step, at(11)), OK.tally());
            assert_eq!(lane.totals().failures, 2);
        }
    }

    #[test]
    fn an_overtaken_result_is_counted_nowhere() {
        let lane = Lane::<4>::new();
        put(&lane, 7, 10, OK);
        assert_eq!(lane.record(GRID, 6, at(10), BAD, || false), Recorded::Overtaken);
        assert_eq!(lane.totals(), OK.tally());
    }

    #[test]
    fn a_step_back_in_time_goes_to_the_newest_bucket() {
        let lane = Lane::<4>::new();
        put(&lane, 0, 10, BAD);
        put(&lane, 0, 2, OK);
        assert_eq!(lane.tally(GRID, 0, at(0)).total(), 2);
        assert_eq!(lane.tally(GRID, 0, at(13)).total(), 2);
        assert_eq!(lane.tally(GRID, 0, at(14)).total(), 0);
    }

    #[test]
    fn the_end_of_time_is_a_tick_like_any_other() {
        let grid = Grid { width: 100_000, buckets: 4 };
        let lane = Lane::<4>::new();
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(lane.record(grid, 0, end, BAD, || true), Recorded::In { rotated: true });
        assert_eq!(lane.tally(grid, 0, end).failures, 1);
    }
}
