//! How often would twenty failures in a row open the circuit of a dependency that is merely not
//! perfect?

use core::fmt::Write;

/// Failures of a hundred calls.
const PERCENT: [f64; 7] = [1.0, 5.0, 10.0, 20.0, 25.0, 33.0, 50.0];

const NOTES: &str = "
### What failures in a row cost: trips for nothing

A dependency fails a share of its calls at random. By chance it then has 20 failures in a row sometimes.
The table shows the probability that 20 failures in a row begin at a given call, the average number of
calls until that happens, and how long that takes at 1,000 calls/s. For comparison, the table shows the
number of calls until 5 failures in a row. From 50 % on, the failure rate opens the circuit anyway.

| failing | 20 in a row, probability | calls until then | at 1,000 calls/s | calls until 5 in a row |
| ---: | ---: | ---: | ---: | ---: |
";

pub(crate) fn table() -> String {
    let mut text = String::from(NOTES);
    for percent in PERCENT {
        let share = percent / 100.0;
        let (row, calls) = (share.powi(20), calls(share, 20));
        let _ = writeln!(
            text,
            "| {percent} % | {row:.0e} | {calls:.0e} | {} | {:.0e} |",
            time(calls / 1e3),
            self::calls(share, 5),
        );
    }
    text
}

/// The mean number of calls until so many in a row have failed.
fn calls(share: f64, row: i32) -> f64 {
    let row = share.powi(row);
    (1.0 - row) / ((1.0 - share) * row)
}

fn time(seconds: f64) -> String {
    const HOUR: f64 = 3_600.0;
    const DAY: f64 = 24.0 * HOUR;
    const YEAR: f64 = 365.25 * DAY;
    match seconds {
        _ if seconds < HOUR => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 100.0 * DAY => format!("{:.0} days", seconds / DAY),
        _ if seconds < 1e4 * YEAR => format!("{:.0} years", seconds / YEAR),
        _ => format!("{:.0e} years", seconds / YEAR),
    }
}
