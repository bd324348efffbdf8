//! What is done to the breaker.

use cutout_core::{Mode, Outcome, RejectReason};

use crate::number::{Reader, put};

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an outcome, and a failure perhaps with what the server asked for.
    Reported(Outcome, Option<u64>),
    /// Dropped or cancelled.
    Dropped,
    /// By a panic.
    Panicked,
    /// Not at all: the admission is taken back.
    TakenBack,
    /// With a failure that is left out of those in a row.
    NotConsecutive(Option<u64>),
}

/// Why a call is refused, and for how many nanoseconds.
pub type Refusal = (RejectReason, Option<u64>);

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The clock is set.
    GoTo(u64),
    /// A call is admitted, to be held in this slot as a permit or as a ticket, or it is refused.
    Admit {
        /// Which one.
        slot: usize,
        /// Whether it is held as a permit.
        permit: bool,
        /// What the model says.
        refusal: Option<Refusal>,
    },
    /// The call in the slot ends.
    Settle {
        /// Which one.
        slot: usize,
        /// How.
        ending: Ending,
    },
    /// A function is wrapped that ends at this time.
    Call {
        /// When.
        until: u64,
        /// How.
        ending: Ending,
        /// What the model says.
        refusal: Option<Refusal>,
    },
    /// The mode is set.
    SetMode(Mode),
    /// The breaker is reset.
    Reset,
    /// The circuit is opened for this number of nanoseconds.
    OpenFor(u64),
    /// Other settings are put into force, which are drawn from these bytes.
    Reconfigure([u8; SETTINGS]),
    /// Somebody asks whether a call would be refused.
    Look {
        /// What the model says.
        refusal: Option<Refusal>,
    },
}

/// As many bytes draw settings.
pub const SETTINGS: usize = 40;

const OUTCOMES: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Ignored];
const MODES: [Mode; 5] =
    [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow];
const REASONS: [RejectReason; 4] = [
    RejectReason::Open,
    RejectReason::HalfOpenFull,
    RejectReason::ForcedOpen,
    RejectReason::SlowStart,
];

const GO_TO: u64 = 1;
const ADMIT: u64 = 2;
const SETTLE: u64 = 3;
const CALL: u64 = 4;
const SET_MODE: u64 = 5;
const RESET: u64 = 6;
const RECONFIGURE: u64 = 7;
const LOOK: u64 = 8;
const OPEN_FOR: u64 = 9;

/// The place of `value` among `values`.
///
/// # Panics
///
/// If it is not there.
pub(crate) fn code<T: PartialEq>(values: &[T], value: &T) -> u64 {
    values.iter().position(|one| one == value).expect("a value of no code") as u64
}

fn value<T: Copy>(values: &[T], code: u64) -> T {
    let place = usize::try_from(code).unwrap_or(0);
    values[if place < values.len() { place } else { 0 }]
}

impl Ending {
    fn write(self, write: &mut dyn FnMut(u8)) {
        match self {
            Self::Dropped => put(0, write),
            Self::Panicked => put(1, write),
            Self::TakenBack => put(6, write),
            Self::NotConsecutive(retry_after) => {
                put(2, write);
                write_option(retry_after, write);
            }
            Self::Reported(outcome, retry_after) => {
                put(3 + code(&OUTCOMES, &outcome), write);
                write_option(retry_after, write);
            }
        }
    }

    fn read(tape: &mut Reader<'_>) -> Self {
        match tape.number() {
            0 => Self::Dropped,
            1 => Self::Panicked,
            6 => Self::TakenBack,
            2 => Self::NotConsecutive(read_option(tape)),
            reported => Self::Reported(value(&OUTCOMES, reported - 3), read_option(tape)),
        }
    }
}

fn write_refusal(refusal: Option<Refusal>, write: &mut dyn FnMut(u8)) {
    match refusal {
        None => put(0, write),
        Some((reason, retry_after)) => {
            put(1 + code(&REASONS, &reason), write);
            write_option(retry_after, write);
        }
    }
}

fn read_refusal(tape: &mut Reader<'_>) -> Option<Refusal> {
    let reason = tape.number().checked_sub(1)?;
    Some((value(&REASONS, reason), read_option(tape)))
}

fn write_option(number: Option<u64>, write: &mut dyn FnMut(u8)) {
    put(u64::from(number.is_some()), write);
    if let Some(number) = number {
        put(number, write);
    }
}

fn read_option(tape: &mut Reader<'_>) -> Option<u64> {
    (tape.number() != 0).then(|| tape.number())
}

fn read_slot(tape: &mut Reader<'_>) -> usize {
    usize::try_from(tape.number()).unwrap_or(usize::MAX)
}

impl Act {
    /// Writes this down.
    pub fn write(self, write: &mut dyn FnMut(u8)) {
        let mut put_all = |numbers: &[u64]| numbers.iter().for_each(|number| put(*number, write));
        match self {
            Self::GoTo(time) => put_all(&[GO_TO, time]),
            Self::Admit { slot, permit, refusal } => {
                put_all(&[ADMIT, slot as u64, u64::from(permit)]);
                write_refusal(refusal, write);
            }
            Self::Settle { slot, ending } => {
                put_all(&[SETTLE, slot as u64]);
                ending.write(write);
            }
            Self::Call { until, ending, refusal } => {
                put_all(&[CALL, until]);
                ending.write(write);
                write_refusal(refusal, write);
            }
            Self::SetMode(mode) => put_all(&[SET_MODE, code(&MODES, &mode)]),
            Self::Reset => put_all(&[RESET]),
            Self::OpenFor(length) => put_all(&[OPEN_FOR, length]),
            Self::Reconfigure(bytes) => {
                put_all(&[RECONFIGURE, SETTINGS as u64]);
                bytes.into_iter().for_each(&mut *write);
            }
            Self::Look { refusal } => {
                put_all(&[LOOK]);
                write_refusal(refusal, write);
            }
        }
    }

    /// The next act; `None` at the end of the timeline.
    pub fn read(tape: &mut Reader<'_>) -> Option<Self> {
        Some(match tape.number() {
            GO_TO => Self::GoTo(tape.number()),
            ADMIT => Self::Admit {
                slot: read_slot(tape),
                permit: tape.number() != 0,
                refusal: read_refusal(tape),
            },
            SETTLE => Self::Settle { slot: read_slot(tape), ending: Ending::read(tape) },
            CALL => Self::Call {
                until: tape.number(),
                ending: Ending::read(tape),
                refusal: read_refusal(tape),
            },
            SET_MODE => Self::SetMode(value(&MODES, tape.number())),
            RESET => Self::Reset,
            OPEN_FOR => Self::OpenFor(tape.number()),
            RECONFIGURE => {
                let bytes = tape.bytes();
                Self::Reconfigure(core::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0)))
            }
            LOOK => Self::Look { refusal: read_refusal(tape) },
            _ => return None,
        })
    }
}
