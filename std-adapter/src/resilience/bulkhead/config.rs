//! `BulkheadConfig`: every knob of a bulkhead, and what is wrong with it.

use core::fmt;
use core::time::Duration;

use super::word::MAX;

#[cfg(doc)]
use super::Bulkhead;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings of a [`Bulkhead`]. The value is its own builder.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Bulkhead, BulkheadConfig};
///
/// const CONFIG: BulkheadConfig =
///     BulkheadConfig::new(20).queue(100).max_wait(Duration::from_millis(50));
///
/// static PAYMENTS: Bulkhead = Bulkhead::with_config(CONFIG);
/// assert_eq!(PAYMENTS.limit(), 20);
/// ```
///
/// A setting out of its range is a [`BulkheadConfigError`] at run time, and in a `static` it does
/// not compile:
///
/// ```compile_fail
/// # use cutout::{Bulkhead, BulkheadConfig};
/// static PAYMENTS: Bulkhead = Bulkhead::with_config(BulkheadConfig::new(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BulkheadConfig {
    pub(super) limit: u32,
    pub(super) queue: u32,
    pub(super) max_wait: Duration,
}

impl BulkheadConfig {
    /// `limit` permits, and nobody waits for one.
    ///
    /// Allowed: 1 to 1,000,000. [`Bulkhead::resize`] changes it later.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Self { limit, queue: 0, max_wait: Duration::ZERO }
    }

    /// How many callers may wait for a permit at the same time; who comes then is refused at once.
    ///
    /// Default: 0. Allowed: 0 to 1,000,000, and 0 if and only if [`max_wait`](Self::max_wait) is:
    /// one without the other would have no effect.
    #[must_use]
    pub const fn queue(mut self, places: u32) -> Self {
        self.queue = places;
        self
    }

    /// How long a caller waits for a permit before it is refused.
    ///
    /// Default: zero. Allowed: zero to 1 day, and zero if and only if [`queue`](Self::queue) is.
    #[must_use]
    pub const fn max_wait(mut self, duration: Duration) -> Self {
        self.max_wait = duration;
        self
    }

    /// [`new`](Self::new).
    #[must_use]
    pub const fn get_limit(&self) -> u32 {
        self.limit
    }

    /// [`queue`](Self::queue).
    #[must_use]
    pub const fn get_queue(&self) -> u32 {
        self.queue
    }

    /// [`max_wait`](Self::max_wait).
    #[must_use]
    pub const fn get_max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Checks every setting. Constructing a bulkhead checks them too.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub const fn validate(&self) -> Result<(), BulkheadConfigError> {
        if let Err(error) = validate_limit(self.limit) {
            return Err(error);
        }
        if self.queue > MAX {
            return Err(BulkheadConfigError::Queue);
        }
        if self.max_wait.as_nanos() > DAY.as_nanos() {
            return Err(BulkheadConfigError::MaxWait);
        }
        match (self.queue == 0, self.max_wait.is_zero()) {
            (true, false) => Err(BulkheadConfigError::MaxWaitWithoutQueue),
            (false, true) => Err(BulkheadConfigError::QueueWithoutMaxWait),
            _ => Ok(()),
        }
    }
}

pub(super) const fn validate_limit(limit: u32) -> Result<(), BulkheadConfigError> {
    if limit >= 1 && limit <= MAX { Ok(()) } else { Err(BulkheadConfigError::Limit) }
}

/// A setting of a bulkhead out of its range. The message names the setting and what is allowed.
///
/// # Examples
///
/// ```
/// use cutout::{Bulkhead, BulkheadConfigError};
///
/// let error = Bulkhead::try_new(0).unwrap_err();
/// assert_eq!(error, BulkheadConfigError::Limit);
/// assert_eq!(error.to_string(), "limit: must be 1 to 1000000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BulkheadConfigError {
    /// [`BulkheadConfig::new`] or [`Bulkhead::resize`].
    Limit,
    /// [`BulkheadConfig::queue`].
    Queue,
    /// [`BulkheadConfig::max_wait`].
    MaxWait,
    /// [`BulkheadConfig::queue`] without [`BulkheadConfig::max_wait`].
    QueueWithoutMaxWait,
    /// [`BulkheadConfig::max_wait`] without [`BulkheadConfig::queue`].
    MaxWaitWithoutQueue,
}

impl BulkheadConfigError {
    /// The name of the setting.
    #[must_use]
    pub fn field(self) -> &'static str {
        self.message().split_once(": ").map_or("", |(field, _)| field)
    }

    /// What is allowed, in words that follow the name.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        self.message().split_once(": ").map_or("", |(_, allowed)| allowed)
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Limit => "limit: must be 1 to 1000000",
            Self::Queue => "queue: must be 0 to 1000000",
            Self::MaxWait => "max_wait: must be 0 to 1 day",
            Self::QueueWithoutMaxWait => "queue: needs max_wait to be set",
            Self::MaxWaitWithoutQueue => "max_wait: needs queue to be set",
        }
    }
}

impl fmt::Display for BulkheadConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for BulkheadConfigError {}
