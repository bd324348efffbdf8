//! The settings of a running breaker: words that can be changed while calls look at them.
//!
//! # The words
//!
//! ```text
//! limits   | failure count 14 | minimum 14 | slow-call rate 14 | failure rate 14 |
//! rules    | busy 1 | backoff factor 14 | jitter 13 | cancelled as 2 | rule 1 | minimum trials 5 | trials 5 | in a row 20 |
//! slow     | first share 14 | length of a slow call 47 |
//! trial    | second share 14 | lease of a trial 47 |
//! stage    | third share 14 | stage of recovery 47 |
//! ```
//!
//! and a word each for the length of the break and its cap. A setting that is off is a zero. `plan` has
//! a bit for each question that a call asks before it does anything.
//!
//! # Rules
//!
//! - **C1** A word is changed as one: the conditions on the window are all of before or all of after a
//!   change. Of the others, what is decided in the very moment of a change may follow some of before
//!   and some of after.
//! - **C2** A call's end looks at the plan once, so that what it read of the clock fits what it does.
//! - **C3** One change at a time: who finds another under way is told so, and waits for nobody.
//! - **C4** After a change a closed circuit is armed: the next result looks, whatever it is.
//! - **C5** The layout of the window and `trip_when` do not change.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | C1 | load of a setting | Relaxed | – | ordered behind the word that armed the circuit (O1, O2): who disarms it by old settings sees the new ones when it looks again | `c4_a_change_that_races_with_a_result_is_not_overlooked` |
//! | C2 | store of a setting | Relaxed | – | published by the word (O2) | the same |
//! | C3 | swap of `rules` that begins a change | Acquire | C4 | who changes sees the whole change before | nothing is read but `rules` |
//! | C4 | store of `rules` that ends it | Release | C3 | as C3 | as C3 |

mod plan;
mod words;

pub(crate) use plan::Plan;

use core::num::{NonZeroU8, NonZeroU32, NonZeroU64};

use crate::config::{Backoff, Config, ConfigError, HalfOpenRule, Recovery, Window};
use crate::permit::Outcome;
use crate::rate::Rate;
use crate::sync::{AtomicU32, AtomicU64, Ordering, const_fn};
use crate::window::{Shape, Tally};
use words::{
    BUSY, BY_RATE, CANCELLED_AS, FACTOR, FAILURE_COUNT, FAILURE_RATE, IN_A_ROW, JITTER, MINIMUM,
    MINIMUM_TRIALS, SHARE, SLOW_CALL_RATE, TRIALS, break_cap, duration, limits, rules,
    slow_call_duration, stage, trial_timeout,
};

/// The conditions on the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) failure_rate: Option<Rate>,
    pub(crate) slow_call_rate: Option<Rate>,
    pub(crate) minimum: u32,
    pub(crate) failure_count: Option<NonZeroU32>,
}

/// How trials are admitted and decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrialRules {
    pub(crate) trials: u32,
    pub(crate) minimum_trials: u32,
    pub(crate) rule: HalfOpenRule,
}

/// How long breaks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Breaks {
    pub(crate) duration: u64,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) jitter: Rate,
}

impl Breaks {
    /// What a server's `retry_after` may ask for at most, and so the longest break there is.
    pub(crate) const fn longest(&self) -> u64 {
        const ASKED_FOR: u64 = 300_000_000_000;
        match self.backoff {
            Some(backoff) => backoff.cap,
            None if self.duration > ASKED_FOR => self.duration,
            None => ASKED_FOR,
        }
    }
}

/// The words.
pub(crate) struct Settings {
    plan: AtomicU32,
    /// Of the window: buckets or results.
    size: u32,
    /// What else there is to its layout.
    layout: [u64; 3],
    limits: AtomicU64,
    rules: AtomicU64,
    slow_call_duration: AtomicU64,
    break_duration: AtomicU64,
    break_cap: AtomicU64,
    trial_timeout: AtomicU64,
    stage: AtomicU64,
    trip_when: Option<fn(&Tally) -> bool>,
}

