//! The circuit's state: one packed word that decides, and the two kinds of time it points to.
//!
//! # Rules
//!
//! - **R1** Every change of state or of mode starts a generation; nothing else does. A change is
//!   one compare-and-swap of the word, and whoever wins it announces it.
//! - **R2** A result whose generation is over decides nothing.
//! - **R3** In one generation of HalfOpen, trials out plus trials settled never exceed the
//!   configured number. A slot is freed by its own trial only, and that once: who settles it ends
//!   its *turn* first, and a ticket whose turn is over is stale.
//! - **R4** What a state needs to know beside the word is *proposed* in a cell that the present
//!   word gives no meaning, before the word that makes it valid is swapped in. Who sees the word
//!   sees the cell; who sees another word reads another cell. A break is noted in another place
//!   than the one before it: its end, how long it is, and how often in a row the circuit has
//!   reopened. Breaks by hand have places of their own, so that who is held up with the one cannot
//!   set the end of the other. The end of a slow start, and the time until which a closed circuit
//!   has to stay closed for the backoff to start over, are proposed in HalfOpen alone. The clock is
//!   read just before the proposal; where several threads race to make the same change, each cell
//!   has what one of them proposed.
//! - **R5** A timeout that is over counts as a failed trial whenever the trials are judged. It
//!   stays out: the trial itself, should it come back, is stale.
//! - **R6** The generation wraps after 2^23 changes. A ticket that was in flight for exactly that
//!   many would be taken for a fresh one. No generation is given out while a window or a streak
//!   still holds results under its number (`breaker::CircuitBreaker::next_generation`).
//! - **R7** The count of reopenings stops at 16,383. The smallest factor that grows at all, 101 %,
//!   takes the shortest break to the longest cap in 2,430.
//! - **R8** A circuit that opens out of HalfOpen or in slow start has reopened, and so has one that
//!   opens before it was closed for as long as its last break was. A break by hand is no reopening,
//!   but counts as a last break; the count goes on after it only where a trip in its place would
//!   have reopened.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | O1 | load of the word | Acquire | O2 | who sees Open or a trial out must see its cell (R4) | `r4_who_sees_the_circuit_open_sees_the_end_of_its_break` |
//! | O2 | swap of the word | AcqRel | O1 | Release publishes the proposed cell | `r4_who_sees_the_circuit_open_sees_the_end_of_its_break` |
//! | | | | | Acquire, so that a swap sees all that the ones before it did, even where the same bits came back in between | not by loom: who swaps has seen the same bits by O1, and reads no cell before its next O1 |
//! | | on failure | Acquire | O2 | a failed swap starts over as O1 does | `o2_who_fails_to_swap_the_word_sees_the_timeout_that_came_between` |
//! | O3 | load of what belongs to a state | Acquire | O5 | who refuses by it looks at the word again: having seen a later era's proposal, it must not see an earlier word | `o3_a_snapshot_has_the_end_of_the_break_that_it_speaks_of` |
//! | O4 | load of a cell to replace it | Acquire | O5 | the word is checked after it: who saw a later era's proposal must not then see an earlier word | `o4_who_was_held_up_cannot_overwrite_the_end_of_a_later_break` |
//! | O5 | swap of a cell | Release | O3, O4 | as they; it reads no value but the one that O4 saw | `o4_who_was_held_up_cannot_overwrite_the_end_of_a_later_break` |
//! | | on failure | Relaxed | – | the proposal starts over | there is nothing weaker |
//! | O6 | load of the end of a timeout | Relaxed | – | ordered behind the word by O1; a newer value means a newer word, and the swap that relies on it fails | there is nothing weaker |
//! | O7 | load and swap of the turns | Relaxed | – | each swap is of the one word that decides which of two who settle the same ticket was first; a trial begins its turn when it has won its slot, behind the swap (O2) that freed it | there is nothing weaker |
//!
//! The models are in `loom-tests`. `.ci/kill-orderings` weakens each row and each check that a row
//! speaks of, and sees its model fail.

mod cells;
mod cold;
mod trial_deadlines;
mod word;

pub(crate) use cells::{Break, Cells};
pub(crate) use cold::ColdState;
pub(crate) use trial_deadlines::TrialDeadlines;
pub(crate) use word::{GENERATION_BITS, MAX_TRIALS, Trials, Word};

use crate::sync::{AtomicU64, Ordering, const_fn};
use crate::time::Instant;

/// What a step of [`Circuit::change`] makes of the word that it is shown.
pub(crate) enum Step {
    /// Swap this in.
    Swap(Word),
    /// Something moved: look again.
    Retry,
    /// Leave it.
    Keep,
}

/// A swap that was won.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) before: Word,
    pub(crate) after: Word,
}

/// The word. The [`Cells`] for the times that belong to its states are needed less often: they are
/// in [`ColdState`].
#[derive(Debug)]
pub(crate) struct Circuit {
    word: AtomicU64,
}

