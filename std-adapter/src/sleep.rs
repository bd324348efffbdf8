//! Waiting: all that cutout asks of a runtime, and the timers that come with it.

mod manual;
mod thread;
#[cfg(feature = "timer")]
mod timer;
#[cfg(feature = "tokio")]
mod tokio;

pub use self::manual::{ManualSleep, ManualSleeping};
pub use self::thread::ThreadSleep;
#[cfg(feature = "timer")]
pub use self::timer::TimerSleep;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioSleep;

use core::future::Future;
use core::time::Duration;

/// A timer.
///
/// # Cancellation
///
/// A future of it that is dropped leaves nothing running.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no timer for asynchronous code",
    note = "give the policy one with `timer`: `TokioSleep`, `TimerSleep`, or your own"
)]
pub trait Sleep {
    /// What ends when the time is over.
    type Sleeping: Future<Output = ()>;

    /// A future that ends no earlier than `duration` after this call.
    fn sleep(&self, duration: Duration) -> Self::Sleeping;
}

impl<S: Sleep + ?Sized> Sleep for &S {
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
pub trait Pause {
    /// Returns no earlier than `duration` after this call.
    fn pause(&self, duration: Duration);
}

impl<S: Pause + ?Sized> Pause for &S {
    fn pause(&self, duration: Duration) {
        (**self).pause(duration);
    }
}
