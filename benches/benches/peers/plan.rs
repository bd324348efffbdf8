//! How much is measured.

use core::time::Duration;
use std::env;

/// How long slices are and how many of them are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// About how long one slice is.
    pub(crate) slice: Duration,
    /// Slices of one thread.
    pub(crate) alone: usize,
    /// Slices of two threads that truly ran at the same time.
    pub(crate) together: usize,
    /// Slices of two threads at most, however few of them were kept.
    pub(crate) attempts: usize,
    /// When to stop whatever is missing.
    pub(crate) limit: Duration,
    /// Rounds of the second table, and how long each is.
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
}

impl Plan {
    const FULL: Self = Self {
        slice: Duration::from_millis(5),
        alone: 40,
        together: 60,
        attempts: 400,
        limit: Duration::from_secs(140),
        rounds: 15,
        round: Duration::from_millis(100),
    };

    const QUICK: Self = Self {
        slice: Duration::from_millis(3),
        alone: 11,
        together: 11,
        attempts: 50,
        limit: Duration::from_secs(12),
        rounds: 5,
        round: Duration::from_millis(50),
    };

    /// Does it run at all?
    const TEST: Self = Self {
        slice: Duration::from_micros(50),
        alone: 1,
        together: 1,
        attempts: 1,
        limit: Duration::from_secs(1),
        rounds: 1,
        round: Duration::from_micros(50),
    };

    /// What the command line asks for, if anything. Cargo passes `--bench` when it is to measure; a
    /// word that is no flag is a filter.
    pub(crate) fn from_args() -> Option<Self> {
        let (flags, filters): (Vec<_>, Vec<_>) =
            env::args().skip(1).partition(|argument| argument.starts_with('-'));
        let asked = |flag: &str| flags.iter().any(|given| given == flag);
        if asked("--list") || filters.iter().any(|filter| !"peers".contains(filter.as_str())) {
            None
        } else if asked("--test") || !asked("--bench") {
            Some(Self::TEST)
        } else if asked("--quick") {
            Some(Self::QUICK)
        } else {
            Some(Self::FULL)
        }
    }
}
