//! The same numbers under resilience4j's names, as Micrometer writes them for Prometheus.

use cutout_core::{Mode, Outcome, State};

use metrics::Unit;

use super::labels::Label;
use super::ledger::{BreakerNumbers, Breakers, BulkheadNumbers, Bulkheads};
use super::publish::{Described, Labelled, Publisher, endings};
use super::retries::Endings;
use super::shown::KNOWN;

const GAUGES: [Described; 8] = [
    ("resilience4j_circuitbreaker_state", None, "1 for the state, 0 for the others"),
    ("resilience4j_circuitbreaker_buffered_calls", None, "Results that the window holds"),
    ("resilience4j_circuitbreaker_max_buffered_calls", None, "Results that the window may hold"),
    ("resilience4j_circuitbreaker_failure_rate", None, "Failures in percent, -1 below the minimum"),
    (
        "resilience4j_circuitbreaker_slow_call_rate",
        None,
        "Slow calls in percent, -1 below the minimum",
    ),
    (
        "resilience4j_circuitbreaker_calls_seconds_sum",
        Some(Unit::Seconds),
        "Time that calls took together",
    ),
    ("resilience4j_bulkhead_available_concurrent_calls", None, "Permits that are free"),
    ("resilience4j_bulkhead_max_allowed_concurrent_calls", None, "Permits that there are"),
];

const COUNTERS: [Described; 5] = [
    ("resilience4j_circuitbreaker_not_permitted_calls_total", None, "Calls that were refused"),
    ("resilience4j_circuitbreaker_calls_total", None, "Calls that were refused"),
    ("resilience4j_circuitbreaker_calls_seconds_count", None, "Calls that ended"),
    (
        "resilience4j_circuitbreaker_calls_seconds_bucket",
        None,
        "Calls by how long they took at most",
    ),
    ("resilience4j_retry_calls_total", None, "Calls by how they ended, and whether after a retry"),
];

pub(super) fn describe(to: &Publisher<'_>) {
    to.describe_all(&GAUGES, &COUNTERS);
}

pub(super) fn breaker(
    to: &Publisher<'_>,
    label: &Label<BreakerNumbers>,
    now: &Breakers,
    before: u8,
) {
    if now.count == 0 && before & KNOWN == 0 {
        return;
    }
    let name = Labelled::new(&label.name);
    let totals = &label.numbers.totals();
    for (state, count) in [
        ("closed", now.by_themselves(State::Closed)),
        ("open", now.by_themselves(State::Open)),
        ("half_open", now.by_themselves(State::HalfOpen)),
        ("forced_open", now.in_mode(Mode::ForcedOpen)),
        ("disabled", now.in_mode(Mode::Disabled)),
        ("metrics_only", now.in_mode(Mode::Shadow)),
    ] {
        to.gauge("resilience4j_circuitbreaker_state", &name.and("state", state), count);
    }
    let kind = |kind| name.and("kind", kind);
    let buffered = "resilience4j_circuitbreaker_buffered_calls";
    to.gauge(buffered, &kind("successful"), now.window.successes);
    to.gauge(buffered, &kind("failed"), now.window.failures);
    if now.room > 0 {
        to.gauge("resilience4j_circuitbreaker_max_buffered_calls", &name, now.room);
    }
    let percent = |ratio: Option<f64>| ratio.map_or(-1.0, |ratio| ratio * 100.0);
    to.gauge("resilience4j_circuitbreaker_failure_rate", &name, percent(now.failure_ratio()));
    to.gauge("resilience4j_circuitbreaker_slow_call_rate", &name, percent(now.slow_ratio()));
    let refused = kind("not_permitted");
    to.counter("resilience4j_circuitbreaker_not_permitted_calls_total", &refused, totals.rejected);
    to.counter("resilience4j_circuitbreaker_calls_total", &refused, totals.rejected);

    for (name, outcome, counted) in [
        ("successful", Outcome::Success, totals.successes),
        ("failed", Outcome::Failure, totals.failures),
        ("ignored", Outcome::Ignored, totals.ignored),
    ] {
        let of = kind(name);
        let Some(durations) = label.numbers.durations.get() else {
            to.counter("resilience4j_circuitbreaker_calls_seconds_count", &of, counted);
            continue;
        };
        let read = durations.of(outcome).read();
        for (end, count) in read.cumulative() {
            let of = of.and("le", end);
            to.counter("resilience4j_circuitbreaker_calls_seconds_bucket", &of, count);
        }
        to.gauge("resilience4j_circuitbreaker_calls_seconds_sum", &of, read.seconds());
        to.counter("resilience4j_circuitbreaker_calls_seconds_count", &of, read.count());
    }
}

pub(super) fn bulkhead(
    to: &Publisher<'_>,
    label: &Label<BulkheadNumbers>,
    now: &Bulkheads,
    before: u8,
) {
    if now.count == 0 && before & KNOWN == 0 {
        return;
    }
    let name = Labelled::new(&label.name);
    let available = now.limit.saturating_sub(now.in_use);
    to.gauge("resilience4j_bulkhead_available_concurrent_calls", &name, available);
    to.gauge("resilience4j_bulkhead_max_allowed_concurrent_calls", &name, now.limit);
}

pub(super) fn retries(to: &Publisher<'_>, label: &Label<Endings>) {
    let name = Labelled::new(&label.name);
    for (way, count) in endings(label) {
        let kind = match way {
            (true, false) => "successful_without_retry",
            (true, true) => "successful_with_retry",
            (false, false) => "failed_without_retry",
            (false, true) => "failed_with_retry",
        };
        to.counter("resilience4j_retry_calls_total", &name.and("kind", kind), count);
    }
}
