//! `RateLimit`: so many calls in a span of time, by `governor`.

use core::fmt;
use core::num::NonZeroU32;
use core::ops::{Add, Deref};
use core::time::Duration;

use cutout_core::Clock;
use governor::clock::{Clock as Told, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::breaker::StdClock;
use crate::resilience::policy::RateLimited;
use crate::resilience::policy::parts::Conform;
use crate::support::lengths::Length;

/// A limit on calls in a span of time: how many in which span, [`RateLimitConfig::new`] says
/// exactly.
///
/// It is told the time by a [`Clock`], like all that is here, and lock-free. What it has let pass
/// cannot be taken back, so it stands innermost of all that refuses in a [`Policy`](crate::Policy).
/// Share it by reference or [`Arc`](std::sync::Arc); a `static` needs a
/// [`LazyLock`](std::sync::LazyLock).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{AttemptError, ManualTimer, Policy, RateLimit, RateLimitConfig};
///
/// let time = ManualTimer::new();
/// let config = RateLimitConfig::new(10, Duration::from_secs(1)).burst(1);
/// let limit = RateLimit::with_clock(config, time.clone());
/// let policy = Policy::new().rate_limit(&limit);
///
/// assert!(policy.call(|| Ok::<_, ()>(())).is_ok());
/// let Err(error) = policy.call(|| Ok::<_, ()>(())) else { panic!() };
/// let AttemptError::RateLimited(refusal) = error.failure else { panic!() };
/// assert_eq!(refusal.retry_after(), Duration::from_millis(100));
///
/// time.advance(refusal.retry_after());
/// assert!(policy.call(|| Ok::<_, ()>(())).is_ok());
/// ```
pub struct RateLimit<C: Clock = StdClock> {
    config: RateLimitConfig,
    limiter: RateLimiter<NotKeyed, InMemoryState, Teller<C>, NoOpMiddleware<Moment>>,
}

/// How many calls in what span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitConfig {
    calls: u32,
    per: Duration,
    burst: u32,
}

/// A setting of a rate limit out of its range. The message names the setting and what is allowed.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{RateLimit, RateLimitConfig, RateLimitConfigError};
///
/// let error = RateLimit::try_new(RateLimitConfig::new(0, Duration::from_secs(1))).unwrap_err();
/// assert_eq!(error, RateLimitConfigError::Calls);
/// assert_eq!(error.to_string(), "calls: must be 1 to 100000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateLimitConfigError {
    /// [`RateLimitConfig::new`]: `calls`.
    Calls,
    /// [`RateLimitConfig::new`]: `per`.
    Per,
    /// [`RateLimitConfig::burst`].
    Burst,
}

/// The most calls, and the most of a burst.
const MOST: u32 = 100_000;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl RateLimitConfig {
    /// `calls` in `per` on average: one more every `per / calls`, rounded up to whole nanoseconds.
    /// After a time without calls, as many as [`burst`](Self::burst) may come at once; that is
    /// `calls` unless it is said.
    ///
    /// In any span as long as `per`, no more than `calls + burst - 1` pass; in a span of another
    /// length, no more than `burst` and one for each whole `per / calls` that is shorter than the
    /// span. So without a `burst` of your own, a span of `per` may see twice the `calls`, less one:
    /// all at once, and as many again as their time comes. Where no span of `per` may see more than
    /// `calls`, say `burst(1)`.
    ///
    /// Allowed are 1 to 100,000 calls per 1 ms to 1 day.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{ManualTimer, RateLimit, RateLimitConfig};
    ///
    /// let config = RateLimitConfig::new(10, Duration::from_secs(1));
    /// for (config, in_a_second) in [(config, 19), (config.burst(1), 10)] {
    ///     let time = ManualTimer::new();
    ///     let limit = RateLimit::with_clock(config, time.clone());
    ///     let mut passed = 0;
    ///     for _ in 0..1_000 {
    ///         while limit.check().is_ok() {
    ///             passed += 1;
    ///         }
    ///         time.advance(Duration::from_millis(1));
    ///     }
    ///     assert_eq!(passed, in_a_second);
    /// }
    /// ```
    #[must_use]
    pub const fn new(calls: u32, per: Duration) -> Self {
        Self { calls, per, burst: calls }
    }

    /// How many calls may come at once, after a time without calls: 1 to 100,000. With 1, no two
    /// calls come closer together than `per / calls`.
    #[must_use]
    pub const fn burst(mut self, calls: u32) -> Self {
        self.burst = calls;
        self
    }

    fn quota(&self) -> Result<Quota, RateLimitConfigError> {
        let within = |calls| NonZeroU32::new(calls).filter(|calls| calls.get() <= MOST);
        let calls = within(self.calls).ok_or(RateLimitConfigError::Calls)?;
        let burst = within(self.burst).ok_or(RateLimitConfigError::Burst)?;
        if !(SHORTEST..=LONGEST).contains(&self.per) {
            return Err(RateLimitConfigError::Per);
        }
        // At least 10 ns, in the range that was just checked; rounded up, so that the rate is never
        // above what was asked for.
        #[allow(clippy::cast_possible_truncation)] // no more than a day
        let interval =
            Duration::from_nanos((self.per.as_nanos() as u64).div_ceil(calls.get().into()));
        Quota::with_period(interval)
            .map(|quota| quota.allow_burst(burst))
            .ok_or(RateLimitConfigError::Per)
    }
}

