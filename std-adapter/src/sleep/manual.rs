//! Waiting that ends when a test says so.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutout_core::{Clock, Instant, ManualClock};

use super::{Pause, Sleep};

/// A timer and its clock, both moved by hand: for tests.
///
/// Clones share one time, so that breaker, budget and policy can be told the same. A blocking
/// [`pause`](Pause::pause) moves the time by its length and returns at once; asynchronous waits end
/// when [`advance`](Self::advance) reaches them.
///
/// # Examples
///
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Poll, Waker};
/// use core::time::Duration;
/// use std::future::Future;
/// use cutout::{CircuitBreaker, Config, ManualSleep, Sleep};
///
/// let time = ManualSleep::new();
/// let breaker = CircuitBreaker::with_clock(Config::new(), time.clone());
///
/// let mut waiting = pin!(time.sleep(Duration::from_secs(3)));
/// let mut context = Context::from_waker(Waker::noop());
/// assert!(waiting.as_mut().poll(&mut context).is_pending());
/// assert_eq!(time.next(), Some(Duration::from_secs(3)));
///
/// time.advance(Duration::from_secs(3));
/// assert!(waiting.as_mut().poll(&mut context).is_ready());
/// assert_eq!(time.next(), None);
/// # drop(breaker);
/// ```
#[derive(Clone, Default)]
pub struct ManualSleep {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    clock: ManualClock,
    waits: Mutex<Waits>,
}

/// The waits that are not over, by the order in which they began.
#[derive(Default)]
struct Waits {
    begun: u64,
    open: BTreeMap<u64, Wait>,
}

struct Wait {
    until: Instant,
    waker: Option<Waker>,
}

impl ManualSleep {
    /// A timer at the origin of its clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward, and wakes whose wait is then over.
    pub fn advance(&self, duration: Duration) {
        let mut waits = self.shared.waits();
        self.shared.clock.advance(duration);
        let now = self.shared.clock.now();
        let due: Vec<Waker> = (waits.open.values_mut())
            .filter(|wait| wait.until <= now)
            .filter_map(|wait| wait.waker.take())
            .collect();
        drop(waits);
        // What is woken may run at once, and begin to wait again.
        due.into_iter().for_each(Waker::wake);
    }

    /// How long until the next wait ends: zero if one is over that was not looked at since, `None`
    /// if nothing waits.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let now = self.now();
        let waits = self.shared.waits();
        waits.open.values().map(|wait| wait.until.saturating_since(now)).min()
    }

    /// How many waits have begun and neither ended nor been dropped.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waits().open.len()
    }
}

impl Shared {
    fn waits(&self) -> MutexGuard<'_, Waits> {
        // A test that has panicked while it held this has left it whole.
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualSleep {
    fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

impl Pause for ManualSleep {
    fn pause(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl Sleep for ManualSleep {
    type Sleeping = ManualSleeping;

    fn sleep(&self, duration: Duration) -> ManualSleeping {
        let until = self.now().saturating_add(duration);
        let mut waits = self.shared.waits();
        let number = waits.begun;
        waits.begun += 1;
        waits.open.insert(number, Wait { until, waker: None });
        drop(waits);
        ManualSleeping { time: self.clone(), number }
    }
}

impl fmt::Debug for ManualSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualSleep")
            .field("now", &self.now())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A wait on a [`ManualSleep`]. Once it is over it stays so.
#[derive(Debug)]
pub struct ManualSleeping {
    time: ManualSleep,
    number: u64,
}

impl Future for ManualSleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = self.time.now();
        let mut waits = self.time.shared.waits();
        match waits.open.get_mut(&self.number) {
            Some(wait) if now < wait.until => {
                wait.waker = Some(context.waker().clone());
                Poll::Pending
            }
            _ => {
                waits.open.remove(&self.number);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for ManualSleeping {
    fn drop(&mut self) {
        self.time.shared.waits().open.remove(&self.number);
    }
}
