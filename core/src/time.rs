//! Time as the breaker is told it: nanoseconds from an origin of the clock's choice.

use core::fmt;
use core::time::Duration;

use crate::sync::{AtomicU64, Ordering, const_fn};

/// A second in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A point in time: whole nanoseconds since the origin of a [`Clock`].
///
/// 64 bits of nanoseconds last 584 years. Sums stop at the end of that range instead of wrapping.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::Instant;
///
/// let start = Instant::from_nanos(500);
/// let later = start.saturating_add(Duration::from_nanos(20));
/// assert_eq!(later.saturating_since(start), Duration::from_nanos(20));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self(0);

    /// The instant `nanos` nanoseconds after the origin.
    #[must_use]
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `ticks` ticks after the origin, of a timer that makes `HERTZ` of them a second,
    /// rounded down; the last instant there is, if they are more than fit.
    ///
    /// Where `HERTZ` divides a second's nanoseconds, as 1,000 and 1,000,000 do, this is a
    /// multiplication, else a division. A rate other than 1 to 10,000,000,000 does not compile.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::Instant;
    ///
    /// let quarter = Instant::from_ticks::<32_768>(8_192);
    /// assert_eq!(quarter.saturating_since(Instant::ORIGIN), Duration::from_millis(250));
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_ticks<const HERTZ: u64>(ticks: u64) -> Self {
        const { assert!(0 < HERTZ && HERTZ <= 10 * SECOND, "HERTZ: 1 to 10,000,000,000") }
        if SECOND % HERTZ == 0 {
            return Self(ticks.saturating_mul(SECOND / HERTZ));
        }
        let (seconds, rest) = (ticks / HERTZ, ticks % HERTZ);
        Self(seconds.saturating_mul(SECOND)).plus(rest * SECOND / HERTZ)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved by `duration` into the future, or the last instant there is.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        self.plus(nanos(duration))
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    #[must_use]
    #[inline]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.since(earlier))
    }

    #[inline]
    pub(crate) const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    #[inline]
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after the origin", Duration::from_nanos(self.0))
    }
}

/// The nanoseconds of `duration`, or as many as 64 bits hold.
#[allow(clippy::cast_possible_truncation)] // bounded in the line before
pub(crate) const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// What the breaker needs from its surroundings: the time, whether a panic is under way, and who
/// runs beside whom.
///
/// The time should not go backwards; for a counter that wraps there is [`Ticks64`](crate::Ticks64).
/// It may stand still, and readings that two threads take may arrive in the other order: a breaker
/// that is told an earlier time than before does not panic, does not reopen, and brings no old
/// result back. What has an end keeps it: where a clock is set back, a break, a slow start or the
/// timeout of a trial that has begun lasts longer by the step, and a refusal says so. No setting
/// bounds that; for a clock that may be set by hand, [`open_for`](crate::CircuitBreaker::open_for)
/// and [`reset`](crate::CircuitBreaker::reset) end a break.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use cutout_core::{CircuitBreaker, Clock, Config, Instant, Ticks64};
///
/// /// Counted up by a timer interrupt, once a millisecond, which also keeps up `TICKS`.
/// static MILLIS: AtomicU32 = AtomicU32::new(0);
/// /// Goes on where `MILLIS` wraps.
/// static TICKS: Ticks64 = Ticks64::new();
///
/// struct SysTick;
///
/// impl Clock for SysTick {
///     fn now(&self) -> Instant {
///         Instant::from_ticks::<1_000>(TICKS.read(|| MILLIS.load(Ordering::Relaxed)))
///     }
/// }
///
/// static RADIO: CircuitBreaker<SysTick> = CircuitBreaker::with_clock(Config::new(), SysTick);
/// assert!(RADIO.call(|| Ok::<_, ()>("sent")).is_ok());
/// ```
pub trait Clock {
    /// The present instant.
    fn now(&self) -> Instant;

    /// The present instant, or one some 10 ms before it at most, where that is cheaper to know.
    ///
    /// A breaker reads this instead of [`now`](Self::now) if none of its settings is finer than a
    /// second: no slow calls are measured, and the buckets of a window over time, the break, the
    /// timeouts of trials and the stages of a slow start last a second or more each. Everything
    /// that it measures is then right to within one per cent of the length that was set, and the
    /// end of a break to the nanosecond: near it, calls read `now`. Only when a break begins is it
    /// read coarsely: a break is shorter by what the reading was behind, which with
    /// [jitter](crate::Config::break_jitter) is up to two per cent of its length. (One that
    /// [`open_for`](crate::CircuitBreaker::open_for) orders begins at a reading of `now`.) The
    /// default is `now`.
    #[inline]
    fn now_coarse(&self) -> Instant {
        self.now()
    }

    /// How far a reading of [`now`](Self::now) may be behind the time that passes for who waits:
    /// the length of a tick.
    ///
    /// A refusal adds it to what is left of the break, so that who waits for as long as
    /// [`Rejected::retry_after`](crate::Rejected::retry_after) says is not too early by a tick. The
    /// default, zero, is right for a clock that shows every moment, and for one whose ticks are
    /// also those of the timer that callers wait on.
    fn resolution(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether the current thread is unwinding from a panic.
    ///
    /// A permit that is dropped while this holds is settled as a failure instead of a
    /// cancellation. The default says no, which is right wherever a panic ends the program.
    fn unwinding(&self) -> bool {
        false
    }

    /// Which lane the caller counts in, modulo the number of lanes that there are.
    ///
    /// A breaker with several lanes is free of contention as long as no two that run at the same
    /// time are told the same: the index of a thread, or the number of a core. Any answer is right,
    /// also one that changes from call to call; it decides only who shares a cache line with whom.
    #[inline]
    fn lane(&self) -> usize {
        0
    }

    /// How many lanes a breaker should grow when it is seen to be contended for (feature `alloc`):
    /// as many as threads can run at the same time. It is rounded up to a power of two, and 64 are
    /// the most that grow. The default, one, lets none grow.
    fn lanes(&self) -> usize {
        1
    }
}

/// A clock that is lent or shared tells all that it tells its owner.
macro_rules! tells_as_its_owner {
    ($($(#[$meta:meta])* $clock:ty)*) => {$(
        $(#[$meta])*
        impl<C: Clock + ?Sized> Clock for $clock {
            #[inline]
            fn now(&self) -> Instant {
                (**self).now()
            }

            #[inline]
            fn now_coarse(&self) -> Instant {
                (**self).now_coarse()
            }

            fn resolution(&self) -> Duration {
                (**self).resolution()
            }

            fn unwinding(&self) -> bool {
                (**self).unwinding()
            }

            #[inline]
            fn lane(&self) -> usize {
                (**self).lane()
            }

            fn lanes(&self) -> usize {
                (**self).lanes()
            }
        }
    )*};
}

tells_as_its_owner! {
    &C
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    alloc::sync::Arc<C>
}

/// A clock that stands still until it is moved by hand: for tests.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{CircuitBreaker, Clock, Config, Instant, ManualClock};
///
/// let clock = ManualClock::new();
/// let breaker = CircuitBreaker::with_clock(Config::new(), &clock);
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now(), Instant::from_nanos(3_000_000_000));
/// # drop(breaker);
/// ```
#[derive(Debug)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    const_fn! {
        /// A clock at its origin.
        #[must_use]
        pub fn new() -> Self {
            Self { nanos: AtomicU64::new(0) }
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().saturating_add(duration));
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, instant: Instant) {
        self.nanos.store(instant.as_nanos(), Ordering::Relaxed);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}
