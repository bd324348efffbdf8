//! An executor for one future, which moves the time.

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use crate::timer::ManualTimer;

/// How often a future may be woken before the time moves.
const ENOUGH: u32 = 1_000_000;

/// Polls `future` to its end, whenever it is woken. Where it is pending and was not woken, `time`
/// is moved on to the end of the next wait.
///
/// # Panics
///
/// - If it is pending and waits for no time: it hangs, or waits for something that only another
///   thread does.
/// - If it is woken a million times and the time does not move: it spins.
/// - If a waker panics that waits for the time.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Clock, ManualTimer, AsyncTimer, testing};
///
/// let time = ManualTimer::new();
/// let slept = testing::drive(&time, async {
///     time.sleep(Duration::from_secs(5)).await;
///     time.sleep(Duration::from_secs(2)).await;
///     "well"
/// });
/// assert_eq!((slept, time.now().as_nanos()), ("well", 7_000_000_000));
/// ```
#[track_caller]
pub fn drive<F: Future>(time: &ManualTimer, future: F) -> F::Output {
    let mut future = pin!(future);
    let heard = Arc::new(Heard::default());
    let waker = Waker::from(Arc::clone(&heard));
    let mut woken = 0;
    loop {
        heard.0.store(false, Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // Acquire: what its waker did before it woke the future is seen by the next poll.
        if heard.0.load(Acquire) {
            woken += 1;
            assert!(
                woken < ENOUGH,
                "drive: the future was woken {ENOUGH} times and the time did not move"
            );
            continue;
        }
        let Some(next) = time.next_to_end() else {
            let what = if time.waiting() > 0 {
                "what waits for the time is not polled by this future"
            } else {
                "the future is pending, and nothing waits for the time"
            };
            panic!("drive: {what}");
        };
        woken = 0;
        time.advance(next);
    }
}

/// Whether the future was woken.
#[derive(Default)]
struct Heard(AtomicBool);

impl Wake for Heard {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Release);
    }
}
