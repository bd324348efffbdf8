//! The lanes of one window: who counts in which, and their sum.
//!
//! A breaker has `LANES` lanes from the start, one unless its type says otherwise. With the
//! feature `alloc` a breaker that has one grows more when two threads are seen to contend for it;
//! until then it has but the pointer.
//!
//! A window over time is split among the lanes, each of which turns by itself. A window over a
//! count of results has one order, and so one lane, the first; the others then serve the totals
//! alone.

use super::lane::{Added, Lane};
use super::margin::{Margin, Seen, Sharing, View};
use super::{Counted, Entry, NOTHING, Recorded, Shape, Tally};
use crate::sync::{Ordering, const_fn, fence};
use crate::time::{Clock, Instant};
#[cfg(feature = "alloc")]
use grown::Grown;

/// All lanes of a breaker.
pub(crate) struct Lanes<const N: usize, const LANES: usize> {
    #[cfg(feature = "alloc")]
    grown: Grown<N>,
    margin: Margin,
    fixed: [Lane<N>; LANES],
}

impl<const N: usize, const LANES: usize> Lanes<N, LANES> {
    /// Whether there are several, or can come to be.
    const MAY_SHARE: bool = cfg!(feature = "alloc") || LANES > 1;

    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(not(loom))]
                fixed: [const { Lane::new() }; LANES],
                #[cfg(loom)]
                fixed: core::array::from_fn(|_| Lane::new()),
                #[cfg(feature = "alloc")]
                grown: Grown::new(),
                margin: Margin::new(LANES > 1), // M5
            }
        }
    }

    /// The lane that the caller counts in.
    #[inline]
    fn mine(&self, clock: &impl Clock) -> &Lane<N> {
        self.mine_with_margin(clock).0
    }

    /// The same for a success, which has the lane keep back the failures after it, if it `has_row`.
    #[inline]
    fn mine_after_success(&self, has_row: bool, clock: &impl Clock) -> &Lane<N> {
        #[cfg(feature = "alloc")]
        if let Some(lane) = self.grown.get(clock) {
            if has_row {
                lane.kept_back.begin();
            }
            return &lane.counts;
        }
        let _ = has_row;
        self.mine(clock)
    }

    /// Whether the caller's lane keeps this failure out of the row of so many that trips.
    #[inline]
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unused_self))] // nothing is kept back then
    pub(crate) fn keep_back(&self, generation: u32, row: u32, clock: &impl Clock) -> bool {
        #[cfg(feature = "alloc")]
        if let Some(lane) = self.grown.get(clock) {
            return lane.kept_back.keeps(generation, row);
        }
        let _ = (generation, row, clock);
        false
    }

    /// Has the caller's lane keep back its next failures.
    pub(crate) fn begin_row(&self, clock: &impl Clock) {
        let _ = self.mine_after_success(true, clock);
    }

    /// The same, and the margin as its failures come to it.
    #[inline]
    fn mine_with_margin(&self, clock: &impl Clock) -> (&Lane<N>, View<'_>) {
        #[cfg(feature = "alloc")]
        if let Some(lane) = self.grown.get(clock) {
            return (&lane.counts, View::new(&self.margin, Sharing::By(&lane.purse)));
        }
        let lane = if LANES == 1 { &self.fixed[0] } else { &self.fixed[clock.lane() % LANES] };
        let sharing = if Self::MAY_SHARE { Sharing::One } else { Sharing::Never };
        (lane, View::new(&self.margin, sharing))
    }

    /// The lane that a window by count lies in.
    pub(super) const fn first(&self) -> &Lane<N> {
        &self.fixed[0]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lane<N>> {
        let fixed = self.fixed.iter();
        #[cfg(feature = "alloc")]
        let fixed = fixed.chain(self.grown.all().map(|lane| &lane.counts));
        fixed
    }

    /// Two threads were seen in one lane.
    #[cold]
    #[inline(never)]
    fn contended(&self, clock: &impl Clock) {
        self.grow(clock);
    }

    /// Has as many lanes as `clock` says, if there is but one.
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unused_self))] // nothing can grow then
    pub(crate) fn grow(&self, clock: &impl Clock) {
        #[cfg(feature = "alloc")]
        if LANES == 1 {
            self.grown.grow(clock.lanes(), || self.margin.share()); // M5
        }
        #[cfg(not(feature = "alloc"))]
        let _ = clock;
    }

    /// Counts a success that is not slow in the bucket of `now`, if that takes no more than to add
    /// one there.
    #[inline]
    pub(crate) fn record_success(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        has_row: bool,
        clock: &impl Clock,
    ) -> bool {
        let grid = match shape {
            Shape::Time(grid) => grid,
            Shape::Count(ring) => {
                if has_row {
                    self.begin_row(clock);
                }
                return self.fixed[0].add_success_next(ring, generation);
            }
        };
        match self.mine_after_success(has_row, clock).add_success(grid, generation, now) {
            Added::Yes(()) => true,
            Added::Contended => {
                self.contended(clock);
                false
            }
            Added::No => false,
        }
    }

    /// The same for a failure; what it is `None` for is not counted.
    #[inline]
    pub(crate) fn record_failure(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        clock: &impl Clock,
    ) -> Option<Recorded> {
        let Shape::Time(grid) = shape else { return None };
        let (lane, margin) = self.mine_with_margin(clock);
        match lane.add_failure(grid, generation, now, margin) {
            Added::Yes(seen) => Some(Recorded::In { stayed: None, seen }),
            Added::Contended => {
                self.contended(clock);
                None
            }
            Added::No => None,
        }
    }

    /// Counts `result` at `now`. `is_live` says whether `generation` still is.
    pub(crate) fn record(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        result: Counted,
        clock: &impl Clock,
        is_live: impl Fn() -> bool,
    ) -> Recorded {
        let (mine, margin) = self.mine_with_margin(clock);
        let lane = match shape {
            Shape::Time(_) => mine,
            Shape::Count(_) => self.first(),
        };
        // Taken before the result is there. Of several lanes that turn at the same moment, one
        // does not see what the others are about to count: each sees by B3 and counts by B4 after
        // it, and if all saw each other, each would have counted before it looked.
        let elsewhere = || {
            let others = self.all().filter(|other| !core::ptr::eq(*other, lane));
            others.map(|other| other.tally(shape, generation, now).total()).sum()
        };
        let entry = Entry { generation, now, result };
        lane.record(shape, entry, margin, is_live, elsewhere)
    }

    /// Spares the next failures their look: from what was `seen` before the one at `now`, `more`
    /// change nothing.
    pub(crate) fn widen(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        seen: Seen,
        more: u64,
    ) {
        let Shape::Time(grid) = shape else { return };
        let is_late =
            Self::MAY_SHARE && self.all().any(|lane| lane.is_beyond(grid, generation, now));
        if !is_late {
            self.margin.widen(seen, more); // M6
        }
    }

    /// Has the next failure look.
    pub(crate) fn void_margin(&self) {
        self.margin.void(); // M3
    }

    /// What the window of `generation` holds at `now`.
    ///
    /// A result that was recorded before this sum's fence, by a thread that then passed the same
    /// fence, is not missed (B5).
    pub(crate) fn tally(&self, shape: &Shape, generation: u32, now: Instant) -> Tally {
        fence(Ordering::SeqCst); // B5
        match shape {
            Shape::Time(_) => {
                self.all().fold(NOTHING, |sum, lane| sum.plus(lane.tally(shape, generation, now)))
            }
            Shape::Count(_) => self.fixed[0].tally(shape, generation, now),
        }
    }

    /// Forgets what the window holds, of whatever generation; the totals keep it.
    #[cold]
    pub(crate) fn empty(&self, shape: &Shape) {
        for lane in self.all() {
            match shape {
                Shape::Time(grid) => lane.empty_at(grid),
                Shape::Count(ring) => lane.empty_last(ring),
            }
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all().count()
    }

    /// Whether results of a generation with this number may still lie here.
    pub(crate) fn hold(&self, generation: u32) -> bool {
        self.all().any(|lane| lane.holds(generation))
    }

    /// Adds to the totals what never was in the window.
    pub(crate) fn add_to_totals(&self, tally: Tally, clock: &impl Clock) {
        self.mine(clock).add_to_totals(tally);
    }

    /// Adds a success to the totals alone.
    #[inline]
    pub(crate) fn count_success(&self, has_row: bool, clock: &impl Clock) {
        let lane = self.mine_after_success(has_row, clock);
        if !lane.successes.try_count() {
            self.contended(clock);
            self.mine(clock).successes.count();
        }
    }

    /// Adds so many refusals.
    pub(crate) fn add_rejected(&self, more: u64, clock: &impl Clock) {
        self.mine(clock).rejected.add(more);
    }

    /// Adds a refusal.
    #[inline]
    pub(crate) fn count_rejected(&self, clock: &impl Clock) {
        let lane = self.mine(clock);
        if !lane.rejected.try_count() {
            self.contended(clock);
            self.mine(clock).rejected.count();
        }
    }

    /// All successes and failures that were ever recorded, and all refusals.
    pub(crate) fn totals(&self, shape: &Shape) -> (Tally, u64) {
        self.all().fold((NOTHING, 0), |(results, rejected), lane| {
            (results.plus(lane.totals(shape)), rejected + lane.rejected.get())
        })
    }
}

