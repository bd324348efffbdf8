//! `CircuitBreaker` for std: the engine with a default clock and isolated observers; and `Breaker`,
//! what others need of one.

mod catch_unwind;
mod clock;
mod owned_permit;
mod thread_lanes;

pub use catch_unwind::CatchUnwind;
#[cfg(feature = "quanta")]
pub use clock::QuantaClock;
pub use clock::StdClock;
pub use owned_permit::OwnedPermit;
pub use thread_lanes::ThreadLanes;

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use cutout_core::{
    CircuitBreaker as Engine, Clock, Config, ConfigError, Observer, Outcome, Rejected, Report,
    SavedState, Ticket,
};

use crate::support::sync::const_fn;

/// A circuit breaker on the system's clock.
///
/// All the verbs are those of [`cutout_core::CircuitBreaker`], to which this dereferences. It is
/// not `Clone`; share it by a `static` or by an [`Arc`]:
///
/// ```
/// use cutout::{CircuitBreaker, Config, Rate};
///
/// static PAYMENTS: CircuitBreaker =
///     CircuitBreaker::new(Config::new().failure_rate(Rate::percent(20)));
///
/// let receipt = PAYMENTS.call(|| Ok::<_, std::io::Error>("paid"))?;
/// assert_eq!(receipt, "paid");
/// # Ok::<_, cutout::Error<std::io::Error>>(())
/// ```
///
/// ```
/// use std::sync::Arc;
/// use cutout::{CircuitBreaker, Config};
///
/// let payments = Arc::new(CircuitBreaker::new(Config::new()));
/// let worker = {
///     let payments = Arc::clone(&payments);
///     std::thread::spawn(move || payments.call(|| Ok::<_, ()>("paid")))
/// };
/// assert_eq!(worker.join().unwrap(), Ok("paid"));
/// ```
pub struct CircuitBreaker<C: Clock = StdClock, O: Observer = (), const BUCKETS: usize = 10> {
    engine: Engine<ThreadLanes<C>, CatchUnwind<O>, BUCKETS>,
}

/// # Constructing
impl CircuitBreaker {
    const_fn! {
        /// A closed breaker on the default clock.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error. The message
        /// names the setting.
        #[must_use]
        pub fn new(config: Config) -> Self {
            Self::from_parts(config, StdClock, ())
        }
    }

    /// A closed breaker on the default clock, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{CircuitBreaker, Config};
    ///
    /// let error = CircuitBreaker::try_new(Config::new().minimum_throughput(0)).unwrap_err();
    /// assert_eq!(error.to_string(), "minimum_throughput: must be 1 to 8192");
    /// ```
    pub fn try_new(config: Config) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, StdClock, ())
    }
}

/// # Constructing on another clock
impl<C: Clock> CircuitBreaker<C> {
    const_fn! {
        /// A closed breaker that reads `clock`.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn with_clock(config: Config, clock: C) -> Self {
            Self::from_parts(config, clock, ())
        }
    }

    /// A closed breaker that reads `clock`, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_clock(config: Config, clock: C) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, clock, ())
    }
}

/// # Constructing with an observer
impl<C: Clock, O: Observer> CircuitBreaker<C, O> {
    const_fn! {
        /// A closed breaker that reads `clock` and announces to `observer`.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn with_observer(config: Config, clock: C, observer: O) -> Self {
            Self::from_parts(config, clock, observer)
        }
    }

    /// A closed breaker that reads `clock` and announces to `observer`, for settings that come as
    /// input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_observer(config: Config, clock: C, observer: O) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, clock, observer)
    }
}

