//! The circuit's state: one packed word that decides, and the two kinds of time it points to.
//!
//! # The word
//!
//! ```text
//!  63        41 40 37 36 33 32 29 28        13 12      7  6    5   4  2 1   0
//! +------------+-----+-----+-----+------------+---------+----+-----+----+-----+
//! | generation |slow |fail |succ | trials out | reopens |told|armed|mode|state|
//! |     23     |  4  |  4  |  4  |  16 (map)  |    6    | 1  |  1  | 3  |  2  |
//! +------------+-----+-----+-----+------------+---------+----+-----+----+-----+
//! ```
//!
//! The state is Closed, Open, HalfOpen, or Closed on the ramp. `succ`, `fail` and `slow` count settled trials, `trials out` has a bit for each trial in
//! flight; all four are zero outside HalfOpen. `reopens` counts how often in a row the circuit
//! reopened. Closed under `Auto` is all zeroes in the lowest five bits, so admission there is one
//! load and one mask.
//!
//! # Rules
//!
//! - **R1** Every change of state or of mode starts a generation; nothing else does. A change is
//!   one compare-and-swap of the word, and whoever wins it announces it.
//! - **R2** A result whose generation is over decides nothing.
//! - **R3** In one generation of HalfOpen, trials out plus trials settled never exceed the
//!   configured number. A slot is freed by its own trial only.
//! - **R4** The end of a break, of a ramp, and of a trial's lease, is *proposed* in its own cell before the
//!   word that makes it valid is swapped in. Who sees the word sees the time. The clock is read just
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
//!
//! The models are in `loom-tests`. `.ci/kill-orderings` weakens each row and each check that a row
//! speaks of, and sees its model fail.

use crate::field::Field;
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::time::Instant;

/// What a circuit does with calls.
///
/// ```text
///            the trip condition holds
///   Closed ----------------------------> Open <---+
///     ^                                   |       |
///     |                  the break is over|       | a trial fails,
///     |                                   v       | or its lease ends
///     +-------------------------------- HalfOpen -+
///            enough trials succeed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Calls flow and their results are counted. For a while after HalfOpen only a share of them
    /// flows, if [`Config::recovery`](crate::Config::recovery) is set.
    ///
    /// Ends when the trip condition holds: then [`Open`](Self::Open).
    Closed,
    /// Calls are refused without running.
    ///
    /// Ends with the first call at or after the end of the break: that call is a trial, and the
    /// state is [`HalfOpen`](Self::HalfOpen). No timer runs; without calls it stays Open.
    Open,
    /// A few calls, the trials, run and decide; the others are refused.
    ///
    /// Ends in [`Closed`](Self::Closed) when the trials went well, else in [`Open`](Self::Open). A
    /// trial that does not come back is given up when its lease ends, so this state always ends.
    HalfOpen,
}

/// Who decides: the circuit itself, or an operator.
///
/// The mode is a second axis. It leaves the state underneath as it is, and
/// [`release`](crate::CircuitBreaker::release) goes back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// The state decides.
    Auto,
    /// Every call is refused.
    ForcedOpen,
    /// Every call flows and is counted. Nothing trips, but the observer hears when it would have.
    ForcedClosed,
    /// Every call flows; results decide nothing and are counted as ignored.
    Disabled,
    /// States change and are announced as under `Auto`, but nobody is refused: what would have
    /// been refused is counted as such, and flows.
    Shadow,
}

pub(crate) const MODES: [Mode; 5] =
    [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow];

/// As many trials as the word has bits for.
pub(crate) const MAX_TRIALS: u32 = TRIALS_OUT.bits;

const STATE: Field = Field::lowest(2);
const MODE: Field = Field::above(STATE, 3);
const ARMED: Field = Field::above(MODE, 1);
const TOLD: Field = Field::above(ARMED, 1);
const REOPENS: Field = Field::above(TOLD, 6);
const TRIALS_OUT: Field = Field::above(REOPENS, 16);
const SUCCEEDED: Field = Field::above(TRIALS_OUT, 4);
const FAILED: Field = Field::above(SUCCEEDED, 4);
const SLOW: Field = Field::above(FAILED, 4);
const GENERATION: Field = Field::above(SLOW, 23);
const _: () = assert!(GENERATION.end() == u64::BITS);

/// The values of `STATE`. The mask of a plain admission relies on Closed being zero.
const CLOSED: u32 = 0;
const OPEN: u32 = 1;
const HALF_OPEN: u32 = 2;
const RAMPING: u32 = 3;

/// Settled trials of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trials {
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
}

