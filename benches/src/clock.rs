//! A clock for many threads: told the time once and for all.

use core::hint::black_box;

use cutout::{Clock, Instant, ManualClock, StdClock, ThreadLanes};

/// An hour after the origin: long enough for every place of a window to have had its turn, since a
/// sum over a window that reaches back to the origin is a shorter one.
const LATE: Instant = Instant::from_nanos(3_600_000_000_000);

/// A clock moved by hand that has run for an hour.
#[must_use]
pub fn late() -> ManualClock {
    let clock = ManualClock::new();
    clock.set(LATE);
    clock
}

/// Time that stands still, an hour after its origin; each thread has the lane that it has under
/// [`ThreadLanes`].
///
/// Reading it touches no memory that another thread writes, so that what many threads cost each
/// other is the breaker's doing alone. The compiler is kept from knowing what it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        black_box(LATE)
    }

    fn lane(&self) -> usize {
        ThreadLanes::new(StdClock).lane()
    }
}
