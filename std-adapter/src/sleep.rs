//! Waiting in asynchronous code: all that cutout asks of a runtime.

use core::future::Future;
use core::time::Duration;

/// A timer.
///
/// # Cancellation
///
/// A future of it that is dropped leaves nothing running.
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
