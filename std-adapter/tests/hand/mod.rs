//! Tasks that are polled by hand, and a timer that is moved by hand.
#![allow(dead_code)] // each test file uses its part

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use cutout::Sleep;

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

/// A timer that is moved by hand. Clones are the same timer.
#[derive(Clone, Default)]
pub(crate) struct Timer(Arc<Mutex<Hands>>);

#[derive(Default)]
struct Hands {
    now: Duration,
    made: usize,
    running: usize,
    wakers: Vec<Waker>,
}

impl Timer {
    pub(crate) fn advance(&self, by: Duration) {
        let wakers = {
            let mut hands = self.0.lock().unwrap();
            hands.now += by;
            core::mem::take(&mut hands.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many waits were begun with it.
    pub(crate) fn made(&self) -> usize {
        self.0.lock().unwrap().made
    }

    /// How many of them are still there.
    pub(crate) fn running(&self) -> usize {
        self.0.lock().unwrap().running
    }
}

impl Sleep for Timer {
    type Sleeping = Sleeping;

    fn sleep(&self, duration: Duration) -> Sleeping {
        let mut hands = self.0.lock().unwrap();
        hands.made += 1;
        hands.running += 1;
        Sleeping { timer: self.clone(), until: hands.now + duration }
    }
}

pub(crate) struct Sleeping {
    timer: Timer,
    until: Duration,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.timer.0.lock().unwrap();
        if hands.now >= self.until {
            return Poll::Ready(());
        }
        hands.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        self.timer.0.lock().unwrap().running -= 1;
    }
}
