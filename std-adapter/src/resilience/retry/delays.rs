//! How long to wait before the next attempt: plain arithmetic over the number of the attempt.

// Not those of `backon` 1.6, which add their jitter on top of the cap, up to as much again, know no
// linear growth, and step from attempt to attempt.

use core::fmt;
use core::time::Duration;

use crate::support::lengths::Length;

/// Delays that grow with the attempts, up to a cap.
#[derive(Clone, Copy)]
pub(super) struct Delays {
    growth: Growth,
    cap: u64,
    jitter: bool,
}

#[derive(Clone, Copy)]
enum Growth {
    Fixed { delay: u64 },
    Linear { step: u64 },
    Exponential { first: u64, factor: u32 },
    Custom(fn(u32) -> Duration),
}

/// What delays stop to grow at, unless they are told otherwise.
const CAP: u64 = 30_000_000_000;

/// The shortest wait for what names no time.
const LEAST: u64 = 1_000_000;

impl Delays {
    pub(super) const fn fixed(delay: Duration) -> Self {
        Self::new(Growth::Fixed { delay: nanos(delay) })
    }

    pub(super) const fn linear(step: Duration) -> Self {
        Self::new(Growth::Linear { step: nanos(step) })
    }

    pub(super) const fn exponential(first: Duration) -> Self {
        Self::new(Growth::Exponential { first: nanos(first), factor: 2 })
    }

    pub(super) const fn custom(delay: fn(u32) -> Duration) -> Self {
        Self::new(Growth::Custom(delay))
    }

    const fn new(growth: Growth) -> Self {
        Self { growth, cap: CAP, jitter: true }
    }

    pub(super) const fn multiplier(mut self, factor: u32) -> Self {
        if let Growth::Exponential { first, .. } = self.growth {
            self.growth = Growth::Exponential { first, factor };
        }
        self
    }

    pub(super) const fn max_delay(mut self, cap: Duration) -> Self {
        self.cap = nanos(cap);
        self
    }

    pub(super) const fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    pub(super) const fn longest(&self) -> Duration {
        Duration::from_nanos(self.cap)
    }

    /// The delay after the attempt with this number, counted from 1; `chance` is asked for a number
    /// up to the one that it is given.
    pub(super) fn after(&self, attempt: u32, chance: impl FnOnce(u64) -> u64) -> Duration {
        self.part_of(self.whole(attempt), chance)
    }

    /// The delay after the attempt with this number, which was refused, the refusal being the `nth`
    /// that named no time, counted from 1. Refusals cost nearly nothing, so that without a delay
    /// that grows, whoever waits for another call to end would keep a core busy.
    pub(super) fn after_refusal(
        &self,
        attempt: u32,
        nth: u32,
        chance: impl FnOnce(u64) -> u64,
    ) -> Duration {
        let doubled = LEAST.saturating_mul(2_u64.saturating_pow(nth.saturating_sub(1)));
        let whole = self.whole(attempt).max(doubled.min(self.cap));
        self.part_of(whole, chance).max(Duration::from_nanos(LEAST))
    }

    fn part_of(&self, whole: u64, chance: impl FnOnce(u64) -> u64) -> Duration {
        Duration::from_nanos(if self.jitter { chance(whole) } else { whole })
    }

    /// The delay before the jitter takes from it.
    fn whole(&self, attempt: u32) -> u64 {
        let grown = match self.growth {
            Growth::Fixed { delay } => delay,
            Growth::Linear { step } => step.saturating_mul(u64::from(attempt)),
            Growth::Exponential { first, factor } => {
                first.saturating_mul(u64::from(factor).saturating_pow(attempt.saturating_sub(1)))
            }
            Growth::Custom(delay) => nanos(delay(attempt)),
        };
        grown.min(self.cap)
    }
}

/// The nanoseconds of `duration`, or as many as 64 bits hold.
#[allow(clippy::cast_possible_truncation)] // bounded in the line before
pub(super) const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

