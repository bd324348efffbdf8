//! What a call asks of the settings before it does anything, in one word.
//!
//! ```text
//!  31        12 11    9  8     7 6         5 0
//! +------------+-------+------+-----------+-----------+
//! |  in a row  |version| copy | cancelled | questions |
//! |     20     |   3   |  1   |     2     |     6     |
//! +------------+-------+------+-----------+-----------+
//! ```

use core::num::NonZeroU32;

use crate::config::{Config, SECOND};
use crate::outcome::Outcome;
use crate::window::Shape;

/// The questions, a bit for each, and what a call's end can be told along with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan(pub(super) u32);

const CANCELLED_AS: u32 = 6;
const VERSION: u32 = 9;
const ROW: u32 = 12;

impl Plan {
    const MEASURES: u32 = 1;
    const COARSE: u32 = 1 << 1;
    const NEEDS_TIME: u32 = 1 << 2;
    const NEEDS_WINDOW: u32 = 1 << 3;
    const HAS_RATE: u32 = 1 << 4;
    const EVALUATES_ALL: u32 = 1 << 5;
    const SECOND_COPY: u32 = 1 << 8;
    /// Which change it is of, modulo 8, and which copy of the lengths holds.
    const WHICH: u32 = 7 << VERSION | Self::SECOND_COPY;
    const IN_A_ROW: u32 = u32::MAX << ROW;

    pub(super) const fn of(config: &Config) -> Self {
        let row = match config.consecutive_failures {
            Some(row) => row.get(),
            None => 0,
        };
        let cancelled_as = match config.cancelled_as {
            None => 0,
            Some(Outcome::Success) => 1,
            Some(Outcome::Failure) => 2,
            Some(Outcome::Ignored) => 3,
        };
        let bucket = match config.window.shape() {
            Shape::Time(grid) => Some(grid.width()),
            Shape::Count(_) => None,
        };
        let measures = config.slow_call_duration.is_some();
        let needs_window =
            config.has_rate() || config.failure_count.is_some() || config.trip_when.is_some();
        let needs_time = measures || (needs_window && bucket.is_some());
        // Whether every duration that the breaker measures is a second or more.
        let stage = match config.slow_start {
            Some(slow_start) => slow_start.stage.get(),
            None => SECOND,
        };
        let is_coarse = !measures
            && matches!(bucket, None | Some(SECOND..))
            && stage >= SECOND
            && config.break_duration >= SECOND
            && config.trial_timeout >= SECOND;
        Self(
            on(measures, Self::MEASURES)
                | on(is_coarse, Self::COARSE)
                | on(needs_time, Self::NEEDS_TIME)
                | on(needs_window, Self::NEEDS_WINDOW)
                | on(config.has_rate(), Self::HAS_RATE)
                | on(config.evaluate_every_result, Self::EVALUATES_ALL)
                | (cancelled_as << CANCELLED_AS)
                | (row << ROW),
        )
    }

    // How one follows another.

    /// The same as the change after `old`, with the other copy of the lengths if it `moves` there.
    pub(super) const fn after(self, old: Self, moves: bool) -> Self {
        let version = (old.0 + (1 << VERSION)) & (7 << VERSION);
        let copy = (old.0 ^ on(moves, Self::SECOND_COPY)) & Self::SECOND_COPY;
        Self(self.0 & !Self::WHICH | version | copy)
    }

    /// The same, where a coarse reading of the clock will do only if it does for `other` too.
    pub(super) const fn as_fine_as(self, other: Self) -> Self {
        Self(self.0 & (other.0 | !Self::COARSE))
    }

    /// Whether any row of failures that would open the circuit by `other` does so by this.
    pub(super) const fn is_as_strict_on_rows_as(self, other: Self) -> bool {
        other.in_a_row() == 0 || (self.has_streak() && self.in_a_row() <= other.in_a_row())
    }

    /// Whether both are of the same change.
    pub(super) const fn is_of_same_change_as(self, other: Self) -> bool {
        (self.0 ^ other.0) & Self::WHICH == 0
    }

    pub(super) const fn has_second_copy(self) -> bool {
        self.0 & Self::SECOND_COPY != 0
    }

    // What it says.

    /// Whether slow calls are measured, so that the start of a call matters.
    #[inline]
    pub(crate) const fn measures(self) -> bool {
        self.0 & Self::MEASURES != 0
    }

    /// Whether a coarse reading of the clock will do.
    #[inline]
    pub(crate) const fn is_coarse(self) -> bool {
        self.0 & Self::COARSE != 0
    }

    /// Whether the result of a closed circuit has to be told the time.
    #[inline]
    pub(crate) const fn needs_time(self) -> bool {
        self.0 & Self::NEEDS_TIME != 0
    }

    /// Whether any condition looks at the window.
    #[inline]
    pub(crate) const fn needs_window(self) -> bool {
        self.0 & Self::NEEDS_WINDOW != 0
    }

