//! Where each setting lies in its word, and the words of a [`Config`].

use core::num::NonZeroU32;

use crate::config::{Config, DAY, HalfOpenRule};
use crate::field::Field;
use crate::rate::Rate;

pub(super) const FAILURE_RATE: Field = Field::lowest(14);
pub(super) const SLOW_CALL_RATE: Field = Field::above(FAILURE_RATE, 14);
/// One less than it is.
pub(super) const MINIMUM: Field = Field::above(SLOW_CALL_RATE, 13);
pub(super) const FAILURE_COUNT: Field = Field::above(MINIMUM, 14);
/// One less than there are.
pub(super) const TRIALS: Field = Field::above(FAILURE_COUNT, 4);
/// All 16 of 16 are what they are without it.
pub(super) const MINIMUM_TRIALS: Field = Field::above(TRIALS, 4);
pub(super) const BY_RATE: Field = Field::above(MINIMUM_TRIALS, 1);
const _: () = assert!(BY_RATE.end() == u64::BITS);

/// A duration of a day or less.
const DURATION_BITS: u32 = 47;
const _: () = assert!(DAY < 1 << DURATION_BITS);
/// Above the timeout of a trial: whether the settings are being changed.
pub(super) const BUSY: Field = Field { shift: DURATION_BITS, bits: 1 };
/// Above the stage of a slow start.
pub(super) const THIRD_SHARE: Field = Field { shift: DURATION_BITS, bits: 14 };
const _: () = assert!(THIRD_SHARE.end() <= u64::BITS);

pub(super) const FIRST_SHARE: Field = Field::lowest(14);
pub(super) const SECOND_SHARE: Field = Field::above(FIRST_SHARE, 14);
pub(super) const FACTOR: Field = Field::above(SECOND_SHARE, 14);
pub(super) const JITTER: Field = Field::above(FACTOR, 13);
const _: () = assert!(JITTER.end() <= u64::BITS);

#[inline]
pub(super) const fn duration(word: u64) -> u64 {
    word & ((1 << DURATION_BITS) - 1)
}

const fn points(rate: Option<Rate>) -> u32 {
    match rate {
        Some(rate) => rate.basis_points() as u32,
        None => 0,
    }
}

const fn number(number: Option<NonZeroU32>) -> u32 {
    match number {
        Some(number) => number.get(),
        None => 0,
    }
}

pub(super) const fn limits(config: &Config) -> u64 {
    let word = FAILURE_RATE.set(0, points(config.failure_rate));
    let word = SLOW_CALL_RATE.set(word, points(config.slow_call_rate));
    let word = MINIMUM.set(word, config.minimum_throughput - 1);
    let word = FAILURE_COUNT.set(word, number(config.failure_count));
    let word = TRIALS.set(word, config.trials as u32 - 1);
    let minimum = match config.minimum_trials {
        Some(trials) if (trials.get() as u64) <= MINIMUM_TRIALS.max() => trials.get() as u32,
        _ => 0,
    };
    let word = MINIMUM_TRIALS.set(word, minimum);
    BY_RATE.set(word, matches!(config.half_open_rule, HalfOpenRule::Rate) as u32)
}

pub(super) const fn slow_call_duration(config: &Config) -> u64 {
    match config.slow_call_duration {
        Some(duration) => duration.get(),
        None => 0,
    }
}

/// The length of the break, its cap, the stage of slow start, and what scales them.
pub(super) const fn lengths(config: &Config) -> [u64; 4] {
    let (percent, cap) = match config.break_backoff {
        Some(backoff) => (backoff.percent.get(), backoff.cap),
        None => (0, 0),
    };
    let scales = JITTER.set(FACTOR.set(0, percent), points(config.break_jitter));
    let (stage, scales) = match config.slow_start {
        Some(slow_start) => {
            let [first, second, third] = slow_start.shares;
            let scales = FIRST_SHARE.set(scales, first.basis_points() as u32);
            let scales = SECOND_SHARE.set(scales, second.basis_points() as u32);
            (THIRD_SHARE.set(slow_start.stage.get(), third.basis_points() as u32), scales)
        }
        None => (0, scales),
    };
    [config.break_duration, cap, stage, scales]
}
