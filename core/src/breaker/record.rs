//! The second step of a call's end: its result goes to the row of failures, the window and the
//! totals.

use core::num::NonZeroU32;

use super::CircuitBreaker;
use super::settle::{CallEnd, Settled};
use crate::circuit::Word;
use crate::observe::Observer;
use crate::settings::Plan;
use crate::time::{Clock, Instant};
use crate::window::{self, Counted};

/// Where a result went, and what the evaluation needs to know of that.
#[derive(Clone, Copy)]
pub(super) enum Recorded {
    /// Nowhere: its generation is over.
    Overtaken,
    Counted {
        /// How many failures in a row it made; none for a success.
        row: u64,
        /// How many older results stayed, if this one turned the window.
        stayed: Option<u64>,
        /// Whether no evaluation is due: it was a failure within its lane's budget, or there is no
        /// window.
        spared: bool,
    },
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Records a success that was not slow, if that takes no more than to add one to a word and no
    /// evaluation. Says whether it did.
    ///
    /// This is the hot path: what the end of a healthy call does, and no more.
    #[inline]
    pub(super) fn is_success_recorded(&self, plan: Plan, word: Word, now: Instant) -> bool {
        let (generation, has_row) = (word.generation(), plan.has_streak());
        if has_row {
            self.streak.succeed(generation);
        }
        if !plan.needs_window() {
            self.lanes.count_success(has_row, &self.clock);
            return true;
        }
        let is_plain = !word.reevaluates() && !plan.evaluates_all();
        let shape = self.settings.shape();
        is_plain && self.lanes.add_success(shape, generation, now, has_row, &self.clock)
    }

    /// Records a result that takes more than that.
    #[inline]
    pub(super) fn record(&self, end: &CallEnd<'_>) -> Recorded {
        let CallEnd { plan, word, now, result, .. } = *end;
        let row = if plan.has_streak() { self.count_in_row(end) } else { 0 };
        if !plan.needs_window() {
            self.add_to_totals(result);
            return Recorded::Counted { row, stayed: None, spared: true };
        }
        let (shape, generation) = (self.settings.shape(), word.generation());
        let mut stayed = None;
        let is_plain_failure = result.failed && !result.slow;
        let is_added =
            is_plain_failure && self.lanes.add_failure(shape, generation, now, &self.clock);
        if !is_added {
            let is_live = || self.is_live(generation);
            match self.lanes.record(shape, generation, now, result, &self.clock, is_live) {
                window::Recorded::Overtaken => return Recorded::Overtaken,
                window::Recorded::In { stayed: here } => stayed = here,
            }
            self.count_if_slow(result);
        }
        let spared = is_plain_failure && self.lanes.spend(shape, &self.clock); // F1
        Recorded::Counted { row, stayed, spared }
    }

    /// Counts the result in the row of failures. Says how many in a row it makes, as far as they
    /// are counted there; none for a success, which ends the row.
    #[inline(never)]
    pub(super) fn count_in_row(&self, end: &CallEnd<'_>) -> u64 {
        let generation = end.word.generation();
        if !end.result.failed {
            self.streak.succeed(generation);
            self.lanes.begin_row(&self.clock);
            return 0;
        }
        let row = end.plan.consecutive_failures().map_or(1, NonZeroU32::get);
        if !end.ending.is_consecutive() || self.lanes.keep_back(generation, row, &self.clock) {
            return 0;
        }
        self.streak.fail(generation, || self.is_live(generation))
    }

    /// Counts in the totals what does not go to the window, and tells of it.
    pub(super) fn count_in_totals(&self, settled: Settled) {
        match settled {
            Settled::Counted(result) => self.add_to_totals(result),
            Settled::Ignored => {
                self.cold.counters().ignored.count();
            }
            Settled::Cancelled => {
                self.cold.counters().cancelled.count();
            }
        }
        self.tell_of_call(|| settled.event());
    }

    fn add_to_totals(&self, result: Counted) {
        self.lanes.add_to_totals(result.tally(), &self.clock);
        self.count_if_slow(result);
    }

    fn count_if_slow(&self, result: Counted) {
        if result.slow {
            self.cold.counters().slow.count();
        }
    }
}
