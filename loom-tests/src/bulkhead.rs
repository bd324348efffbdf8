//! What the models of the bulkhead have in common: waits that are polled by hand, timers, and
//! something that is shared by those who hold a permit.

use core::future::{Future, Pending, Ready, pending, ready};
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use cutout::{
    AsyncTimer, Bulkhead, BulkheadConfig, BulkheadRejected, OwnedBulkheadAcquire,
    OwnedBulkheadPermit,
};
use loom::cell::UnsafeCell;
use loom::future::block_on;

/// A timer that never ends.
#[derive(Debug)]
pub struct Never;

impl AsyncTimer for Never {
    type Sleeping = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

/// A timer that has ended before it is looked at.
#[derive(Debug)]
pub struct Over;

impl AsyncTimer for Over {
    type Sleeping = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

/// A wait that is polled by hand.
pub type Wait = Pin<Box<OwnedBulkheadAcquire<Never>>>;
/// What a wait ends with.
pub type Granted = Result<OwnedBulkheadPermit, BulkheadRejected>;

/// A bulkhead for which so many may wait.
#[must_use]
pub fn bulkhead(limit: u32, queue: u32) -> Arc<Bulkhead> {
    let max_wait = if queue == 0 { Duration::ZERO } else { Duration::from_secs(1) };
    Arc::new(Bulkhead::with_config(BulkheadConfig::new(limit).queue(queue).max_wait(max_wait)))
}

/// A task's bell. It is not part of what loom explores.
#[derive(Debug, Default)]
pub struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Bell {
    /// Polls once, with this bell.
    pub fn poll(self: &Arc<Self>, wait: &mut Wait) -> Poll<Granted> {
        wait.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))))
    }

    /// Polls once more after the bell has rung, which by now it must have, unless `polled` has
    /// already ended.
    ///
    /// # Panics
    ///
    /// If it has not rung.
    pub fn answer(&self, polled: Poll<Granted>, wait: Wait) -> OwnedBulkheadPermit {
        match polled {
            Poll::Ready(granted) => granted.expect("a timer that never ends"),
            Poll::Pending => {
                assert!(self.0.load(Relaxed), "nobody woke who waits");
                turn(wait)
            }
        }
    }
}

/// Polls once, with no bell.
pub fn poll(wait: &mut Wait) -> Poll<Granted> {
    wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Somebody who has come to wait.
///
/// # Panics
///
/// If there is nothing to wait for.
#[must_use]
pub fn waiting(bulkhead: &Arc<Bulkhead>) -> Wait {
    let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
    assert!(poll(&mut wait).is_pending());
    wait
}

/// The permit of one whose turn must have come.
///
/// # Panics
///
/// If it has not.
pub fn turn(mut wait: Wait) -> OwnedBulkheadPermit {
    match poll(&mut wait) {
        Poll::Ready(Ok(permit)) => permit,
        other => panic!("its turn has not come: {other:?}"),
    }
}

/// Blocks until there is a permit.
///
/// # Panics
///
/// If it is refused.
pub fn wait(bulkhead: &Arc<Bulkhead>) -> OwnedBulkheadPermit {
    block_on(bulkhead.acquire_owned_async(Never)).expect("a timer that never ends")
}

/// P3, P4: once nothing is under way, nobody waits for a permit that is free.
///
/// # Panics
///
/// If somebody does.
pub fn is_settled(bulkhead: &Bulkhead) {
    let (in_use, limit, waiting) = (bulkhead.in_use(), bulkhead.limit(), bulkhead.waiting());
    assert!(waiting == 0 || in_use >= limit, "{waiting} wait, {in_use} of {limit} are out");
}

/// What is shared by those who hold a permit: loom sees to it that no two touch it at once.
#[derive(Debug)]
pub struct Shared(UnsafeCell<()>);

impl Shared {
    /// One to share.
    #[must_use]
    #[allow(clippy::arc_with_non_send_sync)] // loom runs its threads on one
    pub fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(())))
    }

    /// Changes it.
    pub fn touch(&self) {
        self.0.with_mut(|_| ());
    }
}
