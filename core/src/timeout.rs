//! A timeout that follows the latencies of the calls before it.

mod config;

use core::fmt;
use core::future::Future;
use core::mem;
use core::time::Duration;

pub use config::TimeoutConfig;

use crate::config_error::ConfigError;
use crate::latency::{Latency, LatencySnapshot};
use crate::rate::Rate;
use crate::sync::{AtomicU64, Ordering, const_fn};
use crate::time::{Clock, Instant};
use crate::unwind::sheltered;

/// A timeout that learns: stricter than the dependency's 99th percentile, between a floor and a
/// ceiling.
///
/// # How it follows
///
/// The limit is derived from the calls of the last window, anew once in a sixteenth of it
/// ([`TimeoutConfig`]). Buckets are up to an eighth wide ([`Latency`]) and the limit is the end of
/// one, so it is above the exact quantile, by an eighth at most. It is below the 99th percentile,
/// unless both lie in one bucket, or a factor stretches it to the end of that bucket. While fewer
/// than the minimum are known, after a start or a window without calls, it is the ceiling.
///
/// **Calls that are cut** would have taken longer; nobody knows how much. Each counts as a third
/// longer than it ran, which is what an exponential tail takes on average beyond its 95th
/// percentile.
///
/// - A healthy dependency: fewer calls are cut than the quantile leaves out, so they all lie above
///   it, and where does not matter. The limit neither creeps nor sinks. Where chance has cut more
///   than that, it is up to a third longer until the window has evened out.
/// - A dependency that gets slower: as soon as more calls are cut than the quantile leaves out, the
///   quantile is one of theirs, and the limit grows by a third in each sixteenth of a window, until
///   few enough are cut or the ceiling is reached. Ten times slower takes about half a window.
/// - A dependency that gets faster: the limit follows when the older calls have left, within a
///   window.
/// - A breaker that opens over the calls that were cut: nothing is recorded meanwhile, so after a
///   window the limit is the ceiling, and trials are not judged by the limit that tripped it.
///
/// **A clock that is set back** freezes nothing: the limit is derived anew. What was known before
/// leaves within a window from the next call on, or within one and a half where the clock was set
/// back by less than half a window. A call during which that happens does not count.
///
/// Calls that fail by themselves do not count, unless they took longer than their limit: a
/// dependency that refuses at once must not teach that it is fast.
///
/// # Progress and memory
///
/// [`timeout`](Self::timeout) reads the clock and one word; the one that derives the limit anew
/// sums the window, and no other waits for it. All of it is lock-free where the target has 64-bit
/// atomics, and allocates nothing. It takes 56 bytes more than its [`Latency`].
///
/// # Examples
///
/// A client that takes a timeout. An `Err` after the limit is a call that was cut:
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{AdaptiveTimeout, ManualClock, TimeoutConfig};
///
/// const MS: Duration = Duration::from_millis(1);
/// let limits = TimeoutConfig::between(5 * MS, 500 * MS);
/// let timeout = AdaptiveTimeout::with_clock(limits, ManualClock::new());
/// assert_eq!(timeout.timeout(), 500 * MS);
///
/// for call in 0..200 {
///     let answer = timeout.measure(|limit| {
///         let takes = (20 + call % 10) * MS;
///         timeout.latency().clock().advance(takes.min(limit));
///         if takes < limit { Ok("answer") } else { Err("timed out") }
///     });
///     assert_eq!(answer, Ok("answer"));
/// }
/// assert!(timeout.timeout() >= 28 * MS && timeout.timeout() <= 32 * MS);
/// ```
pub struct AdaptiveTimeout<C, const WORDS: usize = 128> {
    derived: AtomicU64,
    config: TimeoutConfig,
    latency: Latency<C, WORDS>,
}

/// Where quantile and 99th percentile were found to lie, and in which tick.
///
/// ```text
///  63    55 54    46 45                                      0
/// +--------+--------+-----------------------------------------+
/// |  p99   |quantile|   tick                                  |
/// |   9    |   9    |   46                                    |
/// +--------+--------+-----------------------------------------+
/// ```
///
/// Buckets are counted from 1 on, so that zero is a limit that was never derived.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Derived(u64);

const TICK_BITS: u32 = 46;
const BUCKET_BITS: u32 = 9;
const _: () = assert!(TICK_BITS + 2 * BUCKET_BITS == u64::BITS);