#[cfg(feature = "alloc")]
mod grown {
    //! Lanes that a breaker gets when it needs them.

    use alloc::boxed::Box;

    use crossbeam_utils::CachePadded;

    use super::super::margin::Purse;
    use super::Lane;
    use crate::streak::KeptBack;
    use crate::sync::{OnceBox, const_fn};
    use crate::time::Clock;

    /// More than this would only make the sum dear.
    const MOST: usize = 64;

    pub(super) struct Own<const N: usize> {
        pub(super) counts: Lane<N>,
        pub(super) purse: Purse,
        pub(super) kept_back: KeptBack,
    }

    type Slice<const N: usize> = Box<[CachePadded<Own<N>>]>;

    pub(super) struct Grown<const N: usize>(OnceBox<Slice<N>>);

    impl<const N: usize> Grown<N> {
        const_fn! {
            pub(super) fn new() -> Self {
                Self(OnceBox::new())
            }
        }

        /// The caller's, if there are any.
        #[inline]
        pub(super) fn get(&self, clock: &impl Clock) -> Option<&Own<N>> {
            // Their number is a power of two.
            self.0.get().map(|lanes| &*lanes[clock.lane() & (lanes.len() - 1)])
        }

        pub(super) fn all(&self) -> impl Iterator<Item = &Own<N>> {
            self.0.get().into_iter().flat_map(|lanes| lanes.iter()).map(|lane| &**lane)
        }

