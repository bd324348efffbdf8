//! What the recorded timelines come to show, so that a tape cannot be one of nothing.

use std::collections::BTreeMap;

use crate::reference::model::Event;
use crate::reference::settings::{Settings, Span};

/// How often each kind of setting, step and announcement is on a tape.
#[derive(Debug, Default)]
pub struct Covered {
    /// Timelines.
    pub timelines: u64,
    /// Steps.
    pub steps: u64,
    /// The rest, by name.
    pub kinds: BTreeMap<String, u64>,
}

impl Covered {
    /// All kinds that a tape should show.
    pub const KINDS: [&str; 27] = [
        "window over time",
        "window over a count",
        "slow calls measured",
        "backoff",
        "slow_start",
        "every result evaluated",
        "refused: Open",
        "refused: HalfOpenFull",
        "refused: ForcedOpen",
        "refused: SlowStart",
        "mode: Auto",
        "mode: ForcedOpen",
        "mode: ForcedClosed",
        "mode: Disabled",
        "mode: Shadow",
        "changed: Tripped(FailureRate)",
        "changed: Tripped(SlowCallRate)",
        "changed: Tripped(ConsecutiveFailures)",
        "changed: Tripped(FailureCount)",
        "changed: Tripped(Custom)",
        "changed: BreakOver",
        "changed: TrialsPassed",
        "changed: TrialFailed",
        "changed: TrialTimedOut",
        "changed: SlowStartOver",
        "would trip",
        "stale",
    ];

    /// As often should each of them be there.
    pub const ENOUGH: u64 = 12;

    fn count(&mut self, kind: &str) {
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.timelines += other.timelines;
        self.steps += other.steps;
        for (kind, times) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += times;
        }
    }

    /// Whether `more` shows what there is too little of here, or there is enough of everything.
    pub(crate) fn gains_by(&self, more: &Self) -> bool {
        let mut lacking = Self::KINDS.iter().filter(|kind| self.times(kind) < Self::ENOUGH);
        lacking.clone().any(|kind| more.times(kind) > 0) || lacking.next().is_none()
    }

    /// How often a kind is there.
    pub fn times(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn timeline(&mut self, settings: &Settings) {
        self.timelines += 1;
        self.count(match settings.window {
            Span::Time { .. } => "window over time",
            Span::Count(_) => "window over a count",
        });
        for (is_set, name) in [
            (settings.slow_call_duration.is_some(), "slow calls measured"),
            (settings.break_backoff.is_some(), "backoff"),
            (settings.slow_start.is_some(), "slow_start"),
            (settings.evaluate_every_result, "every result evaluated"),
        ] {
            if is_set {
                self.count(name);
            }
        }
    }

    pub(crate) fn step(&mut self, act: &tape::Act, events: &[Event]) {
        self.steps += 1;
        match act {
            tape::Act::Admit { refusal: Some((reason, _)), .. }
            | tape::Act::Call { refusal: Some((reason, _)), .. } => {
                self.count(&format!("refused: {reason:?}"));
            }
            tape::Act::SetMode(mode) => self.count(&format!("mode: {mode:?}")),
            _ => {}
        }
        for event in events {
            self.count(&match event {
                Event::Transition { cause, .. } => format!("changed: {cause:?}"),
                Event::WouldTrip(..) => "would trip".to_owned(),
                Event::StaleResult(_) => "stale".to_owned(),
            });
        }
    }
}
