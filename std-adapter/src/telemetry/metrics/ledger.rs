//! What one collection finds under a name, and what all of them have added up.

use core::time::Duration;
use std::sync::{Mutex, OnceLock, PoisonError};

use cutout_core::{Config, Mode, Rate, Snapshot, State, Tally, Totals};

use super::durations::Histograms;
use super::labels::Numbers;
use super::transitions::Counts;

pub(super) const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

pub(super) const MODES: [Mode; 5] =
    [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow];

/// What breakers of one name count.
#[derive(Default)]
pub(super) struct BreakerNumbers {
    /// Where an observer hears.
    pub(super) counts: OnceLock<Counts>,
    /// Where they are measured.
    pub(super) durations: OnceLock<Histograms>,
    /// What they counted since they were registered, those that are gone included.
    totals: Mutex<Totals>,
}

/// An observer hears.
pub(super) const COUNTS: u8 = 1;
/// Durations are measured.
pub(super) const DURATIONS: u8 = 2;

impl Numbers for BreakerNumbers {
    fn fit(&self, needs: u8) {
        if needs & COUNTS != 0 {
            self.counts.get_or_init(Counts::new);
        }
        if needs & DURATIONS != 0 {
            self.durations.get_or_init(Histograms::new);
        }
    }
}

/// What a collection finds under one name.
#[derive(Default)]
pub(super) struct Breakers {
    pub(super) count: u64,
    states: Vec<(State, Mode)>,
    /// How many are due.
    pub(super) due: u64,
    /// What is left of the longest break.
    pub(super) break_remaining: Duration,
    pub(super) trials_in_flight: u64,
    /// What the windows hold.
    pub(super) window: Tally,
    failures: Share,
    slow: Share,
    pub(super) failure_threshold: Option<Rate>,
    pub(super) slow_threshold: Option<Rate>,
    pub(super) measures_slow: bool,
    /// How much the windows hold that are over a count.
    pub(super) room: u64,
}

/// A share of the results of those that have their minimum.
#[derive(Clone, Copy, Default)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    fn add(&mut self, part: u64, whole: u64) {
        self.part = self.part.saturating_add(part);
        self.whole = self.whole.saturating_add(whole);
    }

    #[allow(clippy::cast_precision_loss)] // a share needs no more than 53 bits
    fn ratio(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }
}

impl Breakers {
    pub(super) fn in_state(&self, state: State) -> usize {
        self.states.iter().filter(|(found, _)| *found == state).count()
    }

    pub(super) fn in_mode(&self, mode: Mode) -> usize {
        self.states.iter().filter(|(_, found)| *found == mode).count()
    }

    /// How many are in this state by themselves.
    pub(super) fn by_themselves(&self, state: State) -> usize {
        let acts = |mode| matches!(mode, Mode::Auto | Mode::ForcedClosed);
        self.states.iter().filter(|(found, mode)| *found == state && acts(*mode)).count()
    }

    /// 0 to 1, if there is one that has its minimum.
    pub(super) fn failure_ratio(&self) -> Option<f64> {
        self.failures.ratio()
    }

    /// 0 to 1, if there is one that measures it and has its minimum.
    pub(super) fn slow_ratio(&self) -> Option<f64> {
        self.slow.ratio()
    }

    pub(super) fn add(&mut self, found: &Snapshot, config: &Config) {
        let Tally { successes, failures, slow, .. } = found.tally;
        self.count += 1;
        self.states.push((found.state, found.mode));
        self.due += u64::from(found.due);
        self.break_remaining = self.break_remaining.max(found.retry_after.unwrap_or_default());
        if found.state == State::HalfOpen {
            self.trials_in_flight += u64::from(found.trials_in_flight);
        }
        self.window.successes += successes;
        self.window.failures += failures;
        self.window.slow += slow;
        self.room += u64::from(config.get_window().results().unwrap_or(0));
        let total = found.tally.total();
        let has_minimum = total >= u64::from(config.get_minimum_throughput());
        if has_minimum {
            self.failures.add(failures, total);
        }
        if config.get_slow_call_duration().is_some() {
            self.measures_slow = true;
            if has_minimum {
                self.slow.add(slow, total);
            }
        }
        lower(&mut self.failure_threshold, config.get_failure_rate());
        lower(&mut self.slow_threshold, config.get_slow_call_rate());
    }
}

