//! Waiting that needs no runtime.

// By `futures-timer`, which is one thread and no dependency. The timer of `async-io` wakes by a
// reactor for sockets, and brings that along.

use core::time::Duration;

use cutout_core::{Clock, Instant};
use futures_timer::Delay;

use super::AsyncTimer;
use crate::breaker::StdClock;

/// A timer that works on any executor (feature `timer`).
///
/// The first use in a process starts one thread, which wakes all that wait. Each wait allocates and
/// takes a lock for an instant when it begins and when it ends; where there is a runtime with
/// timers, use those.
///
/// # Panics
///
/// A wait panics when it is polled if the system refused to start that thread.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{AsyncTimer, FuturesTimer};
///
/// let before = std::time::Instant::now();
/// pollster::block_on(FuturesTimer.sleep(Duration::from_millis(2)));
/// assert!(before.elapsed() >= Duration::from_millis(2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FuturesTimer;

impl AsyncTimer for FuturesTimer {
    type Sleeping = Delay;

    fn sleep(&self, duration: Duration) -> Delay {
        Delay::new(duration)
    }
}

impl Clock for FuturesTimer {
    #[inline]
    fn now(&self) -> Instant {
        StdClock.now()
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}
