//! The script: which phases the server goes through, and when.

use core::ops::Range;
use core::time::Duration;

/// What ails the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Answers in 5 to 15 ms.
    Healthy,
    /// Accepts requests and never answers.
    Hanging,
    /// Answers well, but after 400 ms.
    Slow,
    /// Answers as fast as ever, but every other answer is a 503.
    Failing,
    /// Refuses connections.
    Down,
    /// Back, but able to carry only part of the load; see `warmup`.
    Weak,
    /// As in the beginning.
    HealthyAgain,
}

impl Phase {
    pub(crate) const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Hanging,
        Self::Slow,
        Self::Failing,
        Self::Down,
        Self::Weak,
        Self::HealthyAgain,
    ];

    /// For people, and short.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Hanging => "hanging",
            Self::Slow => "slow",
            Self::Failing => "half 503",
            Self::Down => "down",
            Self::Weak => "back, but weak",
            Self::HealthyAgain => "healthy again",
        }
    }

    /// The phases in which the server is ill; in `Weak` it recovers.
    pub(crate) fn is_outage(self) -> bool {
        matches!(self, Self::Hanging | Self::Slow | Self::Failing | Self::Down)
    }

    /// Its length where a run is 45 long. By default these are seconds, and the outage is shorter
    /// than the default's break.
    const fn share(self) -> u32 {
        match self {
            Self::Healthy | Self::Hanging | Self::Slow | Self::Failing | Self::Down => 5,
            Self::Weak => 12,
            Self::HealthyAgain => 8,
        }
    }
}

/// The sum of the shares of all phases.
const SHARES: u32 = 45;

/// The phases stretched to the length of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    length: Duration,
}

impl Script {
    pub(crate) const fn new(length: Duration) -> Self {
        Self { length }
    }

    /// How long the whole takes.
    pub(crate) const fn length(&self) -> Duration {
        self.length
    }

    /// From when to when the phase lasts.
    pub(crate) fn span(&self, phase: Phase) -> Range<Duration> {
        let before = |stop| Phase::ALL.iter().take_while(move |other| **other != stop);
        let start: u32 = before(phase).map(|phase| phase.share()).sum();
        self.length * start / SHARES..self.length * (start + phase.share()) / SHARES
    }

    /// From when to when the server is ill.
    pub(crate) fn outage(&self) -> Range<Duration> {
        self.span(Phase::Hanging).start..self.span(Phase::Down).end
    }

    /// The phase at this time; after the end, the last.
    pub(crate) fn phase_at(&self, time: Duration) -> Phase {
        let at = |phase: &Phase| self.span(*phase).contains(&time);
        Phase::ALL.into_iter().find(at).unwrap_or(Phase::HealthyAgain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_follow_each_other_without_gaps_to_the_end() {
        let script = Script::new(Duration::from_secs(14));
        let mut time = Duration::ZERO;
        for phase in Phase::ALL {
            let span = script.span(phase);
            assert_eq!(span.start, time);
            assert_eq!(script.phase_at(time), phase);
            time = span.end;
        }
        assert_eq!(time, script.length());
    }
}
