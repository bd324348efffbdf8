//! The settings of a running breaker: words that can be changed while calls look at them.
//!
//! # The words
//!
//! ```text
//! limits   | rule 1 | minimum trials 4 | trials 4 | failure count 14 | minimum 13 | slow-call rate 14 | failure rate 14 |
//! slow     | length of a slow call 47 |
//! trial    | busy 1 | timeout of a trial 47 |
//! lengths  | length of a break |
//!          | its cap |
//!          | third share 14 | stage of recovery 47 |
//!          | jitter 13 | backoff factor 14 | second share 14 | first share 14 |
//! ```
//!
//! A setting that is off is a zero. `plan` has a bit for each question that a call asks before it
//! does anything, how many failures in a row open, and what a dropped call counts as. Of `lengths`
//! there are two copies.
//!
//! # Rules
//!
//! - **C1** What decides together is one word, or is changed in an order in which no two of them
//!   say what neither setting does. The conditions on the window and the rule of trials are one
//!   word. That and the failures in a row are two, of which either may open the circuit: the row is
//!   changed first if it then opens no later, else last. So in between there holds each condition
//!   that holds both before and after, and none that holds neither before nor after. A failure that
//!   looks reads `plan` before `limits` and again after it, until both fit; where the row has come
//!   to be counted meanwhile it is counted there too.
//! - **C2** A call's end looks at the plan once, so that what it read of the clock fits what it
//!   does. What it looks at later is never older than what it looked at before.
//! - **C3** One change at a time: who finds another under way is told so, and waits for nobody.
//! - **C4** After a change a closed circuit is armed: the next result looks, whatever it is.
//! - **C5** The layout of the window and `trip_when` do not change.
//! - **C6** The lengths are read as one: a change writes the copy that does not hold, and the plan
//!   then says that it does. Who reads a copy looks at the plan again; it starts over only if a
//!   whole change came between. What is fine is never timed by a coarse clock: a plan is coarse
//!   only while all that can be read under it may be.
//! - **C7** A window that comes to be needed is emptied before the plan says so.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | D1 | load of the plan where a call begins or ends | Relaxed | – | it is one word; who looks at others reads it again (D5) | there is nothing weaker |
//! | D2 | load of the limits, the length of a slow call or the timeout | Acquire | D2 | who saw a later word must then see the plan that came before it | not by loom: where the limits decide, the fence before the sum (B5) orders this too |
//! | | store | Release | D2 | as above | the same |
//! | D3 | swap of the timeout's word that begins a change | Acquire | D4 | who changes sees the whole change before, and so writes the copy of the lengths that nobody reads | `c3_a_change_after_a_change_writes_where_nobody_reads` |
//! | D4 | store of the timeout's word that ends it | Release | D3 | as D3 | as D3 |
//! | D5 | load of the plan before and after other words | Acquire | D5 | who saw a later plan must then see the words that came before it | `c1_a_failure_that_opens_before_and_after_a_change_opens_during_it`, `c6_a_break_is_as_before_or_as_after_a_change` |
//! | | store | Release | D5 | as above | the same |
//! | D6 | load of a copy of the lengths | Acquire | D6 | who saw a part of a later change must then see a later plan | `c6_a_break_is_as_before_or_as_after_two_changes` |
//! | | store | Release | D6 | as above | the same |

mod layout;
mod lengths;
mod plan;

pub(crate) use lengths::{Breaks, Lengths};
pub(crate) use plan::Plan;

use core::num::{NonZeroU8, NonZeroU32, NonZeroU64};

use crate::circuit::ColdState;
use crate::config::{Config, HalfOpenRule, Window};
use crate::config_error::ConfigError;
use crate::rate::Rate;
use crate::sync::{AtomicU32, AtomicU64, Ordering, const_fn};
use crate::window::{Shape, Tally};
use layout::{
    BUSY, BY_RATE, FAILURE_COUNT, FAILURE_RATE, MINIMUM, MINIMUM_TRIALS, SLOW_CALL_RATE, TRIALS,
    duration, limits, slow_call_duration,
};

