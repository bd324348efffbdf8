//! The lanes of one window: who counts in which, and their sum.
//!
//! A breaker has one lane at first. With the feature `alloc` it grows more when two threads are seen to
//! contend for the first one; until then there is a pointer for them and nothing else.
//!
//! A window over time is split among the lanes, each of which turns by itself. A window over a
//! count of results has one order, and so one lane, the first; the others then serve the totals
//! alone.

use super::bucket::{FAILURES, SUCCESSES};
use super::budget::Revoked;
use super::lane::{Added, Lane};
use super::{Counted, Entry, NOTHING, Recorded, Shape, Tally};
use crate::sync::{Ordering, const_fn, fence};
use crate::time::{Clock, Instant};
#[cfg(feature = "alloc")]
use grown::Grown;

/// All lanes of a breaker.
pub(crate) struct Lanes<const N: usize> {
    #[cfg(feature = "alloc")]
    grown: Grown<N>,
    first: Lane<N>,
}

/// Suspends all budgets until it is dropped (F4).
#[must_use]
struct Suspended<'a, const N: usize>(&'a Lanes<N>);

impl<const N: usize> Drop for Suspended<'_, N> {
    fn drop(&mut self) {
        self.0.first.budget.resume();
    }
}

impl<const N: usize> Lanes<N> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(feature = "alloc")]
                grown: Grown::new(),
                first: Lane::new(),
            }
        }
    }

    /// The lane that the caller counts in.
    #[inline]
    #[cfg_attr(not(feature = "alloc"), allow(clippy::missing_const_for_fn))]
    fn mine(&self, clock: &impl Clock) -> &Lane<N> {
        #[cfg(feature = "alloc")]
        if let Some(lane) = self.grown.get(clock) {
            return &lane.counts;
        }
        let _ = clock;
        &self.first
    }

    /// The lane that the caller counts a success in. If failures in a row count (`has_row`), the lane then
    /// keeps back the failures that follow.
    #[inline]
    fn mine_after_success(&self, has_row: bool, clock: &impl Clock) -> &Lane<N> {
        #[cfg(feature = "alloc")]
        if let Some(lane) = self.grown.get(clock) {
            if has_row {
                lane.kept_back.begin();
            }
            return &lane.counts;
        }
        let _ = (has_row, clock);
        &self.first
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

    /// The lane that a window by count lies in.
    pub(super) const fn first(&self) -> &Lane<N> {
        &self.first
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lane<N>> {
        core::iter::once(&self.first).chain(self.others())
    }

    /// All but the first.
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unused_self))] // there are none then
    fn others(&self) -> impl Iterator<Item = &Lane<N>> {
        #[cfg(feature = "alloc")]
        return self.grown.all().map(|lane| &lane.counts);
        #[cfg(not(feature = "alloc"))]
        core::iter::empty()
    }

    /// Has as many lanes as `clock` says, if there is but one.
    #[cold]
    #[inline(never)]
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unused_self))] // nothing can grow then
    pub(crate) fn grow(&self, clock: &impl Clock) {
        #[cfg(feature = "alloc")]
        self.grown.grow(clock.lanes());
        #[cfg(not(feature = "alloc"))]
        let _ = clock;
    }

    /// Counts a success that is not slow, if that takes no more than to add one to a word.
    #[inline]
    pub(crate) fn add_success(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        has_row: bool,
        clock: &impl Clock,
    ) -> bool {
        match shape {
            Shape::Time(grid) => {
                let lane = self.mine_after_success(has_row, clock);
                self.is_added(lane.add(grid, generation, now, SUCCESSES), clock)
            }
            Shape::Count(ring) => {
                if has_row {
                    self.begin_row(clock);
                }
                self.first.add_success_next(ring, generation)
            }
        }
    }

    /// Counts a failure that is not slow, if that takes no more than to add one to a word.
    #[inline]
    pub(crate) fn add_failure(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        clock: &impl Clock,
    ) -> bool {
        let Shape::Time(grid) = shape else { return false };
        self.is_added(self.mine(clock).add(grid, generation, now, FAILURES), clock)
    }

    /// Whether a result was `added`. Two threads in one lane make the lanes grow.
    #[inline]
    fn is_added(&self, added: Added, clock: &impl Clock) -> bool {
        if added == Added::Contended {
            self.grow(clock);
        }
        added == Added::Yes
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
        let lane = match shape {
            Shape::Time(_) => self.mine(clock),
            Shape::Count(_) => &self.first,
        };
        // Taken before the result is there. Of several lanes that turn at the same moment, one
        // does not see what the others are about to count: each sees by B3 and counts by B4 after
        // it, and if all saw each other, each would have counted before it looked.
        let elsewhere = || {
            let others = self.all().filter(|other| !core::ptr::eq(*other, lane));
            others.map(|other| other.tally(shape, generation, now).total()).sum()
        };
        let entry = Entry { generation, now, result };
        lane.record(shape, entry, || self.suspend(), is_live, elsewhere)
    }

    // The budgets of failures.

    /// Whether a failure of the caller, which was counted before, need not evaluate the window (F1).
    #[inline]
    pub(crate) fn spend(&self, clock: &impl Clock) -> bool {
        self.mine(clock).budget.spend()
    }

    /// Takes back what any lane may still spend, before a sum or a change of the settings (F2, F4).
    pub(crate) fn revoke(&self) -> Revoked {
        self.followed(self.first.budget.begin_version())
    }

    #[cold]
    fn suspend(&self) -> Suspended<'_, N> {
        self.followed(self.first.budget.suspend());
        Suspended(self)
    }

    fn followed(&self, revoked: Revoked) -> Revoked {
        for lane in self.others() {
            lane.budget.follow(revoked);
        }
        revoked
    }

    /// Lets `more` failures go without evaluating: the sum at `now`, after `revoked`, allows them.
    pub(crate) fn grant(
        &self,
        shape: &Shape,
        generation: u32,
        now: Instant,
        revoked: Revoked,
        more: u64,
        clock: &impl Clock,
    ) {
        let Shape::Time(grid) = shape else { return };
        let is_late = || self.all().any(|lane| lane.is_beyond(grid, generation, now)); // F5
        if more == 0 || revoked.is_suspended() || is_late() {
            return;
        }
        let mine = self.mine(clock);
        let mut left = more;
        #[cfg(feature = "alloc")]
        {
            // Of 2^n grown lanes, each but the caller's gets half of the grant shifted by n.
            let lanes = self.grown.count().trailing_zeros();
            let share = (more / 2).checked_shr(lanes).unwrap_or(0);
            if share > 0 {
                for other in self.others().filter(|other| !core::ptr::eq(*other, mine)) {
                    other.budget.grant(revoked, share);
                    left -= share;
                }
            }
        }
        mine.budget.grant(revoked, left); // F3
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
            Shape::Count(_) => self.first.tally(shape, generation, now),
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
            self.grow(clock);
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
            self.grow(clock);
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

    use super::Lane;
    use crate::streak::KeptBack;
    use crate::sync::{OnceBox, const_fn};
    use crate::time::Clock;

    /// More than this would only make the sum dear.
    const MOST: usize = 64;

    pub(super) struct Own<const N: usize> {
        pub(super) counts: Lane<N>,
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

        /// How many there are: none, or a power of two.
        pub(super) fn count(&self) -> usize {
            self.0.get().map_or(0, |lanes| lanes.len())
        }

        /// Grows `lanes`, rounded up to a power of two, unless there are some already.
        pub(super) fn grow(&self, lanes: usize) {
            if lanes > 1 && self.0.get().is_none() {
                let lanes = lanes.min(MOST).next_power_of_two();
                let own = || Own { counts: Lane::new(), kept_back: KeptBack::new() };
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
    fn counted_on_8_cores(lanes: &Lanes<4>, clock: &OnCore) -> Vec<u64> {
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
            let lanes = Lanes::<4>::new();
            lanes.grow(&OnCore::of(cores));
            assert_eq!(lanes.count(), 1 + grown, "{cores}");
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn lanes_grow_once() {
        let lanes = Lanes::<4>::new();
        lanes.grow(&OnCore::of(2));
        lanes.grow(&OnCore::of(8));
        assert_eq!(lanes.count(), 1 + 2);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn each_core_counts_in_its_grown_lane_and_what_was_counted_before_stays() {
        let (lanes, clock) = (Lanes::<4>::new(), OnCore::of(4));
        lanes.count_success(false, &clock);
        lanes.grow(&clock);
        assert_eq!(counted_on_8_cores(&lanes, &clock), [1, 2, 2, 2, 2]);
    }

    #[test]
    fn a_success_is_recorded_at_once_where_its_word_is_there() {
        let clock = OnCore::of(1);
        let ok = Counted { failed: false, slow: false };
        for shape in [Shape::Time(Grid::new(100, 4)), Shape::Count(Ring::new(9))] {
            let lanes = Lanes::<4>::new();
            assert!(!lanes.add_success(&shape, 1, Instant::ORIGIN, false, &clock));
            lanes.record(&shape, 1, Instant::ORIGIN, ok, &clock, || true);
            assert!(lanes.add_success(&shape, 1, Instant::ORIGIN, false, &clock));
            assert_eq!(lanes.tally(&shape, 1, Instant::ORIGIN).successes, 2);
        }
    }

    const BAD: Counted = Counted { failed: true, slow: false };

    fn at(tick: u64) -> Instant {
        Instant::from_nanos(tick * 100)
    }

    /// Counts a failure on `core` in `tick`. Says whether the lane's budget had one left for it.
    #[cfg(feature = "alloc")]
    fn fail(lanes: &Lanes<4>, shape: &Shape, clock: &OnCore, core: usize, tick: u64) -> bool {
        clock.core.set(core);
        lanes.record(shape, 1, at(tick), BAD, clock, || true);
        lanes.spend(clock)
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn at_least_half_of_a_grant_goes_to_the_callers_lane() {
        let (clock, shape) = (OnCore::of(4), Shape::Time(Grid::new(100, 4)));
        for (more, [own, each]) in [(64, [40, 8]), (7, [7, 0]), (8, [5, 1]), (1, [1, 0])] {
            let lanes = Lanes::<4>::new();
            lanes.grow(&clock);
            clock.core.set(2);
            lanes.grant(&shape, 1, at(0), lanes.revoke(), more, &clock);
            let spent = |lane: &Lane<4>| (0..).take_while(|_| lane.budget.spend()).count();
            let spent: Vec<usize> = lanes.all().map(spent).collect();
            assert_eq!(spent, [0, each, each, own, each], "{more}");
        }
    }

    #[test]
    fn a_grant_to_a_single_lane_is_whole() {
        let (clock, shape) = (OnCore::of(1), Shape::Time(Grid::new(100, 4)));
        let lanes = Lanes::<4>::new();
        lanes.grant(&shape, 1, at(0), lanes.revoke(), 9, &clock);
        assert_eq!((0..).take_while(|_| lanes.spend(&clock)).count(), 9);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn nothing_is_granted_while_a_lane_is_in_a_later_tick_or_turns() {
        let (clock, shape) = (OnCore::of(2), Shape::Time(Grid::new(100, 4)));
        let lanes = Lanes::<4>::new();
        lanes.grow(&clock);
        let grant = |tick| lanes.grant(&shape, 1, at(tick), lanes.revoke(), 8, &clock);
        assert!(!fail(&lanes, &shape, &clock, 0, 5), "nobody has evaluated");
        grant(5);
        assert!(fail(&lanes, &shape, &clock, 0, 5));
        assert!(!fail(&lanes, &shape, &clock, 1, 6), "this turned its lane");
        assert!(!fail(&lanes, &shape, &clock, 0, 5), "and took all back");
        grant(5);
        assert!(!fail(&lanes, &shape, &clock, 0, 5), "the other lane is in tick 6");
        grant(6);
        assert!(fail(&lanes, &shape, &clock, 1, 6));
        let suspended = lanes.suspend();
        assert!(!fail(&lanes, &shape, &clock, 1, 6));
        grant(6);
        assert!(!fail(&lanes, &shape, &clock, 1, 6));
        drop(suspended);
        grant(6);
        assert!(fail(&lanes, &shape, &clock, 1, 6));
    }

    #[test]
    fn a_failure_is_added_at_once_where_its_bucket_is_there() {
        let clock = OnCore::of(1);
        for (shape, at_once) in
            [(Shape::Time(Grid::new(100, 4)), true), (Shape::Count(Ring::new(9)), false)]
        {
            let lanes = Lanes::<4>::new();
            let add = || lanes.add_failure(&shape, 1, Instant::ORIGIN, &clock);
            assert!(!add());
            lanes.record(&shape, 1, Instant::ORIGIN, BAD, &clock, || true);
            assert_eq!(add(), at_once);
            let failures = lanes.tally(&shape, 1, Instant::ORIGIN).failures;
            assert_eq!(failures, 1 + u64::from(at_once));
        }
    }
}
