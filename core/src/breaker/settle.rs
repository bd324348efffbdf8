//! The end of a call: what it amounts to, and the steps that follow from that.
//!
//! A call that counts in the window takes these steps, a file each: it is classified (here),
//! recorded ([`record`](super::record)), evaluated ([`evaluate`](super::evaluate)); if a condition
//! holds, the state changes ([`change`](super::change)); then the observer is told
//! ([`announce`](super::announce)).

use core::time::Duration;

use super::CircuitBreaker;
use super::record::Recorded;
use crate::circuit::Word;
use crate::observe::{CallEvent, Observer, StaleResult};
use crate::outcome::{Outcome, Report};
use crate::settings::Plan;
use crate::state::Mode;
use crate::ticket::{Role, Ticket};
use crate::time::{Clock, Instant};
use crate::window::Counted;

/// How the life of a ticket ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    Reported(Report),
    Dropped,
    Panicked,
}

impl Ending {
    pub(super) const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Reported(Report { outcome: Outcome::Failure, retry_after, .. }) => retry_after,
            _ => None,
        }
    }

    /// Whether a failure adds to those in a row.
    pub(super) const fn is_consecutive(self) -> bool {
        !matches!(self, Self::Reported(Report { consecutive: false, .. }))
    }
}

/// What an ending amounts to, once cancellation and slowness are classified.
#[derive(Clone, Copy)]
pub(super) enum Settled {
    Counted(Counted),
    Ignored,
    Cancelled,
}

impl Settled {
    pub(super) const fn event(self) -> CallEvent {
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

/// The result of a closed circuit's call, as its steps hand it on.
pub(super) struct CallEnd<'a> {
    pub(super) plan: Plan,
    /// The circuit as the call found it at its end.
    pub(super) word: Word,
    pub(super) now: Instant,
    pub(super) ending: &'a Ending,
    pub(super) result: Counted,
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Ends the call of `ticket`, which nobody else ends.
    #[inline]
    pub(crate) fn settle_as(&self, ticket: &Ticket, ending: Ending) {
        let word = self.circuit.load();
        if !ticket.counts_in(word.generation()) {
            return self.settle_uncounted(word, ticket, ending);
        }
        // The only clock read of a call, unless slow calls are measured; none where nothing needs
        // it.
        let plan = self.settings.plan(); // C2
        let now = if plan.needs_time() { self.read_clock(plan) } else { Instant::ORIGIN };
        match self.classify(plan, ticket, ending, now) {
            Settled::Counted(result) => {
                let is_plain_success = !result.failed && !result.slow;
                if is_plain_success && self.is_success_recorded(plan, word, now) {
                    self.tell_of_result(result);
                } else {
                    self.settle_counted(plan, word, now, &ending, result);
                }
            }
            other => self.count_in_totals(other),
        }
    }

    /// Ends the call of `ticket`; not inlined, for ends that are not on the hot path.
    #[inline(never)]
    pub(crate) fn settle_unreported(&self, ticket: &Ticket, ending: Ending) {
        self.settle_as(ticket, ending);
    }

    /// The steps of a result that takes more than to add one to a word.
    #[inline(never)]
    fn settle_counted(
        &self,
        plan: Plan,
        word: Word,
        now: Instant,
        ending: &Ending,
        result: Counted,
    ) {
        let end = &CallEnd { plan, word, now, ending, result };
        let recorded = self.record(end);
        if let Recorded::Overtaken = recorded {
            return self.settle_stale(end.word.generation(), *end.ending);
        }
        match self.evaluate(end, recorded) {
            None => self.tell_of_result(end.result),
            Some(trip) => {
                let change = self.trip(&trip);
                // The observer is told last: its panic keeps no circuit from opening.
                self.tell_of_result(end.result);
                self.announce_trip(&trip, change);
            }
        }
    }

    /// Ends a call that does not count in the window: a trial, a call that bypassed the circuit, or
    /// one whose generation is over.
    #[inline(never)]
    fn settle_uncounted(&self, word: Word, ticket: &Ticket, ending: Ending) {
        let is_current = word.generation() == ticket.generation(); // R2
        match ticket.role() {
            Role::Trial { slot, turn } if is_current => {
                self.settle_trial(slot, turn, ticket, ending);
            }
            Role::Passing | Role::Shadowed if is_current => {
                self.settle_bypass(word, ticket, ending);
            }
            _ => self.settle_stale(ticket.generation(), ending),
        }
    }

    /// Counts a result that came too late, and decides nothing by it.
    #[cold]
    pub(super) fn settle_stale(&self, generation: u32, ending: Ending) {
        self.cold.counters().stale.count();
        let outcome = match ending {
            Ending::Reported(report) => Some(report.outcome),
            Ending::Panicked => Some(Outcome::Failure),
            Ending::Dropped => None,
        };
        self.observer.on_stale(&StaleResult { generation, outcome });
    }

    /// Counts the result of a call that no state of the circuit admitted, and decides nothing by
    /// it.
    fn settle_bypass(&self, word: Word, ticket: &Ticket, ending: Ending) {
        let settled = if word.mode() == Mode::Disabled {
            Settled::Ignored
        } else {
            let plan = self.settings.plan(); // C2
            let now = if plan.measures() { self.read_clock(plan) } else { Instant::ORIGIN };
            self.classify(plan, ticket, ending, now)
        };
        self.count_in_totals(settled);
    }

    /// Says what `ending` amounts to: whether it counts, as a success or a failure, and whether the
    /// call was slow.
    #[inline]
    pub(super) fn classify(
        &self,
        plan: Plan,
        ticket: &Ticket,
        ending: Ending,
        now: Instant,
    ) -> Settled {
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
