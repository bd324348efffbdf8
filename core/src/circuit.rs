//! The circuit's state: one packed word that decides, and the two kinds of time it points to.
//!
//! # Rules
//!
//! - **R1** Every change of state or of mode starts a generation; nothing else does. A change is
//!   one compare-and-swap of the word, and whoever wins it announces it.
//! - **R2** A result whose generation is over decides nothing.
//! - **R3** In one generation of HalfOpen, trials out plus trials settled never exceed the
//!   configured number. A slot is freed by its own trial only, and that once: who settles it ends its
//!   *turn* first, and a ticket whose turn is over is stale.
//! - **R4** The end of a break, of a ramp, and of a trial's lease, is *proposed* in a cell that the present
//!   word gives no meaning, before the word that makes it valid is swapped in. Who sees the word sees the
//!   time; who sees another word reads another cell. A break that follows a break or a ramp therefore has
//!   its end in the other of two cells, and a bit of the word says in which. The clock is read just
//!   before the proposal; where several threads race to make the same change, the time is one of
//!   theirs.
//! - **R5** A lease that is over counts as a failed trial whenever the trials are judged. It stays
//!   out: the trial itself, should it come back, is stale.
//! - **R6** The generation wraps after 2^23 changes. A ticket that was in flight for exactly that
//!   many would be taken for a fresh one. No generation is given out while a window or a streak
//!   still holds results under its number (`breaker::CircuitBreaker::next_generation`).
//! - **R7** `reopens` stops at 63.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | O1 | load of the word | Acquire | O2 | who sees Open or a trial out must see its cell (R4) | `r4_who_sees_the_circuit_open_sees_the_end_of_its_break` |
//! | O2 | swap of the word | AcqRel | O1 | Release publishes the proposed cell | `r4_who_sees_the_circuit_open_sees_the_end_of_its_break` |
//! | | | | | Acquire, so that a swap sees all that the ones before it did, even where the same bits came back in between | not by loom: who swaps has seen the same bits by O1, and reads no cell before its next O1 |
//! | | on failure | Acquire | O2 | a failed swap starts over as O1 does | `o2_who_fails_to_swap_the_word_sees_the_lease_that_came_between` |
//! | O3 | load of the end of a break or ramp | Acquire | O5 | who refuses by it looks at the word again: having seen a later era's proposal, it must not see an earlier word | `o3_the_end_of_a_ramp_is_never_taken_for_the_end_of_a_break` |
//! | O4 | load of a cell to replace it | Acquire | O5 | the word is checked after it: who saw a later era's proposal must not then see an earlier word | `o4_who_was_held_up_cannot_overwrite_the_end_of_a_later_break` |
//! | O5 | swap of a cell | Release | O3, O4 | as they; it reads no value but the one that O4 saw | `o4_who_was_held_up_cannot_overwrite_the_end_of_a_later_break` |
//! | | on failure | Relaxed | – | the proposal starts over | there is nothing weaker |
//! | O6 | load of the end of a lease | Relaxed | – | ordered behind the word by O1; a newer value means a newer word, and the swap that relies on it fails | there is nothing weaker |
//! | O7 | load and swap of the turns | Relaxed | – | each swap is of the one word that decides which of two who settle the same ticket was first; a trial begins its turn when it has won its slot, behind the swap (O2) that freed it | there is nothing weaker |
//!
//! The models are in `loom-tests`. `.ci/kill-orderings` weakens each row and each check that a row
//! speaks of, and sees its model fail.

mod word;

pub(crate) use word::{MAX_TRIALS, Trials, Word};

use crate::seldom::Seldom;
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::time::Instant;

/// What a step of [`Circuit::change`] makes of the word that it is shown.
pub(crate) enum Step {
    /// Swap this in.
    To(Word),
    /// Something moved: look again.
    Again,
    /// Leave it.
    Leave,
}

/// A swap that was won.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) before: Word,
    pub(crate) after: Word,
}

/// The word, and the cells for the times that belong to its states.
#[derive(Debug)]
pub(crate) struct Circuit {
    word: AtomicU64,
    /// The first cell for the end of a break or of a ramp. The second is needed less often: it is in
    /// [`Seldom`].
    first_end: AtomicU64,
}

/// The second cell for the end of a break or of a ramp.
#[derive(Debug)]
pub(crate) struct SecondEnd(AtomicU64);

impl SecondEnd {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }
}

