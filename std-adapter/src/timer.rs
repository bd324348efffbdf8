//! Waiting: all that cutout asks of a runtime, and the timers that come with it.

#[cfg(feature = "timer")]
mod futures;
mod manual;
mod thread;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "timer")]
pub use self::futures::FuturesTimer;
pub use self::manual::{ManualTimer, ManualTimerSleep};
pub use self::thread::ThreadTimer;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioTimer;

use core::future::Future;
use core::time::Duration;

/// A timer.
///
/// # Cancellation
///
/// A future of it that is dropped leaves nothing running.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no timer for asynchronous code",
    note = "give the policy one with `timer`: `TokioTimer`, `FuturesTimer`, or your own"
)]
pub trait AsyncTimer {
    /// What ends when the time is over.
    type Sleeping: Future<Output = ()>;

    /// A future that ends no earlier than `duration` after this call.
    fn sleep(&self, duration: Duration) -> Self::Sleeping;
}

impl<S: AsyncTimer + ?Sized> AsyncTimer for &S {
    type Sleeping = S::Sleeping;

    fn sleep(&self, duration: Duration) -> Self::Sleeping {
        (**self).sleep(duration)
    }
}

/// A timer for blocking code.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no timer for blocking code",
    note = "a policy whose `timer` is for asynchronous code is called with `call_async`"
)]
pub trait BlockingTimer {
    /// Returns no earlier than `duration` after this call.
    fn pause(&self, duration: Duration);

    /// Returns as soon as `is_over` says yes, and no later than `duration` after this call; whether
    /// `is_over` has said yes.
    ///
    /// A wait for a place in a bulkhead is one, and [unparks](std::thread::Thread::unpark) this
    /// thread when the place has come. [`ThreadTimer`] parks the thread until then. Unless you
    /// override it, a timer pauses again and again, each time for a millisecond or for the 64th
    /// part of what it has waited, whichever is longer, and asks `is_over` in between.
    fn pause_until(&self, duration: Duration, is_over: &mut dyn FnMut() -> bool) -> bool {
        const LEAST: Duration = Duration::from_millis(1);
        let mut left = duration;
        while !is_over() {
            if left.is_zero() {
                return false;
            }
            let step = ((duration - left) / 64).max(LEAST).min(left);
            self.pause(step);
            left -= step;
        }
        true
    }
}

impl<S: BlockingTimer + ?Sized> BlockingTimer for &S {
    fn pause(&self, duration: Duration) {
        (**self).pause(duration);
    }

    fn pause_until(&self, duration: Duration, is_over: &mut dyn FnMut() -> bool) -> bool {
        (**self).pause_until(duration, is_over)
    }
}