    /// Whether a success can complete the minimum of a rate that is already over.
    pub(crate) const fn has_rate(self) -> bool {
        self.0 & Self::HAS_RATE != 0
    }

    /// Whether failures in a row are counted.
    #[inline]
    pub(crate) const fn has_streak(self) -> bool {
        self.0 & Self::IN_A_ROW != 0
    }

    /// How many failures in a row open the circuit.
    pub(crate) const fn consecutive_failures(self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.in_a_row())
    }

    const fn in_a_row(self) -> u32 {
        self.0 >> ROW
    }

    /// Whether each result is evaluated, a success too.
    #[inline]
    pub(crate) const fn evaluates_all(self) -> bool {
        self.0 & Self::EVALUATES_ALL != 0
    }

    /// What a call that is dropped counts as, if that is said.
    pub(crate) const fn cancelled_as(self) -> Option<Outcome> {
        match (self.0 >> CANCELLED_AS) & 3 {
            0 => None,
            1 => Some(Outcome::Success),
            2 => Some(Outcome::Failure),
            _ => Some(Outcome::Ignored),
        }
    }
}

const fn on(is: bool, bit: u32) -> u32 {
    if is { bit } else { 0 }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::config::Window;

    fn row(of: u32) -> Plan {
        let config = Config::new();
        Plan::of(&if of == 0 {
            config.without_consecutive_failures()
        } else {
            config.consecutive_failures(of)
        })
    }

    #[test]
    fn the_fields_fill_the_word_and_do_not_overlap() {
        let questions = Plan::MEASURES
            | Plan::COARSE
            | Plan::NEEDS_TIME
            | Plan::NEEDS_WINDOW
            | Plan::HAS_RATE
            | Plan::EVALUATES_ALL;
        let fields =
            [questions, 3 << CANCELLED_AS, Plan::SECOND_COPY, 7 << VERSION, Plan::IN_A_ROW];
        assert_eq!(Plan::WHICH, Plan::SECOND_COPY | 7 << VERSION);
        let mut seen = 0;
        for field in fields {
            assert_eq!(seen & field, 0);
            seen |= field;
        }
        assert_eq!(seen, u32::MAX);
    }

    #[test]
    fn each_change_has_a_number_of_its_own_until_the_eighth_and_the_copy_that_it_says() {
        let mut plan = row(20);
        for n in 1..=20_u32 {
            let moves = n % 3 == 0;
            let next = row(n).after(plan, moves);
            assert_eq!(next.consecutive_failures().map(NonZeroU32::get), Some(n));
            assert_eq!(next.has_second_copy(), plan.has_second_copy() ^ moves);
            assert_eq!((next.0 >> VERSION) & 7, n % 8);
            assert!(!next.is_of_same_change_as(plan));
            assert!(next.is_of_same_change_as(next));
            assert!(next.is_of_same_change_as(Plan(next.0 ^ Plan::MEASURES)));
            plan = next;
        }
    }

    #[test]
    fn a_plan_that_is_as_fine_as_another_is_coarse_only_if_both_are_and_else_the_same() {
        let coarse = Plan::of(&Config::new());
        let fine = Plan::of(&Config::new().window(Window::time(Duration::from_secs(1))));
        assert!(coarse.is_coarse() && !fine.is_coarse());
        assert_eq!(coarse.as_fine_as(coarse), coarse);
        assert_eq!(fine.as_fine_as(coarse), fine);
        assert_eq!(fine.as_fine_as(fine), fine);
        assert_eq!(coarse.as_fine_as(fine), Plan(coarse.0 & !Plan::COARSE));
    }

    #[test]
    fn a_row_is_as_strict_as_a_longer_one_and_any_as_none() {
        for (ours, other, is) in [
            (0, 0, true),
            (5, 0, true),
            (0, 5, false),
            (5, 5, true),
            (4, 5, true),
            (6, 5, false),
            (1_000_000, 1_000_000, true),
        ] {
            assert_eq!(row(ours).is_as_strict_on_rows_as(row(other)), is, "{ours} {other}");
        }
    }

    #[test]
    fn the_questions_are_those_that_the_settings_ask() {
        let none = Config::new().without_failure_rate().without_consecutive_failures();
        let plan = Plan::of(&none);
        assert!(!plan.has_rate() && !plan.needs_window() && !plan.needs_time());
        assert!(!plan.has_streak() && !plan.measures() && !plan.evaluates_all());
        assert_eq!(plan.consecutive_failures(), None);
        let counted = Plan::of(&none.failure_count(3));
        assert!(!counted.has_rate() && counted.needs_window() && counted.needs_time());
        let plan = Plan::of(&Config::new().evaluate_every_result(true));
        assert!(plan.has_rate() && plan.has_streak() && plan.evaluates_all());
        assert!(Plan::of(&none.slow_call_duration(Duration::from_secs(1))).measures());
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Ignored] {
            assert_eq!(Plan::of(&none.cancelled_as(outcome)).cancelled_as(), Some(outcome));
        }
        assert_eq!(Plan::of(&none).cancelled_as(), None);
    }
}
