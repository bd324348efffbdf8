//! `Bulkhead`: so many calls at a time, a few that wait, and the others refused.

mod acquire;
mod config;
mod error;
mod future;
mod observing;
mod permit;
mod place;
mod pool;
mod queue;
mod word;

pub use config::{BulkheadConfig, BulkheadConfigError};
pub use error::{BulkheadReason, BulkheadRejected};
pub use future::{BulkheadAcquire, OwnedBulkheadAcquire};
pub use permit::{BulkheadPermit, OwnedBulkheadPermit};

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::support::sync::{AtomicU64, const_fn};
use crate::timer::AsyncTimer;
use permit::Holder;
use pool::Pool;

/// Limits how many calls run at the same time.
///
/// A dependency that is slow and not down fills its callers: threads, connections and memory wait
/// for it until there are none left for anything else. A bulkhead gives each dependency a fixed
/// share of them. Who comes when all permits are out is refused at once, or waits in a bounded
/// queue for a bounded time, first come, first served.
///
/// Make one for each host where there is a breaker for each host. If hosts share a bulkhead, the
/// calls that hang at one of them hold all its permits, and the others are refused with it:
///
#[cfg_attr(feature = "policy", doc = "```")]
#[cfg_attr(not(feature = "policy"), doc = "```ignore")]
/// use cutout::{Bulkhead, CircuitBreaker, Config, Policy};
///
/// struct Host {
///     breaker: CircuitBreaker,
///     bulkhead: Bulkhead,
/// }
///
/// fn host() -> Host {
///     Host { breaker: CircuitBreaker::new(Config::new()), bulkhead: Bulkhead::new(2) }
/// }
///
/// let (hangs, well) = (host(), host());
/// let _calls = (hangs.bulkhead.try_acquire()?, hangs.bulkhead.try_acquire()?);
///
/// let call = |host: &Host| {
///     Policy::new().breaker(&host.breaker).bulkhead(&host.bulkhead).call(|| Ok::<_, ()>("page"))
/// };
/// assert!(call(&hangs).is_err());
/// assert_eq!(call(&well), Ok("page"));
/// # Ok::<_, cutout::BulkheadRejected>(())
/// ```
///
/// It is not `Clone`; share it by a `static` or by an [`Arc`]:
///
/// ```
/// use cutout::{Bulkhead, BulkheadReason};
///
/// static PAYMENTS: Bulkhead = Bulkhead::new(2);
///
/// let first = PAYMENTS.try_acquire()?;
/// let second = PAYMENTS.try_acquire()?;
/// assert_eq!(PAYMENTS.try_acquire().unwrap_err().reason(), BulkheadReason::Full);
/// drop(first);
/// assert!(PAYMENTS.try_acquire().is_ok());
/// # drop(second);
/// # Ok::<_, cutout::BulkheadRejected>(())
/// ```
///
/// # The permit follows the work
///
/// A permit is to be held by what does the work, and not by who waits for it. A timeout that drops
/// the wait, but not the work, must not make room for more work:
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use cutout::Bulkhead;
/// use tokio::sync::oneshot;
/// use tokio::time::timeout;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bulkhead = Arc::new(Bulkhead::new(1));
/// let (answer, answered) = oneshot::channel();
///
/// let permit = bulkhead.try_acquire_owned()?;
/// let work = tokio::spawn(async move {
///     let _permit = permit; // moved into the work
///     answered.await
/// });
/// assert!(timeout(Duration::from_millis(1), work).await.is_err());
/// assert_eq!(bulkhead.in_use(), 1); // nobody waits for it, but it still runs
///
/// answer.send("at last").unwrap();
/// tokio::task::yield_now().await;
/// assert_eq!(bulkhead.in_use(), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Behind a breaker
///
/// Ask the breaker first. What the bulkhead refuses says nothing about the dependency, so it
/// settles the admission as [`Outcome::Ignored`](crate::Outcome::Ignored): a trial's place is free
/// again, and a full bulkhead cannot hold the circuit half-open.
///
/// ```
/// use cutout::{Bulkhead, BulkheadRejected, CircuitBreaker, Config, Error, Outcome};
///
/// enum Failure {
///     Full(BulkheadRejected),
///     Down,
/// }
///
/// static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
/// static BULKHEAD: Bulkhead = Bulkhead::new(1);
///
/// fn charge() -> Result<(), Error<Failure>> {
///     BREAKER.call_with(
///         || {
///             let _permit = BULKHEAD.acquire().map_err(Failure::Full)?;
///             Err(Failure::Down) // where the call would be
///         },
///         |result| match result {
///             Ok(()) => Outcome::Success,
///             Err(Failure::Full(_)) => Outcome::Ignored,
///             Err(Failure::Down) => Outcome::Failure,
///         },
///     )
/// }
///
/// let all = BULKHEAD.try_acquire();
/// assert!(matches!(charge(), Err(Error::Inner(Failure::Full(_)))));
/// drop(all);
/// assert!(matches!(charge(), Err(Error::Inner(Failure::Down))));
/// assert_eq!((BREAKER.totals().ignored, BREAKER.totals().failures), (1, 1));
/// ```
///
/// # Guarantees
///
/// - *Limit*: never more permits are out than the limit says, unless it was lowered meanwhile.
/// - *Order*: while somebody waits, permits go to the first in the queue, handed over by whoever
///   makes the room. Nobody who comes later gets past, not even by
///   [`try_acquire`](Self::try_acquire). A future queues from its first poll on; when its turn has
///   come the permit is its own, and is out, even while nobody polls it: poll it or drop it.
/// - *Progress*: to take a permit that is free is a load and a compare-and-swap, to give one back
///   while nobody waits one subtraction, and to be refused a load and an addition; all are
///   lock-free and allocate nothing. A lock of a few instructions is taken where somebody waits; no
///   code of yours runs under it.
/// - *Memory*: what was done under a permit happens before what is done under one that is taken
///   after it was given back.
/// - *Cancellation*: a future that is dropped leaves the queue. If its turn had come, the next has
///   it.
/// - *Panics*: a permit that is dropped by a panic is given back like any other. If a waker panics,
///   so does what called it, a drop of a permit or [`resize`](Self::resize), after all other wakers
///   were called; nobody loses a permit or a turn by it. If several wakers panic, the first panic
///   goes on. If the thread unwinds from a panic already, theirs end there.
pub struct Bulkhead {
    pool: Pool,
    rejected: AtomicU64,
    pub(crate) max_wait: Duration,
}

