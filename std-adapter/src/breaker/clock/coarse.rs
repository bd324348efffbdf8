//! The time of the system's last tick as a clock.

use core::time::Duration;

use cutout_core::{Clock, Instant};

/// The system's monotonic clock as of its last timer tick, whatever the settings:
/// `CLOCK_MONOTONIC_COARSE`.
///
/// As fine as the kernel's tick: 1 to 10 ms, most often 4. Everything that the breaker measures is
/// that coarse: a break may end a tick early or late, and a call is slow or not give or take a tick.
/// So it suits no [`slow_call_duration`](crate::Config::slow_call_duration) near the tick.
/// [`StdClock`](crate::StdClock) takes the same reading by itself where no setting is finer than a
/// second. It stands still while the machine is suspended, and is never set back.
///
/// Linux and Android have it; elsewhere this reads [`StdClock`](crate::StdClock).
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> Instant {
        super::system::coarse()
    }

    fn resolution(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tick_comes_and_time_never_goes_back() {
        let start = CoarseClock.now();
        let mut last = start;
        while last == start {
            last = CoarseClock.now();
            assert!(last >= start);
        }
    }
}
