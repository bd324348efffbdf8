//! `Durations`: how long calls take, by outcome.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::sync::Arc;

use cutout_core::{Clock, Instant, Outcome};

use super::labels::Place;
use super::ledger::BreakerNumbers;
use crate::breaker::StdClock;
use crate::support::sync::AtomicU64;

/// Measures how long calls take, for [`Metrics`](super::Metrics). Made by
/// [`Metrics::durations`](super::Metrics::durations); clones, and others of the same name, measure
/// together.
///
/// It goes inside the breaker, so that refusals, which take no time, do not count, and around the
/// timeout, if that is one of the caller's: a call that a timeout further outside cuts, such as
/// that of a policy, is dropped and missing here. How many those are, `circuit_breaker_calls_total`
/// tells.
///
/// # Progress and memory
///
/// A call costs two readings of the clock and two additions, to words that threads share: unlike
/// the rest of [`metrics`](super) this is on the path of every call, hence only where it is asked
/// for. It locks and allocates nothing. A name takes 480 bytes, and with them a series for each of
/// 17 buckets.
///
/// # Examples
///
/// ```
/// use cutout::metrics::Metrics;
/// use cutout::{CircuitBreaker, Config};
///
/// let metrics = Metrics::new();
/// let durations = metrics.durations("bank");
/// let bank = CircuitBreaker::new(Config::new());
/// let paid = bank.call(|| durations.measure(|| Ok::<_, std::io::Error>("paid")));
/// assert_eq!(paid.unwrap(), "paid");
/// ```
#[derive(Clone)]
pub struct Durations<C: Clock = StdClock> {
    place: Arc<Place<BreakerNumbers>>,
    clock: C,
}

impl<C: Clock> Durations<C> {
    pub(super) const fn new(place: Arc<Place<BreakerNumbers>>, clock: C) -> Self {
        Self { place, clock }
    }

    /// Counts a call that ended so and took `duration`. More than 584 years count as so many.
    pub fn record(&self, outcome: Outcome, duration: Duration) {
        if let Some(histograms) = self.place.numbers().durations.get() {
            histograms.of(outcome).record(duration);
        }
    }

    /// Runs `call` and counts how long it took: `Ok` as a success, `Err` as a failure.
    ///
    /// # Errors
    ///
    /// What `call` returns.
    ///
    /// # Panics
    ///
    /// If `call` panics, nothing is counted.
    pub fn measure<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let started = self.clock.now();
        let result = call();
        self.ended(started, &result);
        result
    }

    /// Awaits `call` and counts how long it took from the first poll, as [`measure`](Self::measure)
    /// does.
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
        self.ended(started, &result);
        result
    }

    fn ended<T, E>(&self, started: Instant, result: &Result<T, E>) {
        let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
        self.record(outcome, self.clock.now().saturating_since(started));
    }
}

impl<C: Clock> fmt::Debug for Durations<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Durations").field(&self.place).finish()
    }
}

/// The ends of the buckets in microseconds, and as Prometheus writes them in seconds.
pub(super) const BOUNDS: [(u64, &str); 16] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// A histogram for each outcome.
pub(super) struct Histograms([Histogram; 3]);

impl Histograms {
    pub(super) fn new() -> Self {
        Self(core::array::from_fn(|_| Histogram::new()))
    }

    pub(super) const fn of(&self, outcome: Outcome) -> &Histogram {
        match outcome {
            Outcome::Success => &self.0[0],
            Outcome::Failure => &self.0[1],
            Outcome::Ignored => &self.0[2],
        }
    }

    /// All outcomes together.
    pub(super) fn read(&self) -> Read {
        self.0.iter().map(Histogram::read).fold(Read::default(), Read::plus)
    }
}

/// How many took how long. The words order nothing, hence Relaxed.
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// The sum, modulo 2^64.
    nanos: AtomicU64,
    /// How often the sum has come to 2^64, which is 584 years: of one call that is told to have
    /// taken so long, or of 10,000 at a time for three weeks.
    carries: AtomicU64,
    /// The greatest sum that was read, in units of 2^32 nanoseconds.
    most: AtomicU64,
}

impl Histogram {
    fn new() -> Self {
        Self {
            buckets: core::array::from_fn(|_| AtomicU64::new(0)),
            nanos: AtomicU64::new(0),
            carries: AtomicU64::new(0),
            most: AtomicU64::new(0),
        }
    }

    /// A bucket includes its end.
    fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(micros, _)| micros * 1_000 < nanos);
        self.buckets[bucket].fetch_add(1, Relaxed);
        let before = self.nanos.fetch_add(nanos, Relaxed);
        if before.checked_add(nanos).is_none() {
            self.carries.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn read(&self) -> Read {
        Read {
            buckets: core::array::from_fn(|bucket| self.buckets[bucket].load(Relaxed)),
            nanos: self.sum(),
        }
    }

    /// The sum, which never goes back: one that is less than what was read before lacks a carry
    /// that is just being made.
    fn sum(&self) -> u128 {
        let low = u128::from(self.nanos.load(Relaxed));
        let mut high = u128::from(self.carries.load(Relaxed));
        let most = u128::from(self.most.load(Relaxed));
        let part = |high: u128| ((high << 64) | low) >> 32;
        if part(high) < most {
            high += 1;
        }
        self.most.fetch_max(u64::try_from(part(high)).unwrap_or(u64::MAX), Relaxed);
        (high << 64) | low
    }
}

/// A histogram as it was read.
#[derive(Default)]
pub(super) struct Read {
    buckets: [u64; BUCKETS],
    nanos: u128,
}

impl Read {
    fn plus(mut self, other: Self) -> Self {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.nanos += other.nanos;
        self
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    #[allow(clippy::cast_precision_loss)] // what a gauge holds is no more exact
    pub(super) fn seconds(&self) -> f64 {
        const SECOND: u128 = 1_000_000_000;
        (self.nanos / SECOND) as f64 + (self.nanos % SECOND) as f64 / 1e9
    }

    /// The ends of the buckets, and how many took no longer than that.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let ends = BOUNDS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        ends.zip(self.buckets.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }
}
