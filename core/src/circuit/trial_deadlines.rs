//! The trials that are out: when each has taken too long, and whose turn a slot has.

use super::word::{MAX_TRIALS, Word};
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::time::Instant;

/// While the circuit is HalfOpen, for each trial that is out: when its timeout is over.
#[derive(Debug)]
pub(crate) struct TrialDeadlines {
    ends: [AtomicU64; MAX_TRIALS as usize],
    /// For each slot four bits, which change when a trial gets the slot and when its ticket is
    /// settled: so the copy of a ticket that was settled is not taken for that of the next trial
    /// there.
    turns: AtomicU64,
}

const TURN_BITS: u32 = u64::BITS / MAX_TRIALS;
const LAST_TURN: u64 = (1 << TURN_BITS) - 1;

impl TrialDeadlines {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { ends: zeroes(), turns: AtomicU64::new(0) }
        }
    }

    /// The turn of the trial that has just got `slot`.
    pub(crate) fn begin_turn(&self, slot: u32) -> u32 {
        loop {
            let turn = Self::turn(self.turns.load(Ordering::Relaxed), slot);
            if let Some(next) = self.end_turn(slot, turn) {
                return next;
            }
        }
    }

    /// Ends `turn` and says which is the next; `None` if it was over.
    #[allow(clippy::cast_possible_truncation)] // four bits
    pub(crate) fn end_turn(&self, slot: u32, turn: u32) -> Option<u32> {
        let mut turns = self.turns.load(Ordering::Relaxed); // O7
        let at = TURN_BITS * (slot % MAX_TRIALS);
        while Self::turn(turns, slot) == turn {
            let next = (u64::from(turn) + 1) & LAST_TURN;
            let changed = (turns & !(LAST_TURN << at)) | (next << at);
            match self.turns.compare_exchange(turns, changed, Ordering::Relaxed, Ordering::Relaxed)
            {
                // O7
                Ok(_) => return Some(next as u32),
                Err(seen) => turns = seen,
            }
        }
        None
    }

    #[allow(clippy::cast_possible_truncation)] // four bits
    const fn turn(turns: u64, slot: u32) -> u32 {
        ((turns >> (TURN_BITS * (slot % MAX_TRIALS))) & LAST_TURN) as u32
    }

    /// When the timeout of the trial on `slot` is over, for who has just loaded a word that has it
    /// out.
    pub(crate) fn end(&self, slot: u32) -> Instant {
        Instant::from_nanos(self.cell(slot).load(Ordering::Relaxed)) // O6
    }

    /// How many of the trials that are out have a timeout that is over (R5).
    pub(crate) fn expired(&self, word: Word, now: Instant) -> u32 {
        let mut expired = 0;
        for slot in 0..MAX_TRIALS {
            if word.is_trial_out(slot) && self.end(slot) <= now {
                expired += 1;
            }
        }
        expired
    }

    /// A slot is below [`MAX_TRIALS`]; to say so spares firmware the code of a panic.
    pub(super) const fn cell(&self, slot: u32) -> &AtomicU64 {
        &self.ends[(slot % MAX_TRIALS) as usize]
    }
}