/// # Constructing
impl Bulkhead {
    const_fn! {
        /// A bulkhead of `limit` permits for which nobody waits.
        ///
        /// # Panics
        ///
        /// If the limit is not 1 to 1,000,000; in a `static` that is a compile error.
        #[must_use]
        pub fn new(limit: u32) -> Self {
            Self::with_config(BulkheadConfig::new(limit))
        }
    }

    /// A bulkhead of `limit` permits for which nobody waits, for a limit that comes as input.
    ///
    /// # Errors
    ///
    /// If the limit is not 1 to 1,000,000.
    pub fn try_new(limit: u32) -> Result<Self, BulkheadConfigError> {
        Self::try_with_config(BulkheadConfig::new(limit))
    }

    const_fn! {
        /// A bulkhead that does as `config` says.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error. The message
        /// names the setting.
        #[must_use]
        pub fn with_config(config: BulkheadConfig) -> Self {
            if let Err(error) = config.validate() {
                panic!("{}", error.message());
            }
            Self::from_valid(config)
        }
    }

    /// A bulkhead that does as `config` says, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_config(config: BulkheadConfig) -> Result<Self, BulkheadConfigError> {
        config.validate()?;
        Ok(Self::from_valid(config))
    }

    const_fn! {
        fn from_valid(config: BulkheadConfig) -> Self {
            Self {
                pool: Pool::new(config.limit, config.queue),
                rejected: AtomicU64::new(0),
                max_wait: config.max_wait,
            }
        }
    }
}

