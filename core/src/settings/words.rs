//! Where each setting lies in its word, and the words of a [`Config`].

use core::num::NonZeroU32;

use crate::config::{Config, DAY, HalfOpenRule};
use crate::field::Field;
use crate::permit::Outcome;
use crate::rate::Rate;

pub(super) const FAILURE_RATE: Field = Field::lowest(14);
pub(super) const SLOW_CALL_RATE: Field = Field::above(FAILURE_RATE, 14);
pub(super) const MINIMUM: Field = Field::above(SLOW_CALL_RATE, 14);
pub(super) const FAILURE_COUNT: Field = Field::above(MINIMUM, 14);
const _: () = assert!(FAILURE_COUNT.end() <= u64::BITS);

pub(super) const IN_A_ROW: Field = Field::lowest(20);
pub(super) const TRIALS: Field = Field::above(IN_A_ROW, 5);
pub(super) const MINIMUM_TRIALS: Field = Field::above(TRIALS, 5);
pub(super) const BY_RATE: Field = Field::above(MINIMUM_TRIALS, 1);
pub(super) const CANCELLED_AS: Field = Field::above(BY_RATE, 2);
pub(super) const JITTER: Field = Field::above(CANCELLED_AS, 13);
pub(super) const FACTOR: Field = Field::above(JITTER, 14);
pub(super) const BUSY: Field = Field::above(FACTOR, 1);
const _: () = assert!(BUSY.end() <= u64::BITS);

/// A duration of a day or less, and above it a stage's share.
const DURATION_BITS: u32 = 47;
const _: () = assert!(DAY < 1 << DURATION_BITS);
pub(super) const SHARE: Field = Field { shift: DURATION_BITS, bits: 14 };
const _: () = assert!(SHARE.end() <= u64::BITS);

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
    let word = MINIMUM.set(word, config.minimum_throughput);
    FAILURE_COUNT.set(word, number(config.failure_count))
}

pub(super) const fn rules(config: &Config) -> u64 {
    let word = IN_A_ROW.set(0, number(config.consecutive_failures));
    let word = TRIALS.set(word, config.trials as u32);
    let minimum = match config.minimum_trials {
        Some(trials) => trials.get() as u32,
        None => 0,
    };
    let word = MINIMUM_TRIALS.set(word, minimum);
    let word = BY_RATE.set(word, matches!(config.half_open_rule, HalfOpenRule::Rate) as u32);
    let cancelled_as = match config.cancelled_as {
        None => 0,
        Some(Outcome::Success) => 1,
        Some(Outcome::Failure) => 2,
        Some(Outcome::Ignored) => 3,
    };
    let word = JITTER.set(CANCELLED_AS.set(word, cancelled_as), points(config.break_jitter));
    let factor = match config.break_backoff {
        Some(backoff) => backoff.percent.get(),
        None => 0,
    };
    FACTOR.set(word, factor)
}

pub(super) const fn slow_call_duration(config: &Config) -> u64 {
    let duration = match config.slow_call_duration {
        Some(duration) => duration.get(),
        None => 0,
    };
    SHARE.set(duration, share(config, 0))
}

pub(super) const fn trial_timeout(config: &Config) -> u64 {
    SHARE.set(config.trial_timeout, share(config, 1))
}

pub(super) const fn stage(config: &Config) -> u64 {
    let duration = match config.recovery {
        Some(recovery) => recovery.stage.get(),
        None => 0,
    };
    SHARE.set(duration, share(config, 2))
}

pub(super) const fn break_cap(config: &Config) -> u64 {
    match config.break_backoff {
        Some(backoff) => backoff.cap,
        None => 0,
    }
}

const fn share(config: &Config, stage: usize) -> u32 {
    match config.recovery {
        Some(recovery) => recovery.shares[stage].basis_points() as u32,
        None => 0,
    }
}
