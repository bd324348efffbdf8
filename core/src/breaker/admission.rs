//! Who is admitted, and as what.

use super::CircuitBreaker;
use super::settle::Ending;
use crate::circuit::{Step, Word};
use crate::error::{RejectReason, Rejected};
use crate::observe::{CallEvent, Cause, Observer};
use crate::state::{Mode, State};
use crate::ticket::{Role, Ticket};
use crate::time::{Clock, Instant};
use crate::unwind::sheltered;
use crate::window::Tally;

/// When a call starts whose length nobody asks for: so late that it is never slow.
pub(super) const UNTIMED: Instant = Instant::from_nanos(u64::MAX);

/// A trial whose caller does not have it yet. If an observer panics meanwhile, its place is free
/// again.
struct UnclaimedTrial<'a, C: Clock, O: Observer, const BUCKETS: usize> {
    breaker: &'a CircuitBreaker<C, O, BUCKETS>,
    ticket: Option<Ticket>,
}

impl<'a, C: Clock, O: Observer, const BUCKETS: usize> UnclaimedTrial<'a, C, O, BUCKETS> {
    const fn new(breaker: &'a CircuitBreaker<C, O, BUCKETS>, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    fn release(mut self) -> Option<Ticket> {
        self.ticket.take()
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Drop for UnclaimedTrial<'_, C, O, BUCKETS> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            sheltered(|| self.breaker.settle_unreported(&ticket, Ending::Dropped));
        }
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// The ticket of a call that starts now, if when it starts matters.
    fn ticket(&self, word: Word, role: Role) -> Ticket {
        let plan = self.settings.plan(); // C2
        let started = if plan.measures() { self.read_clock(plan) } else { UNTIMED };
        Ticket::new(started, word.generation(), role)
    }

    /// Admission to a circuit that was seen as `word`, whatever it is.
    #[inline(never)]
    pub(super) fn admit_by_state(&self, mut word: Word) -> Result<Ticket, Rejected> {
        loop {
            let admitted = match (word.mode(), word.state()) {
                (Mode::ForcedOpen, _) => Some(Err(self.refuse(RejectReason::ForcedOpen, None))),
                (Mode::Disabled, _) => Some(Ok(self.ticket(word, Role::Passing))),
                (Mode::ForcedClosed, _) => Some(Ok(self.ticket(word, Role::Counted))),
                (_, State::Closed) if word.is_in_slow_start() => self.admit_in_slow_start(word),
                (_, State::Closed) => Some(Ok(self.ticket(word, Role::Counted))),
                (_, State::Open) => self.admit_open(word),
                (_, State::HalfOpen) => self.admit_half_open(word),
            };
            if let Some(admitted) = admitted {
                return admitted;
            }
            word = self.circuit.load();
        }
    }

    /// What a call would be refused with by a circuit that was seen as `word` and is not plainly
    /// closed.
    #[inline(never)]
    pub(super) fn would_reject_by_state(&self, mut word: Word) -> Option<Rejected> {
        loop {
            match (word.mode(), word.state()) {
                (Mode::ForcedOpen, _) => {
                    return Some(Rejected::new(RejectReason::ForcedOpen, None));
                }
                (Mode::Auto, State::Open) => {
                    let left = self.left_until(self.circuit.end(word, &self.cold));
                    // The end of the break was read after the word; only together do they say no.
                    // O3-would-reject
                    if self.circuit.load() == word {
                        return (left != 0).then(|| Rejected::new(RejectReason::Open, Some(left)));
                    }
                }
                (Mode::Auto, State::HalfOpen) => {
                    let trials = word.trials();
                    let expired = self.cold.trial_deadlines().expired(word, self.now());
                    match self.half_open_verdict(trials, expired) {
                        Some(cause) => self.end_half_open(word, cause),
                        None => {
                            return self
                                .has_all_trials_taken(word)
                                .then(|| Rejected::new(RejectReason::HalfOpenFull, None));
                        }
                    }
                }
                _ => return None,
            }
            word = self.circuit.load();
        }
    }

    /// Whether no more trials may start in this generation of HalfOpen (R3).
    fn has_all_trials_taken(&self, word: Word) -> bool {
        let trials = word.trials();
        trials.succeeded + trials.failed + word.trials_out() >= self.settings.limits().trials.trials
    }

