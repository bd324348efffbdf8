//! How a breaker comes to be.

use super::CircuitBreaker;
use crate::circuit::Circuit;
use crate::circuit::ColdState;
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::observe::Observer;
use crate::settings::Settings;
use crate::streak::Streak;
use crate::sync::const_fn;
use crate::time::Clock;
use crate::window::Lanes;

/// # Constructing
impl<C: Clock> CircuitBreaker<C> {
    const_fn! {
        /// A closed breaker that reads `clock`.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error. The message
        /// names the setting.
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
        ///
        /// # Examples
        ///
        /// ```
        /// use core::time::Duration;
        /// use cutout_core::{CircuitBreaker, Config, ManualClock, Window};
        ///
        /// let minute = Window::time(Duration::from_secs(60)).in_buckets(60);
        /// let config = Config::new().window(minute);
        /// let breaker = CircuitBreaker::<_, _, 60>::from_parts(config, ManualClock::new(), ());
        /// # assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
        /// ```
        #[must_use]
        pub fn from_parts(config: Config, clock: C, observer: O) -> Self {
            const {
                assert!(BUCKETS < 1 << 26, "BUCKETS: a breaker has room for less than 2^26");
            }
            if let Err(error) = config.validate(BUCKETS) {
                panic!("{}", error.message());
            }
            Self {
                circuit: Circuit::new(),
                lanes: Lanes::new(),
                streak: Streak::new(),
                cold: ColdState::new(),
                settings: Settings::new(&config),
                clock,
                observer,
            }
        }
    }

    /// Allocates now what calls would else allocate when they first need it, so that none does:
    /// lanes for threads that contend, as many as [`Clock::lanes`] says, and the place of what few
    /// breakers need.
    ///
    /// Without the feature `alloc` there is nothing to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Clock, Config, Instant};
    ///
    /// struct OfFourCores;
    ///
    /// impl Clock for OfFourCores {
    ///     fn now(&self) -> Instant {
    ///         Instant::ORIGIN
    ///     }
    ///
    ///     fn lanes(&self) -> usize {
    ///         4
    ///     }
    /// }
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), OfFourCores);
    /// assert_eq!(breaker.lanes(), 1);
    /// breaker.preallocate();
    /// assert_eq!(breaker.lanes(), if cfg!(feature = "alloc") { 1 + 4 } else { 1 });
    /// ```
    pub fn preallocate(&self) {
        self.lanes.grow(&self.clock);
        self.cold.preallocate();
    }

    /// A closed breaker with room for `BUCKETS` buckets, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_from_parts(config: Config, clock: C, observer: O) -> Result<Self, ConfigError> {
        config.validate(BUCKETS)?;
        Ok(Self::from_parts(config, clock, observer))
    }
}
