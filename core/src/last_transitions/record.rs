//! A transition in six words.
//!
//! ```text
//!  63        32 31    12   11    10    7 6    4 3  2 1    0
//! +------------+--------+-------+-------+------+----+------+
//! | generation |   0    | break | cause | mode | to | from |   then: at, length of the break,
//! |     32     |   20   |   1   |   4   |  3   | 2  |  2   |   successes, failures, slow
//! +------------+--------+-------+-------+------+----+------+
//! ```

use core::time::Duration;

use crate::observe::{Cause, Transition};
use crate::state::{MODES, State};
use crate::time::{Instant, nanos};
use crate::window::Tally;

pub(super) const WORDS: usize = 6;

const TO: u32 = 2;
const MODE: u32 = 4;
const CAUSE: u32 = 7;
const BREAK: u32 = 11;
const GENERATION: u32 = 32;

const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

/// Where a cause stands among [`Cause::ALL`].
const fn number(cause: Cause) -> u64 {
    match cause {
        Cause::Tripped(reason) => reason as u64,
        Cause::BreakOver => 5,
        Cause::TrialsPassed => 6,
        Cause::SlowStartOver => 7,
        Cause::TrialFailed => 8,
        Cause::TrialTimedOut => 9,
        Cause::Mode => 10,
        Cause::Reset => 11,
        Cause::Opened => 12,
    }
}

const _: () = {
    let mut at = 0;
    while at < Cause::ALL.len() {
        assert!(number(Cause::ALL[at]) == at as u64);
        at += 1;
    }
};

pub(super) struct Record([u64; WORDS]);

impl Record {
    pub(super) fn of(transition: &Transition) -> Self {
        let Transition { from, to, mode, cause, generation, at, break_duration, tally } =
            *transition;
        let what = from as u64
            | (to as u64) << TO
            | (mode as u64) << MODE
            | number(cause) << CAUSE
            | u64::from(break_duration.is_some()) << BREAK
            | u64::from(generation) << GENERATION;
        let break_length = break_duration.map_or(0, nanos);
        let Tally { successes, failures, slow } = tally;
        Self([what, at.as_nanos(), break_length, successes, failures, slow])
    }

    pub(super) const fn from_words(words: [u64; WORDS]) -> Self {
        Self(words)
    }

    pub(super) const fn into_words(self) -> [u64; WORDS] {
        self.0
    }

    /// The transition; `None` for words that no transition was made into.
    #[allow(clippy::cast_possible_truncation)] // what is left fits
    pub(super) fn transition(self) -> Option<Transition> {
        let [what, at, break_length, successes, failures, slow] = self.0;
        let field = |shift: u32, bits: u32| (what >> shift & ((1 << bits) - 1)) as usize;
        Some(Transition {
            from: *STATES.get(field(0, TO))?,
            to: *STATES.get(field(TO, MODE - TO))?,
            mode: *MODES.get(field(MODE, CAUSE - MODE))?,
            cause: *Cause::ALL.get(field(CAUSE, BREAK - CAUSE))?,
            generation: (what >> GENERATION) as u32,
            at: Instant::from_nanos(at),
            break_duration: (field(BREAK, 1) != 0).then_some(Duration::from_nanos(break_length)),
            tally: Tally { successes, failures, slow },
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn whatever_goes_into_a_record_comes_out_of_it() {
        let mut transition = Transition {
            from: State::HalfOpen,
            to: State::Open,
            mode: MODES[0],
            cause: Cause::ALL[0],
            generation: u32::MAX,
            at: Instant::from_nanos(u64::MAX),
            break_duration: Some(Duration::from_nanos(u64::MAX)),
            tally: Tally { successes: u64::MAX, failures: 1, slow: u64::MAX - 1 },
        };
        let comes_back = |transition: &Transition| {
            let words = Record::of(transition).into_words();
            assert_eq!(Record::from_words(words).transition().as_ref(), Some(transition));
        };
        for &cause in Cause::ALL {
            for mode in MODES {
                for (from, to) in STATES.iter().zip(STATES.iter().cycle().skip(1)) {
                    (transition.cause, transition.mode) = (cause, mode);
                    (transition.from, transition.to) = (*from, *to);
                    comes_back(&transition);
                }
            }
        }
        transition.break_duration = None;
        comes_back(&transition);
        transition.break_duration = Some(Duration::ZERO);
        (transition.generation, transition.at) = (0, Instant::ORIGIN);
        comes_back(&transition);
    }
}