impl fmt::Debug for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |nanos| Length(Duration::from_nanos(nanos));
        match self.growth {
            Growth::Fixed { delay } => write!(f, "fixed {}", length(delay)),
            Growth::Linear { step } => write!(f, "linear {}", length(step)),
            Growth::Exponential { first, factor } => {
                write!(f, "exponential {} x {factor}", length(first))
            }
            Growth::Custom(_) => f.write_str("custom"),
        }?;
        write!(f, " up to {}", Length(self.longest()))?;
        f.write_str(if self.jitter { ", full jitter" } else { ", exactly" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn first_five(delays: Delays) -> [u128; 5] {
        [1, 2, 3, 4, 5].map(|attempt| delays.without_jitter().after(attempt, |_| 0).as_millis())
    }

    #[test]
    fn fixed_delays_stay_linear_ones_add_and_exponential_ones_multiply() {
        assert_eq!(first_five(Delays::fixed(ms(7))), [7, 7, 7, 7, 7]);
        assert_eq!(first_five(Delays::linear(ms(7))), [7, 14, 21, 28, 35]);
        assert_eq!(first_five(Delays::exponential(ms(7))), [7, 14, 28, 56, 112]);
        assert_eq!(first_five(Delays::exponential(ms(7)).multiplier(3)), [7, 21, 63, 189, 567]);
        let triangular = Delays::custom(|n| ms(u64::from(n * (n + 1) / 2)));
        assert_eq!(first_five(triangular), [1, 3, 6, 10, 15]);
    }

    #[test]
    fn no_delay_is_longer_than_the_cap() {
        assert_eq!(first_five(Delays::exponential(ms(7)).max_delay(ms(30))), [7, 14, 28, 30, 30]);
        assert_eq!(first_five(Delays::fixed(ms(7)).max_delay(ms(3))), [3; 5]);
        assert_eq!(first_five(Delays::custom(|_| Duration::MAX)), [30_000; 5]);
    }

    #[test]
    fn delays_after_refusals_double_from_a_millisecond_unless_they_are_longer_anyway() {
        let first_five = |delays: Delays| {
            let delays = delays.without_jitter();
            [1, 2, 3, 4, 5].map(|nth| delays.after_refusal(nth, nth, |_| 0).as_millis())
        };
        assert_eq!(first_five(Delays::fixed(Duration::ZERO)), [1, 2, 4, 8, 16]);
        assert_eq!(first_five(Delays::fixed(ms(3))), [3, 3, 4, 8, 16]);
        assert_eq!(first_five(Delays::linear(ms(3))), [3, 6, 9, 12, 16]);
        assert_eq!(first_five(Delays::exponential(ms(3))), [3, 6, 12, 24, 48]);
        assert_eq!(first_five(Delays::fixed(Duration::ZERO).max_delay(ms(5))), [1, 2, 4, 5, 5]);
        assert_eq!(first_five(Delays::fixed(ms(3)).max_delay(Duration::ZERO)), [1; 5]);
        let late = Delays::fixed(Duration::ZERO);
        assert_eq!(late.after_refusal(1, u32::MAX, |most| most), late.longest());
        assert_eq!(late.after_refusal(1, u32::MAX, |_| 0), ms(1));
    }

    #[test]
    fn growth_saturates_instead_of_overflowing() {
        let uncapped =
            Delays::exponential(Duration::from_nanos(1)).max_delay(Duration::MAX).without_jitter();
        let delay = |attempt| uncapped.after(attempt, |_| 0).as_nanos();
        assert_eq!(delay(64), 1 << 63);
        assert_eq!(delay(65), u128::from(u64::MAX));
        assert_eq!(delay(u32::MAX), u128::from(u64::MAX));
        let linear = Delays::linear(Duration::MAX).max_delay(Duration::MAX).without_jitter();
        assert_eq!(linear.after(u32::MAX, |_| 0).as_nanos(), u128::from(u64::MAX));
    }

    #[test]
    fn full_jitter_takes_any_part_of_the_delay_and_adds_nothing() {
        let delays = Delays::exponential(ms(10)).max_delay(ms(40));
        for (attempt, whole) in [(1, 10), (2, 20), (3, 40), (4, 40)] {
            assert_eq!(delays.after(attempt, |most| most), ms(whole));
            assert_eq!(delays.after(attempt, |_| 0), Duration::ZERO);
        }
    }
}