    /// `None`: the word has moved, look again.
    fn admit_open(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let end = self.circuit.break_end(word, &self.cold);
        let left = self.left_until(end);
        if left == 0 {
            let mut now = end;
            let trial_deadlines = self.cold.trial_deadlines();
            let change = self.circuit.change(|seen| {
                // R3-open
                if seen != word {
                    return Step::Keep;
                }
                let (timeout, plan) = self.settings.trial_timeout();
                now = self.read_clock(plan).max(end); // a coarse reading may be before it still
                if !self.circuit.propose_trial_deadline(trial_deadlines, 0, now.plus(timeout), seen)
                {
                    return Step::Retry;
                }
                Step::Swap(seen.half_open(self.next_generation(seen)).with_trial_out(0))
            })?;
            let held = UnclaimedTrial::new(self, self.trial(change.after, 0));
            self.announce(change, Cause::BreakOver, now, None, Tally::default());
            return held.release().map(Ok);
        }
        // The end of the break was read after the word; only together do they say no.
        // O3-refuse
        if self.circuit.load() != word {
            return None;
        }
        Some(self.refuse_unless_shadowed(word, RejectReason::Open, Some(left)))
    }

    /// `None`: the word has moved, look again.
    #[cold]
    fn admit_in_slow_start(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let now = self.now();
        let left = self.circuit.end(word, &self.cold).since(now);
        if self.circuit.load() != word {
            return None;
        }
        let slow_start = self.settings.lengths(&self.cold).0.slow_start;
        let Some(slow_start) = slow_start.filter(|_| left > 0) else {
            let change = self.circuit.change(|seen| {
                if seen == word {
                    Step::Swap(seen.closed(self.next_generation(seen)))
                } else {
                    Step::Keep
                }
            })?;
            self.announce(change, Cause::SlowStartOver, now, None, Tally::default());
            return None;
        };
        let stage = slow_start.stage_at(left, word.generation());
        if self.cold.slow_start().admits(&stage, now) {
            Some(Ok(self.ticket(word, Role::Counted)))
        } else {
            Some(self.refuse_unless_shadowed(word, RejectReason::SlowStart, None))
        }
    }

    /// `None`: the word has moved, look again.
    #[cold]
    fn admit_half_open(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let now = self.now();
        let trial_deadlines = self.cold.trial_deadlines();
        let expired = trial_deadlines.expired(word, now);
        if let Some(cause) = self.half_open_verdict(word.trials(), expired) {
            self.end_half_open(word, cause);
            return None;
        }
        if self.has_all_trials_taken(word) {
            return Some(self.refuse_unless_shadowed(word, RejectReason::HalfOpenFull, None));
        }
        let slot = word.free_slot();
        let change = self.circuit.change(|seen| {
            // R3-half-open
            if seen != word {
                return Step::Keep;
            }
            let (timeout, plan) = self.settings.trial_timeout();
            let end = self.read_clock(plan).plus(timeout); // R4
            if !self.circuit.propose_trial_deadline(trial_deadlines, slot, end, seen) {
                return Step::Retry;
            }
            Step::Swap(seen.with_trial_out(slot))
        })?;
        Some(Ok(self.trial(change.after, slot)))
    }

    /// The ticket of the trial that has just got `slot`.
    fn trial(&self, word: Word, slot: u32) -> Ticket {
        self.cold.counters().trials.count();
        let turn = self.cold.trial_deadlines().begin_turn(slot);
        self.ticket(word, Role::Trial { slot, turn })
    }

    fn refuse(&self, reason: RejectReason, retry_after: Option<u64>) -> Rejected {
        self.lanes.count_rejected(&self.clock);
        let rejected = Rejected::new(reason, retry_after);
        self.tell_of_call(|| CallEvent::Rejected(rejected));
        rejected
    }

    fn refuse_unless_shadowed(
        &self,
        word: Word,
        reason: RejectReason,
        retry_after: Option<u64>,
    ) -> Result<Ticket, Rejected> {
        if word.mode() == Mode::Shadow {
            Ok(self.pass_shadowed(word))
        } else {
            Err(self.refuse(reason, retry_after))
        }
    }

    #[cold]
    fn pass_shadowed(&self, word: Word) -> Ticket {
        self.cold.counters().would_reject.count();
        self.ticket(word, Role::Shadowed)
    }
}
