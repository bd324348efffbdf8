//! The word that decides, with names for its parts.
//!
//! ```text
//!  63        41 40 37 36 33 32 29 28        13 12  10   9   8   7   6    5   4  2 1   0
//! +------------+-----+-----+-----+------------+------+-----+-----+----+-----+----+-----+
//! | generation |slow |fail |succ | trials out |unused|broke|place|told|armed|mode|state|
//! |     23     |  4  |  4  |  4  |  16 (map)  |  3   |  1  |  2  | 1  |  1  | 3  |  2  |
//! +------------+-----+-----+-----+------------+------+-----+-----+----+-----+----+-----+
//! ```
//!
//! The state is Closed, Open, HalfOpen, or Closed in slow start. `succ`, `fail` and `slow` count
//! settled trials, `trials out` has a bit for each trial in flight; all four are zero outside
//! HalfOpen. `place` says where the present or last break is noted, `broke` whether there was one
//! since the circuit was new or reset. Closed under `Auto` is all zeroes in the lowest five bits,
//! so admission there is one load and one mask.

use crate::field::Field;
use crate::state::{MODES, Mode, State};

/// As many trials as the word has bits for.
pub(crate) const MAX_TRIALS: u32 = TRIALS_OUT.bits;

const STATE: Field = Field::lowest(2);
const MODE: Field = Field::above(STATE, 3);
const ARMED: Field = Field::above(MODE, 1);
const TOLD: Field = Field::above(ARMED, 1);
const PLACE: Field = Field::above(TOLD, 2);
const BROKE: Field = Field::above(PLACE, 1);
const UNUSED: Field = Field::above(BROKE, 3);
const TRIALS_OUT: Field = Field::above(UNUSED, 16);
const SUCCEEDED: Field = Field::above(TRIALS_OUT, 4);
const FAILED: Field = Field::above(SUCCEEDED, 4);
const SLOW: Field = Field::above(FAILED, 4);
pub(crate) const GENERATION_BITS: u32 = 23;
const GENERATION: Field = Field::above(SLOW, GENERATION_BITS);
const _: () = assert!(GENERATION.end() == u64::BITS);

/// The values of `STATE`. The mask of a plain admission relies on Closed being zero.
const CLOSED: u32 = 0;
const OPEN: u32 = 1;
const HALF_OPEN: u32 = 2;
const SLOW_START: u32 = 3;