impl Derived {
    fn new(tick: u64, quantile: u32, p99: u32) -> Self {
        let buckets = u64::from(p99 + 1) << BUCKET_BITS | u64::from(quantile + 1);
        Self(buckets << TICK_BITS | tick)
    }

    const fn tick(self) -> u64 {
        self.0 & ((1 << TICK_BITS) - 1)
    }

    /// The buckets of the quantile and of the 99th percentile.
    #[allow(clippy::cast_possible_truncation)] // 9 bits
    const fn buckets(self) -> Option<(u32, u32)> {
        let buckets = (self.0 >> TICK_BITS) as u32;
        if buckets == 0 {
            return None;
        }
        Some((buckets % (1 << BUCKET_BITS) - 1, (buckets >> BUCKET_BITS) - 1))
    }
}

/// # Constructing
impl<C: Clock> AdaptiveTimeout<C> {
    const_fn! {
        /// A timeout that knows nothing yet.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error. The message
        /// names the setting.
        #[must_use]
        pub fn with_clock(config: TimeoutConfig, clock: C) -> Self {
            Self::from_parts(config, clock)
        }
    }

    /// A timeout that knows nothing yet, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{AdaptiveTimeout, ManualClock, TimeoutConfig};
    ///
    /// let second = Duration::from_secs(1);
    /// let wrong = TimeoutConfig::between(2 * second, second);
    /// let error = AdaptiveTimeout::try_with_clock(wrong, ManualClock::new()).unwrap_err();
    /// assert_eq!(error.to_string(), "floor: must be 1 µs to the ceiling");
    /// ```
    pub fn try_with_clock(config: TimeoutConfig, clock: C) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, clock)
    }
}

/// # Constructing on another scale
impl<C: Clock, const WORDS: usize> AdaptiveTimeout<C, WORDS> {
    const_fn! {
        /// A timeout whose [`Latency`] has `WORDS` words. What is longer than they reach gets the
        /// ceiling.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn from_parts(config: TimeoutConfig, clock: C) -> Self {
            if let Err(error) = config.validate() {
                panic!("{}", error.message());
            }
            let (window, minimum_samples) = config.estimate();
            Self {
                derived: AtomicU64::new(0),
                config,
                latency: Latency::from_parts(window, minimum_samples, clock),
            }
        }
    }

    /// The same for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_from_parts(config: TimeoutConfig, clock: C) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::from_parts(config, clock))
    }
}

/// # Calling
impl<C: Clock, const WORDS: usize> AdaptiveTimeout<C, WORDS> {
    /// What a call that starts now gets. It is never below the floor nor above the ceiling.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout_at(self.latency.clock().now())
    }

    /// Starts the time of a call, which the caller cuts at [`TimedCall::limit`].
    pub fn start(&self) -> TimedCall<'_, C, WORDS> {
        let started = self.latency.clock().now();
        TimedCall { timeout: self, started, limit: self.timeout_at(started) }
    }

    /// Runs `call`, which is given its limit and keeps to it, and learns from how long it took.
    ///
    /// An `Err` within the limit counts for nothing, one after it as a call that was cut.
    ///
    /// # Errors
    ///
    /// What `call` returns.
    ///
    /// # Panics
    ///
    /// If `call` panics, that counts as an `Err`.
    pub fn measure<T, E>(&self, call: impl FnOnce(Duration) -> Result<T, E>) -> Result<T, E> {
        let timing = self.start();
        let result = call(timing.limit());
        timing.finish_if(result.is_ok());
        result
    }

    /// Awaits what `call` makes of its limit, and learns from how long it took.
    ///
    /// The timer may be inside or outside: a future that is dropped after its limit counts as a
    /// call that was cut.
    ///
    /// # Errors
    ///
    /// What `call` returns.
    ///
    /// # Cancellation
    ///
    /// Dropped within its limit, the call counts for nothing.
    pub async fn measure_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce(Duration) -> F,
    ) -> Result<T, E> {
        let timing = self.start();
        let result = call(timing.limit()).await;
        timing.finish_if(result.is_ok());
        result
    }
}

/// # Observing
impl<C: Clock, const WORDS: usize> AdaptiveTimeout<C, WORDS> {
    /// What the calls took. Those that were cut count there as a third longer than they ran.
    pub const fn latency(&self) -> &Latency<C, WORDS> {
        &self.latency
    }

