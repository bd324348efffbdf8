//! How long calls take: a rolling histogram whose words carry the era that they were written in.
//!
//! [`scale`] cuts durations into buckets, [`word`] packs two buckets into a word, and [`eras`]
//! keeps the words of a window.
//!
//! # Rules
//!
//! - **E1** Latencies are counted in eras. The window is the era that counts and the one before it.
//!   An era begins by a swap of the head, which is made by the call that finds the last one over or
//!   a bucket of it full. It lasts half a window at most, and begins no later than the last one
//!   ends; so what counts is never older than a window. After a whole window without a call both
//!   eras are left out.
//! - **E2** A word carries the era that it was last written in. Who finds it behind brings it on
//!   and counts in the same swap, so nothing has to be reset when an era begins.
//! - **E3** Sixteen bits of era come round. Before the head moves to an era, the word at the place
//!   of that era, modulo the number of words, is brought to the era before. So no word is ever as
//!   many eras behind the head as twice the number of words, 256, and 65,536 are told apart.
//! - **E4** Who was held up between its look at the head and its swap counts in an era that is
//!   over. That is the era before, or one whose latencies have left. It cannot write over a later
//!   era, since the head is looked at again after the word; `core/DESIGN.md` has what is left of
//!   that.
//! - **E5** A tick is a sixteenth of the window and at least 2^18 ns wide (`validate`), so 46 bits
//!   hold every tick that 64 bits of nanoseconds can reach: nothing wraps.
//! - **E6** Where the clock was set back by up to half a window, latencies count in the era of the
//!   head until the clock has come to its end again. Where it was set back by more, the next thread
//!   that counts or looks begins the next era at once, so that what was counted before leaves
//!   within a window. That thread reads the clock a second time first: it may only have been held
//!   up with an old reading.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | M1 | load of the head | Acquire | M2 | who sees an era sees all that was counted before it began, by who began it, and the words that were brought on (E3) | `m1_who_sees_an_era_sees_what_was_counted_before_it_began` |
//! | M2 | swap of the head | Release | M1 | as M1; it reads no value but the one that M1 saw | the same |
//! | | on failure | Relaxed | – | who failed looks at the head again by M1 | there is nothing weaker |
//! | M3 | load of a word to count in it | Acquire | M4 | the head is looked at again after it: who saw a word of a later era must then see the later head | `m3_who_was_held_up_cannot_count_over_a_later_era` |
//! | | to bring it on | Acquire | M4 | the same | `m3_who_was_held_up_cannot_bring_a_word_back` |
//! | | to read it | Acquire | M4 | the same | `m3_a_snapshot_misses_nothing_while_an_era_begins` |
//! | M4 | swap of a word | Release | M3 | as M3; it reads no value but the one that M3 saw | `m3_who_was_held_up_cannot_count_over_a_later_era` |
//! | | on failure | Relaxed | – | who failed loads the word again by M3 | there is nothing weaker |

mod eras;
mod scale;
mod snapshot;
mod word;

use core::fmt;
use core::future::Future;
use core::time::Duration;

pub use snapshot::LatencySnapshot;

pub(crate) use eras::MIN_TICK;
use eras::{Eras, TICKS};
pub(crate) use scale::end as end_of_bucket;
use word::{FULL, PER_WORD};

use crate::config_error::ConfigError;
use crate::rate::Rate;
use crate::sync::const_fn;
use crate::time::{Clock, Instant, nanos};

const MILLISECOND: u64 = 1_000_000;
const DAY: u64 = 86_400_000 * MILLISECOND;

/// How long the calls of the last window took: a rolling estimate of quantiles.
///
/// # What it says
///
/// A quantile is within 6 % of the exact one of the latencies that the window holds. The window is
/// between half of the length that was asked for and all of it: latencies leave when they are
/// older, and after any idle time nothing old comes back. Where calls are many, the window is
/// shorter: never more than 4,095 latencies of about the same length are counted in one half, and
/// the next one then begins. A clock that is set back by more than half a window begins the next
/// half, too, once somebody records or looks. Latencies under 1 µs read as 1.1 µs, those over 2^42
/// ns (73 min) as 71 min.
///
/// # Progress and memory
///
/// [`record`](Self::record) reads the clock and two words, and swaps one. It is lock-free where the
/// target has 64-bit atomics, and allocates nothing. Threads whose calls take about as long share a
/// word: who loses the race for it tries again. Who finds half a window over begins the next half:
/// that costs it two swaps more. Nobody sweeps.
///
/// It takes 8 bytes for each of the `WORDS`, and 24 or more for the rest: 1,048 bytes by default
/// on the smallest clock. Four words are one doubling of the time, from 1 µs (2^10 ns) on: the
/// default 128 reach to 2^42 ns, and 64 to 67 ms. Longer latencies are counted as the longest.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Latency, ManualClock};
///
/// static RADIO: Latency<ManualClock> = Latency::with_clock(ManualClock::new());
///
/// for millis in 1..=200 {
///     RADIO.record(Duration::from_millis(millis));
/// }
/// let p95 = RADIO.p95().expect("100 latencies are enough");
/// let error = p95.abs_diff(Duration::from_millis(190));
/// assert!(error * 100 <= 6 * Duration::from_millis(190));
///
/// RADIO.clock().advance(Duration::from_secs(60));
/// assert_eq!(RADIO.p95(), None, "a window without a call");
/// ```
pub struct Latency<C, const WORDS: usize = 128> {
    eras: Eras<WORDS>,
    minimum: u32,
    clock: C,
}

/// # Constructing
impl<C: Clock> Latency<C> {
    const_fn! {
        /// An estimate over 60 s that needs at least 100 latencies.
        #[must_use]
        pub fn with_clock(clock: C) -> Self {
            Self::from_parts(Duration::from_secs(60), 100, clock)
        }
    }
}

