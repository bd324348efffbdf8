//! The call that every breaker guards, and how calls are made in batches and counted.

use core::error::Error;
use core::fmt;
use core::hint::black_box;
use core::ops::AddAssign;

/// What a failing call returns.
#[derive(Debug)]
pub(crate) struct Fault(u64);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.0)
    }
}

impl Error for Fault {}

/// The guarded call: as good as nothing, so that what is left is the breaker.
#[inline]
pub(crate) fn operation(fail: bool) -> Result<u64, Fault> {
    let number = black_box(7);
    if fail { Err(Fault(number)) } else { Ok(number) }
}

/// How one call ended. The value is the place of its count in [`Count`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ok = 0,
    Failed = COUNT_BITS,
    Refused = 2 * COUNT_BITS,
}

/// How many bits a count has in [`Count`].
const COUNT_BITS: isize = 21;

/// How the calls of one batch ended, packed so that counting is one addition in a register: three
/// counters would be spilled to the stack around each call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count(u64);

impl Count {
    #[inline]
    pub(crate) const fn add(&mut self, end: End) {
        self.0 += 1 << end as u32;
    }

    pub(crate) fn ends(self) -> Ends {
        const ONE: u64 = (1 << COUNT_BITS) - 1;
        let of = |end: End| self.0 >> end as u32 & ONE;
        Ends { ok: of(End::Ok), failed: of(End::Failed), refused: of(End::Refused) }
    }
}

/// How many calls ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
}

impl Ends {
    pub(crate) const fn total(&self) -> u64 {
        self.ok + self.failed + self.refused
    }
}

impl AddAssign for Ends {
    fn add_assign(&mut self, more: Self) {
        self.ok += more.ok;
        self.failed += more.failed;
        self.refused += more.refused;
    }
}

/// Calls to be made one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    calls: u64,
    /// A call fails if its number has one of these bits.
    failing: u64,
}

impl Batch {
    /// How many.
    pub(crate) const fn calls(self) -> u64 {
        self.calls
    }

    /// Whether the call of this number is to fail.
    #[inline]
    pub(crate) const fn fails(self, number: u64) -> bool {
        number & self.failing != 0
    }
}

/// What is asked of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// It is closed and all calls succeed.
    Success,
    /// It is closed and stays so, though every other call fails.
    HalfFailing,
    /// It is open and refuses all calls.
    Refused,
}

impl Load {
    pub(crate) const ALL: [Self; 3] = [Self::Success, Self::HalfFailing, Self::Refused];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Success => "closed, ok",
            Self::HalfFailing => "closed, half failing",
            Self::Refused => "open, refused",
        }
    }

    /// About so many calls: an even number, so that batches in a row keep alternating.
    pub(crate) const fn batch(self, calls: u64) -> Batch {
        let failing = match self {
            Self::Success | Self::Refused => 0,
            Self::HalfFailing => 1,
        };
        assert!(calls < 1 << COUNT_BITS, "a batch is small enough to be counted");
        Batch { calls: calls.next_multiple_of(2), failing }
    }

    /// How so many calls have to end.
    pub(crate) const fn expected(self, calls: u64) -> Ends {
        match self {
            Self::Success => Ends { ok: calls, failed: 0, refused: 0 },
            Self::HalfFailing => Ends { ok: calls / 2, failed: calls / 2, refused: 0 },
            Self::Refused => Ends { ok: 0, failed: 0, refused: calls },
        }
    }
}