/// The conditions on the window, and how trials are admitted and decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) failure_rate: Option<Rate>,
    pub(crate) slow_call_rate: Option<Rate>,
    pub(crate) minimum: u32,
    pub(crate) failure_count: Option<NonZeroU32>,
    pub(crate) trials: TrialRules,
}

/// How trials are admitted and decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrialRules {
    pub(crate) trials: u32,
    pub(crate) minimum_trials: u32,
    pub(crate) rule: HalfOpenRule,
}

/// The words.
pub(crate) struct Settings {
    plan: AtomicU32,
    shape: Shape,
    limits: AtomicU64,
    slow_call_duration: AtomicU64,
    trial_timeout: AtomicU64,
    /// The first copy. The second is needed once they change: it is in [`ColdState`].
    lengths: lengths::Copy,
    trip_when: Option<fn(&Tally) -> bool>,
}

impl Settings {
    const_fn! {
        /// The settings that `validate` has passed.
        pub(crate) fn new(config: &Config) -> Self {
            Self {
                plan: AtomicU32::new(Plan::of(config).0),
                shape: config.window.shape(),
                limits: AtomicU64::new(limits(config)),
                slow_call_duration: AtomicU64::new(slow_call_duration(config)),
                trial_timeout: AtomicU64::new(config.trial_timeout),
                lengths: lengths::copy_of(config),
                trip_when: config.trip_when,
            }
        }
    }

    /// Takes over what `validate` has passed. `prepare` is told the plan of before and the new one,
    /// and does what there is to do before anybody finds that.
    ///
    /// # Errors
    ///
    /// If it differs in what cannot change (C5), or another change is under way (C3).
    pub(crate) fn change(
        &self,
        config: &Config,
        cold: &ColdState,
        prepare: impl FnOnce(Plan, Plan),
    ) -> Result<(), ConfigError> {
        if !self.shape.is_like(&config.window.shape()) {
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
        let timeout = self.trial_timeout.load(Ordering::Relaxed);
        let begin = BUSY.set(timeout, 1);
        let is_ours = timeout != begin
            && self
                .trial_timeout
                .compare_exchange(timeout, begin, Ordering::Acquire, Ordering::Relaxed) // D3
                .is_ok();
        // C3-check
        if !is_ours {
            return Err(ConfigError::BeingChanged);
        }
        let old = self.plan();
        let moves = !lengths::is_copy_of(self.lengths_of(old, cold), config);
        let new = Plan::of(config).after(old, moves);
        prepare(old, new); // C7
        if moves {
            lengths::write(self.lengths_of(new, cold), config); // C6
        }
        let goes_first = new.is_as_strict_on_rows_as(old); // C1-order
        // C6-fine
        self.set_plan(if goes_first { new.as_fine_as(old) } else { old.as_fine_as(new) });
        self.limits.store(limits(config), Ordering::Release); // D2-store
        self.slow_call_duration.store(slow_call_duration(config), Ordering::Release); // D2
        self.trial_timeout.store(BUSY.set(config.trial_timeout, 1), Ordering::Release); // D2
        self.set_plan(new);
        self.trial_timeout.store(config.trial_timeout, Ordering::Release); // D4
        Ok(())
    }

    fn lengths_of<'a>(&'a self, plan: Plan, cold: &'a ColdState) -> &'a lengths::Copy {
        if plan.has_second_copy() { cold.lengths() } else { &self.lengths }
    }

    fn set_plan(&self, plan: Plan) {
        self.plan.store(plan.0, Ordering::Release); // D5-store
    }

    #[inline]
    pub(crate) fn plan(&self) -> Plan {
        Plan(self.plan.load(Ordering::Relaxed)) // D1
    }

    /// The same for who reads other words before or after it.
    fn plan_in_order(&self) -> Plan {
        Plan(self.plan.load(Ordering::Acquire)) // D5-load
    }

    /// How the window is laid out.
    #[inline]
    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) const fn trip_when(&self) -> Option<fn(&Tally) -> bool> {
        self.trip_when
    }