/// # Constructing over another window
impl<C: Clock, const WORDS: usize> Latency<C, WORDS> {
    const_fn! {
        /// An estimate over `window`, which says nothing before it has seen `minimum_samples`
        /// latencies.
        ///
        /// # Panics
        ///
        /// If one of them is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn from_parts(window: Duration, minimum_samples: u32, clock: C) -> Self {
            const { assert!(WORDS > 0 && WORDS <= 128, "WORDS: must be 1 to 128") }
            if let Err(error) = validate(window, minimum_samples) {
                panic!("{}", error.message());
            }
            Self { eras: Eras::new(nanos(window) / TICKS), minimum: minimum_samples, clock }
        }
    }

    /// The same for settings that come as input.
    ///
    /// # Errors
    ///
    /// [`ConfigError::LatencyWindow`] if `window` is not 10 ms to 1 day long,
    /// [`ConfigError::MinimumSamples`] if `minimum_samples` is not 1 to 4,095.
    pub fn try_from_parts(
        window: Duration,
        minimum_samples: u32,
        clock: C,
    ) -> Result<Self, ConfigError> {
        validate(window, minimum_samples)?;
        Ok(Self::from_parts(window, minimum_samples, clock))
    }
}

/// # Recording
impl<C: Clock, const WORDS: usize> Latency<C, WORDS> {
    /// Counts a call that took `latency`.
    #[inline]
    pub fn record(&self, latency: Duration) {
        self.record_at(self.clock.now(), latency);
    }

    /// Runs `call` and counts how long it took, if it returns `Ok`.
    ///
    /// An `Err` is not counted: a dependency that refuses at once is not a fast one. Neither is a
    /// call during which the clock was set back.
    ///
    /// # Errors
    ///
    /// What `call` returns.
    ///
    /// # Panics
    ///
    /// If `call` panics, nothing is counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, Latency, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let radio = CircuitBreaker::with_clock(Config::new(), &clock);
    /// let latency = Latency::with_clock(&clock);
    /// let sent = radio.call(|| {
    ///     latency.measure(|| {
    ///         clock.advance(Duration::from_millis(3));
    ///         Ok::<_, ()>("sent")
    ///     })
    /// });
    /// assert_eq!((sent, latency.snapshot().count()), (Ok("sent"), 1));
    /// ```
    pub fn measure<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let started = self.clock.now();
        let result = call();
        self.record_if_ok(started, &result);
        result
    }

    /// Awaits `call` and counts how long it took from the first poll, if it returns `Ok`.
    ///
    /// # Errors
    ///
    /// What `call` returns.
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, nothing is counted.
    pub async fn measure_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = self.clock.now();
        let result = call.await;
        self.record_if_ok(started, &result);
        result
    }

    fn record_if_ok<T, E>(&self, started: Instant, result: &Result<T, E>) {
        if result.is_ok() {
            self.record_since(started);
        }
    }

    /// Counts a call that was `started` then and ends now, unless the clock was set back meanwhile:
    /// nobody knows how long it took.
    pub(crate) fn record_since(&self, started: Instant) {
        let now = self.clock.now();
        if now >= started {
            self.record_at(now, now.saturating_since(started));
        }
    }

    #[inline]
    pub(crate) fn record_at(&self, now: Instant, latency: Duration) {
        let bucket = scale::bucket(nanos(latency), Self::BUCKETS);
        self.eras.count(bucket, now, || self.clock.now());
    }
}

/// # Observing
impl<C: Clock, const WORDS: usize> Latency<C, WORDS> {
    /// The latencies of the last window.
    ///
    /// It reads counters while others write them: a latency that is recorded meanwhile may be in it
    /// or not. It starts over when an era begins meanwhile. It begins one itself where the clock
    /// was set back by more than half a window.
    #[must_use]
    pub fn snapshot(&self) -> LatencySnapshot<WORDS> {
        self.snapshot_at(self.clock.now())
    }

    /// As [`LatencySnapshot::quantile`], now.
    #[must_use]
    pub fn quantile(&self, share: Rate) -> Option<Duration> {
        self.snapshot().quantile(share)
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> Option<Duration> {
        self.snapshot().p50()
    }

    /// The latency that one call in twenty exceeds.
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        self.snapshot().p95()
    }

    /// The latency that one call in a hundred exceeds.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        self.snapshot().p99()
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    pub(crate) fn snapshot_at(&self, now: Instant) -> LatencySnapshot<WORDS> {
        let (counts, count) = self.eras.read(now, || self.clock.now());
        LatencySnapshot { counts, count, minimum: self.minimum }
    }

    /// The tick of `now`: a sixteenth of the window.
    pub(crate) const fn tick(&self, now: Instant) -> u64 {
        self.eras.tick(now)
    }

    /// How many buckets there are.
    pub(crate) const BUCKETS: usize = PER_WORD * WORDS;

    /// Whether `now` is in `tick`.
    pub(crate) const fn is_in(&self, tick: u64, now: Instant) -> bool {
        self.eras.is_within(tick, 1, now)
    }
}

pub(crate) const fn validate(window: Duration, minimum_samples: u32) -> Result<(), ConfigError> {
    let window = nanos(window);
    if window < 10 * MILLISECOND || window > DAY {
        return Err(ConfigError::LatencyWindow);
    }
    if minimum_samples < 1 || minimum_samples as u64 > FULL {
        return Err(ConfigError::MinimumSamples);
    }
    Ok(())
}

// E5
const _: () = assert!(10 * MILLISECOND / TICKS >= MIN_TICK);

impl<C: Clock, const WORDS: usize> fmt::Debug for Latency<C, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latency").field(&self.snapshot()).finish()
    }
}
