//! Trials: how their results and their time limits end a half-open circuit.

use core::time::Duration;

use super::CircuitBreaker;
use super::settle::{Ending, Settled};
use crate::circuit::{Step, Trials, Word};
use crate::observe::{Cause, Observer};
use crate::ticket::{Role, Ticket};
use crate::time::{Clock, Instant};
use crate::verdict;
use crate::window::Tally;

/// How HalfOpen ended, to be announced.
pub(super) struct HalfOpenEnd {
    pub(super) cause: Cause,
    pub(super) at: Instant,
    pub(super) break_length: Option<u64>,
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Ends the trial on `slot`. If the trial is over already, its result is stale.
    pub(super) fn settle_trial(&self, slot: u32, turn: u32, ticket: &Ticket, ending: Ending) {
        let counts = self.cold.trial_deadlines().end_turn(slot, turn).is_some()
            && self.counts_as_trial(slot, ticket, ending);
        if !counts {
            self.settle_stale(ticket.generation(), ending);
        }
    }

    /// Whether the result counted; if not, its generation or its timeout was over.
    fn counts_as_trial(&self, slot: u32, ticket: &Ticket, ending: Ending) -> bool {
        let plan = self.settings.plan(); // C2
        let now = self.read_clock(plan);
        let settled = self.classify(plan, ticket, ending, now);
        let mut counts = false;
        let mut end = None;
        let change = self.circuit.change(|word| {
            (counts, end) = (false, None);
            if word.generation() != ticket.generation() || !word.is_trial_out(slot) {
                return Step::Keep;
            }
            // TrialDeadlines that are over have failed before this result came (R5).
            let expired = self.cold.trial_deadlines().expired(word, now);
            if let Some(cause) = self.half_open_verdict(word.trials(), expired) {
                return self.half_open_end(word, cause, None, &mut end);
            }
            if self.cold.trial_deadlines().end(slot) <= now {
                return Step::Keep;
            }
            counts = true;
            let mut trials = word.trials();
            if let Settled::Counted(result) = settled {
                *(if result.failed { &mut trials.failed } else { &mut trials.succeeded }) += 1;
                trials.slow += u32::from(result.slow);
            }
            match self.half_open_verdict(trials, expired) {
                Some(cause) => self.half_open_end(word, cause, ending.retry_after(), &mut end),
                None => Step::Swap(word.with_trial_back(slot, trials)),
            }
        });
        if counts {
            self.count_in_totals(settled);
        }
        if let (Some(change), Some(end)) = (change, end) {
            self.announce(change, end.cause, end.at, end.break_length, Tally::default());
        }
        counts
    }

    /// Frees what an admission took, and lets the totals forget it. A trial whose timeout is over
    /// while the circuit is still half-open has failed, and is stale (R5).
    #[inline(never)]
    pub(super) fn take_back_ticket(&self, ticket: &Ticket) {
        match ticket.role() {
            Role::Counted | Role::Passing => {}
            Role::Shadowed => self.cold.counters().would_reject.uncount(),
            Role::Trial { slot, turn } => {
                let now = self.now();
                let mut failed = false;
                let is_current = self.is_live(ticket.generation());
                if is_current && self.cold.trial_deadlines().end_turn(slot, turn).is_none() {
                    return;
                }
                let _ = self.circuit.change(|word| {
                    failed = false;
                    if word.generation() != ticket.generation() || !word.is_trial_out(slot) {
                        return Step::Keep;
                    }
                    failed = self.cold.trial_deadlines().end(slot) <= now; // R5
                    if failed {
                        Step::Keep
                    } else {
                        Step::Swap(word.with_trial_back(slot, word.trials()))
                    }
                });
                if failed {
                    self.settle_stale(ticket.generation(), Ending::Dropped);
                } else {
                    self.cold.counters().trials.uncount();
                }
            }
        }
    }

    /// How HalfOpen ends with `trials` settled and `expired` given up, if it does.
    pub(super) fn half_open_verdict(&self, trials: Trials, expired: u32) -> Option<Cause> {
        verdict::of_trials(&self.settings.limits(), trials, expired)
    }

    /// Ends HalfOpen for a reason that was seen on `word`.
    pub(super) fn end_half_open(&self, word: Word, cause: Cause) {
        let mut end = None;
        let change = self.circuit.change(|seen| {
            end = None;
            if seen == word { self.half_open_end(seen, cause, None, &mut end) } else { Step::Keep }
        });
        if let (Some(change), Some(end)) = (change, end) {
            self.announce(change, end.cause, end.at, end.break_length, Tally::default());
        }
    }

    /// The step out of HalfOpen, and what to announce if it is won.
    pub(super) fn half_open_end(
        &self,
        word: Word,
        cause: Cause,
        retry_after: Option<Duration>,
        end: &mut Option<HalfOpenEnd>,
    ) -> Step {
        let next = self.next_generation(word);
        if cause == Cause::TrialsPassed {
            let (lengths, plan) = self.settings.lengths(&self.cold);
            let now = self.read_clock(plan); // R4
            *end = Some(HalfOpenEnd { cause, at: now, break_length: None });
            let last = self.circuit.last_break(word, &self.cold);
            let (steady, ramp) = (now.plus(last.length), lengths.slow_start);
            let slow_start_end = ramp.map(|ramp| now.plus(ramp.length()));
            return if !self.circuit.propose_close(steady, slow_start_end, word, &self.cold) {
                Step::Retry
            } else if slow_start_end.is_some() {
                Step::Swap(word.slow_start(next))
            } else {
                Step::Swap(word.closed(next))
            };
        }
        let Some((now, length)) = self.next_break(word, retry_after) else { return Step::Retry };
        *end = Some(HalfOpenEnd { cause, at: now, break_length: Some(length) });
        Step::Swap(word.open(next, false))
    }
}