    pub(crate) fn limits(&self) -> Limits {
        let word = load(&self.limits);
        let (trials, minimum_trials) = (TRIALS.get(word) + 1, MINIMUM_TRIALS.get(word));
        let by_rate = BY_RATE.get(word) != 0;
        Limits {
            failure_rate: rate(FAILURE_RATE.get(word)),
            slow_call_rate: rate(SLOW_CALL_RATE.get(word)),
            minimum: MINIMUM.get(word) + 1,
            failure_count: NonZeroU32::new(FAILURE_COUNT.get(word)),
            trials: TrialRules {
                trials,
                minimum_trials: if minimum_trials == 0 { trials } else { minimum_trials },
                rule: if by_rate { HalfOpenRule::Rate } else { HalfOpenRule::FirstFailure },
            },
        }
    }

    /// The limits, the plan that they hold together with (C1), and what the caller makes of it and
    /// reads while it holds.
    pub(crate) fn conditions<T>(&self, mut read: impl FnMut(Plan) -> T) -> (Limits, Plan, T) {
        loop {
            let plan = self.plan_in_order();
            let limits = self.limits();
            let seen = read(plan);
            // C1-again-plan
            if self.plan_in_order() == plan {
                return (limits, plan, seen);
            }
        }
    }

    /// What a call may take without being slow, where that is measured.
    pub(crate) fn slow_call_duration(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(load(&self.slow_call_duration))
    }

    /// How long breaks and slow starts are, and the plan by which to read a clock for them (C6).
    pub(crate) fn lengths(&self, cold: &ColdState) -> (Lengths, Plan) {
        loop {
            let plan = self.plan_in_order();
            let lengths = lengths::read(self.lengths_of(plan, cold));
            let after = self.plan_in_order();
            // C6-check
            if after.is_of_same_change_as(plan) {
                return (lengths, after);
            }
        }
    }

    /// How long a trial may take, and the plan by which to read a clock for it (C6).
    pub(crate) fn trial_timeout(&self) -> (u64, Plan) {
        let plan = self.plan_in_order();
        let timeout = duration(load(&self.trial_timeout));
        (timeout, plan.as_fine_as(self.plan_in_order()))
    }

    /// The settings as they were given, but for a window that its buckets do not divide.
    pub(crate) fn config(&self, cold: &ColdState) -> Config {
        let (limits, plan, ()) = self.conditions(|_| {});
        let (Lengths { breaks, slow_start }, _) = self.lengths(cold);
        let (trials, jitter) = (limits.trials, breaks.jitter);
        Config {
            failure_rate: limits.failure_rate,
            slow_call_rate: limits.slow_call_rate,
            slow_call_duration: self.slow_call_duration(),
            minimum_throughput: limits.minimum,
            window: Window::of(&self.shape),
            consecutive_failures: plan.consecutive_failures(),
            failure_count: limits.failure_count,
            trip_when: self.trip_when,
            evaluate_every_result: plan.evaluates_all(),
            cancelled_as: plan.cancelled_as(),
            break_duration: breaks.duration,
            break_backoff: breaks.backoff,
            break_jitter: if jitter.basis_points() == 0 { None } else { Some(jitter) },
            trials: short(trials.trials),
            minimum_trials: NonZeroU8::new(short(MINIMUM_TRIALS.get(load(&self.limits)))),
            half_open_rule: trials.rule,
            trial_timeout: self.trial_timeout().0,
            slow_start,
        }
    }
}

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire) // D2-load
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
    use crate::config::{Backoff, SlowStart};
    use crate::outcome::Outcome;

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
            .break_backoff(Backoff::multiplier_percent(10_000, 365 * day))
            .break_jitter(Rate::percent(50))
            .trials(16)
            .minimum_trials(15)
            .half_open_rule(HalfOpenRule::Rate)
            .trial_timeout(day)
            .slow_start(SlowStart::in_stages_of(day).shares([most; 3]));
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
            .break_backoff(Backoff::multiplier_percent(100, millisecond))
            .break_jitter(least)
            .trials(1)
            .minimum_trials(1)
            .trial_timeout(millisecond)
            .slow_start(SlowStart::in_stages_of(millisecond).shares([least; 3]));
        let failing = Config::new().without_failure_rate().cancelled_as(Outcome::Failure);
        for config in [Config::new(), longest, shortest, failing] {
            config.validate(10).unwrap();
            let back = Settings::new(&config).config(&ColdState::new());
            assert_eq!(format!("{back:?}"), format!("{config:?}"));
        }
    }
}
