//! The tables, and what is checked of them.

use core::fmt::Write;
use core::time::Duration;

use cutout::{Instant, State, TripReason};

use crate::Failure;
use crate::users::{Change, Counts, Ending, Phases};

/// A breaker's part of a table.
#[derive(Debug)]
pub struct Column {
    /// How it is set.
    pub name: &'static str,
    /// What became of the calls through it.
    pub counts: Counts,
    /// Its changes, by time.
    pub changes: Vec<Change>,
}

impl Column {
    /// The first change to this state at or after this time.
    #[must_use]
    pub fn first(&self, to: State, from: Instant) -> Option<&Change> {
        self.changes.iter().find(|change| change.to == to && change.at >= from)
    }

    /// How long after this time it opened.
    #[must_use]
    pub fn opened_after(&self, fault: Instant) -> Option<Duration> {
        self.first(State::Open, fault).map(|change| change.at.saturating_since(fault))
    }

    /// When it was last closed, if it is.
    #[must_use]
    pub fn closed_after(&self, well: Instant) -> Option<Duration> {
        let last = self.changes.last().filter(|change| change.to == State::Closed)?;
        Some(last.at.saturating_since(well))
    }

    /// The state at this time.
    fn state(&self, at: Instant) -> State {
        let before = self.changes.iter().rfind(|change| change.at <= at);
        before.map_or(State::Closed, |change| change.to)
    }
}

/// The table of one run: what became of the calls, phase by phase. The fault is the second phase,
/// and in the last all is well again.
#[must_use]
pub fn table(phases: &Phases, columns: &[&Column]) -> String {
    let names = phases.names();
    let mut text = String::new();
    for column in columns {
        let _ = writeln!(text, "\n{}:\n", column.name);
        text += "| phase | seconds | good | failed | refused | state at its end |\n";
        text += "| --- | ---: | ---: | ---: | ---: | --- |\n";
        for (phase, name) in names.iter().enumerate() {
            let of = |ending| column.counts.of(phase, ending);
            let _ = writeln!(
                text,
                "| {name} | {:.1} | {} | {} | {} | {} |",
                phases.length(phase).as_secs_f64(),
                of(Ending::Good),
                of(Ending::Failed),
                of(Ending::Refused),
                column.state(phases.start(phase + 1)).as_str(),
            );
        }
        let (fault, well) = (phases.start(1), phases.start(names.len() - 1));
        let failed = column.counts.sum(1..names.len(), Ending::Failed);
        let refused = column.counts.sum(1..names.len(), Ending::Refused);
        let opened = match (column.opened_after(fault), column.first(State::Open, fault)) {
            (Some(after), Some(change)) => {
                let why = match change.reason {
                    Some(TripReason::ConsecutiveFailures) => "failures in a row",
                    Some(TripReason::FailureRate) => "the failure rate",
                    _ => "another condition",
                };
                format!("opened {:.2} s after the fault, by {why}", after.as_secs_f64())
            }
            _ => "never opened".into(),
        };
        let closed = match column.closed_after(well) {
            Some(after) => {
                format!("closed {:.1} s after all was well again", after.as_secs_f64())
            }
            None => format!("{} at the end", column.state(phases.start(names.len())).as_str()),
        };
        let _ = writeln!(
            text,
            "\nIt {opened}; from the fault on {failed} calls failed and {refused} were \
             refused; {closed}.",
        );
    }
    text
}

/// What has to hold.
#[derive(Debug, Default)]
pub struct Checks(Vec<String>);

impl Checks {
    /// Checks one thing, and says so.
    pub fn that(&mut self, what: impl Into<String>, holds: bool) {
        let what = what.into();
        println!("{} {what}", if holds { "it is so that" } else { "NOT SO:" });
        if !holds {
            self.0.push(what);
        }
    }

    /// # Errors
    ///
    /// If anything did not hold.
    pub fn done(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(format!("not so: {}", self.0.join("; ")).into())
        }
    }
}