/// # Acquiring
impl Bulkhead {
    /// Takes a permit if one is free. Never waits.
    ///
    /// # Errors
    ///
    /// [`BulkheadReason::Full`] if none is free, or if those that are belong to callers that wait.
    #[inline]
    pub fn try_acquire(&self) -> Result<BulkheadPermit<'_>, BulkheadRejected> {
        if self.pool.take() { Ok(self.permit()) } else { Err(self.full()) }
    }

    /// Takes a permit, and blocks this thread until there is one: up to
    /// [`max_wait`](BulkheadConfig::max_wait), which by default is not at all.
    ///
    /// Asynchronous code has [`acquire_async`](Self::acquire_async).
    ///
    /// # Errors
    ///
    /// [`BulkheadReason::Full`] at once if the queue is full, [`BulkheadReason::TimedOut`] when the
    /// wait is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Bulkhead, BulkheadConfig};
    ///
    /// let config = BulkheadConfig::new(1).queue(10).max_wait(Duration::from_secs(60));
    /// let bulkhead = Bulkhead::with_config(config);
    /// let held = bulkhead.acquire()?;
    /// std::thread::scope(|scope| {
    ///     let waits = scope.spawn(|| bulkhead.acquire().is_ok());
    ///     drop(held);
    ///     assert!(waits.join().unwrap());
    /// });
    /// # Ok::<_, cutout::BulkheadRejected>(())
    /// ```
    pub fn acquire(&self) -> Result<BulkheadPermit<'_>, BulkheadRejected> {
        acquire::block(self)
    }

    /// Takes a permit, and waits until there is one: up to
    /// [`max_wait`](BulkheadConfig::max_wait) by `sleep`, which by default is not at all.
    ///
    /// Nothing happens until the future is polled; a timer is made only if it has to wait.
    ///
    /// # Errors
    ///
    /// As of [`acquire`](Self::acquire).
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits, the future leaves the queue; if its turn had come, the next has it.
    pub const fn acquire_async<S: AsyncTimer>(&self, sleep: S) -> BulkheadAcquire<'_, S> {
        BulkheadAcquire::new(self, sleep)
    }
}

/// # Acquiring, owned
impl Bulkhead {
    /// As [`try_acquire`](Self::try_acquire), for a permit that may move to another task or thread.
    ///
    /// # Errors
    ///
    /// As of [`try_acquire`](Self::try_acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cutout::Bulkhead;
    ///
    /// let bulkhead = Arc::new(Bulkhead::new(1));
    /// let permit = bulkhead.try_acquire_owned()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(bulkhead.in_use(), 0);
    /// # Ok::<_, cutout::BulkheadRejected>(())
    /// ```
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedBulkheadPermit, BulkheadRejected> {
        if self.pool.take() { Ok(Arc::clone(self).permit()) } else { Err(self.full()) }
    }

    /// As [`acquire`](Self::acquire), for a permit that may move to another task or thread.
    ///
    /// # Errors
    ///
    /// As of [`acquire`](Self::acquire).
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedBulkheadPermit, BulkheadRejected> {
        acquire::block(Arc::clone(self))
    }

    /// As [`acquire_async`](Self::acquire_async), for a permit that may move to another task or
    /// thread.
    ///
    /// # Errors
    ///
    /// As of [`acquire`](Self::acquire).
    ///
    /// # Cancellation
    ///
    /// As of [`acquire_async`](Self::acquire_async).
    pub fn acquire_owned_async<S: AsyncTimer>(
        self: &Arc<Self>,
        sleep: S,
    ) -> OwnedBulkheadAcquire<S> {
        OwnedBulkheadAcquire::new(Arc::clone(self), sleep)
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.pool.seen();
        f.debug_struct("Bulkhead")
            .field("limit", &seen.limit())
            .field("in_use", &seen.in_use())
            .field("waiting", &seen.waiting())
            .field("rejected", &self.rejected())
            .finish_non_exhaustive()
    }
}