/// While the circuit is HalfOpen, for each trial that is out: when its lease is over.
#[derive(Debug)]
pub(crate) struct Leases {
    ends: [AtomicU64; MAX_TRIALS as usize],
    /// For each slot four bits, which change when a trial gets the slot and when its ticket is settled: so
    /// the copy of a ticket that was settled is not taken for that of the next trial there.
    turns: AtomicU64,
}

const TURN_BITS: u32 = u64::BITS / MAX_TRIALS;
const LAST_TURN: u64 = (1 << TURN_BITS) - 1;

impl Leases {
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

    /// When the lease of the trial on `slot` is over, for who has just loaded a word that has it
    /// out.
    pub(crate) fn end(&self, slot: u32) -> Instant {
        Instant::from_nanos(self.cell(slot).load(Ordering::Relaxed)) // O6
    }

    /// How many of the trials that are out have a lease that is over (R5).
    pub(crate) fn lapsed(&self, word: Word, now: Instant) -> u32 {
        let mut lapsed = 0;
        for slot in 0..MAX_TRIALS {
            if word.is_trial_out(slot) && self.end(slot) <= now {
                lapsed += 1;
            }
        }
        lapsed
    }

    /// A slot is below [`MAX_TRIALS`]; to say so spares firmware the code of a panic.
    const fn cell(&self, slot: u32) -> &AtomicU64 {
        &self.ends[(slot % MAX_TRIALS) as usize]
    }
}

impl Circuit {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(0), first_end: AtomicU64::new(0) }
        }
    }

    /// Begins as `word`, with the end of its break or ramp, before anybody else knows of it.
    pub(crate) fn restore(&self, word: Word, end: Instant) {
        self.first_end.store(end.as_nanos(), Ordering::Relaxed);
        self.word.store(word.bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn load(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire)) // O1
    }

    /// Steps the word until a swap is won or the step leaves it: the only loop of its kind.
    pub(crate) fn change(&self, mut step: impl FnMut(Word) -> Step) -> Option<Change> {
        let mut before = self.load();
        loop {
            match step(before) {
                Step::Leave => return None,
                Step::Again => before = self.load(),
                Step::To(after) => match self.word.compare_exchange(
                    before.bits(),
                    after.bits(),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    // O2
                    Ok(_) => return Some(Change { before, after }),
                    Err(seen) => before = Word::from_bits(seen),
                },
            }
        }
    }

    /// When the break or the ramp is over, for who has just loaded `word` and looks after this whether it
    /// still holds.
    #[inline]
    pub(crate) fn end(&self, word: Word, seldom: &Seldom) -> Instant {
        let cell = self.end_cell(word.has_second_end(), seldom);
        Instant::from_nanos(cell.load(Ordering::Acquire)) // O3
    }

    /// The word, and when its break or ramp is over if it has one.
    pub(crate) fn load_with_end(&self, seldom: &Seldom) -> (Word, Instant) {
        loop {
            let word = self.load();
            if !word.has_end() {
                return (word, Instant::ORIGIN);
            }
            let end = self.end(word, seldom);
            if self.load() == word {
                return (word, end);
            }
        }
    }

    /// Proposes the end of the break or of the ramp that the next word will start.
    #[must_use]
    pub(crate) fn propose_end(&self, end: Instant, under: Word, seldom: &Seldom) -> bool {
        self.propose(self.end_cell(under.leaves_second_end(), seldom), end, under)
    }

    #[inline]
    fn end_cell<'a>(&'a self, is_second: bool, seldom: &'a Seldom) -> &'a AtomicU64 {
        if is_second { &seldom.second_end().0 } else { &self.first_end }
    }

    /// Proposes the end of the lease of the trial that the next word will have out on `slot`.
    #[must_use]
    pub(crate) fn propose_lease_end(
        &self,
        leases: &Leases,
        slot: u32,
        end: Instant,
        under: Word,
    ) -> bool {
        self.propose(leases.cell(slot), end, under)
    }

    /// Puts `time` into `cell` if the word is still `under`, where the cell has no meaning yet (R4).
    ///
    /// The swap fails if another proposal came between. So a thread that is held up here cannot
    /// overwrite the time of a later era, only that of the change which it raced to make.
    fn propose(&self, cell: &AtomicU64, time: Instant, under: Word) -> bool {
        let old = cell.load(Ordering::Acquire); // O4
        self.load() == under
            && cell
                .compare_exchange(old, time.as_nanos(), Ordering::Release, Ordering::Relaxed) // O5
                .is_ok()
    }
}
