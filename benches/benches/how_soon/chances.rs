//! How often would twenty failures in a row open the circuit of a dependency that is merely not
//! perfect?

use core::fmt::Write;

/// As many as the defaults ask for.
const ROW: i32 = 20;

/// Failures of a hundred calls.
const PERCENT: [f64; 6] = [1.0, 5.0, 10.0, 20.0, 33.0, 50.0];

const NOTES: &str = "
### What twenty in a row costs: trips for nothing

A dependency of whose calls a share fails at random opens the circuit by chance once in so many calls.
From one half on the failure rate opens it anyway.

| failing | a row begins at a given call with probability | calls until there is one, on average | at 1,000 calls/s |
| ---: | ---: | ---: | ---: |
";

pub(crate) fn table() -> String {
    let mut text = String::from(NOTES);
    for percent in PERCENT {
        let share = percent / 100.0;
        let row = share.powi(ROW);
        // The mean time until a run of that many failures.
        let calls = (1.0 - row) / ((1.0 - share) * row);
        let _ = writeln!(text, "| {percent} % | {row:.0e} | {calls:.0e} | {} |", time(calls / 1e3));
    }
    text
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
