//! What goes wrong with the dependency.

use core::time::Duration;

use crate::dice::Dice;

/// A healthy answer, and an error that the dependency returns, take this long.
const ANSWER: Duration = Duration::from_millis(10);

/// How the dependency is from the fault on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// No call is answered; each is given up after this time.
    Hangs(Duration),
    /// Each call fails at once.
    Refuses,
    /// So many of a hundred calls fail, at random.
    Fails(u64),
}

/// The faults in the order of the tables.
pub(crate) const ALL: [Fault; 6] = [
    Fault::Hangs(Duration::from_secs(1)),
    Fault::Hangs(Duration::from_secs(5)),
    Fault::Refuses,
    Fault::Fails(95),
    Fault::Fails(80),
    Fault::Fails(50),
];

/// How one call goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) takes: Duration,
    pub(crate) is_good: bool,
}

impl Call {
    pub(crate) const GOOD: Self = Self { takes: ANSWER, is_good: true };
}

impl Fault {
    pub(crate) fn title(self) -> String {
        match self {
            Self::Hangs(limit) => {
                let limit = limit.as_secs();
                format!("It hangs: every call is given up after a timeout of {limit} s")
            }
            Self::Refuses => "It is down: every call fails at once".into(),
            Self::Fails(percent) => format!("{percent} % of the calls fail, at random"),
        }
    }

    /// A call that begins after the fault.
    pub(crate) const fn call(self, dice: &mut Dice) -> Call {
        match self {
            Self::Hangs(takes) => Call { takes, is_good: false },
            Self::Refuses => Call { takes: Duration::ZERO, is_good: false },
            Self::Fails(percent) => Call { takes: ANSWER, is_good: !dice.comes_true(percent) },
        }
    }

    /// Whether runs differ by their seed.
    pub(crate) const fn is_random(self) -> bool {
        matches!(self, Self::Fails(_))
    }
}
