//! The tables.

use core::fmt::Write;

use crate::breakers::Row;
use crate::faults::Fault;
use crate::users::{Opening, Question, Run};

/// How many calls a second the users make while all is well, and how many users that takes.
const LOADS: [(u32, u32); 3] = [(10, 1), (100, 10), (1_000, 100)];

/// Of an odd number of runs, the one in the middle is shown.
const SEEDS: u64 = 25;

pub(crate) const NOTES: &str = "\
## How soon it opens

For 40 s all is well, and every window is full of successes. Then comes a fault. Shown are the seconds
from the fault until the circuit opens, and in brackets how many calls are lost until then: those that
were let through and failed, or still hang when it opens. \"never\" is not within 60 s.

10, 100 and 1,000 calls/s are 1, 10 and 100 users, each of whom begins a call ten times a second, or as
soon as the last one is over: users who hang call less often. A good answer takes 10 ms. Where chance is
involved, it is the median of 25 runs. Time is told to all breakers, none of which is given a sleep.
";

/// The table of one fault.
pub(crate) fn of(fault: Fault, rows: &[Row]) -> String {
    let mut text = format!("\n### {}\n\n| |", fault.title());
    for (rate, _) in LOADS {
        let _ = write!(text, " {} calls/s |", count(rate.into()));
    }
    text += "\n| --- | ---: | ---: | ---: |\n";
    for row in rows {
        let _ = write!(text, "| {} |", row.name);
        for (_, users) in LOADS {
            let _ = write!(text, " {} |", cell(median(row, fault, users)));
        }
        text.push('\n');
    }
    text
}

/// The table of a fault that no time passes before.
pub(crate) fn at_once(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n### 100,000 calls are good and then all fail, at one moment\n\n| | calls lost |\n| --- | ---: |\n",
    );
    for row in rows {
        let opening = (row.measure)(Question::AtOnce(100_000));
        let lost = opening.after.map_or_else(|| "never".into(), |_| count(opening.lost));
        let _ = writeln!(text, "| {} | {lost} |", row.name);
    }
    text
}

fn median(row: &Row, fault: Fault, users: u32) -> Opening {
    let seeds = if fault.is_random() { SEEDS } else { 1 };
    let mut openings: Vec<_> =
        (0..seeds).map(|seed| (row.measure)(Question::Run(Run { fault, users, seed }))).collect();
    // Never is later than any time.
    openings.sort_by_key(|it| (it.after.is_none(), *it));
    openings[openings.len() / 2]
}

fn cell(opening: Opening) -> String {
    let lost = count(opening.lost);
    match opening.after {
        None => format!("never ({lost})"),
        Some(after) => format!("{:.2} ({lost})", after.as_secs_f64()),
    }
}

/// `1234567` as `1,234,567`.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