impl RateLimitConfigError {
    const fn message(self) -> &'static str {
        match self {
            Self::Calls => "calls: must be 1 to 100000",
            Self::Per => "per: must be 1 ms to 1 day",
            Self::Burst => "burst: must be 1 to 100000",
        }
    }
}

impl fmt::Display for RateLimitConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for RateLimitConfigError {}

/// # Constructing
impl RateLimit {
    /// A limit on the default clock.
    ///
    /// # Panics
    ///
    /// If a setting is out of its range. The message names the setting.
    #[must_use]
    pub fn new(config: RateLimitConfig) -> Self {
        Self::with_clock(config, StdClock)
    }

    /// A limit on the default clock, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_new(config: RateLimitConfig) -> Result<Self, RateLimitConfigError> {
        Self::try_with_clock(config, StdClock)
    }
}

impl<C: Clock> RateLimit<C> {
    /// A limit that reads `clock`.
    ///
    /// # Panics
    ///
    /// If a setting is out of its range. The message names the setting.
    #[must_use]
    pub fn with_clock(config: RateLimitConfig, clock: C) -> Self {
        match Self::try_with_clock(config, clock) {
            Ok(limit) => limit,
            Err(error) => panic!("{}", error.message()),
        }
    }

    /// A limit that reads `clock`, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_clock(config: RateLimitConfig, clock: C) -> Result<Self, RateLimitConfigError> {
        let quota = config.quota()?;
        Ok(Self { config, limiter: RateLimiter::direct_with_clock(quota, Teller(clock)) })
    }
}

impl<C: Clock> RateLimit<C> {
    /// Lets a call pass, or refuses it.
    ///
    /// # Errors
    ///
    /// If there were too many; the refusal says when the next conforms.
    pub fn check(&self) -> Result<(), RateLimited> {
        self.limiter
            .check()
            .map_err(|until| RateLimited::new(until.wait_time_from(self.limiter.clock().now())))
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &RateLimitConfig {
        &self.config
    }
}

impl<C: Clock> fmt::Debug for RateLimit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RateLimitConfig { calls, per, burst } = self.config;
        write!(f, "{calls} per {}, {burst} at once", Length(per))
    }
}

/// The same for a limit of the policy's own and for handles of one.
macro_rules! conform {
    ([$($generic:tt)*] $limit:ty) => {
        impl<$($generic)* C: Clock> Conform for $limit {
            #[inline]
            fn conform(&self) -> Result<(), RateLimited> {
                self.check()
            }

            fn show(&self, list: &mut fmt::DebugStruct<'_, '_>) {
                let limit: &RateLimit<C> = self;
                list.field("rate_limit", limit);
            }
        }
    };
}

conform!([] RateLimit<C>);
conform!([H: Deref<Target = RateLimit<C>>,] H);

/// Tells `governor` the time.
struct Teller<C>(C);

impl<C: Clock> Told for Teller<C> {
    type Instant = Moment;

    #[inline]
    fn now(&self) -> Moment {
        // What it works out is at most 100,000 days later, and must not overflow.
        Moment(self.0.now().as_nanos().min(u64::MAX / 2))
    }
}

/// Nanoseconds since the origin of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.as_u64()))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, span: Nanos) -> Self {
        Self(self.0.checked_sub(span.as_u64()).unwrap_or(self.0))
    }
}