    /// The settings.
    pub const fn config(&self) -> &TimeoutConfig {
        &self.config
    }

    fn timeout_at(&self, now: Instant) -> Duration {
        let derived = Derived(self.derived.load(Ordering::Relaxed));
        match derived.buckets() {
            Some(buckets) if self.latency.is_in(derived.tick(), now) => self.limit(buckets),
            _ => self.derive(now),
        }
    }

    /// Derives the limit from the window that ends at `now`.
    #[cold]
    fn derive(&self, now: Instant) -> Duration {
        let window = self.latency.snapshot_at(now);
        let Some(buckets) = self.buckets(&window) else {
            return self.config.ceiling();
        };
        let new = Derived::new(self.latency.tick(now), buckets.0, buckets.1);
        // Relaxed, and no swap: the word says all by itself, and whoever finds one of another tick,
        // from a thread that was held up or before the clock was set back, derives it anew.
        self.derived.store(new.0, Ordering::Relaxed);
        self.limit(buckets)
    }

    fn buckets(&self, window: &LatencySnapshot<WORDS>) -> Option<(u32, u32)> {
        Some((window.bucket_of(self.config.share())?, window.bucket_of(Rate::percent(99))?))
    }

    fn limit(&self, (quantile, p99): (u32, u32)) -> Duration {
        self.config.limit(quantile, p99, Latency::<C, WORDS>::BUCKETS)
    }
}

/// The time of one call. It is [finished](Self::finish) by a call that did its work.
///
/// # Cancellation
///
/// Dropped within its limit, the call counts for nothing; dropped after it, as one that was cut: at
/// least as long as it ran, by a third more.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{AdaptiveTimeout, ManualClock, TimeoutConfig};
///
/// let limits = TimeoutConfig::between(Duration::from_millis(1), Duration::from_millis(100));
/// let timeout = AdaptiveTimeout::with_clock(limits, ManualClock::new());
///
/// let done = timeout.start();
/// timeout.latency().clock().advance(Duration::from_millis(20));
/// done.finish();
///
/// drop(timeout.start()); // given up at once
///
/// let cut = timeout.start();
/// timeout.latency().clock().advance(cut.limit());
/// drop(cut);
/// assert_eq!(timeout.latency().snapshot().count(), 2);
/// ```
#[must_use = "a call that is not finished counts for nothing, or as one that was cut"]
pub struct TimedCall<'a, C: Clock, const WORDS: usize = 128> {
    timeout: &'a AdaptiveTimeout<C, WORDS>,
    started: Instant,
    limit: Duration,
}

impl<C: Clock, const WORDS: usize> TimedCall<'_, C, WORDS> {
    /// How long the call may take.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// The call has done its work: counts how long it took, unless the clock was set back
    /// meanwhile.
    pub fn finish(self) {
        self.timeout.latency.record_since(self.started);
        mem::forget(self);
    }

    fn finish_if(self, is_ok: bool) {
        if is_ok {
            self.finish();
        }
    }
}

impl<C: Clock, const WORDS: usize> Drop for TimedCall<'_, C, WORDS> {
    fn drop(&mut self) {
        // The clock is others' code.
        sheltered(|| {
            let now = self.timeout.latency.clock().now();
            let elapsed = now.saturating_since(self.started);
            if elapsed >= self.limit {
                self.timeout.latency.record_at(now, elapsed.saturating_add(elapsed / 3));
            }
        });
    }
}

impl<C: Clock, const WORDS: usize> fmt::Debug for TimedCall<'_, C, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedCall").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<C: Clock, const WORDS: usize> fmt::Debug for AdaptiveTimeout<C, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveTimeout")
            .field("timeout", &self.timeout())
            .field("latency", &self.latency.snapshot())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_derived_reads_back() {
        assert_eq!(Derived(0).buckets(), None);
        for tick in [0, 1, (1 << TICK_BITS) - 1] {
            for quantile in [0, 1, 200, 255] {
                for p99 in [0, 1, 200, 255] {
                    let derived = Derived::new(tick, quantile, p99);
                    assert_eq!(derived.tick(), tick);
                    assert_eq!(derived.buckets(), Some((quantile, p99)));
                }
            }
        }
    }
}
