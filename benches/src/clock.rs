//! A clock for many threads: told the time once and for all.

use core::hint::black_box;

use cutout::{Clock, Instant, OnThread, StdClock};

/// Time that stands still, one second after its origin; each thread has the lane that it has under
/// [`OnThread`].
///
/// Reading it touches no memory that another thread writes, so that what many threads cost each
/// other is the breaker's doing alone. The compiler is kept from knowing what it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        black_box(Instant::from_nanos(1_000_000_000))
    }

    fn lane(&self) -> usize {
        OnThread::new(StdClock).lane()
    }
}
