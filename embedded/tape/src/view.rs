//! What a breaker shows: all that can be seen of it at a moment, and what it announces. Both are
//! rows of numbers, so that a difference has a name.

use cutout_core::{Cause, Mode, Snapshot, State, Tally, Totals, TripReason};

use crate::number::{Reader, put};

/// All that can be seen of a breaker, in the order of [`View::NAMES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View(pub [u64; View::NAMES.len()]);

impl View {
    /// What the numbers are.
    pub const NAMES: [&str; 19] = [
        "state",
        "mode",
        "successes in the window",
        "failures in the window",
        "slow results in the window",
        "failures in a row",
        "trials in flight",
        "in_slow_start",
        "retry_after, plus 1 if there is one",
        "successes",
        "failures",
        "ignored",
        "cancelled",
        "stale",
        "slow",
        "rejected",
        "would_reject",
        "trials",
        "admitted",
    ];

    /// The view of a breaker that has admitted `admitted` calls.
    pub fn of(snapshot: &Snapshot, admitted: u64) -> Self {
        let Tally { successes, failures, slow } = snapshot.tally;
        Self::new(
            [state(snapshot.state), mode(snapshot.mode), successes, failures, slow],
            [
                snapshot.consecutive_failures,
                u64::from(snapshot.trials_in_flight),
                u64::from(snapshot.in_slow_start),
                nanos(snapshot.retry_after),
            ],
            totals(&snapshot.totals),
            admitted,
        )
    }

    /// A view from its parts.
    pub fn new(first: [u64; 5], then: [u64; 4], totals: [u64; 9], admitted: u64) -> Self {
        let mut row = first.into_iter().chain(then).chain(totals).chain([admitted]);
        Self(core::array::from_fn(|_| row.next().unwrap_or(0)))
    }

    /// Writes what has changed since `before`.
    pub fn write(&self, before: &Self, write: &mut dyn FnMut(u8)) {
        let pairs = || self.0.iter().zip(&before.0).enumerate();
        let changed = pairs().filter(|(_, (now, before))| now != before);
        put(changed.fold(0, |map, (at, _)| map | 1 << at), write);
        for (_, (now, before)) in pairs().filter(|(_, (now, before))| now != before) {
            put(now.wrapping_sub(*before), write);
        }
    }

    /// What this has changed to.
    pub fn read(mut self, tape: &mut Reader<'_>) -> Self {
        let changed = tape.number();
        for (at, number) in self.0.iter_mut().enumerate() {
            if changed >> at & 1 != 0 {
                *number = number.wrapping_add(tape.number());
            }
        }
        self
    }
}

fn totals(totals: &Totals) -> [u64; 9] {
    [
        totals.successes,
        totals.failures,
        totals.ignored,
        totals.cancelled,
        totals.stale,
        totals.slow,
        totals.rejected,
        totals.would_reject,
        totals.trials,
    ]
}

/// An announcement: what it is, and the numbers that belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said(pub [u64; 10]);

const TRANSITION: u64 = 1;
const WOULD_TRIP: u64 = 2;
const STALE: u64 = 3;

impl Said {
    /// The circuit changed.
    pub fn transition(
        (from, to): (State, State),
        new_mode: Mode,
        why: Cause,
        at: u64,
        break_length: Option<u64>,
        tally: &Tally,
    ) -> Self {
        let length = break_length.map_or(0, |length| length + 1);
        let Tally { successes, failures, slow } = *tally;
        let (from, to, mode) = (state(from), state(to), mode(new_mode));
        Self([TRANSITION, from, to, mode, cause(why), at, length, successes, failures, slow])
    }

    /// The circuit would have opened.
    pub fn would_trip(why: TripReason, tally: &Tally) -> Self {
        let Tally { successes, failures, slow } = *tally;
        Self([WOULD_TRIP, reason(why), successes, failures, slow, 0, 0, 0, 0, 0])
    }

    /// A result was stale.
    pub fn stale(outcome: Option<cutout_core::Outcome>) -> Self {
        use cutout_core::Outcome::{Failure, Ignored, Success};
        let outcome = match outcome {
            None => 0,
            Some(Success) => 1,
            Some(Failure) => 2,
            Some(Ignored) => 3,
        };
        Self([STALE, outcome, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Writes this down.
    pub fn write(&self, write: &mut dyn FnMut(u8)) {
        for number in self.0 {
            put(number, write);
        }
    }

    /// The next announcement of the step, if there is one.
    pub fn read(tape: &mut Reader<'_>) -> Option<Self> {
        let kind = tape.number();
        if kind == crate::END {
            return None;
        }
        let mut said = Self([kind; 10]);
        for number in &mut said.0[1..] {
            *number = tape.number();
        }
        Some(said)
    }
}

fn nanos(duration: Option<core::time::Duration>) -> u64 {
    duration.map_or(0, |duration| {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    })
}

/// The number of a state.
pub fn state(state: State) -> u64 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
    }
}

/// The number of a mode.
pub fn mode(mode: Mode) -> u64 {
    match mode {
        Mode::Auto => 0,
        Mode::ForcedOpen => 1,
        Mode::ForcedClosed => 2,
        Mode::Disabled => 3,
        Mode::Shadow => 4,
    }
}

fn cause(cause: Cause) -> u64 {
    match cause {
        Cause::Tripped(why) => reason(why),
        Cause::BreakOver => 11,
        Cause::TrialsPassed => 12,
        Cause::SlowStartOver => 13,
        Cause::TrialFailed => 14,
        Cause::TrialTimedOut => 15,
        Cause::Mode => 16,
        Cause::Reset => 17,
        Cause::Opened => 18,
        _ => 99,
    }
}

fn reason(reason: TripReason) -> u64 {
    match reason {
        TripReason::FailureRate => 1,
        TripReason::SlowCallRate => 2,
        TripReason::ConsecutiveFailures => 3,
        TripReason::FailureCount => 4,
        TripReason::Custom => 5,
        _ => 99,
    }
}