/// So many places there are to note a break in: two for breaks that results begin, and two for
/// those by hand, each for a break while the other has a meaning (R4).
pub(crate) const PLACES: usize = 4;
const FIRST_BY_HAND: u32 = 2;

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
            CLOSED | SLOW_START => State::Closed,
            OPEN => State::Open,
            _ => State::HalfOpen,
        }
    }

    /// Whether it is Closed and admits only a share of the calls.
    pub(crate) const fn is_in_slow_start(self) -> bool {
        STATE.get(self.0) == SLOW_START
    }

    /// Whether it lasts until a given time: a break or a slow start.
    pub(crate) const fn has_end(self) -> bool {
        matches!(STATE.get(self.0), OPEN | SLOW_START)
    }

    /// Where the present break, or else the last one, is noted.
    pub(super) const fn place(self) -> u32 {
        PLACE.get(self.0)
    }

    /// Where a break is noted that begins now: not where the present one is.
    pub(super) const fn next_place(self, by_hand: bool) -> u32 {
        let first = if by_hand { FIRST_BY_HAND } else { 0 }; // R4-by-hand
        if self.place() == first { first + 1 } else { first } // R4-place
    }

    /// Whether there was a break since the circuit was new or reset.
    pub(crate) const fn has_broken(self) -> bool {
        BROKE.get(self.0) != 0
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
    pub(crate) const fn reevaluates(self) -> bool {
        ARMED.get(self.0) != 0
    }

    pub(crate) const fn would_trip_is_told(self) -> bool {
        TOLD.get(self.0) != 0
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

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    // Transitions: each starts a generation and forgets what belonged to the last one (R1).

    /// Closed after a break or a slow start.
    #[must_use]
    pub(crate) const fn closed(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), CLOSED))
    }

    /// Closed as if there had been no break.
    #[must_use]
    pub(crate) const fn as_new(self, generation: u32) -> Self {
        Self(BROKE.set(self.closed(generation).0, 0))
    }

    /// Closed for a share of the calls; to open out of this is to reopen.
    #[must_use]
    pub(crate) const fn slow_start(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), SLOW_START))
    }

    /// Open, with a break that is noted in [`next_place`](Self::next_place).
    #[must_use]
    pub(crate) const fn open(self, generation: u32, by_hand: bool) -> Self {
        let word = STATE.set(self.era(generation), OPEN);
        Self(BROKE.set(PLACE.set(word, self.next_place(by_hand)), 1))
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

    const fn era(self, generation: u32) -> u64 {
        const KEPT: u64 = STATE.mask() | MODE.mask() | PLACE.mask() | BROKE.mask();
        GENERATION.set(self.0 & KEPT, generation)
    }

    /// Open, or Closed and perhaps in slow start, in the first place.
    #[must_use]
    pub(crate) const fn from_saved(
        state: State,
        in_slow_start: bool,
        mode: Mode,
        broke: bool,
    ) -> Self {
        let word = Self(0).with_mode(mode, 0);
        let state = match state {
            State::Closed if in_slow_start => SLOW_START,
            State::Closed => CLOSED,
            State::Open | State::HalfOpen => OPEN,
        };
        Self(BROKE.set(STATE.set(word.0, state), broke as u32))
    }

    // Changes within a generation.

    #[must_use]
    pub(crate) const fn with_reevaluates(self, armed: bool) -> Self {
        Self(ARMED.set(self.0, armed as u32))
    }

    #[must_use]
    pub(crate) const fn with_would_trip_told(self) -> Self {
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const FIELDS: [Field; 12] = [
        STATE, MODE, ARMED, TOLD, PLACE, BROKE, UNUSED, TRIALS_OUT, SUCCEEDED, FAILED, SLOW,
        GENERATION,
    ];

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
    fn a_new_generation_forgets_trials_and_flags_and_keeps_mode_and_what_is_known_of_the_break() {
        let full = Word(u64::MAX).with_mode(Mode::Shadow, 7);
        let next = full.half_open(8);
        assert_eq!(
            (next.generation(), next.mode(), next.state()),
            (8, Mode::Shadow, State::HalfOpen)
        );
        assert_eq!((next.trials(), next.trials_out()), (Trials::default(), 0));
        assert!(!next.reevaluates() && !next.would_trip_is_told());
        assert!(next.place() == 3 && next.has_broken());
    }

    #[test]
    fn each_break_is_noted_in_another_place_than_the_last_and_stays_there_until_the_next() {
        let mut word = Word(0);
        for (by_hand, place) in
            [(false, 1), (false, 0), (true, 2), (true, 3), (true, 2), (false, 0), (true, 2)]
        {
            assert_eq!(word.next_place(by_hand), place);
            assert_ne!(word.place(), place);
            word = word.open(1, by_hand);
            assert!(word.has_end() && word.place() == place);
            for mode in MODES {
                assert_eq!(word.with_mode(mode, 2).place(), place, "{mode:?}");
            }
            let half_open = word.half_open(2);
            for later in [half_open, half_open.slow_start(3), half_open.slow_start(3).closed(4)] {
                assert!(later.has_broken() && later.place() == place);
            }
            assert!(!half_open.has_end() && half_open.slow_start(3).has_end());
            assert!(!half_open.closed(3).has_end());
        }
    }

    #[test]
    fn a_circuit_that_is_reset_knows_of_no_break() {
        assert!(!Word(0).has_broken());
        assert!(!Word(0).open(1, false).as_new(2).has_broken());
        assert!(Word(0).open(1, false).as_new(2).open(3, true).has_broken());
    }

    #[test]
    fn the_generation_wraps_to_zero() {
        assert_eq!(Word::generation_after((1 << 23) - 1), 0);
    }

    #[test]
    fn reading_any_bits_does_not_panic() {
        for bits in (0..1 << 7).chain([u64::MAX]) {
            let word = Word(bits);
            let _ = (word.state(), word.mode(), word.effective_state(), word.free_slot());
        }
    }
}
