//! How admitted calls end, and what their results amount to.

use core::mem;
use core::num::NonZeroU32;
use core::time::Duration;

use super::CircuitBreaker;
use super::change::{Look, Trip};
use crate::circuit::{Step, Word};
use crate::observe::{CallEvent, Observer, Stale, TripReason};
use crate::permit::{Outcome, Report, Role, Ticket};
use crate::settings::Plan;
use crate::state::Mode;
use crate::time::{Clock, Instant};
use crate::unwind::sheltered;
use crate::window::{Counted, Recorded, Tally};

/// How the life of a ticket ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    Reported(Report),
    Dropped,
    Panicked,
}

/// What an ending amounts to, once cancellation and slowness are judged.
#[derive(Clone, Copy)]
enum Settled {
    Counted(Counted),
    Ignored,
    Cancelled,
}

impl Settled {
    const fn event(self) -> CallEvent {
        match self {
            Self::Counted(Counted { failed: true, slow }) => {
                CallEvent::Settled { outcome: Outcome::Failure, slow }
            }
            Self::Counted(Counted { failed: false, slow }) => {
                CallEvent::Settled { outcome: Outcome::Success, slow }
            }
            Self::Ignored => CallEvent::Settled { outcome: Outcome::Ignored, slow: false },
            Self::Cancelled => CallEvent::Cancelled,
        }
    }
}

impl Ending {
    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Reported(Report { outcome: Outcome::Failure, retry_after, .. }) => retry_after,
            _ => None,
        }
    }

    /// Whether a failure adds to those in a row.
    const fn is_consecutive(self) -> bool {
        !matches!(self, Self::Reported(Report { consecutive: false, .. }))
    }
}

/// A result that is counted and not told of yet. If [`Config::trip_when`](crate::Config::trip_when) panics
/// over it, it is told of all the same.
struct Untold<'a, C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize> {
    breaker: &'a CircuitBreaker<C, O, BUCKETS, LANES>,
    result: Counted,
}

impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize> Drop
    for Untold<'_, C, O, BUCKETS, LANES>
{
    fn drop(&mut self) {
        sheltered(|| self.breaker.tell_of_result(self.result));
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Settles the call of `ticket`, which nobody else settles.
    ///
    /// The hot path is here: what a success of a healthy circuit does, and no more.
    #[inline]
    pub(crate) fn finish(&self, ticket: &Ticket, ending: Ending) {
        let word = self.circuit.load();
        let generation = word.generation();
        if !ticket.counts_in(generation) {
            return self.finish_aside(word, ticket, ending);
        }
        // The only clock read of a call, unless slow calls are measured; none where nothing needs it.
        let plan = self.settings.plan(); // C2
        let now = if plan.needs_time() { self.read_clock(plan) } else { Instant::ORIGIN };
        let settled = self.judge_ending(plan, ticket, ending, now);
        if let Settled::Counted(Counted { failed: false, slow }) = settled {
            if plan.has_streak() {
                self.streak.succeed(generation);
            }
            if !plan.needs_window() && !slow {
                self.lanes.count_success(plan.has_streak(), &self.clock);
                return self.tell_of_call(|| settled.event());
            }
            let is_plain = !slow && !word.is_armed() && !plan.evaluates_all();
            if is_plain {
                let (shape, has_row) = (&self.settings.shape(), plan.has_streak());
                if self.lanes.record_success(shape, generation, now, has_row, &self.clock) {
                    return self.tell_of_call(|| settled.event());
                }
            }
        }
        self.finish_result(plan, word, ending, now, settled);
    }

    /// The same for who has nothing to report.
    #[inline(never)]
    pub(crate) fn finish_unsettled(&self, ticket: &Ticket, ending: Ending) {
        self.finish(ticket, ending);
    }

    /// The end of a call that is not counted in the window, or whose generation is over.
    #[inline(never)]
    fn finish_aside(&self, word: Word, ticket: &Ticket, ending: Ending) {
        let counts = word.generation() == ticket.generation() // R2
            && match ticket.role() {
                Role::Counted => false,
                Role::Trial { slot, turn } => {
                    self.seldom.leases().end_turn(slot, turn).is_some()
                        && self.finish_trial(slot, ticket, ending)
                }
                Role::Passing | Role::Shadowed => self.finish_passing(word, ticket, ending),
            };
        if !counts {
            self.finish_stale(ticket.generation(), ending);
        }
    }

    #[cold]
    fn finish_stale(&self, generation: u32, ending: Ending) {
        self.seldom.counters().stale.count();
        let outcome = match ending {
            Ending::Reported(report) => Some(report.outcome),
            Ending::Panicked => Some(Outcome::Failure),
            Ending::Dropped => None,
        };
        self.observer.on_stale(&Stale { generation, outcome });
    }

    /// Counts a result and looks at what it makes of the circuit, which was `word` before. The row of
    /// failures has heard of a success already.
    #[inline(never)]
    fn finish_result(
        &self,
        plan: Plan,
        word: Word,
        ending: Ending,
        now: Instant,
        settled: Settled,
    ) {
        let Settled::Counted(result) = settled else { return self.count_aside(settled) };
        let streak =
            if plan.has_streak() { self.streak_with(plan, word, ending, result) } else { 0 };
        if !plan.needs_window() {
            self.finish_row(plan, word, ending, now, result, streak);
        } else if result.is_plain_failure() {
            self.finish_failure(plan, word, ending, now, result, streak);
        } else {
            self.finish_with_a_look(plan, word, ending, now, result, streak, None);
        }
    }

    /// Where only failures in a row count.
    #[inline(never)]
    fn finish_row(
        &self,
        plan: Plan,
        word: Word,
        ending: Ending,
        now: Instant,
        result: Counted,
        streak: u64,
    ) {
        self.count_in_totals(result);
        if self.ends_row(plan, streak) {
            let (generation, retry_after) = (word.generation(), ending.retry_after());
            let trip = Trip { result, generation, now, retry_after, tally: Tally::default() };
            return self.trip(TripReason::ConsecutiveFailures, &trip);
        }
        self.tell_of_result(result);
    }

    /// The failures in a row that `result` makes, as far as they are counted there; none if it is none.
    #[inline(never)]
    fn streak_with(&self, plan: Plan, word: Word, ending: Ending, result: Counted) -> u64 {
        if !result.failed {
            self.lanes.begin_row(&self.clock);
            return 0;
        }
        let generation = word.generation();
        let row = plan.consecutive_failures().map_or(1, NonZeroU32::get);
        if !ending.is_consecutive() || self.lanes.keep_back(generation, row, &self.clock) {
            return 0;
        }
        self.streak.fail(generation, || self.is_live(generation))
    }

    /// A failure that is counted in the window.
    #[inline(never)]
    fn finish_failure(
        &self,
        plan: Plan,
        word: Word,
        ending: Ending,
        now: Instant,
        result: Counted,
        streak: u64,
    ) {
        let (shape, generation) = (&self.settings.shape(), word.generation());
        let recorded = self.lanes.record_failure(shape, generation, now, &self.clock);
        let is_spared = recorded.is_some_and(|recorded| recorded.is_within_margin());
        if word.is_armed() || !is_spared || self.ends_row(plan, streak) {
            self.finish_with_a_look(plan, word, ending, now, result, streak, recorded);
        } else {
            self.tell_of_result(result);
        }
    }

    /// A result that may have to look at the window, and may have been `recorded` there.
    #[inline(never)]
    #[allow(clippy::too_many_arguments)] // in registers, on the path of a call
    fn finish_with_a_look(
        &self,
        plan: Plan,
        word: Word,
        ending: Ending,
        now: Instant,
        result: Counted,
        streak: u64,
        recorded: Option<Recorded>,
    ) {
        let generation = word.generation();
        let retry_after = ending.retry_after();
        let is_live = || self.is_live(generation);
        let shape = &self.settings.shape();
        let recorded = recorded.unwrap_or_else(|| {
            self.lanes.record(shape, generation, now, result, &self.clock, is_live)
        });
        match recorded {
            Recorded::Overtaken => self.finish_stale(generation, ending),
            Recorded::In { stayed, seen } => {
                self.note_if_slow(result);
                let is_plain = !result.slow && !word.is_armed() && !self.ends_row(plan, streak);
                if is_plain && recorded.is_within_margin() {
                    return self.tell_of_result(result);
                }
                let must_look = result.failed || result.slow || plan.evaluates_all();
                if must_look || (plan.has_rate() && (word.is_armed() || stayed.is_some())) {
                    let (mut counts_row, mut streak) = (plan.has_streak(), streak);
                    let (limits, plan, mut tally) = self.settings.conditions(|plan| {
                        if plan.has_streak() && !counts_row {
                            streak = self.streak_with(plan, word, ending, result); // C1
                        }
                        counts_row = plan.has_streak();
                        self.lanes.tally(shape, generation, now)
                    });
                    if tally.total() == 0 {
                        tally = result.tally(); // it was emptied in between (C7)
                    }
                    let mut trip = Trip { result, generation, now, retry_after, tally };
                    let is_full = must_look;
                    let look = Look { limits, plan, streak, is_full, stayed, seen };
                    let untold = Untold { breaker: self, result };
                    let found = self.evaluate(word, look, &mut trip);
                    mem::forget(untold);
                    if let Some(reason) = found {
                        return self.trip(reason, &trip);
                    }
                }
                self.tell_of_result(result);
            }
        }
    }

    /// Whether a row of so many failures opens the circuit.
    fn ends_row(&self, plan: Plan, streak: u64) -> bool {
        streak != 0 && plan.consecutive_failures().is_some_and(|row| streak >= u64::from(row.get()))
    }

    /// Whether the result counted; if not, its generation or its lease was over.
    fn finish_trial(&self, slot: u32, ticket: &Ticket, ending: Ending) -> bool {
        let plan = self.settings.plan(); // C2
        let now = self.read_clock(plan);
        let settled = self.judge_ending(plan, ticket, ending, now);
        let mut counts = false;
        let mut end = None;
        let change = self.circuit.change(|word| {
            (counts, end) = (false, None);
            if word.generation() != ticket.generation() || !word.is_trial_out(slot) {
                return Step::Leave;
            }
            // Leases that are over have failed before this result came (R5).
            let lapsed = self.seldom.leases().lapsed(word, now);
            if let Some(cause) = self.judge_trials(word.trials(), lapsed) {
                return self.half_open_end(word, cause, None, &mut end);
            }
            if self.seldom.leases().end(slot) <= now {
                return Step::Leave;
            }
            counts = true;
            let mut trials = word.trials();
            if let Settled::Counted(result) = settled {
                *(if result.failed { &mut trials.failed } else { &mut trials.succeeded }) += 1;
                trials.slow += u32::from(result.slow);
            }
            match self.judge_trials(trials, lapsed) {
                Some(cause) => self.half_open_end(word, cause, ending.retry_after(), &mut end),
                None => Step::To(word.with_trial_back(slot, trials)),
            }
        });
        if counts {
            self.count_aside(settled);
        }
        if let (Some(change), Some(end)) = (change, end) {
            self.announce(change, end.cause, end.at, end.break_length, Tally::default());
        }
        counts
    }

    /// Frees what an admission took, and lets the totals forget it. A trial whose lease is over while the
    /// circuit is still half-open has failed, and is stale (R5).
    #[inline(never)]
    pub(super) fn finish_taken_back(&self, ticket: &Ticket) {
        match ticket.role() {
            Role::Counted | Role::Passing => {}
            Role::Shadowed => self.seldom.counters().would_reject.uncount(),
            Role::Trial { slot, turn } => {
                let now = self.now();
                let mut failed = false;
                let is_current = self.is_live(ticket.generation());
                if is_current && self.seldom.leases().end_turn(slot, turn).is_none() {
                    return;
                }
                let _ = self.circuit.change(|word| {
                    failed = false;
                    if word.generation() != ticket.generation() || !word.is_trial_out(slot) {
                        return Step::Leave;
                    }
                    failed = self.seldom.leases().end(slot) <= now; // R5
                    if failed {
                        Step::Leave
                    } else {
                        Step::To(word.with_trial_back(slot, word.trials()))
                    }
                });
                if failed {
                    self.finish_stale(ticket.generation(), Ending::Dropped);
                } else {
                    self.seldom.counters().trials.uncount();
                }
            }
        }
    }

    /// Counts what decides nothing.
    fn finish_passing(&self, word: Word, ticket: &Ticket, ending: Ending) -> bool {
        let settled = if word.mode() == Mode::Disabled {
            Settled::Ignored
        } else {
            let plan = self.settings.plan(); // C2
            let now = if plan.measures() { self.read_clock(plan) } else { Instant::ORIGIN };
            self.judge_ending(plan, ticket, ending, now)
        };
        self.count_aside(settled);
        true
    }

    /// Counts a result in the totals without a window.
    fn count_aside(&self, settled: Settled) {
        match settled {
            Settled::Counted(result) => self.count_in_totals(result),
            Settled::Ignored => {
                self.seldom.counters().ignored.count();
            }
            Settled::Cancelled => {
                self.seldom.counters().cancelled.count();
            }
        }
        self.tell_of_call(|| settled.event());
    }

    fn count_in_totals(&self, result: Counted) {
        self.lanes.add_to_totals(result.tally(), &self.clock);
        self.note_if_slow(result);
    }

    pub(super) fn tell_of_result(&self, result: Counted) {
        self.tell_of_call(|| Settled::Counted(result).event());
    }

    /// Tells of a call that was counted or refused, where anybody wants to hear of calls.
    #[inline]
    pub(super) fn tell_of_call(&self, event: impl FnOnce() -> CallEvent) {
        if self.observer.hears_calls() {
            self.observer.on_call(&event());
        }
    }

    fn note_if_slow(&self, result: Counted) {
        if result.slow {
            self.seldom.counters().slow.count();
        }
    }

    #[inline]
    fn judge_ending(&self, plan: Plan, ticket: &Ticket, ending: Ending, now: Instant) -> Settled {
        let slow = plan.measures()
            && self
                .settings
                .slow_call_duration()
                .is_some_and(|limit| now.since(ticket.started) > limit.get());
        let outcome = match ending {
            Ending::Reported(report) => report.outcome,
            Ending::Panicked => Outcome::Failure,
            Ending::Dropped => match plan.cancelled_as() {
                Some(Outcome::Ignored) => return Settled::Cancelled,
                Some(outcome) => outcome,
                None if slow => Outcome::Failure,
                None => return Settled::Cancelled,
            },
        };
        match outcome {
            Outcome::Success => Settled::Counted(Counted { failed: false, slow }),
            Outcome::Failure => Settled::Counted(Counted { failed: true, slow }),
            Outcome::Ignored => Settled::Ignored,
        }
    }
}
