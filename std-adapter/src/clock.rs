//! The default clock.

use std::sync::OnceLock;

use cutout_core::{Clock, Instant};

/// The system's monotonic clock, counted from its first reading in this process.
///
/// It reads [`std::time::Instant`]: nanoseconds, never set back, and on Linux standing still while
/// the machine is suspended. All breakers of a process share one origin. It has no size, so it
/// fits a `static`.
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
