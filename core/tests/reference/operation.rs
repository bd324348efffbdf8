//! The steps of a timeline, drawn from bytes.

use cutout_core::{Mode, Outcome};

use super::model::Ending;
use super::settings::{Bytes, Drawn, Settings};

/// One step of a timeline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Admit,
    Settle {
        which: usize,
        ending: Ending,
    },
    /// A whole call, its function taking this long.
    Call {
        takes: u64,
        ending: Ending,
    },
    Wait(u64),
    /// To the moment when something is due, or a nanosecond before or after it.
    WaitForEdge {
        which: usize,
        off: i64,
    },
    /// To the edge of a bucket, or a nanosecond before or after it.
    WaitForBucket {
        many: u64,
        off: i64,
    },
    StepBack(u64),
    SetMode(Mode),
    Reset,
    /// Puts other settings into force: these, which are drawn from these bytes.
    Reconfigure(Settings, Drawn),
    /// Opens the circuit for this long.
    OpenFor(u64),
    /// Asks whether a call would be refused.
    Look,
}

impl Operation {
    pub(crate) fn from_bytes(bytes: &mut Bytes<'_>, settings: &Settings) -> Self {
        const MS: u64 = 1_000_000;
        match bytes.next() % 32 {
            0..=7 => Self::Admit,
            8..=14 => Self::Settle { which: usize::from(bytes.next()), ending: ending(bytes) },
            15..=20 => {
                let takes = bytes.pick(&[0, 0, MS, MS + 1, 5 * MS, 5 * MS + 1, 30 * MS]);
                Self::Call { takes, ending: ending(bytes) }
            }
            21..=23 => Self::Wait(match bytes.next() % 8 {
                0..=5 => bytes.number() % (30 * MS),
                6 => bytes.number() % (10_000 * MS),
                _ => bytes.number() >> (bytes.next() % 64),
            }),
            24 | 25 => {
                Self::WaitForEdge { which: usize::from(bytes.next()), off: bytes.pick(&[0, -1, 1]) }
            }
            26 | 27 => Self::WaitForBucket {
                many: bytes.pick(&[1, 1, 2, 9, 10, 11, 1 << 10, 3 << 20]),
                off: bytes.pick(&[0, -1, 1]),
            },
            28 => Self::StepBack(match bytes.next() % 4 {
                0..=2 => bytes.number() % (20 * MS),
                _ => bytes.number() >> (bytes.next() % 64),
            }),
            29 => Self::SetMode(bytes.pick(&[
                Mode::Auto,
                Mode::ForcedOpen,
                Mode::ForcedClosed,
                Mode::Disabled,
                Mode::Shadow,
            ])),
            30 if bytes.maybe() => {
                let drawn = Drawn::from(bytes);
                Self::Reconfigure(settings.changed_by(&drawn), drawn)
            }
            30 => Self::SetMode(Mode::Auto),
            _ => match bytes.next() % 4 {
                3 if bytes.maybe() => Self::OpenFor(bytes.pick(&[20 * MS, 0, MS + 1, u64::MAX])),
                3 => Self::Reset,
                0 | 1 => Self::Look,
                _ => Self::Admit,
            },
        }
    }
}

fn ending(bytes: &mut Bytes<'_>) -> Ending {
    match bytes.next() % 16 {
        0..=5 => Ending::Reported(Outcome::Success, None),
        6..=9 => Ending::Reported(Outcome::Failure, None),
        10 => Ending::NotConsecutive(bytes.maybe().then(|| bytes.number() >> 20)),
        11 => Ending::Reported(Outcome::Failure, Some(bytes.number() >> (bytes.next() % 64))),
        12 | 13 => Ending::Reported(Outcome::Ignored, None),
        14 => bytes.pick(&[Ending::Dropped, Ending::TakenBack]),
        _ => Ending::Panicked,
    }
}