impl Settings {
    const_fn! {
        /// The settings that `validate` has passed.
        pub(crate) fn new(config: &Config) -> Self {
            let shape = config.shape();
            Self {
                plan: AtomicU32::new(Plan::of(config).0),
                size: shape.size(),
                layout: shape.words(),
                limits: AtomicU64::new(limits(config)),
                rules: AtomicU64::new(rules(config)),
                slow_call_duration: AtomicU64::new(slow_call_duration(config)),
                break_duration: AtomicU64::new(config.break_duration),
                break_cap: AtomicU64::new(break_cap(config)),
                trial_timeout: AtomicU64::new(trial_timeout(config)),
                stage: AtomicU64::new(stage(config)),
                trip_when: config.trip_when,
            }
        }
    }

    /// Takes over what `validate` has passed.
    ///
    /// # Errors
    ///
    /// If it differs in what cannot change (C5), or another change is under way (C3).
    pub(crate) fn change(&self, config: &Config) -> Result<(), ConfigError> {
        if !self.shape().is_like(&config.shape()) {
            return Err(ConfigError::FixedWindow);
        }
        let is_same = match (self.trip_when, config.trip_when) {
            (None, None) => true,
            (Some(ours), Some(other)) => core::ptr::fn_addr_eq(ours, other),
            _ => false,
        };
        if !is_same {
            return Err(ConfigError::FixedTripWhen);
        }
        let old = self.rules.load(Ordering::Relaxed);
        let begin = BUSY.set(old, 1);
        let is_ours = old != begin
            && self
                .rules
                .compare_exchange(old, begin, Ordering::Acquire, Ordering::Relaxed) // C3
                .is_ok();
        if !is_ours {
            return Err(ConfigError::BeingChanged);
        }
        for (word, value) in [
            (&self.limits, limits(config)),
            (&self.slow_call_duration, slow_call_duration(config)),
            (&self.break_duration, config.break_duration),
            (&self.break_cap, break_cap(config)),
            (&self.trial_timeout, trial_timeout(config)),
            (&self.stage, stage(config)),
        ] {
            word.store(value, Ordering::Relaxed); // C2
        }
        self.plan.store(Plan::of(config).0, Ordering::Relaxed); // C2
        self.rules.store(rules(config), Ordering::Release); // C4
        Ok(())
    }

    #[inline]
    pub(crate) fn plan(&self) -> Plan {
        Plan(self.plan.load(Ordering::Relaxed)) // C1
    }

    /// How the window is laid out.
    #[inline]
    pub(crate) const fn shape(&self) -> Shape {
        Shape::of(self.size, self.layout)
    }

    pub(crate) const fn trip_when(&self) -> Option<fn(&Tally) -> bool> {
        self.trip_when
    }

    pub(crate) fn limits(&self) -> Limits {
        let word = load(&self.limits);
        Limits {
            failure_rate: rate(FAILURE_RATE.get(word)),
            slow_call_rate: rate(SLOW_CALL_RATE.get(word)),
            minimum: MINIMUM.get(word),
            failure_count: NonZeroU32::new(FAILURE_COUNT.get(word)),
        }
    }

    /// How many failures in a row open the circuit.
    pub(crate) fn consecutive_failures(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(IN_A_ROW.get(load(&self.rules)))
    }

    pub(crate) fn trial_rules(&self) -> TrialRules {
        let word = load(&self.rules);
        let trials = TRIALS.get(word);
        let minimum = MINIMUM_TRIALS.get(word);
        TrialRules {
            trials,
            minimum_trials: if minimum == 0 { trials } else { minimum },
            rule: if BY_RATE.get(word) == 0 {
                HalfOpenRule::FirstFailure
            } else {
                HalfOpenRule::Rate
            },
        }
    }

    /// How many trials a half-open circuit admits.
    pub(crate) fn trials(&self) -> u32 {
        self.trial_rules().trials
    }

    pub(crate) fn cancelled_as(&self) -> Option<Outcome> {
        match CANCELLED_AS.get(load(&self.rules)) {
            0 => None,
            1 => Some(Outcome::Success),
            2 => Some(Outcome::Failure),
            _ => Some(Outcome::Ignored),
        }
    }

    /// What a call may take without being slow, where that is measured.
    pub(crate) fn slow_call_duration(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(duration(load(&self.slow_call_duration)))
    }

