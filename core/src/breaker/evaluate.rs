//! The third step of a call's end: whether a trip condition holds.

use core::mem;
use core::num::NonZeroU32;
use core::time::Duration;

use super::CircuitBreaker;
use super::announce::Untold;
use super::record::Recorded;
use super::settle::CallEnd;
use crate::circuit::{Step, Word};
use crate::observe::{Observer, TripReason};
use crate::settings::{Limits, Plan};
use crate::time::{Clock, Instant};
use crate::verdict::{self, Verdict};
use crate::window::{Revoked, Shape, Tally};

/// Why a circuit is to open, and by which result.
pub(super) struct Trip {
    pub(super) reason: TripReason,
    pub(super) generation: u32,
    pub(super) now: Instant,
    /// How long the server asked to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// What the window held.
    pub(super) tally: Tally,
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Says why the circuit is to open after the result of `end`, if it is.
    #[inline]
    pub(super) fn evaluate(&self, end: &CallEnd<'_>, recorded: Recorded) -> Option<Trip> {
        let Recorded::Counted { row, stayed, spared } = recorded else { return None };
        let CallEnd { plan, word, result, .. } = *end;
        let ends_row = ends_row(plan, row);
        if !plan.needs_window() {
            let trip = end.trip(TripReason::ConsecutiveFailures, Tally::default());
            return ends_row.then_some(trip);
        }
        let reevaluates = word.reevaluates();
        if spared && !reevaluates && !ends_row {
            return None;
        }
        // A success that is not slow can only complete the minimum of a rate that is over.
        let is_full = result.failed || result.slow || plan.evaluates_all();
        let completes = plan.has_rate() && (reevaluates || stayed.is_some());
        if is_full || completes { self.evaluate_window(end, row, stayed, is_full) } else { None }
    }

    /// Sums the window and applies the conditions: all of them if `is_full`, else the rates alone.
    /// Keeps the armed bit true to the window.
    #[cold]
    #[inline(never)]
    fn evaluate_window(
        &self,
        end: &CallEnd<'_>,
        mut row: u64,
        stayed: Option<u64>,
        is_full: bool,
    ) -> Option<Trip> {
        let CallEnd { word, now, result, .. } = *end;
        let (shape, generation) = (self.settings.shape(), word.generation());
        // Read the conditions and sum the window, as of one change of the settings (C1).
        let can_grant = result.failed && self.can_grant(shape);
        let revoked = can_grant.then(|| self.lanes.revoke()); // F2
        let mut counts_row = end.plan.has_streak();
        let (mut limits, plan, mut tally) = self.settings.conditions(|plan| {
            // C1-row
            if plan.has_streak() && !counts_row {
                row = self.count_in_row(&CallEnd { plan, ..*end });
            }
            counts_row = plan.has_streak();
            self.lanes.tally(shape, generation, now)
        });
        // C7-own
        if tally.total() == 0 {
            tally = result.tally(); // it was emptied in between (C7)
        }
        // Apply the conditions.
        let needed = minimum(&limits, word);
        let mut verdict = if is_full {
            let untold = Untold::new(self, result);
            let (in_row, condition) = (plan.consecutive_failures(), self.settings.trip_when());
            let verdict = verdict::of_all(&limits, in_row, condition, needed, &tally, row);
            mem::forget(untold);
            verdict
        } else {
            verdict::of_rates(&limits, needed, &tally)
        };
        // A success trips only by completing the minimum. If armed, it may be one of several that
        // do so at once; else it came to look because older results have left, and what stayed says
        // whether there were too few.
        let completes = stayed.is_some_and(|stayed| stayed < needed);
        if matches!(verdict, Verdict::Trip(_)) && !is_full && !word.reevaluates() && !completes {
            return None;
        }
        // Note whether the next success has to look.
        loop {
            let armed = match verdict {
                Verdict::Trip(reason) => return Some(end.trip(reason, tally)),
                Verdict::TooFew => true,
                Verdict::Healthy => false,
            };
            let changed = self.circuit.change(|seen| {
                if seen.generation() != generation || seen.reevaluates() == armed {
                    Step::Keep
                } else {
                    Step::Swap(seen.with_reevaluates(armed))
                }
            });
            if changed.is_none() {
                if let (Verdict::Healthy, Some(revoked)) = (verdict, revoked) {
                    self.grant_budgets(end, revoked, &limits, &tally);
                }
                return None;
            }
            // Who recorded before this change and saw the bit as it was relies on this look.
            // So does who changed the settings before it (C1).
            tally = self.lanes.tally(shape, generation, now); // B5-again
            limits = self.settings.limits(); // C1-again
            verdict = verdict::of_rates(&limits, minimum(&limits, word), &tally);
        }
    }

    /// Whether failures can ever go without an evaluation. Nobody can tell when a condition of the
    /// user's holds, and a window by count moves with each result.
    fn can_grant(&self, shape: &Shape) -> bool {
        self.settings.trip_when().is_none() && matches!(shape, Shape::Time(_))
    }

    /// Lets the next failures go without an evaluation, as far as this healthy one can tell what
    /// they do.
    fn grant_budgets(&self, end: &CallEnd<'_>, revoked: Revoked, limits: &Limits, tally: &Tally) {
        let more = verdict::failures_to_spare(limits, tally);
        let (shape, generation) = (self.settings.shape(), end.word.generation());
        self.lanes.grant(shape, generation, end.now, revoked, more, &self.clock);
    }
}

impl CallEnd<'_> {
    const fn trip(&self, reason: TripReason, tally: Tally) -> Trip {
        Trip {
            reason,
            generation: self.word.generation(),
            now: self.now,
            retry_after: self.ending.retry_after(),
            tally,
        }
    }
}

/// Whether a row of so many failures opens the circuit.
fn ends_row(plan: Plan, row: u64) -> bool {
    row != 0 && plan.consecutive_failures().map(NonZeroU32::get).is_some_and(|n| row >= n.into())
}

/// How many results make a rate count.
fn minimum(limits: &Limits, word: Word) -> u64 {
    let all = limits.minimum;
    u64::from(if word.is_in_slow_start() { all.min(limits.trials.trials) } else { all })
}
