//! Waiting that holds up the thread.

use core::time::Duration;

use cutout_core::{Clock, Instant};

use super::Pause;
use crate::StdClock;

/// Sends the thread to sleep: for blocking code.
///
/// It is no [`Sleep`](crate::Sleep), so that an asynchronous call cannot hold up its executor by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadSleep;

impl Pause for ThreadSleep {
    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

impl Clock for ThreadSleep {
    #[inline]
    fn now(&self) -> Instant {
        StdClock.now()
    }
}
