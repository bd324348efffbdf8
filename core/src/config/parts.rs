//! The settings that have settings of their own: window, backoff, slow start.

use core::num::{NonZeroU32, NonZeroU64};
use core::time::Duration;

#[cfg(doc)]
use super::Config;
use super::{MILLISECOND, or_one, or_one_long};
use crate::rate::Rate;
use crate::slow_start::Stage;
use crate::time::nanos;
use crate::window::{Grid, Ring, Shape};

/// Over what span results are counted.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Config, Window};
///
/// let by_time = Config::new().window(Window::time(Duration::from_secs(10)).in_buckets(5));
/// let by_count = Config::new().window(Window::count(100));
/// # let _ = (by_time, by_count);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window(pub(super) Span);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Span {
    Time { length: u64, buckets: u32 },
    Count { results: u32 },
}

impl Window {
    /// A window over the last `length` of time, in 10 buckets.
    ///
    /// Buckets lie on a fixed grid, and the one in progress belongs to the window: it covers
    /// between nine tenths and all of `length`. Allowed are 1 ms to 1 day.
    #[must_use]
    pub const fn time(length: Duration) -> Self {
        Self(Span::Time { length: nanos(length), buckets: 10 })
    }

    /// A window over the last `results` results, exactly, however old they are.
    ///
    /// A healthy call then reads no clock. Allowed are 1 to 20 for each bucket that the breaker has
    /// room for: 200 unless its type says otherwise. It should hold no fewer than
    /// [`minimum_throughput`](Config::minimum_throughput), or no rate would ever count.
    #[must_use]
    pub const fn count(results: u32) -> Self {
        Self(Span::Count { results })
    }

    /// How the window is laid out; `validate` has seen to it that there is a bucket.
    pub(crate) const fn shape(self) -> Shape {
        match self.0 {
            Span::Time { length, buckets } => {
                Shape::Time(Grid::new(length / buckets as u64, buckets))
            }
            Span::Count { results } => Shape::Count(Ring::new(results)),
        }
    }

    /// The window that is laid out like this.
    pub(crate) const fn of(shape: &Shape) -> Self {
        Self(match shape {
            Shape::Time(grid) => {
                let (width, buckets) = (grid.width(), grid.buckets());
                let length = width * buckets as u64;
                // The shortest window may have been cut into buckets that together are shorter.
                let length = if length < MILLISECOND { MILLISECOND } else { length };
                Span::Time { length, buckets }
            }
            Shape::Count(ring) => Span::Count { results: ring.results() },
        })
    }

    /// The same window over time in `buckets` buckets: 1 to as many as the breaker has room for, 10
    /// unless its type says otherwise, and none narrower than 100 µs. A window over a count of
    /// results has no buckets, and is left as it is.
    ///
    /// More buckets make the edge of the window finer; a breaker's size and the price of a failure
    /// grow with them. With a single bucket the window does not slide: it starts over whenever
    /// its length has passed.
    #[must_use]
    pub const fn in_buckets(self, buckets: u32) -> Self {
        match self.0 {
            Span::Time { length, .. } => Self(Span::Time { length, buckets }),
            Span::Count { .. } => self,
        }
    }

    /// How long a window over time is.
    #[must_use]
    pub const fn length(self) -> Option<Duration> {
        match self.0 {
            Span::Time { length, .. } => Some(Duration::from_nanos(length)),
            Span::Count { .. } => None,
        }
    }

    /// How many buckets a window over time has.
    #[must_use]
    pub const fn buckets(self) -> Option<u32> {
        match self.0 {
            Span::Time { buckets, .. } => Some(buckets),
            Span::Count { .. } => None,
        }
    }

    /// How many results a window over a count holds.
    #[must_use]
    pub const fn results(self) -> Option<u32> {
        match self.0 {
            Span::Time { .. } => None,
            Span::Count { results } => Some(results),
        }
    }
}

/// How a break grows each time that a circuit reopens.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Backoff, Config};
///
/// // 1 s, 2 s, 4 s and so on, but never above a minute.
/// let config = Config::new()
///     .break_duration(Duration::from_secs(1))
///     .break_backoff(Backoff::doubling(Duration::from_secs(60)));
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    pub(crate) percent: NonZeroU32,
    pub(crate) cap: u64,
}

impl Backoff {
    /// Each break twice as long as the last, up to `cap`.
    #[must_use]
    pub const fn doubling(cap: Duration) -> Self {
        Self::multiplier_percent(200, cap)
    }

    /// Each break `percent` hundredths of the last, up to `cap`: 150 grows it by half.
    ///
    /// Allowed are 100 to 10,000.
    #[must_use]
    pub const fn multiplier_percent(percent: u32, cap: Duration) -> Self {
        Self { percent: or_one(percent), cap: nanos(cap) }
    }

    /// How many hundredths of the last break the next one is.
    #[must_use]
    pub const fn get_multiplier_percent(self) -> u32 {
        self.percent.get()
    }

    /// What no break is longer than, but for the jitter that is added to what a server asked for.
    #[must_use]
    pub const fn cap(self) -> Duration {
        Duration::from_nanos(self.cap)
    }
}

/// How a circuit that has just closed takes up its load again.
///
/// In three stages of equal length it admits a growing share of the calls, evenly spread; then
/// all. The first call of a stage is admitted, and one call whenever none was for a tenth of the
/// stage, so that little traffic is not refused for long.
///
/// Meanwhile the rates count from as many results on as there are [`trials`](Config::trials), so
/// that it reopens at once if the dependency cannot carry the load, and that counts as reopening in
/// a row. The end of the last stage starts a generation.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Config, Rate, SlowStart};
///
/// let config = Config::new().slow_start(
///     SlowStart::in_stages_of(Duration::from_secs(2))
///         .shares([Rate::percent(5), Rate::percent(20), Rate::percent(60)]),
/// );
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlowStart {
    pub(crate) stage: NonZeroU64,
    pub(crate) shares: [Rate; 3],
}

impl SlowStart {
    /// Three stages, each this long, of 10 %, 25 % and 50 %. Allowed are 1 ms to 1 day.
    #[must_use]
    pub const fn in_stages_of(stage: Duration) -> Self {
        Self {
            stage: or_one_long(nanos(stage)),
            shares: [Rate::percent(10), Rate::percent(25), Rate::percent(50)],
        }
    }

    /// The same stages with other shares: above 0 %, and none below the one before.
    #[must_use]
    pub const fn shares(mut self, shares: [Rate; 3]) -> Self {
        self.shares = shares;
        self
    }

    /// How long each stage is.
    #[must_use]
    pub const fn stage(self) -> Duration {
        Duration::from_nanos(self.stage.get())
    }

    /// The share that each stage admits.
    #[must_use]
    pub const fn get_shares(self) -> [Rate; 3] {
        self.shares
    }

    /// How long all stages take together.
    pub(crate) const fn length(self) -> u64 {
        self.stage.get() * self.shares.len() as u64
    }

    /// The stage `left` nanoseconds before the end.
    pub(crate) const fn stage_at(self, left: u64, generation: u32) -> Stage {
        let (length, [first, second, third]) = (self.stage.get(), self.shares);
        let (index, share) = if left > 2 * length {
            (1, first)
        } else if left > length {
            (2, second)
        } else {
            (3, third)
        };
        Stage { generation, index, length, share }
    }
}
