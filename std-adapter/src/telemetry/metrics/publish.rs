//! From ledgers to a recorder, under our own names.

use std::sync::Arc;

use cutout_core::Outcome;
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};

use super::ledger::{BreakerNumbers, Breakers, BulkheadNumbers, Bulkheads, MODES, STATES};
use super::retries::Endings;
use super::shown::{FAILURE_RATIO, FAILURE_THRESHOLD, KNOWN, SLOW_RATIO, SLOW_THRESHOLD};
use super::{labels, transitions::Counts};

const METADATA: Metadata<'static> = Metadata::new("cutout", Level::INFO, Some(module_path!()));

/// The name of a metric, its unit and what it says.
pub(super) type Described = (&'static str, Option<Unit>, &'static str);

const GAUGES: [Described; 13] = [
    ("circuit_breaker_state", None, "1 for the state as calls meet it, 0 for the others"),
    ("circuit_breaker_due", None, "1 if open, its break over, and nobody has called since"),
    (
        "circuit_breaker_break_remaining_seconds",
        Some(Unit::Seconds),
        "Time until an open circuit lets a trial through, 0 for others",
    ),
    ("circuit_breaker_trials_in_flight", None, "Trials of a half-open circuit that are out"),
    ("circuit_breaker_mode", None, "1 for the mode, 0 for the others"),
    ("circuit_breaker_failure_ratio", None, "Share of failures in the window, above the minimum"),
    ("circuit_breaker_slow_ratio", None, "Share of slow calls in the window, above the minimum"),
    ("circuit_breaker_failure_threshold", None, "Share of failures at which the circuit opens"),
    ("circuit_breaker_slow_threshold", None, "Share of slow calls at which the circuit opens"),
    (
        "circuit_breaker_call_duration_seconds_sum",
        Some(Unit::Seconds),
        "Time that all calls took together",
    ),
    ("bulkhead_in_use", None, "Permits that are out"),
    ("bulkhead_limit", None, "Permits that there are"),
    ("bulkhead_waiting", None, "Callers that wait for a permit"),
];

const COUNTERS: [Described; 9] = [
    ("circuit_breaker_calls_total", None, "Calls by what became of them"),
    ("circuit_breaker_slow_calls_total", None, "Successes and failures that were slow"),
    ("circuit_breaker_would_reject_total", None, "Calls that only the mode shadow let through"),
    ("circuit_breaker_transitions_total", None, "Changes of state or mode"),
    (
        "circuit_breaker_would_trip_total",
        None,
        "Times that a circuit forced closed would have opened",
    ),
    ("circuit_breaker_call_duration_seconds_bucket", None, "Calls by how long they took at most"),
    ("circuit_breaker_call_duration_seconds_count", None, "Calls whose duration was measured"),
    ("bulkhead_rejected_total", None, "Callers that were refused a permit"),
    ("retry_calls_total", None, "Calls by how they ended, and whether after a retry"),
];

/// A recorder, told of numbers under a name.
pub(super) struct Publisher<'a> {
    recorder: &'a dyn Recorder,
}

impl<'a> Publisher<'a> {
    pub(super) const fn new(recorder: &'a dyn Recorder) -> Self {
        Self { recorder }
    }

    /// Says what the metrics are.
    pub(super) fn describe(&self) {
        self.describe_all(&GAUGES, &COUNTERS);
    }

    pub(super) fn describe_all(&self, gauges: &[Described], counters: &[Described]) {
        for (name, unit, text) in gauges {
            self.recorder.describe_gauge(KeyName::from_const_str(name), *unit, (*text).into());
        }
        for (name, unit, text) in counters {
            self.recorder.describe_counter(KeyName::from_const_str(name), *unit, (*text).into());
        }
    }

    pub(super) fn gauge(&self, metric: &'static str, of: &Labelled<'_>, value: impl IntoNumber) {
        self.recorder.register_gauge(&of.key(metric), &METADATA).set(value.into_number());
    }

    pub(super) fn counter(&self, metric: &'static str, of: &Labelled<'_>, value: u64) {
        self.recorder.register_counter(&of.key(metric), &METADATA).absolute(value);
    }

