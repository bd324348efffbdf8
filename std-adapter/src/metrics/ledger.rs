//! What one collection finds under a name, and what all of them have added up.

use cutout_core::{Config, Mode, Rate, Snapshot, State, Tally, Totals};

pub(super) const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

pub(super) const MODES: [Mode; 5] =
    [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow];

/// The breakers of one name.
#[derive(Default)]
pub(super) struct BreakerLedger {
    /// What they counted since they were registered, those that are gone included.
    pub(super) totals: Totals,
    pub(super) now: Breakers,
    /// What the last collection had found.
    pub(super) before: Breakers,
}

/// What a collection finds.
#[derive(Clone, Default)]
pub(super) struct Breakers {
    pub(super) count: u64,
    states: Vec<(State, Mode)>,
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

    fn add(&mut self, found: &Snapshot, config: &Config) {
        let Tally { successes, failures, slow, .. } = found.tally;
        self.count += 1;
        self.states.push((found.state, found.mode));
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

impl BreakerLedger {
    /// Adds what is found of one breaker; `last` is what was last seen of its totals.
    pub(super) fn add(&mut self, found: &Snapshot, config: &Config, last: &mut Totals) {
        self.now.add(found, config);
        let (to, new) = (&mut self.totals, &found.totals);
        advance(&mut to.successes, new.successes, &mut last.successes);
        advance(&mut to.failures, new.failures, &mut last.failures);
        advance(&mut to.ignored, new.ignored, &mut last.ignored);
        advance(&mut to.cancelled, new.cancelled, &mut last.cancelled);
        advance(&mut to.stale, new.stale, &mut last.stale);
        advance(&mut to.slow, new.slow, &mut last.slow);
        advance(&mut to.rejected, new.rejected, &mut last.rejected);
        advance(&mut to.would_reject, new.would_reject, &mut last.would_reject);
    }

    /// Whether something was ever found.
    pub(super) const fn is_known(&self) -> bool {
        self.now.count > 0 || self.before.count > 0
    }

    /// A collection begins. What one that a panic cut short has found is found again.
    pub(super) fn begin(&mut self) {
        self.now = Breakers::default();
    }

    /// The collection is over.
    pub(super) fn end(&mut self) {
        self.before = core::mem::take(&mut self.now);
    }
}

/// The bulkheads of one name.
#[derive(Default)]
pub(super) struct BulkheadLedger {
    pub(super) rejected: u64,
    pub(super) now: Bulkheads,
    before: Bulkheads,
}

/// What a collection finds.
#[derive(Default)]
pub(super) struct Bulkheads {
    pub(super) count: u64,
    pub(super) in_use: u64,
    pub(super) limit: u64,
    pub(super) waiting: u64,
}

impl BulkheadLedger {
    /// Adds what is found of one bulkhead; `last` is what was last seen of its refusals.
    pub(super) fn add(&mut self, bulkhead: &crate::Bulkhead, last: &mut u64) {
        self.now.count += 1;
        self.now.in_use += u64::from(bulkhead.in_use());
        self.now.limit += u64::from(bulkhead.limit());
        self.now.waiting += u64::from(bulkhead.waiting());
        advance(&mut self.rejected, bulkhead.rejected(), last);
    }

    pub(super) const fn is_known(&self) -> bool {
        self.now.count > 0 || self.before.count > 0
    }

    pub(super) fn begin(&mut self) {
        self.now = Bulkheads::default();
    }

    pub(super) fn end(&mut self) {
        self.before = core::mem::take(&mut self.now);
    }
}

/// Adds to `total` what is new since `last`. What is read while others count may be a little less than
/// what was read before.
fn advance(total: &mut u64, new: u64, last: &mut u64) {
    *total = total.saturating_add(new.saturating_sub(*last));
    *last = new.max(*last);
}
