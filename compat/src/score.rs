//! What a replay amounts to.

use std::collections::BTreeMap;
use std::fmt;

/// Why the comparison of a trace cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The engine decided otherwise, and no rule says why.
    Unexplained(String),
    /// A rule says why, and the two cannot be brought to the same state.
    Apart(&'static str),
}

pub(crate) type Step<T> = Result<T, Halt>;

/// Fails if the two differ.
pub(crate) fn same<T: PartialEq + fmt::Debug>(what: &str, theirs: T, ours: T) -> Step<()> {
    if theirs == ours {
        Ok(())
    } else {
        Err(Halt::Unexplained(format!("{what}: theirs {theirs:?}, ours {ours:?}")))
    }
}

/// The decisions are the same, the counters are not.
pub(crate) const COUNTERS: &str = "the same decision, by a window that holds other results";

/// The deliberate differences of one operation.
pub(crate) type Differences = Vec<&'static str>;

/// The sums over the traces of a group.
#[derive(Debug, Default)]
pub struct Score {
    /// How many traces were replayed.
    pub traces: u64,
    /// How many operations they hold.
    pub operations: u64,
    /// How many of these were compared.
    pub compared: u64,
    pub(crate) agree: u64,
    /// Operations with the same decision, whatever the counters say.
    pub(crate) decided: u64,
    pub(crate) counts: u64,
    pub(crate) differences: BTreeMap<&'static str, u64>,
    pub(crate) apart: BTreeMap<String, u64>,
    /// The differences that no rule explains.
    pub unexplained: Vec<String>,
}

impl Score {
    /// Takes in one operation that was compared.
    pub(crate) fn operation(&mut self, differences: &[&'static str]) {
        self.compared += 1;
        self.agree += u64::from(differences.is_empty());
        self.decided += u64::from(differences.iter().all(|class| *class == COUNTERS));
        for class in differences {
            *self.differences.entry(class).or_default() += 1;
        }
    }

    /// The share of all operations that were compared, in percent.
    #[must_use]
    pub fn compared_percent(&self) -> f64 {
        percent(self.compared, self.operations)
    }
}

#[allow(clippy::cast_precision_loss)] // for show
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { traces, operations, compared, agree, decided, counts, .. } = self;
        writeln!(
            f,
            "  {traces} traces, {operations} operations, {compared} compared ({:.1} %)",
            self.compared_percent()
        )?;
        writeln!(
            f,
            "  {agree:6} agree ({:.1} %); the decision agrees on {decided} ({:.1} %); counters were looked at on {counts}",
            percent(*agree, *compared),
            percent(*decided, *compared)
        )?;
        for (class, count) in &self.differences {
            writeln!(f, "  {count:6} differ: {class}")?;
        }
        for (reason, count) in &self.apart {
            writeln!(f, "  {count:6} not compared: {reason}")?;
        }
        for message in &self.unexplained {
            writeln!(f, "  UNEXPLAINED {message}")?;
        }
        Ok(())
    }
}
