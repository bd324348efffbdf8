//! The time of `embassy-time`.

use cutout_core::{Clock, Instant};

/// Reads the time driver of the program, whichever it is. Its 64 bits of ticks do not wrap.
///
/// In microseconds, since a tick is seldom finer and the conversion then never overflows.
#[derive(Clone, Copy, Debug)]
pub struct EmbassyClock;

impl Clock for EmbassyClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(embassy_time::Instant::now().as_micros().saturating_mul(1_000))
    }
}
