//! An executor for one future, which moves the time.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::ManualSleep;

/// Polls `future` to its end, and moves `time` on to the next wait whenever it is pending.
///
/// # Panics
///
/// If it is pending and waits for no time: it hangs, or waits for something that only another
/// thread does.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Clock, ManualSleep, Sleep, testing};
///
/// let time = ManualSleep::new();
/// let slept = testing::drive(&time, async {
///     time.sleep(Duration::from_secs(5)).await;
///     time.sleep(Duration::from_secs(2)).await;
///     "well"
/// });
/// assert_eq!((slept, time.now().as_nanos()), ("well", 7_000_000_000));
/// ```
#[track_caller]
pub fn drive<F: Future>(time: &ManualSleep, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut over = 0;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        let Some(next) = time.next() else {
            panic!("drive: the future is pending, and nothing waits for the time");
        };
        over = if next == Duration::ZERO { over + 1 } else { 0 };
        assert!(over < 2, "drive: what waits for the time is not polled by this future");
        time.advance(next);
    }
}
