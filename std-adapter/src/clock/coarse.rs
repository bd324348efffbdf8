//! The time of the system's last tick as a clock.

use cutout_core::{Clock, Instant};

/// The system's monotonic clock as of its last timer tick: `CLOCK_MONOTONIC_COARSE`.
///
/// The cheapest clock that needs no thread, and as fine as the kernel's tick: 1 to 10 ms, most often
/// 4. Everything that the breaker measures is that coarse: a break may end a tick early or late, and
/// a call is slow or not give or take a tick. So it suits windows and breaks of seconds, and no
/// [`slow_call_duration`](crate::Config::slow_call_duration) near the tick. It stands still while the
/// machine is suspended, and is never set back.
///
/// Linux and Android have it; elsewhere this reads [`StdClock`](crate::StdClock).
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> Instant {
        // Since boot: neither part is negative, and both fit.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        let [whole, rest] =
            [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
        Instant::from_nanos(whole.saturating_mul(1_000_000_000).saturating_add(rest))
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Clock for CoarseClock {
    fn now(&self) -> Instant {
        crate::StdClock.now()
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
