//! The fourth step of a call's end: the circuit opens. And the other changes that are not a trial's.

use core::time::Duration;

use super::CircuitBreaker;
use super::evaluate::Trip;
use crate::break_length::{self, break_length};
use crate::circuit::{Break, Change, Step, Word};
use crate::observe::Observer;
use crate::state::{Mode, State};
use crate::time::{Clock, Instant};

/// What a trip has changed. If the generation is that of before, a circuit that is forced closed has noted
/// that it would have opened.
pub(super) struct Opened {
    pub(super) change: Change,
    pub(super) at: Instant,
    /// How long the break is, in nanoseconds.
    pub(super) length: u64,
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Opens the circuit, if it still may.
    #[cold]
    pub(super) fn trip(&self, trip: &Trip) -> Option<Opened> {
        let (mut at, mut length) = (trip.now, 0);
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
                        Some((now, long)) => {
                            (at, length) = (now, long);
                            Step::To(word.open(self.next_generation(word), false))
                        }
                    }
                }
                _ => Step::Leave,
            }
        });
        change.map(|change| Opened { change, at, length })
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
    pub(super) fn next_break(
        &self,
        word: Word,
        retry_after: Option<Duration>,
    ) -> Option<(Instant, u64)> {
        let (lengths, plan) = self.settings.lengths(&self.seldom);
        let now = self.read_clock(plan); // R4
        let reopens = if self.reopens(word, now) {
            self.circuit.last_break(word, &self.seldom).reopened()
        } else {
            0
        };
        let chance = break_length::chance(now, word.generation(), core::ptr::from_ref(self).addr());
        let length = break_length(&lengths.breaks, reopens, retry_after, chance);
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
}

/// For the fuzzer alone.
#[cfg(fuzzing)]
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Puts any 64 bits in place of the state word.
    #[doc(hidden)]
    pub fn set_word(&self, bits: u64) {
        let _ = self.circuit.change(|_| Step::To(Word::from_bits(bits)));
    }
}