/// Breakers that share a name may differ: the first to open counts.
fn lower(least: &mut Option<Rate>, rate: Option<Rate>) {
    *least = match (*least, rate) {
        (Some(least), Some(rate)) => Some(least.min(rate)),
        (one, other) => one.or(other),
    };
}

impl BreakerNumbers {
    pub(super) fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is new of one breaker; `last` is what was last seen of its totals.
    pub(super) fn add(&self, new: &Totals, last: &Mutex<Totals>) {
        let last = &mut *last.lock().unwrap_or_else(PoisonError::into_inner);
        let to = &mut *self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        advance(&mut to.successes, new.successes, &mut last.successes);
        advance(&mut to.failures, new.failures, &mut last.failures);
        advance(&mut to.ignored, new.ignored, &mut last.ignored);
        advance(&mut to.cancelled, new.cancelled, &mut last.cancelled);
        advance(&mut to.stale, new.stale, &mut last.stale);
        advance(&mut to.slow, new.slow, &mut last.slow);
        advance(&mut to.rejected, new.rejected, &mut last.rejected);
        advance(&mut to.would_reject, new.would_reject, &mut last.would_reject);
    }
}

/// What bulkheads of one name count.
#[derive(Default)]
pub(super) struct BulkheadNumbers {
    rejected: Mutex<u64>,
}

impl Numbers for BulkheadNumbers {}

impl BulkheadNumbers {
    pub(super) fn rejected(&self) -> u64 {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is new of one bulkhead; `last` is what was last seen of its refusals.
    pub(super) fn add(&self, new: u64, last: &Mutex<u64>) {
        let last = &mut *last.lock().unwrap_or_else(PoisonError::into_inner);
        advance(&mut self.rejected.lock().unwrap_or_else(PoisonError::into_inner), new, last);
    }
}

/// What a collection finds of the bulkheads of one name.
#[derive(Default)]
pub(super) struct Bulkheads {
    pub(super) count: u64,
    pub(super) in_use: u64,
    pub(super) limit: u64,
    pub(super) waiting: u64,
    pub(super) rejected: u64,
}

impl Bulkheads {
    pub(super) fn of(bulkhead: &crate::resilience::bulkhead::Bulkhead) -> Self {
        Self {
            count: 1,
            in_use: u64::from(bulkhead.in_use()),
            limit: u64::from(bulkhead.limit()),
            waiting: u64::from(bulkhead.waiting()),
            rejected: bulkhead.rejected(),
        }
    }

    pub(super) fn add(&mut self, found: &Self) {
        self.count += found.count;
        self.in_use += found.in_use;
        self.limit += found.limit;
        self.waiting += found.waiting;
        self.rejected = self.rejected.saturating_add(found.rejected);
    }
}

/// Adds to `total` what is new since `last`. What is read while others count may be a little less
/// than what was read before.
fn advance(total: &mut u64, new: u64, last: &mut u64) {
    *total = total.saturating_add(new.saturating_sub(*last));
    *last = new.max(*last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_dips_and_comes_back_counts_nothing_twice() {
        let (numbers, last) = (BreakerNumbers::default(), Mutex::default());
        let bulkheads = BulkheadNumbers::default();
        let refused = Mutex::default();
        for (reading, total) in [(5, 5), (3, 5), (5, 5), (4, 5), (7, 7), (0, 7), (7, 7)] {
            let mut new = Totals::default();
            for count in [&mut new.successes, &mut new.failures, &mut new.ignored] {
                *count = reading;
            }
            for count in [&mut new.cancelled, &mut new.stale, &mut new.slow] {
                *count = reading;
            }
            (new.rejected, new.would_reject) = (reading, reading);
            numbers.add(&new, &last);
            bulkheads.add(reading, &refused);
            let of = numbers.totals();
            let counts = [of.successes, of.failures, of.ignored, of.cancelled, of.stale, of.slow];
            assert_eq!(counts, [total; 6], "after reading {reading}");
            assert_eq!([of.rejected, of.would_reject, bulkheads.rejected()], [total; 3]);
        }
    }
}