/// A value of the word, with names for its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    /// Whether calls flow and are counted without another look: Closed under `Auto`.
    #[inline]
    pub(crate) const fn is_plainly_closed(self) -> bool {
        self.0 & (STATE.mask() | MODE.mask()) == 0
    }

    pub(crate) const fn state(self) -> State {
        match STATE.get(self.0) {
            CLOSED | RAMPING => State::Closed,
            OPEN => State::Open,
            _ => State::HalfOpen,
        }
    }

    /// Whether it is Closed and admits only a share of the calls.
    pub(crate) const fn is_ramping(self) -> bool {
        STATE.get(self.0) == RAMPING
    }

    pub(crate) const fn mode(self) -> Mode {
        let mode = MODE.get(self.0) as usize;
        MODES[if mode < MODES.len() { mode } else { 0 }]
    }

    /// The state as calls meet it: a forced mode hides the one underneath.
    pub(crate) const fn effective_state(self) -> State {
        match self.mode() {
            Mode::Auto | Mode::Shadow => self.state(),
            Mode::ForcedOpen => State::Open,
            Mode::ForcedClosed | Mode::Disabled => State::Closed,
        }
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        GENERATION.get(self.0)
    }

    /// The generation after this one.
    #[allow(clippy::cast_possible_truncation)] // a field's maximum fits its type
    pub(crate) const fn generation_after(generation: u32) -> u32 {
        generation.wrapping_add(1) & GENERATION.max() as u32
    }

    #[inline]
    pub(crate) const fn is_armed(self) -> bool {
        ARMED.get(self.0) != 0
    }

    pub(crate) const fn was_told(self) -> bool {
        TOLD.get(self.0) != 0
    }

    pub(crate) const fn reopens(self) -> u32 {
        REOPENS.get(self.0)
    }

    pub(crate) const fn trials(self) -> Trials {
        Trials {
            succeeded: SUCCEEDED.get(self.0),
            failed: FAILED.get(self.0),
            slow: SLOW.get(self.0),
        }
    }

    pub(crate) const fn trials_out(self) -> u32 {
        TRIALS_OUT.get(self.0).count_ones()
    }

    pub(crate) const fn is_trial_out(self, slot: u32) -> bool {
        (TRIALS_OUT.get(self.0) >> slot) & 1 != 0
    }

    /// The lowest slot that no trial is out on; there is one while fewer than [`MAX_TRIALS`] are.
    pub(crate) const fn free_slot(self) -> u32 {
        TRIALS_OUT.get(self.0).trailing_ones()
    }

    #[cfg(fuzzing)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    // Transitions: each starts a generation and forgets what belonged to the last one (R1).

    #[must_use]
    pub(crate) const fn closed(self, generation: u32) -> Self {
        Self(REOPENS.set(STATE.set(self.era(generation), CLOSED), 0))
    }

    /// Closed for a share of the calls; to open out of this is to reopen.
    #[must_use]
    pub(crate) const fn ramping(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), RAMPING))
    }

    /// Open: for the first time out of Closed, once more out of HalfOpen.
    #[must_use]
    pub(crate) const fn open(self, generation: u32) -> Self {
        Self(REOPENS.set(STATE.set(self.era(generation), OPEN), self.reopens_if_opened()))
    }

    /// Open by hand: that is no reopening.
    #[must_use]
    pub(crate) const fn opened(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), OPEN))
    }

    #[must_use]
    pub(crate) const fn half_open(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), HALF_OPEN))
    }

    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // at most four
    pub(crate) const fn with_mode(self, mode: Mode, generation: u32) -> Self {
        Self(MODE.set(self.era(generation), mode as u32))
    }

    #[allow(clippy::cast_possible_truncation)] // a field's maximum fits its type
    pub(crate) const fn reopens_if_opened(self) -> u32 {
        match STATE.get(self.0) {
            CLOSED => 0,
            _ if self.reopens() == REOPENS.max() as u32 => self.reopens(), // R7
            _ => self.reopens() + 1,
        }
    }

    const fn era(self, generation: u32) -> u64 {
        const KEPT: u64 = STATE.mask() | MODE.mask() | REOPENS.mask();
        GENERATION.set(self.0 & KEPT, generation)
    }

    /// As [`open`](Self::open), or Closed and ramping, after so many reopenings in a row.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // a field's maximum fits its type
    pub(crate) const fn restored(state: State, ramping: bool, mode: Mode, reopens: u32) -> Self {
        let word = Self(0).with_mode(mode, 0);
        let state = match state {
            State::Closed if ramping => RAMPING,
            State::Closed => CLOSED,
            State::Open | State::HalfOpen => OPEN,
        };
        let most = REOPENS.max() as u32;
        let reopens = if state == CLOSED {
            0
        } else if reopens < most {
            reopens
        } else {
            most
        };
        Self(REOPENS.set(STATE.set(word.0, state), reopens))
    }

    // Changes within a generation.

    #[must_use]
    pub(crate) const fn with_armed(self, armed: bool) -> Self {
        Self(ARMED.set(self.0, armed as u32))
    }

    #[must_use]
    pub(crate) const fn with_told(self) -> Self {
        Self(TOLD.set(self.0, 1))
    }

    #[must_use]
    pub(crate) const fn with_trial_out(self, slot: u32) -> Self {
        Self(TRIALS_OUT.set(self.0, TRIALS_OUT.get(self.0) | (1 << slot)))
    }

    /// Frees the slot, and takes over what the trials then amount to.
    #[must_use]
    pub(crate) const fn with_trial_back(self, slot: u32, trials: Trials) -> Self {
        let word = TRIALS_OUT.set(self.0, TRIALS_OUT.get(self.0) & !(1 << slot));
        let word = SUCCEEDED.set(word, trials.succeeded);
        let word = FAILED.set(word, trials.failed);
        Self(SLOW.set(word, trials.slow))
    }
}

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
    /// While Open: when the break is over. While ramping: when the ramp is.
    until: AtomicU64,
}

