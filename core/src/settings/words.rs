//! Where each setting lies in its word, and the words of a [`Config`].

use core::num::NonZeroU32;

use crate::config::{Config, HalfOpenRule};
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
pub(super) const BUSY: Field = Field::above(JITTER, 1);
const _: () = assert!(BUSY.end() <= u64::BITS);

pub(super) const FIRST: Field = Field::lowest(14);
pub(super) const SECOND: Field = Field::above(FIRST, 14);
pub(super) const THIRD: Field = Field::above(SECOND, 14);
pub(super) const FACTOR: Field = Field::above(THIRD, 14);
const _: () = assert!(FACTOR.end() <= u64::BITS);

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
    JITTER.set(CANCELLED_AS.set(word, cancelled_as), points(config.break_jitter))
}

pub(super) const fn slow_call_duration(config: &Config) -> u64 {
    match config.slow_call_duration {
        Some(duration) => duration.get(),
        None => 0,
    }
}

/// The cap of the break, a stage of recovery, and the word of its shares and the backoff.
pub(super) const fn breaks(config: &Config) -> (u64, u64, u64) {
    let (cap, factor) = match config.break_backoff {
        Some(backoff) => (backoff.cap, backoff.percent.get()),
        None => (0, 0),
    };
    let (stage, [first, second, third]) = match config.recovery {
        Some(recovery) => (recovery.stage.get(), recovery.shares),
        None => (0, [Rate::ZERO; 3]),
    };
    let word = FIRST.set(0, first.basis_points() as u32);
    let word = SECOND.set(word, second.basis_points() as u32);
    let word = THIRD.set(word, third.basis_points() as u32);
    (cap, stage, FACTOR.set(word, factor))
}
