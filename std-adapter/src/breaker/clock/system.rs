//! The system's monotonic clock, the default.

use cutout_core::{Clock, Instant};

/// The system's monotonic clock.
///
/// On Linux and Android it is read where [`std::time::Instant`] reads, and counts from the start of
/// the machine: `CLOCK_MONOTONIC`, in nanoseconds. SelectBreaker none of whose settings is finer
/// than a second, as the default settings are, read [the time of the last tick](Clock::now_coarse)
/// instead, 1 to 10 ms behind and most often 4, for a third of the cost: `CLOCK_MONOTONIC_COARSE`.
/// Elsewhere both readings are [`std::time::Instant`]'s, counted from the first one in this
/// process; threads that come while it is taken wait for it.
///
/// It is never set back, and on Linux stands still while the machine is suspended. It needs no
/// calibration and no thread. It has no size, so it fits a `static`.
///
/// # Examples
///
/// ```
/// use cutout::{Clock, StdClock};
///
/// let coarse = StdClock.now_coarse();
/// assert!(coarse <= StdClock.now());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct StdClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod source {
    use cutout_core::Instant;
    use rustix::time::{ClockId, clock_gettime};

    #[inline]
    pub(super) fn fine() -> Instant {
        read(ClockId::Monotonic)
    }

    #[inline]
    pub(super) fn coarse() -> Instant {
        read(ClockId::MonotonicCoarse)
    }

    #[inline]
    fn read(clock: ClockId) -> Instant {
        let time = clock_gettime(clock);
        // Since the start of the machine: neither part is negative, and both fit.
        let [whole, rest] =
            [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
        Instant::from_nanos(whole.saturating_mul(1_000_000_000).saturating_add(rest))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod source {
    use std::sync::OnceLock;

    use cutout_core::Instant;

    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();

    #[inline]
    pub(super) fn fine() -> Instant {
        let since = ORIGIN.get_or_init(std::time::Instant::now).elapsed();
        let whole = since.as_secs().saturating_mul(1_000_000_000);
        Instant::from_nanos(whole.saturating_add(u64::from(since.subsec_nanos())))
    }

    #[inline]
    pub(super) fn coarse() -> Instant {
        fine()
    }
}

impl Clock for StdClock {
    #[inline]
    fn now(&self) -> Instant {
        source::fine()
    }

    #[inline]
    fn now_coarse(&self) -> Instant {
        source::coarse()
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_go_back_and_its_coarse_reading_is_never_ahead() {
        for _ in 0..1_000 {
            let coarse = StdClock.now_coarse();
            let first = StdClock.now();
            let second = StdClock.now();
            assert!(coarse <= first && first <= second, "{coarse:?} {first:?} {second:?}");
        }
    }
}
