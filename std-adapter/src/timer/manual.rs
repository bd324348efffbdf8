//! Waiting that ends when a test says so.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutout_core::{Clock, Instant, ManualClock};

use super::{AsyncTimer, BlockingTimer};
use crate::support::panics::{in_drop, wake_all};

/// A timer and its clock, both moved by hand: for tests.
///
/// Clones share one time, so that breaker, budget and policy can be told the same. A blocking
/// [`pause`](BlockingTimer::pause) moves the time by its length and returns at once; asynchronous
/// waits end when [`advance`](Self::advance) reaches them.
///
/// # Examples
///
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Poll, Waker};
/// use core::time::Duration;
/// use std::future::Future;
/// use cutout::{CircuitBreaker, Config, ManualTimer, AsyncTimer};
///
/// let time = ManualTimer::new();
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
pub struct ManualTimer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Moved under the lock of the waits alone, so that who looks at both sees one time.
    clock: ManualClock,
    /// Wakers are cloned, called and dropped without the lock: they are the callers' code, and may
    /// come back to this very time.
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

impl ManualTimer {
    /// A timer at the origin of its clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward, and wakes whose wait is then over.
    ///
    /// # Panics
    ///
    /// If a waker panics, unless the thread unwinds already. All others were woken by then.
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
        wake_all(due);
    }

    /// How long until the next wait ends: zero if one is over that was not looked at since, `None`
    /// if nothing waits.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let waits = self.shared.waits();
        let now = self.now();
        waits.open.values().map(|wait| wait.until.saturating_since(now)).min()
    }

    /// How long until the next wait ends of those that are not over.
    #[cfg(feature = "testing")]
    pub(crate) fn next_to_end(&self) -> Option<Duration> {
        let waits = self.shared.waits();
        let now = self.now();
        let open = waits.open.values().filter(|wait| now < wait.until);
        open.map(|wait| wait.until.saturating_since(now)).min()
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

impl Clock for ManualTimer {
    fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

impl BlockingTimer for ManualTimer {
    fn pause(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl AsyncTimer for ManualTimer {
    type Sleeping = ManualTimerSleep;

    fn sleep(&self, duration: Duration) -> ManualTimerSleep {
        let mut waits = self.shared.waits();
        let until = self.now().saturating_add(duration);
        let number = waits.begun;
        waits.begun += 1;
        waits.open.insert(number, Wait { until, waker: None });
        drop(waits);
        ManualTimerSleep { time: self.clone(), number }
    }
}

impl fmt::Debug for ManualTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualTimer")
            .field("now", &self.now())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A wait on a [`ManualTimer`]. Once it is over it stays so.
#[derive(Debug)]
pub struct ManualTimerSleep {
    time: ManualTimer,
    number: u64,
}

impl Future for ManualTimerSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        let mut waits = self.time.shared.waits();
        // Who moves the time after this look finds the waker.
        let now = self.time.now();
        let (poll, _wait, _waker) = match waits.open.get_mut(&self.number) {
            Some(wait) if now < wait.until => (Poll::Pending, None, wait.waker.replace(waker)),
            _ => (Poll::Ready(()), waits.open.remove(&self.number), Some(waker)),
        };
        drop(waits); // and only then what was taken out
        poll
    }
}

impl Drop for ManualTimerSleep {
    fn drop(&mut self) {
        let mut waits = self.time.shared.waits();
        let wait = waits.open.remove(&self.number);
        drop(waits);
        in_drop(|| drop(wait));
    }
}
