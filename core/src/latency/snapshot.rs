//! The latencies of a window, at one moment.

use core::fmt;
use core::time::Duration;

use super::scale;
use super::word::PER_WORD;
use crate::rate::Rate;

/// The latencies of the last window, at one moment: what quantiles are read from.
///
/// It takes 4 bytes for each of the `WORDS`, and 8 more: 520 bytes by default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LatencySnapshot<const WORDS: usize = 128> {
    pub(super) counts: [[u16; PER_WORD]; WORDS],
    pub(super) count: u32,
    pub(super) minimum: u32,
}

impl<const WORDS: usize> LatencySnapshot<WORDS> {
    /// How many latencies there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The latency that `share` of all calls did not exceed, within 6 %; `None` while there are
    /// fewer than the minimum.
    ///
    /// It is the nearest rank: the shortest latency that is at least as long as `share` of them. 0
    /// % asks for the shortest of all, 100 % for the longest.
    #[must_use]
    pub fn quantile(&self, share: Rate) -> Option<Duration> {
        self.bucket_of(share).map(|bucket| Duration::from_nanos(scale::middle(bucket)))
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> Option<Duration> {
        self.quantile(Rate::percent(50))
    }

    /// The latency that one call in twenty exceeds.
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        self.quantile(Rate::percent(95))
    }

    /// The latency that one call in a hundred exceeds.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        self.quantile(Rate::percent(99))
    }

    /// The bucket that the quantile lies in.
    pub(crate) fn bucket_of(&self, share: Rate) -> Option<u32> {
        if self.count < self.minimum {
            return None;
        }
        let points = u64::from(share.basis_points());
        let rank = (u64::from(self.count) * points).div_ceil(10_000).max(1);
        let mut seen = 0;
        (0..).zip(self.counts.as_flattened()).find_map(|(bucket, count)| {
            seen += u64::from(*count);
            (seen >= rank).then_some(bucket)
        })
    }
}

impl<const WORDS: usize> fmt::Debug for LatencySnapshot<WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencySnapshot")
            .field("count", &self.count)
            .field("p50", &self.p50())
            .field("p95", &self.p95())
            .field("p99", &self.p99())
            .finish()
    }
}
