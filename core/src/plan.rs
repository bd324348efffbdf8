//! What a breaker works out of its settings once, so that no call has to.

use crate::config::Config;
use crate::window::Shape;

/// The settings as a call needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How the window is laid out.
    pub(crate) shape: Shape,
    /// Whether a coarse reading of the clock will do.
    pub(crate) coarse: bool,
    /// Whether slow calls are measured, so that the start of a call matters.
    pub(crate) measures: bool,
    /// Whether the result of a closed circuit has to be told the time.
    pub(crate) needs_time: bool,
    /// Whether any condition looks at the window.
    pub(crate) needs_window: bool,
    /// Whether a success can complete the minimum of a rate that is already over.
    pub(crate) has_rate: bool,
    /// Whether failures in a row are counted.
    pub(crate) has_streak: bool,
    /// Whether each result is evaluated, a success too.
    pub(crate) evaluates_all: bool,
}

impl Plan {
    /// The plan of settings that `validate` has passed.
    pub(crate) const fn of(config: &Config) -> Self {
        Self {
            shape: config.shape(),
            coarse: config.is_coarse(),
            measures: config.slow_call_duration.is_some(),
            needs_time: config.needs_time(),
            needs_window: config.needs_window(),
            has_rate: config.has_rate(),
            has_streak: config.consecutive_failures.is_some(),
            evaluates_all: config.evaluate_every_result,
        }
    }
}
