//! The changes of the circuit: what makes them, and their announcement.

use core::time::Duration;

use super::CircuitBreaker;
use crate::circuit::{Break, Change, Step, Trials, Word};
use crate::observe::{Cause, Observer, Transition, TripReason};
use crate::policy::{self, Verdict};
use crate::settings::{Limits, Plan};
use crate::state::{Mode, State};
use crate::time::{Clock, Instant};
use crate::window::{Counted, Seen, Tally};

/// A result's side of a trip: what it was, when, how long the server asked for, what the window held.
pub(super) struct Trip {
    pub(super) result: Counted,
    pub(super) generation: u32,
    pub(super) now: Instant,
    pub(super) retry_after: Option<Duration>,
    pub(super) tally: Tally,
}

/// What a look at the window goes by.
pub(super) struct Look {
    pub(super) limits: Limits,
    pub(super) plan: Plan,
    /// Failures in a row that the result made.
    pub(super) streak: u64,
    /// Whether every condition is looked at, and not the rates alone.
    pub(super) is_full: bool,
    pub(super) stayed: Option<u64>,
    pub(super) seen: Option<Seen>,
}

/// How HalfOpen ended, to be announced.
pub(super) struct HalfOpenEnd {
    pub(super) cause: Cause,
    pub(super) at: Instant,
    pub(super) break_length: Option<u64>,
}

impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Which trip condition holds, if one does. Keeps the armed bit true to the window.
    #[cold]
    pub(super) fn evaluate(&self, word: Word, look: Look, trip: &mut Trip) -> Option<TripReason> {
        let Look { mut limits, plan, streak, is_full, stayed, seen } = look;
        let needed = minimum(&limits, word);
        let mut verdict = if is_full {
            let (row, condition) = (plan.consecutive_failures(), self.settings.trip_when());
            policy::judge(&limits, row, condition, needed, &trip.tally, streak)
        } else {
            policy::judge_rates(&limits, needed, &trip.tally)
        };
        // A success trips only by completing the minimum. If armed, it may be one of several that
        // do so at once; else it came to look because older results have left, and what stayed says
        // whether there were too few.
        let completes = stayed.is_some_and(|stayed| stayed < needed);
        if matches!(verdict, Verdict::Trip(_)) && !is_full && !word.is_armed() && !completes {
            return None;
        }
        loop {
            let armed = match verdict {
                Verdict::Trip(reason) => return Some(reason),
                Verdict::TooFew => true,
                Verdict::Healthy => false,
            };
            let changed = self.circuit.change(|seen| {
                if seen.generation() != trip.generation || seen.is_armed() == armed {
                    Step::Leave
                } else {
                    Step::To(seen.with_armed(armed))
                }
            });
            if changed.is_none() {
                if let (Verdict::Healthy, Some(seen)) = (verdict, seen) {
                    self.spare_looks(seen, &limits, trip);
                }
                return None;
            }
            // Who recorded before this change and saw the bit as it was relies on this look.
            // So does who changed the settings before it (C1).
            trip.tally = self.lanes.tally(&self.settings.shape(), trip.generation, trip.now);
            limits = self.settings.limits();
            verdict = policy::judge_rates(&limits, minimum(&limits, word), &trip.tally);
        }
    }

    /// Lets failures after this healthy look go without one, as far as it can know what they do.
    fn spare_looks(&self, seen: Seen, limits: &Limits, trip: &Trip) {
        if self.settings.trip_when().is_none() {
            let more = policy::leeway(limits, &trip.tally);
            self.lanes.widen(&self.settings.shape(), trip.generation, trip.now, seen, more);
        }
    }

    /// How HalfOpen ends with `trials` settled and `lapsed` given up, if it does.
    pub(super) fn judge_trials(&self, trials: Trials, lapsed: u32) -> Option<Cause> {
        policy::judge_trials(&self.settings.limits(), trials, lapsed)
    }

    /// Opens the circuit, if it still may, and only then tells of the result and of that: an observer
    /// that panics keeps no circuit from opening.
    #[cold]
    pub(super) fn trip(&self, reason: TripReason, trip: &Trip) {
        let (mut now, mut length) = (trip.now, 0);
        let change = self.circuit.change(|word| {
            if word.generation() != trip.generation {
                return Step::Leave;
            }
            match (word.mode(), word.state()) {
                (Mode::ForcedClosed, _) if word.was_told() => Step::Leave,
                (Mode::ForcedClosed, _) => Step::To(word.with_told().with_armed(false)),
                (Mode::Auto | Mode::Shadow, State::Closed) => {
                    match self.next_break(word, trip.retry_after) {
                        None => Step::Again,
                        Some((at, long)) => {
                            (now, length) = (at, long);
                            Step::To(word.open(self.next_generation(word), false))
                        }
                    }
                }
                _ => Step::Leave,
            }
        });
        self.tell_of_result(trip.result);
        match change {
            Some(change) if change.after.generation() == trip.generation => {
                self.observer.on_would_trip(reason, &trip.tally);
            }
            Some(change) => {
                self.announce(change, Cause::Tripped(reason), now, Some(length), trip.tally);
            }
            None => {}
        }
    }

    /// Ends HalfOpen for a reason that was seen on `word`.
    pub(super) fn end_half_open(&self, word: Word, cause: Cause) {
        let mut end = None;
        let change = self.circuit.change(|seen| {
            end = None;
            if seen == word { self.half_open_end(seen, cause, None, &mut end) } else { Step::Leave }
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
            let (lengths, plan) = self.settings.lengths(&self.seldom);
            let now = self.read_clock(plan); // R4
            *end = Some(HalfOpenEnd { cause, at: now, break_length: None });
            let last = self.circuit.last_break(word, &self.seldom);
            let (steady, ramp) = (now.plus(last.length), lengths.recovery);
            let ramp_end = ramp.map(|ramp| now.plus(ramp.length()));
            return if !self.circuit.propose_close(steady, ramp_end, word, &self.seldom) {
                Step::Again
            } else if ramp_end.is_some() {
                Step::To(word.ramping(next))
            } else {
                Step::To(word.closed(next))
            };
        }
        let Some((now, length)) = self.next_break(word, retry_after) else { return Step::Again };
        *end = Some(HalfOpenEnd { cause, at: now, break_length: Some(length) });
        Step::To(word.open(next, false))
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        let change = self.circuit.change(|word| {
            if word.mode() == mode {
                Step::Leave
            } else {
                Step::To(word.with_mode(mode, self.next_generation(word)))
            }
        });
        if let Some(change) = change {
            self.announce(change, Cause::Mode, self.now(), None, Tally::default());
        }
    }

    pub(super) fn is_live(&self, generation: u32) -> bool {
        self.circuit.load().generation() == generation
    }

    /// The next number that neither the window nor the streak still uses (R6).
    ///
    /// Between this look and the swap they can only come to hold results of `word`'s own
    /// generation, so the number stays free.
    pub(super) fn next_generation(&self, word: Word) -> u32 {
        let mut next = Word::generation_after(word.generation());
        while self.lanes.hold(next) || self.streak.holds(next) {
            next = Word::generation_after(next);
        }
        next
    }

    /// Proposes the break after `word`: when it begins and how long it is, unless something moved.
    fn next_break(&self, word: Word, retry_after: Option<Duration>) -> Option<(Instant, u64)> {
        let (lengths, plan) = self.settings.lengths(&self.seldom);
        let now = self.read_clock(plan); // R4
        let reopens = if self.reopens(word, now) {
            self.circuit.last_break(word, &self.seldom).reopened()
        } else {
            0
        };
        let chance = policy::chance(now, word.generation(), core::ptr::from_ref(self).addr());
        let length = policy::break_length(&lengths.breaks, reopens, retry_after, chance);
        let next = Break { length, reopens };
        let proposed =
            self.circuit.propose_break(now.plus(length), next, false, word, &self.seldom);
        proposed.then_some((now, length))
    }

    /// Whether a circuit that opens at `now` out of `word` reopens (R8).
    pub(super) fn reopens(&self, word: Word, now: Instant) -> bool {
        word.state() != State::Closed
            || word.is_ramping()
            || self.circuit.is_unsteady(word, now, &self.seldom)
    }

    pub(super) fn announce(
        &self,
        change: Change,
        cause: Cause,
        at: Instant,
        break_length: Option<u64>,
        tally: Tally,
    ) {
        self.observer.on_transition(&Transition {
            from: change.before.effective_state(),
            to: change.after.effective_state(),
            mode: change.after.mode(),
            cause,
            generation: change.after.generation(),
            at,
            break_duration: break_length.map(Duration::from_nanos),
            tally,
        });
    }
}

/// How many results make a rate count.
fn minimum(limits: &Limits, word: Word) -> u64 {
    let all = limits.minimum;
    u64::from(if word.is_ramping() { all.min(limits.trials.trials) } else { all })
}

/// For the fuzzer alone.
#[cfg(fuzzing)]
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Puts any 64 bits in place of the state word.
    #[doc(hidden)]
    pub fn set_word(&self, bits: u64) {
        let _ = self.circuit.change(|_| Step::To(Word::from_bits(bits)));
    }
}
