//! Clocks of the system. `cutout`'s `README.md` compares what they cost.

#[cfg(feature = "coarse")]
mod coarse;
#[cfg(feature = "quanta")]
mod quanta;

#[cfg(feature = "coarse")]
pub use coarse::CoarseClock;
#[cfg(feature = "quanta")]
pub use quanta::QuantaClock;

use std::sync::OnceLock;

use cutout_core::{Clock, Instant};

/// The system's monotonic clock, counted from its first reading in this process.
///
/// It reads [`std::time::Instant`]: nanoseconds, never set back, and on Linux standing still while
/// the machine is suspended. It takes no dependency and no calibration, and is exact wherever the
/// settings are; a reading is most of what a healthy call costs (17 to 30 ns where it was measured).
/// All breakers of a process share one origin. It has no size, so it fits a `static`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdClock;

static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();

impl Clock for StdClock {
    #[inline]
    fn now(&self) -> Instant {
        let origin = ORIGIN.get_or_init(std::time::Instant::now);
        let since = origin.elapsed();
        let whole = since.as_secs().saturating_mul(1_000_000_000);
        Instant::from_nanos(whole.saturating_add(u64::from(since.subsec_nanos())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_starts_near_its_origin_and_does_not_go_back() {
        let first = StdClock.now();
        let second = StdClock.now();
        assert!(first <= second);
        assert!(second.as_nanos() < 3_600_000_000_000);
    }
}