    pub(crate) fn breaks(&self) -> Breaks {
        let rules = load(&self.rules);
        let factor = NonZeroU32::new(FACTOR.get(rules));
        Breaks {
            duration: load(&self.break_duration),
            backoff: factor.map(|percent| Backoff { percent, cap: load(&self.break_cap) }),
            jitter: Rate::clamped(JITTER.get(rules)),
        }
    }

    pub(crate) fn trial_timeout(&self) -> u64 {
        duration(load(&self.trial_timeout))
    }

    pub(crate) fn recovery(&self) -> Option<Recovery> {
        let third = load(&self.stage);
        let stage = NonZeroU64::new(duration(third))?;
        let words = [load(&self.slow_call_duration), load(&self.trial_timeout), third];
        Some(Recovery { stage, shares: words.map(|word| Rate::clamped(SHARE.get(word))) })
    }

    /// The settings as they were given, but for a window that its buckets do not divide.
    pub(crate) fn config(&self) -> Config {
        let (limits, breaks) = (self.limits(), self.breaks());
        let trials = self.trial_rules();
        let jitter = breaks.jitter;
        Config {
            failure_rate: limits.failure_rate,
            slow_call_rate: limits.slow_call_rate,
            slow_call_duration: self.slow_call_duration(),
            minimum_throughput: limits.minimum,
            window: Window::of(&self.shape()),
            consecutive_failures: self.consecutive_failures(),
            failure_count: limits.failure_count,
            trip_when: self.trip_when,
            evaluate_every_result: self.plan().evaluates_all(),
            cancelled_as: self.cancelled_as(),
            break_duration: breaks.duration,
            break_backoff: breaks.backoff,
            break_jitter: if jitter.basis_points() == 0 { None } else { Some(jitter) },
            trials: short(trials.trials),
            minimum_trials: NonZeroU8::new(short(MINIMUM_TRIALS.get(load(&self.rules)))),
            half_open_rule: trials.rule,
            trial_timeout: self.trial_timeout(),
            recovery: self.recovery(),
        }
    }
}

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed) // C1
}

fn rate(points: u32) -> Option<Rate> {
    if points == 0 { None } else { Some(Rate::clamped(points)) }
}

#[allow(clippy::cast_possible_truncation)] // of five bits
const fn short(trials: u32) -> u8 {
    trials as u8
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;

    use core::time::Duration;
    use std::format;

    use super::*;
    use crate::config::Window;

    #[test]
    fn settings_come_back_as_they_went_in_at_both_ends_of_their_ranges() {
        let day = Duration::from_secs(24 * 60 * 60);
        let most = Rate::percent(100);
        let longest = Config::new()
            .failure_rate(most)
            .slow_call_rate(most)
            .slow_call_duration(day)
            .minimum_throughput(8_192)
            .window(Window::time(day))
            .consecutive_failures(1_000_000)
            .failure_count(8_192)
            .evaluate_every_result(true)
            .cancelled_as(Outcome::Ignored)
            .break_duration(365 * day)
            .break_backoff(Backoff::percent(10_000, 365 * day))
            .break_jitter(Rate::percent(50))
            .trials(16)
            .minimum_trials(16)
            .half_open_rule(HalfOpenRule::Rate)
            .trial_timeout(day)
            .recovery(Recovery::in_stages_of(day).shares([most; 3]));
        let millisecond = Duration::from_millis(1);
        let least = Rate::try_basis_points(1).unwrap();
        let shortest = Config::new()
            .failure_rate(least)
            .slow_call_rate(least)
            .slow_call_duration(Duration::from_micros(1))
            .minimum_throughput(1)
            .window(Window::count(1))
            .consecutive_failures(1)
            .failure_count(1)
            .cancelled_as(Outcome::Success)
            .break_duration(millisecond)
            .break_backoff(Backoff::percent(100, millisecond))
            .break_jitter(least)
            .trials(1)
            .minimum_trials(1)
            .trial_timeout(millisecond)
            .recovery(Recovery::in_stages_of(millisecond).shares([least; 3]));
        let failing = Config::new().without_failure_rate().cancelled_as(Outcome::Failure);
        for config in [Config::new(), longest, shortest, failing] {
            config.validate(10).unwrap();
            let back = Settings::new(&config).config();
            assert_eq!(format!("{back:?}"), format!("{config:?}"));
        }
    }
}
