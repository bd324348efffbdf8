//! How a call ended, as its caller reports it.

use core::time::Duration;

/// How a call ended, in the caller's judgement.
///
/// Slowness is not an outcome: it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The dependency did its work.
    Success,
    /// The dependency failed.
    Failure,
    /// Says nothing about the dependency, such as a request that it rightly refused.
    Ignored,
}

impl Outcome {
    /// This outcome, with the time that the server asked for before the next try.
    ///
    /// If this result opens the circuit, the break is at least that long, up to the cap of
    /// [`Config::break_backoff`](crate::Config::break_backoff).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let config = Config::new().consecutive_failures(1).break_duration(Duration::from_secs(1));
    /// let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
    /// let permit = breaker.try_acquire()?;
    /// permit.settle(Outcome::Failure.retry_after(Duration::from_secs(20)));
    /// assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(20)));
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[must_use]
    pub const fn retry_after(self, duration: Duration) -> Report {
        Report::of(self).retry_after(duration)
    }

    /// This outcome, left out of the failures in a row: where the dependency refused one call and
    /// is not down for it, as one that asks its callers to slow down.
    ///
    /// A failure counts in the window and fails a trial as always, but neither adds to the row of
    /// [`Config::consecutive_failures`](crate::Config::consecutive_failures) nor ends it. Other
    /// outcomes stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let breaker =
    ///     CircuitBreaker::with_clock(Config::new().consecutive_failures(2), ManualClock::new());
    /// breaker.try_acquire()?.settle(Outcome::Failure);
    /// breaker.try_acquire()?.settle(Outcome::Failure.not_consecutive());
    /// let snapshot = breaker.snapshot();
    /// assert_eq!((snapshot.tally.failures, snapshot.consecutive_failures), (2, 1));
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[must_use]
    pub const fn not_consecutive(self) -> Report {
        Report::of(self).not_consecutive()
    }
}

/// What a caller says about a call that ended: an [`Outcome`], and what else the caller knows.
///
/// An `Outcome` is accepted wherever a report is. A classifier whose answers differ in more than
/// the outcome returns reports.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{CircuitBreaker, Config, ManualClock, Report};
///
/// fn classify(result: &Result<u16, &str>) -> Report {
///     match result {
///         Ok(503) => Report::FAILURE.retry_after(Duration::from_secs(10)),
///         Ok(500..) | Err(_) => Report::FAILURE,
///         Ok(400..) => Report::IGNORED, // the request was wrong, the server is well
///         Ok(_) => Report::SUCCESS,
///     }
/// }
///
/// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// for status in [200, 404, 503] {
///     assert_eq!(breaker.call_with(|| Ok(status), classify), Ok(status));
/// }
/// let totals = breaker.totals();
/// assert_eq!((totals.successes, totals.ignored, totals.failures), (1, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) retry_after: Option<Duration>,
    /// Whether a failure is one in a row.
    pub(crate) consecutive: bool,
}

impl Report {
    /// The dependency did its work: [`Outcome::Success`].
    pub const SUCCESS: Self = Self::of(Outcome::Success);

    /// The dependency failed: [`Outcome::Failure`].
    pub const FAILURE: Self = Self::of(Outcome::Failure);

    /// The result says nothing about the dependency: [`Outcome::Ignored`].
    pub const IGNORED: Self = Self::of(Outcome::Ignored);

    const fn of(outcome: Outcome) -> Self {
        Self { outcome, retry_after: None, consecutive: true }
    }

    /// This report, with the time that the server asked for: see [`Outcome::retry_after`].
    #[must_use]
    pub const fn retry_after(self, duration: Duration) -> Self {
        Self { retry_after: Some(duration), ..self }
    }

    /// This report, left out of the failures in a row: see [`Outcome::not_consecutive`].
    #[must_use]
    pub const fn not_consecutive(self) -> Self {
        Self { consecutive: false, ..self }
    }

    /// The outcome.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The time that the server asked for before the next try.
    #[must_use]
    pub const fn retry_after_hint(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<Outcome> for Report {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        Self::of(outcome)
    }
}