        /// Grows `lanes`, rounded up to a power of two, unless there are some already. Nobody finds
        /// them `before`.
        pub(super) fn grow(&self, lanes: usize, before: impl FnOnce()) {
            if lanes > 1 && self.0.get().is_none() {
                before();
                let lanes = lanes.min(MOST).next_power_of_two();
                let own =
                    || Own { counts: Lane::new(), purse: Purse::new(), kept_back: KeptBack::new() };
                let new = (0..lanes).map(|_| CachePadded::new(own())).collect();
                // Where two threads grow at once, the lanes of one are dropped unused.
                let _ = self.0.set(Box::new(new));
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use core::cell::Cell;
    use std::vec::Vec;

    use super::super::{Grid, Ring};
    use super::*;

    /// A clock of so many cores, read on one of them.
    struct OnCore {
        cores: usize,
        core: Cell<usize>,
    }

    impl OnCore {
        fn of(cores: usize) -> Self {
            Self { cores, core: Cell::new(0) }
        }
    }

    impl Clock for OnCore {
        fn now(&self) -> Instant {
            Instant::ORIGIN
        }

        fn lane(&self) -> usize {
            self.core.get()
        }

        fn lanes(&self) -> usize {
            self.cores
        }
    }

    /// What each lane has after one success on each of 8 cores.
    fn counted_on_8_cores<const LANES: usize>(lanes: &Lanes<4, LANES>, clock: &OnCore) -> Vec<u64> {
        for core in 0..8 {
            clock.core.set(core);
            lanes.count_success(false, clock);
        }
        lanes.all().map(|lane| lane.successes.get()).collect()
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn one_lane_grows_as_many_as_there_are_cores_rounded_up_and_no_more_than_64() {
        for (cores, grown) in [(1, 0), (2, 2), (3, 4), (8, 8), (9, 16), (64, 64), (1_000, 64)] {
            let lanes = Lanes::<4, 1>::new();
            lanes.contended(&OnCore::of(cores));
            assert_eq!(lanes.count(), 1 + grown, "{cores}");
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn lanes_grow_once_and_only_where_the_type_asked_for_none() {
        let lanes = Lanes::<4, 1>::new();
        lanes.contended(&OnCore::of(2));
        lanes.contended(&OnCore::of(8));
        assert_eq!(lanes.count(), 3);
        let lanes = Lanes::<4, 2>::new();
        lanes.contended(&OnCore::of(8));
        assert_eq!(lanes.count(), 2);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn each_core_counts_in_its_grown_lane_and_what_was_counted_before_stays() {
        let (lanes, clock) = (Lanes::<4, 1>::new(), OnCore::of(4));
        lanes.count_success(false, &clock);
        lanes.contended(&clock);
        assert_eq!(counted_on_8_cores(&lanes, &clock), [1, 2, 2, 2, 2]);
    }

    #[test]
    fn each_core_counts_in_its_lane_modulo_those_that_there_are() {
        assert_eq!(counted_on_8_cores(&Lanes::<4, 1>::new(), &OnCore::of(1)), [8]);
        assert_eq!(counted_on_8_cores(&Lanes::<4, 3>::new(), &OnCore::of(1)), [3, 3, 2]);
    }

    #[test]
    fn a_success_is_recorded_at_once_where_its_word_is_there() {
        let clock = OnCore::of(1);
        let ok = Counted { failed: false, slow: false };
        for shape in [Shape::Time(Grid::new(100, 4)), Shape::Count(Ring::new(9))] {
            let lanes = Lanes::<4, 2>::new();
            assert!(!lanes.record_success(&shape, 1, Instant::ORIGIN, false, &clock));
            lanes.record(&shape, 1, Instant::ORIGIN, ok, &clock, || true);
            assert!(lanes.record_success(&shape, 1, Instant::ORIGIN, false, &clock));
            assert_eq!(lanes.tally(&shape, 1, Instant::ORIGIN).successes, 2);
        }
    }

    #[test]
    fn a_look_spares_the_next_failures_theirs_unless_a_lane_is_in_a_later_tick() {
        let (clock, grid) = (OnCore::of(1), Grid::new(100, 4));
        let (shape, bad) = (Shape::Time(grid), Counted { failed: true, slow: false });
        let lanes = Lanes::<4, 2>::new();
        let at = |tick: u64| Instant::from_nanos(tick * 100);
        let fail = |core, tick| {
            clock.core.set(core);
            match lanes.record(&shape, 1, at(tick), bad, &clock, || true) {
                Recorded::In { seen: Some(seen), .. } => seen,
                other => unreachable!("{other:?}"),
            }
        };
        fail(0, 5);
        lanes.widen(&shape, 1, at(5), fail(0, 5), 2);
        assert!(fail(0, 5).is_within() && fail(0, 5).is_within());
        assert!(!fail(0, 5).is_within());
        fail(1, 6);
        lanes.widen(&shape, 1, at(5), fail(0, 5), 2);
        assert!(!fail(0, 5).is_within(), "the other lane is in tick 6");
        lanes.widen(&shape, 1, at(6), fail(0, 6), 2);
        assert!(fail(1, 6).is_within());
    }

    #[test]
    fn a_failure_is_recorded_at_once_where_its_bucket_is_there() {
        let clock = OnCore::of(1);
        let bad = Counted { failed: true, slow: false };
        for (shape, at_once) in
            [(Shape::Time(Grid::new(100, 4)), 1), (Shape::Count(Ring::new(9)), 0)]
        {
            let lanes = Lanes::<4, 2>::new();
            let record = || lanes.record_failure(&shape, 1, Instant::ORIGIN, &clock);
            assert_eq!(record(), None);
            lanes.record(&shape, 1, Instant::ORIGIN, bad, &clock, || true);
            assert_eq!(record().iter().len(), at_once);
            assert_eq!(lanes.tally(&shape, 1, Instant::ORIGIN).failures, 1 + at_once as u64);
        }
    }
}
