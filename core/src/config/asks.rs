//! What the settings ask of the engine.

use super::parts::Span;
use super::{Config, SECOND};
use crate::window::{Grid, Ring, Shape};

impl Config {
    /// How the window is laid out; `validate` has seen to it that there is a bucket.
    pub(crate) const fn shape(&self) -> Shape {
        match self.window.0 {
            Span::Time { length, buckets } => {
                Shape::Time(Grid::new(length / buckets as u64, buckets))
            }
            Span::Count { results } => Shape::Count(Ring::new(results)),
        }
    }

    /// Whether every duration that the breaker measures is a second or more.
    pub(crate) const fn is_coarse(&self) -> bool {
        let window = match self.window.0 {
            Span::Time { length, buckets } => length / buckets as u64,
            Span::Count { .. } => SECOND,
        };
        let stage = match self.recovery {
            Some(recovery) => recovery.stage.get(),
            None => SECOND,
        };
        self.slow_call_duration.is_none()
            && window >= SECOND
            && stage >= SECOND
            && self.break_duration >= SECOND
            && self.trial_timeout >= SECOND
    }

    /// Whether the result of a closed circuit has to be told the time.
    pub(crate) const fn needs_time(&self) -> bool {
        self.slow_call_duration.is_some()
            || (self.needs_window() && matches!(self.window.0, Span::Time { .. }))
    }

    /// Whether any condition looks at the window.
    pub(crate) const fn needs_window(&self) -> bool {
        self.has_rate() || self.failure_count.is_some() || self.trip_when.is_some()
    }

    /// Whether a success can complete the minimum of a rate that is already over.
    pub(crate) const fn has_rate(&self) -> bool {
        self.failure_rate.is_some() || self.slow_call_rate.is_some()
    }
}
