//! The fourth step of a call's end: the circuit opens. And the other changes that are not a
//! trial's.

use core::time::Duration;

use super::CircuitBreaker;
use super::evaluate::Trip;
use crate::break_length::{self, break_length};
use crate::circuit::{Break, Change, Step, Word};
use crate::observe::Observer;
use crate::state::{Mode, State};
use crate::time::{Clock, Instant};

/// What a trip has changed. If the generation is that of before, a circuit that is forced closed
/// has noted that it would have opened.
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
                return Step::Keep;
            }
            match (word.mode(), word.state()) {
                (Mode::ForcedClosed, _) if word.would_trip_is_told() => Step::Keep,
                (Mode::ForcedClosed, _) => {
                    Step::Swap(word.with_would_trip_told().with_reevaluates(false))
                }
                (Mode::Auto | Mode::Shadow, State::Closed) => {
                    match self.next_break(word, trip.retry_after) {
                        None => Step::Retry,
                        Some((now, long)) => {
                            (at, length) = (now, long);
                            Step::Swap(word.open(self.next_generation(word), false))
                        }
                    }
                }
                _ => Step::Keep,
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
        let (lengths, plan) = self.settings.lengths(&self.cold);
        let now = self.read_clock(plan); // R4
        let reopens = if self.reopens(word, now) {
            self.circuit.last_break(word, &self.cold).reopened()
        } else {
            0
        };
        let chance = break_length::chance(now, word.generation(), core::ptr::from_ref(self).addr());
        let length = break_length(&lengths.breaks, reopens, retry_after, chance);
        let next = Break { length, reopens };
        let proposed = self.circuit.propose_break(now.plus(length), next, false, word, &self.cold);
        proposed.then_some((now, length))
    }

    /// Whether a circuit that opens at `now` out of `word` reopens (R8).
    pub(super) fn reopens(&self, word: Word, now: Instant) -> bool {
        word.state() != State::Closed
            || word.is_in_slow_start()
            || self.circuit.is_unsteady(word, now, &self.cold)
    }
}

/// For the fuzzer alone.
#[cfg(fuzzing)]
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Puts any 64 bits in place of the state word.
    #[doc(hidden)]
    pub fn set_word(&self, bits: u64) {
        let _ = self.circuit.change(|_| Step::Swap(Word::from_bits(bits)));
    }
}
