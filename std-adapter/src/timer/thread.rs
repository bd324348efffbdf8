//! Waiting that holds up the thread.

use core::time::Duration;
use std::time::Instant;

use cutout_core::Clock;

use super::BlockingTimer;
use crate::breaker::StdClock;
use crate::support::sync::park_until;

/// Sends the thread to sleep: for blocking code.
///
/// It is no [`AsyncTimer`](crate::AsyncTimer), so that an asynchronous call cannot hold up its
/// executor by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadTimer;

impl BlockingTimer for ThreadTimer {
    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn pause_until(&self, duration: Duration, is_over: &mut dyn FnMut() -> bool) -> bool {
        // A wait that the clock cannot name is as good as one without end.
        let deadline = Instant::now().checked_add(duration);
        loop {
            if is_over() {
                return true;
            }
            match deadline {
                Some(deadline) if !park_until(deadline) => return false,
                Some(_) => {}
                None => std::thread::park(),
            }
        }
    }
}

impl Clock for ThreadTimer {
    #[inline]
    fn now(&self) -> cutout_core::Instant {
        StdClock.now()
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}
