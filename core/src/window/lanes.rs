//! The lanes of one window: who counts in which, and their sum.
//!
//! A breaker has one lane at first. With the feature `alloc` it grows more when two threads are
//! seen to contend for the first one; until then there is a pointer for them and nothing else.
//!
//! A window over time is split among the lanes, each of which turns by itself. A window over a
//! count of results has one order, and so one lane, the first; the others then serve the totals
//! alone.

use super::bucket::{FAILURES, SUCCESSES};
use super::budget::Revoked;
#[cfg(feature = "alloc")]
use super::grown::Grown;
use super::lane::{Added, Lane};
use super::{Counted, Entry, NOTHING, Recorded, Shape, Tally};
use crate::sync::{Ordering, const_fn, fence};
use crate::time::{Clock, Instant};

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

    /// The lane that the caller counts a success in. If failures in a row count (`has_row`), the
    /// lane then keeps back the failures that follow.
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
        core::iter::once(&self.first).chain(self.others()) // B5-all-lanes
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
            others.map(|other| other.tally(shape, generation, now).total()).sum() // W3-elsewhere
        };
        let entry = Entry { generation, now, result };
        lane.record(shape, entry, || self.suspend(), is_live, elsewhere)
    }

    // The budgets of failures.

    /// Whether a failure of the caller, which was counted before, need not evaluate the window
    /// (F1).
    #[inline]
    pub(crate) fn spend(&self, shape: &Shape, clock: &impl Clock) -> bool {
        matches!(shape, Shape::Time(_)) && self.mine(clock).budget.spend()
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
            lane.budget.follow(revoked); // F2
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
        // F4-suspended
        if more == 0 || revoked.is_suspended() {
            return;
        }
        // F5
        if self.all().any(|lane| lane.is_beyond(grid, generation, now)) {
            return;
        }
        let mine = self.mine(clock);
        let left = self.grant_others(mine, revoked, more);
        mine.budget.grant(revoked, left);
    }

    /// Grants the lanes but `mine` their shares of `more`. Says what is left for `mine`: at least
    /// half.
    #[cfg(feature = "alloc")]
    fn grant_others(&self, mine: &Lane<N>, revoked: Revoked, more: u64) -> u64 {
        // Of 2^n grown lanes, each gets half of the grant shifted by n.
        let share = (more / 2).checked_shr(self.grown.count().trailing_zeros()).unwrap_or(0);
        if share == 0 {
            return more;
        }
        let mut left = more;
        for other in self.others().filter(|other| !core::ptr::eq(*other, mine)) {
            other.budget.grant(revoked, share);
            left -= share;
        }
        left
    }

    #[cfg(not(feature = "alloc"))]
    #[allow(clippy::unused_self)] // there are no others then
    const fn grant_others(&self, _: &Lane<N>, _: Revoked, more: u64) -> u64 {
        more
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

#[cfg(all(test, not(loom)))]
mod tests;
