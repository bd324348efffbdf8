//! The clocks of the system, the default one here.

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
/// All breakers of a process share one origin: threads that read the clock for the very first time
/// wait for the one that sets it. It has no size, so it fits a `static`.
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

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_of_the_bare_engine_that_a_panic_drops_is_a_failure_on_every_clock() {
        fn check<C: Clock + core::panic::RefUnwindSafe>(clock: C) {
            let engine = cutout_core::CircuitBreaker::with_clock(cutout_core::Config::new(), clock);
            let panicked = std::panic::catch_unwind(|| {
                let _permit = engine.try_acquire();
                panic!("while the permit is held");
            });
            assert!(panicked.is_err());
            assert_eq!((engine.totals().failures, engine.totals().cancelled), (1, 0));
        }
        check(StdClock);
        #[cfg(feature = "quanta")]
        check(QuantaClock);
        #[cfg(feature = "coarse")]
        check(CoarseClock);
    }

    #[test]
    fn the_clock_starts_near_its_origin_and_does_not_go_back() {
        let first = StdClock.now();
        let second = StdClock.now();
        assert!(first <= second);
        assert!(second.as_nanos() < 3_600_000_000_000);
    }
}