/// # Constructing with room for another number of buckets
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    const_fn! {
        /// A closed breaker with room for `BUCKETS` buckets.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn from_parts(config: Config, clock: C, observer: O) -> Self {
            Self { engine: Engine::from_parts(config, ThreadLanes::new(clock), CatchUnwind::new(observer)) }
        }
    }

    /// A closed breaker with room for `BUCKETS` buckets, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_from_parts(config: Config, clock: C, observer: O) -> Result<Self, ConfigError> {
        let engine =
            Engine::try_from_parts(config, ThreadLanes::new(clock), CatchUnwind::new(observer))?;
        Ok(Self { engine })
    }

    /// A breaker that goes on where the one that was [saved](cutout_core::CircuitBreaker::save)
    /// left off.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{CircuitBreaker, Config, SavedState, State, StdClock};
    ///
    /// let before = CircuitBreaker::new(Config::new().consecutive_failures(1));
    /// let _ = before.call(|| Err::<(), _>("down"));
    /// let kept: Vec<u64> = before.save().to_words().collect(); // to a file, and back
    ///
    /// let saved = SavedState::from_words(kept)?;
    /// let after = CircuitBreaker::from_saved(before.config(), StdClock, (), &saved)?;
    /// assert_eq!(after.state(), State::Open);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_saved(
        config: Config,
        clock: C,
        observer: O,
        saved: &SavedState<BUCKETS>,
    ) -> Result<Self, ConfigError> {
        let (clock, observer) = (ThreadLanes::new(clock), CatchUnwind::new(observer));
        let engine = Engine::from_saved_parts(config, clock, observer, saved)?;
        Ok(Self { engine })
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        self.engine.clock().get()
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        self.engine.observer().get()
    }
}

/// # Two steps, owned
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Admits a call, to be settled by a permit that keeps the breaker alive and may move to
    /// another task or thread.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cutout::{CircuitBreaker, Config, Outcome};
    ///
    /// let payments = Arc::new(CircuitBreaker::new(Config::new()));
    /// let permit = payments.try_acquire_owned()?;
    /// std::thread::spawn(move || permit.settle(Outcome::Success)).join().unwrap();
    /// assert_eq!(payments.totals().successes, 1);
    /// # Ok::<_, cutout::Rejected>(())
    /// ```
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit<C, O, BUCKETS>, Rejected> {
        let ticket = self.admit()?;
        Ok(OwnedPermit::new(Arc::clone(self), ticket))
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Deref for CircuitBreaker<C, O, BUCKETS> {
    type Target = Engine<ThreadLanes<C>, CatchUnwind<O>, BUCKETS>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> fmt::Debug for CircuitBreaker<C, O, BUCKETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

/// What tower's layers and a [`Policy`](crate::Policy) need of a circuit breaker: a
/// [`CircuitBreaker`] of any clock and observer, also as `dyn Breaker`.
///
/// A layer holds it by any pointer that can be cloned, `P: Deref<Target: Breaker> + Clone`, and
/// each admitted call holds a clone. A `&'static CircuitBreaker` is the cheapest; an [`Arc`] costs
/// two changes of its count for each call, and threads that call at the same time wait for each
/// other at that count.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use cutout::{Breaker, CircuitBreaker, Config};
///
/// let breaker: Arc<dyn Breaker + Send + Sync> = Arc::new(CircuitBreaker::new(Config::new()));
/// let ticket = breaker.admit()?;
/// breaker.take_back(ticket); // there was nothing to call
/// assert!(breaker.would_reject().is_none());
/// # Ok::<_, cutout::Rejected>(())
/// ```
pub trait Breaker: fmt::Debug {
    /// What a call that came now would be refused with:
    /// [`cutout_core::CircuitBreaker::would_reject`].
    fn would_reject(&self) -> Option<Rejected>;

    /// Admits a call: [`cutout_core::CircuitBreaker::admit`].
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    fn admit(&self) -> Result<Ticket, Rejected>;

    /// Ends a call with its outcome: [`cutout_core::CircuitBreaker::settle`].
    fn settle(&self, ticket: Ticket, report: Report);

    /// Ends a call that was given up: [`cutout_core::CircuitBreaker::cancel`].
    fn cancel(&self, ticket: Ticket);

    /// Takes back the admission of a call that was not made:
    /// [`cutout_core::CircuitBreaker::take_back`]. A breaker that cannot do that ignores the call.
    fn take_back(&self, ticket: Ticket) {
        self.settle(ticket, Outcome::Ignored.into());
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Breaker for CircuitBreaker<C, O, BUCKETS> {
    #[inline]
    fn would_reject(&self) -> Option<Rejected> {
        (**self).would_reject()
    }

    #[inline]
    fn admit(&self) -> Result<Ticket, Rejected> {
        (**self).admit()
    }

    #[inline]
    fn settle(&self, ticket: Ticket, report: Report) {
        (**self).settle(ticket, report);
    }

    fn cancel(&self, ticket: Ticket) {
        (**self).cancel(ticket);
    }

    fn take_back(&self, ticket: Ticket) {
        (**self).take_back(ticket);
    }
}