/// While the circuit is HalfOpen, for each trial that is out: when its lease is over.
#[derive(Debug)]
pub(crate) struct Leases([AtomicU64; MAX_TRIALS as usize]);

impl Leases {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self(zeroes())
        }
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
        &self.0[(slot % MAX_TRIALS) as usize]
    }
}

impl Circuit {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(0), until: AtomicU64::new(0) }
        }
    }

    /// Begins as `word`, with the end of its break or ramp, before anybody else knows of it.
    pub(crate) fn restore(&self, word: Word, until: Instant) {
        self.until.store(until.as_nanos(), Ordering::Relaxed);
        self.word.store(word.0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn load(&self) -> Word {
        Word(self.word.load(Ordering::Acquire)) // O1
    }

    /// Steps the word until a swap is won or the step leaves it: the only loop of its kind.
    pub(crate) fn change(&self, mut step: impl FnMut(Word) -> Step) -> Option<Change> {
        let mut before = self.load();
        loop {
            match step(before) {
                Step::Leave => return None,
                Step::Again => before = self.load(),
                Step::To(after) => match self.word.compare_exchange(
                    before.0,
                    after.0,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    // O2
                    Ok(_) => return Some(Change { before, after }),
                    Err(seen) => before = Word(seen),
                },
            }
        }
    }

    /// When the break or the ramp is over, for who has just loaded an Open or a ramping word.
    #[inline]
    pub(crate) fn until(&self) -> Instant {
        Instant::from_nanos(self.until.load(Ordering::Acquire)) // O3
    }

    /// Proposes the end of the break or of the ramp that the next word will start.
    #[must_use]
    pub(crate) fn propose_until(&self, end: Instant, under: Word) -> bool {
        self.propose(&self.until, end, under)
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const FIELDS: [Field; 10] =
        [STATE, MODE, ARMED, TOLD, REOPENS, TRIALS_OUT, SUCCEEDED, FAILED, SLOW, GENERATION];

    #[test]
    fn the_fields_fill_the_word_and_do_not_overlap() {
        let mut seen = 0;
        for field in FIELDS {
            assert_eq!(seen & field.mask(), 0);
            seen |= field.mask();
        }
        assert_eq!(seen, u64::MAX);
    }

    #[test]
    fn a_field_gives_back_what_was_put_in_and_leaves_the_others_alone() {
        for field in FIELDS {
            let most = u32::try_from(field.max()).unwrap();
            for value in [0, 1, most / 2, most] {
                for around in [0, u64::MAX] {
                    let word = field.set(around, value);
                    assert_eq!(field.get(word), value);
                    assert_eq!(word & !field.mask(), around & !field.mask());
                }
            }
        }
    }

    #[test]
    fn a_new_generation_forgets_trials_and_flags_and_keeps_mode_and_reopens() {
        let full = Word(u64::MAX).with_mode(Mode::Shadow, 7);
        let next = full.half_open(8);
        assert_eq!(
            (next.generation(), next.mode(), next.state()),
            (8, Mode::Shadow, State::HalfOpen)
        );
        assert_eq!((next.trials(), next.trials_out()), (Trials::default(), 0));
        assert!(!next.is_armed() && !next.was_told());
        assert_eq!(next.reopens(), 63);
    }

    #[test]
    fn reopens_count_out_of_half_open_only_and_stop_at_their_end() {
        let tripped = Word(0).open(1);
        assert_eq!(tripped.reopens(), 0);
        let mut word = tripped;
        for n in 1..200 {
            word = word.half_open(n).open(n);
            assert_eq!(word.reopens(), n.min(63));
        }
        assert_eq!(word.half_open(1).closed(2).reopens(), 0);
    }

    #[test]
    fn the_generation_wraps_to_zero() {
        assert_eq!(Word::generation_after((1 << 23) - 1), 0);
    }

    #[test]
    fn any_bits_read_as_some_state_and_mode() {
        for bits in (0..1 << 7).chain([u64::MAX]) {
            let word = Word(bits);
            let _ = (word.state(), word.mode(), word.effective_state(), word.free_slot());
        }
    }
}
