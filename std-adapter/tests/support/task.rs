//! Tasks that are polled by hand, and a timer that is moved by hand.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use cutout::{AsyncTimer, ManualTimer, ManualTimerSleep};

/// Rings when its task is woken.
#[derive(Debug, Default)]
pub(crate) struct Bell(AtomicBool);

impl Bell {
    pub(crate) fn has_rung(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A future and its bell.
pub(crate) struct Task<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), bell: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// What it ends with, which it has to now.
    pub(crate) fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    pub(crate) fn was_woken(&self) -> bool {
        self.bell.has_rung()
    }

    /// Has it woken by a new bell from the next poll on; the old one.
    pub(crate) fn new_bell(&mut self) -> Arc<Bell> {
        core::mem::take(&mut self.bell)
    }
}

/// A timer that is moved by hand and counts its waits. Clones are the same timer.
#[derive(Clone, Default)]
pub(crate) struct Timer {
    time: ManualTimer,
    made: Arc<AtomicUsize>,
}

impl Timer {
    pub(crate) fn advance(&self, by: Duration) {
        self.time.advance(by);
    }

    /// How many waits were begun with it.
    pub(crate) fn made(&self) -> usize {
        self.made.load(SeqCst)
    }

    /// How many waits have neither ended nor been dropped.
    pub(crate) fn running(&self) -> usize {
        self.time.waiting()
    }
}

impl AsyncTimer for Timer {
    type Sleeping = ManualTimerSleep;

    fn sleep(&self, duration: Duration) -> ManualTimerSleep {
        self.made.fetch_add(1, SeqCst);
        self.time.sleep(duration)
    }
}