impl Circuit {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(0) }
        }
    }

    /// Begins as `word`, with the end of its break or slow start, the last break, and the end of
    /// its time on probation, before anybody else knows of it.
    pub(crate) fn restore(
        &self,
        word: Word,
        end: Instant,
        last: Break,
        steady: Instant,
        cold: &ColdState,
    ) {
        let store = |cell: &AtomicU64, value| cell.store(value, Ordering::Relaxed);
        if word.has_end() {
            store(Self::end_cell(word, cold), end.as_nanos());
        }
        if word.has_broken() {
            let cells = cold.cells();
            store(cells.note(word.place()), last.bits());
            store(cells.steady(), steady.as_nanos());
        }
        store(&self.word, word.bits());
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
                Step::Keep => return None,
                Step::Retry => before = self.load(),
                Step::Swap(after) => match self.word.compare_exchange(
                    before.bits(),
                    after.bits(),
                    Ordering::AcqRel, // O2
                    Ordering::Acquire,
                ) {
                    Ok(_) => return Some(Change { before, after }),
                    Err(seen) => before = Word::from_bits(seen),
                },
            }
        }
    }

    /// When the break or the slow start is over, for who has just loaded `word` and looks after
    /// this whether it still holds.
    #[inline]
    pub(crate) fn end(&self, word: Word, cold: &ColdState) -> Instant {
        Instant::from_nanos(read(Self::end_cell(word, cold)))
    }

    /// When the break is over, for who has just loaded `word`, which is open, and looks after this
    /// whether it still holds.
    #[inline]
    pub(crate) fn break_end(&self, word: Word, cold: &ColdState) -> Instant {
        Instant::from_nanos(read(cold.cells().end(word.place())))
    }

    /// The present or the last break, for who has just loaded `word` and relies on it only by a
    /// swap of that very word.
    pub(crate) fn last_break(&self, word: Word, cold: &ColdState) -> Break {
        if word.has_broken() {
            Break::from_bits(read(cold.cells().note(word.place())))
        } else {
            Break::default()
        }
    }

    /// Whether a closed circuit that was seen as `word` opens so soon after its last break that it
    /// reopens (R8); to be relied on as [`last_break`](Self::last_break).
    pub(crate) fn is_unsteady(&self, word: Word, now: Instant, cold: &ColdState) -> bool {
        word.has_broken() && now < self.steady(cold)
    }

    /// When a circuit that is closed after a break has been so for as long as that was.
    pub(crate) fn steady(&self, cold: &ColdState) -> Instant {
        Instant::from_nanos(read(cold.cells().steady()))
    }

    /// The word, and when its break or slow start is over if it has one.
    pub(crate) fn load_with_end(&self, cold: &ColdState) -> (Word, Instant) {
        loop {
            let word = self.load();
            if !word.has_end() {
                return (word, Instant::ORIGIN);
            }
            let end = self.end(word, cold);
            // O3-snapshot
            if self.load() == word {
                return (word, end);
            }
        }
    }

    /// Proposes what there is to note of the break that the next word will start.
    #[must_use]
    pub(crate) fn propose_break(
        &self,
        end: Instant,
        next: Break,
        by_hand: bool,
        under: Word,
        cold: &ColdState,
    ) -> bool {
        let place = under.next_place(by_hand);
        let note = (cold.cells().note(place), next.bits());
        self.propose([note, (cold.cells().end(place), end.as_nanos())], under)
    }

    /// Proposes until when the circuit that the next word will close is on probation, and when its
    /// slow start is over if it has one; in HalfOpen.
    #[must_use]
    pub(crate) fn propose_close(
        &self,
        steady: Instant,
        slow_start_end: Option<Instant>,
        under: Word,
        cold: &ColdState,
    ) -> bool {
        let cells = cold.cells();
        let steady = (cells.steady(), steady.as_nanos());
        match slow_start_end {
            None => self.propose([steady], under),
            Some(end) => self.propose([steady, (cells.slow_start_end(), end.as_nanos())], under),
        }
    }

    #[inline]
    fn end_cell(word: Word, cold: &ColdState) -> &AtomicU64 {
        let cells = cold.cells();
        // R4-slow-start
        if word.is_in_slow_start() { cells.slow_start_end() } else { cells.end(word.place()) }
    }

    /// Proposes the end of the timeout of the trial that the next word will have out on `slot`.
    #[must_use]
    pub(crate) fn propose_trial_deadline(
        &self,
        trial_deadlines: &TrialDeadlines,
        slot: u32,
        end: Instant,
        under: Word,
    ) -> bool {
        self.propose([(trial_deadlines.cell(slot), end.as_nanos())], under)
    }

    /// Puts each value into its cell if the word is still `under`, where the cells have no meaning
    /// yet (R4).
    ///
    /// The swap fails if another proposal came between. So a thread that is held up here cannot
    /// overwrite the value of a later era, only that of the change which it raced to make.
    fn propose<const N: usize>(&self, all: [(&AtomicU64, u64); N], under: Word) -> bool {
        let old = all.map(|(cell, _)| cell.load(Ordering::Acquire)); // O4
        self.load() == under // O4-check
            && all.into_iter().zip(old).all(|((cell, value), old)| {
                cell.compare_exchange(old, value, Ordering::Release, Ordering::Relaxed) // O5
                    .is_ok()
            })
    }
}

/// What a cell holds, for who has just loaded the word.
#[inline]
fn read(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Acquire) // O3
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_a_break_comes_back_rounded_up_to_64_ns() {
        const YEAR_AND_A_HALF: u64 = 365 * 24 * 60 * 60 * 1_000_000_000 / 2 * 3;
        for length in [0, 1, 64, 65, 1_000_000, 30_000_000_000, YEAR_AND_A_HALF, u64::MAX / 2] {
            for reopens in [0, 1, 2_430, Break::MOST_REOPENS] {
                let back = Break::from_bits(Break { length, reopens }.bits());
                assert_eq!(back.reopens, reopens);
                if length <= YEAR_AND_A_HALF {
                    assert_eq!(back.length, length.next_multiple_of(64));
                } else {
                    assert!(back.length > YEAR_AND_A_HALF);
                }
            }
        }
    }

    #[test]
    fn the_count_of_reopenings_stops_at_its_end() {
        let most = Break { length: 0, reopens: Break::MOST_REOPENS };
        assert_eq!(most.reopened(), Break::MOST_REOPENS);
        assert_eq!(Break::from_bits(Break { length: 9, reopens: u32::MAX }.bits()).reopens, 16_383);
        assert_eq!(Break::default().reopened(), 1);
    }
}
