//! The word that decides, with names for its parts.
//!
//! ```text
//!  63        41 40 37 36 33 32 29 28        13 12      7  6    5   4  2 1   0
//! +------------+-----+-----+-----+------------+---------+----+-----+----+-----+
//! | generation |slow |fail |succ | trials out | reopens |told|armed|mode|state|
//! |     23     |  4  |  4  |  4  |  16 (map)  |    6    | 1  |  1  | 3  |  2  |
//! +------------+-----+-----+-----+------------+---------+----+-----+----+-----+
//! ```
//!
//! The state is Closed, Open, HalfOpen, or Closed on the ramp. `succ`, `fail` and `slow` count settled
//! trials, `trials out` has a bit for each trial in flight. Outside HalfOpen there are no trials and all
//! four are zero, but that while Open and on the ramp the lowest bit of `slow` says in which of two cells
//! the end of the break or of the ramp stands. `reopens` counts how often in a row the circuit reopened.
//! Closed under `Auto` is all zeroes in the lowest five bits, so admission there is one load and one mask.

use crate::field::Field;
use crate::state::{MODES, Mode, State};

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

/// While Open or ramping: which cell has the end. No trial is counted then.
const SECOND_END: Field = Field { shift: SLOW.shift, bits: 1 };

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

    /// Whether it lasts until a given time: a break or a ramp.
    pub(crate) const fn has_end(self) -> bool {
        matches!(STATE.get(self.0), OPEN | RAMPING)
    }

    /// Whether that time stands in the second cell.
    pub(super) const fn has_second_end(self) -> bool {
        self.has_end() && SECOND_END.get(self.0) != 0
    }

    /// Whether the end that the next state may have belongs into the second cell: into the one that this
    /// word gives no meaning (R4).
    pub(super) const fn leaves_second_end(self) -> bool {
        self.has_end() && SECOND_END.get(self.0) == 0
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

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    // Transitions: each starts a generation and forgets what belonged to the last one (R1).

    #[must_use]
    pub(crate) const fn closed(self, generation: u32) -> Self {
        Self(REOPENS.set(STATE.set(self.era(generation), CLOSED), 0))
    }

    /// Closed for a share of the calls; to open out of this is to reopen.
    #[must_use]
    pub(crate) const fn ramping(self, generation: u32) -> Self {
        Self(STATE.set(self.era_with_end(generation), RAMPING))
    }

    /// Open: for the first time out of Closed, once more out of HalfOpen.
    #[must_use]
    pub(crate) const fn open(self, generation: u32) -> Self {
        Self(REOPENS.set(STATE.set(self.era_with_end(generation), OPEN), self.reopens_if_opened()))
    }

    /// Open by hand: that is no reopening.
    #[must_use]
    pub(crate) const fn opened(self, generation: u32) -> Self {
        Self(STATE.set(self.era_with_end(generation), OPEN))
    }

    #[must_use]
    pub(crate) const fn half_open(self, generation: u32) -> Self {
        Self(STATE.set(self.era(generation), HALF_OPEN))
    }

    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // at most four
    pub(crate) const fn with_mode(self, mode: Mode, generation: u32) -> Self {
        let word = MODE.set(self.era(generation), mode as u32);
        Self(if self.has_second_end() { SECOND_END.set(word, 1) } else { word })
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

    /// The same for a state that has an end, which was proposed under this word.
    const fn era_with_end(self, generation: u32) -> u64 {
        SECOND_END.set(self.era(generation), self.leaves_second_end() as u32)
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
    fn an_end_is_never_proposed_where_the_present_one_stands_and_stays_when_the_mode_changes() {
        let closed = Word(0);
        assert!(!closed.has_end() && !closed.leaves_second_end());
        let open = closed.open(1);
        assert!(open.has_end() && !open.has_second_end() && open.leaves_second_end());
        let anew = open.opened(2);
        assert!(anew.has_second_end() && !anew.leaves_second_end());
        for mode in MODES {
            let other = anew.with_mode(mode, 3);
            assert!(other.has_second_end() && other.mode() == mode, "{mode:?}");
            assert!(!open.with_mode(mode, 3).has_second_end(), "{mode:?}");
        }
        assert!(!anew.opened(3).has_second_end());
        let half_open = anew.half_open(3);
        assert!(!half_open.has_end() && half_open.trials() == Trials::default());
        let ramping = half_open.ramping(4);
        assert!(ramping.has_end() && !ramping.has_second_end());
        assert!(ramping.open(5).has_second_end(), "the ramp goes on until the circuit has opened");
        assert!(!ramping.closed(5).has_end() && !anew.closed(5).has_end());
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