    /// Publishes what a recorder was shown in part; says what it is shown now.
    pub(super) fn breaker(
        &self,
        label: &labels::Label<BreakerNumbers>,
        now: &Breakers,
        before: u8,
    ) -> u8 {
        let name = Labelled::new(&label.name);
        let totals = &label.numbers.totals();
        let mut shown = 0;
        // What may be absent: if it was there before, it is no number from now on.
        for (bit, metric, value) in [
            (FAILURE_RATIO, "circuit_breaker_failure_ratio", now.failure_ratio()),
            (SLOW_RATIO, "circuit_breaker_slow_ratio", now.slow_ratio()),
            (
                FAILURE_THRESHOLD,
                "circuit_breaker_failure_threshold",
                now.failure_threshold.map(share),
            ),
            (SLOW_THRESHOLD, "circuit_breaker_slow_threshold", now.slow_threshold.map(share)),
        ] {
            if value.is_some() {
                shown |= bit;
            }
            if let Some(value) = value.or((before & bit != 0).then_some(f64::NAN)) {
                self.gauge(metric, &name, value);
            }
        }
        if now.count > 0 {
            shown |= KNOWN;
        }
        if (shown | before) & KNOWN != 0 {
            for state in STATES {
                let of = name.and("state", state.as_str());
                self.gauge("circuit_breaker_state", &of, now.in_state(state));
            }
            for mode in MODES {
                let of = name.and("mode", mode.as_str());
                self.gauge("circuit_breaker_mode", &of, now.in_mode(mode));
            }
            let remaining = now.break_remaining.as_secs_f64();
            self.gauge("circuit_breaker_due", &name, now.due);
            self.gauge("circuit_breaker_break_remaining_seconds", &name, remaining);
            self.gauge("circuit_breaker_trials_in_flight", &name, now.trials_in_flight);
            for (outcome, count) in [
                (Outcome::Success.as_str(), totals.successes),
                (Outcome::Failure.as_str(), totals.failures),
                (Outcome::Ignored.as_str(), totals.ignored),
                ("cancelled", totals.cancelled),
                ("stale", totals.stale),
                ("rejected", totals.rejected),
            ] {
                self.counter("circuit_breaker_calls_total", &name.and("outcome", outcome), count);
            }
            if now.measures_slow {
                self.counter("circuit_breaker_slow_calls_total", &name, totals.slow);
            }
            if totals.would_reject > 0 {
                self.counter("circuit_breaker_would_reject_total", &name, totals.would_reject);
            }
        }
        let counts = label.numbers.counts.get();
        for ((from, to, cause), count) in counts.into_iter().flat_map(Counts::read) {
            let of = name.and("from", from.as_str()).and("to", to.as_str());
            let of = of.and("reason", cause.as_str());
            self.counter("circuit_breaker_transitions_total", &of, count);
        }
        for (reason, count) in counts.into_iter().flat_map(Counts::read_would_trip) {
            let of = name.and("reason", reason.as_str());
            self.counter("circuit_breaker_would_trip_total", &of, count);
        }
        if let Some(durations) = label.numbers.durations.get() {
            let read = durations.read();
            for (end, count) in read.cumulative() {
                let of = name.and("le", end);
                self.counter("circuit_breaker_call_duration_seconds_bucket", &of, count);
            }
            self.gauge("circuit_breaker_call_duration_seconds_sum", &name, read.seconds());
            self.counter("circuit_breaker_call_duration_seconds_count", &name, read.count());
        }
        shown
    }

    /// As [`breaker`](Self::breaker).
    pub(super) fn bulkhead(
        &self,
        label: &labels::Label<BulkheadNumbers>,
        now: &Bulkheads,
        before: u8,
    ) -> u8 {
        let shown = if now.count > 0 { KNOWN } else { 0 };
        if (shown | before) & KNOWN == 0 {
            return shown;
        }
        let name = Labelled::new(&label.name);
        self.gauge("bulkhead_in_use", &name, now.in_use);
        self.gauge("bulkhead_limit", &name, now.limit);
        self.gauge("bulkhead_waiting", &name, now.waiting);
        self.counter("bulkhead_rejected_total", &name, label.numbers.rejected());
        shown
    }

    pub(super) fn retries(&self, label: &labels::Label<Endings>) {
        for ((succeeded, retried), count) in endings(label) {
            let of = Labelled::new(&label.name)
                .and("outcome", if succeeded { "success" } else { "failure" })
                .and("retried", if retried { "true" } else { "false" });
            self.counter("retry_calls_total", &of, count);
        }
    }
}

/// How calls end that may be tried again.
pub(super) fn endings(label: &labels::Label<Endings>) -> impl Iterator<Item = ((bool, bool), u64)> {
    let ways = [(true, false), (true, true), (false, false), (false, true)];
    ways.into_iter().map(|way @ (succeeded, retried)| (way, label.numbers.read(succeeded, retried)))
}

fn share(rate: cutout_core::Rate) -> f64 {
    f64::from(rate.basis_points()) / 10_000.0
}

/// A name, and labels besides.
#[derive(Clone)]
pub(super) struct Labelled<'a> {
    name: &'a Arc<str>,
    more: Vec<(&'static str, &'static str)>,
}

impl<'a> Labelled<'a> {
    pub(super) const fn new(name: &'a Arc<str>) -> Self {
        Self { name, more: Vec::new() }
    }

    pub(super) fn and(&self, label: &'static str, value: &'static str) -> Self {
        let mut longer = self.clone();
        longer.more.push((label, value));
        longer
    }

    fn key(&self, metric: &'static str) -> Key {
        let mut labels = vec![Label::new("name", SharedString::from(Arc::clone(self.name)))];
        labels.extend(self.more.iter().map(|(label, value)| Label::new(*label, *value)));
        Key::from_parts(metric, labels)
    }
}

/// What a gauge may be set to.
pub(super) trait IntoNumber {
    fn into_number(self) -> f64;
}

impl IntoNumber for f64 {
    fn into_number(self) -> f64 {
        self
    }
}

#[allow(clippy::cast_precision_loss)] // what a gauge holds is no more exact
impl IntoNumber for u64 {
    fn into_number(self) -> f64 {
        self as f64
    }
}

#[allow(clippy::cast_precision_loss)] // as above
impl IntoNumber for usize {
    fn into_number(self) -> f64 {
        self as f64
    }
}
