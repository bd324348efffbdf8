//! The table: the runs side by side.

use core::time::Duration;

use crate::numbers::{BreakerNumbers, BulkheadNumbers, Numbers};

/// The width of the column with the names.
const NAMES: usize = 56;

/// The width of a column with numbers.
const COLUMN: usize = 12;

/// One row: its name and how to read it off a run.
type Row = (&'static str, fn(&Numbers) -> String);

const ROWS: &[Row] = &[
    ("calls that users made", |run| count(run.calls)),
    ("  good answers", |run| count(run.good)),
    ("  stale answers, from the fallback", |run| bulkhead(run, |_| count(run.stale))),
    ("  errors: the call ran and failed", |run| count(run.errors)),
    ("  errors: the call was refused", |run| breaker(run, |_| count(run.refused))),
    ("users had to wait for over half a second", |run| count(run.long)),
    ("latency of everything that users got, p50", |run| latency(run.all.p50)),
    ("latency of everything that users got, p99", |run| latency(run.all.p99)),
    ("  of good answers only, p99", |run| latency(run.of_good.p99)),
    ("most calls in flight at once", |run| run.most_in_flight.to_string()),
    ("calls that the breaker refused", |run| breaker(run, |it| count(it.refused))),
    ("calls that the bulkhead refused", |run| bulkhead(run, |it| count(it.refused))),
    ("requests that reached the server while it was ill", |run| count(run.load.requests)),
    ("  the most that it had at once", |run| run.load.peak.to_string()),
    ("time to trip, from the start of \"hanging\"", |run| {
        breaker(run, |it| it.trip.map_or_else(|| "never".into(), seconds))
    }),
    ("time to recover, from the start of \"back, but weak\" *", |run| {
        run.recovery.map_or_else(|| "never".into(), seconds)
    }),
    ("times the circuit opened", |run| breaker(run, |it| it.openings.to_string())),
    ("trials that it let through", |run| breaker(run, |it| count(it.trials))),
];

const NOTES: &str = "\
The server is ill from the start of \"hanging\" to the end of \"down\". Refusals and the
fallback come at once and so lower the percentiles of everything; those of good answers
leave them out.
* until at least 90 % of the answers in any 500 ms are good, and stay so. Under its crowd
  a weak server stays weak; the script makes it healthy at the start of \"healthy again\".
";

/// The table, with its notes.
pub(crate) fn render(runs: &[Numbers; 3]) -> String {
    let line = |name: &str, [without, with, whole]: [String; 3]| {
        format!("{name:<NAMES$}{without:>COLUMN$}{with:>COLUMN$}{whole:>COLUMN$}\n")
    };
    let mut table = line("", ["no breaker", "a breaker", "policy"].map(String::from));
    table.push_str(&"-".repeat(NAMES + 3 * COLUMN));
    table.push('\n');
    for (name, value) in ROWS {
        table.push_str(&line(name, runs.each_ref().map(value)));
    }
    table.push('\n');
    table.push_str(NOTES);
    table
}

fn breaker(run: &Numbers, value: impl Fn(&BreakerNumbers) -> String) -> String {
    run.breaker.as_ref().map_or_else(|| "-".into(), value)
}

fn bulkhead(run: &Numbers, value: impl Fn(&BulkheadNumbers) -> String) -> String {
    run.bulkhead.as_ref().map_or_else(|| "-".into(), value)
}

fn latency(latency: Option<Duration>) -> String {
    latency.map_or_else(
        || "-".into(),
        |it| match it.as_secs_f64() * 1e3 {
            ms if ms < 0.1 => String::from("< 0.1 ms"),
            ms if ms < 100.0 => format!("{ms:.1} ms"),
            ms => format!("{ms:.0} ms"),
        },
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
