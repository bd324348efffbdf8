//! The questions that a call asks of the settings, a bit for each.

use crate::config::Config;

/// What a call asks of the settings before it does anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan(pub(super) u32);

impl Plan {
    const MEASURES: u32 = 1;
    const COARSE: u32 = 1 << 1;
    const NEEDS_TIME: u32 = 1 << 2;
    const NEEDS_WINDOW: u32 = 1 << 3;
    const HAS_RATE: u32 = 1 << 4;
    const HAS_STREAK: u32 = 1 << 5;
    const EVALUATES_ALL: u32 = 1 << 6;

    pub(super) const fn of(config: &Config) -> Self {
        Self(
            on(config.slow_call_duration.is_some(), Self::MEASURES)
                | on(config.is_coarse(), Self::COARSE)
                | on(config.needs_time(), Self::NEEDS_TIME)
                | on(config.needs_window(), Self::NEEDS_WINDOW)
                | on(config.has_rate(), Self::HAS_RATE)
                | on(config.consecutive_failures.is_some(), Self::HAS_STREAK)
                | on(config.evaluate_every_result, Self::EVALUATES_ALL),
        )
    }

    /// Whether slow calls are measured, so that the start of a call matters.
    #[inline]
    pub(crate) const fn measures(self) -> bool {
        self.0 & Self::MEASURES != 0
    }

    /// Whether a coarse reading of the clock will do.
    #[inline]
    pub(crate) const fn is_coarse(self) -> bool {
        self.0 & Self::COARSE != 0
    }

    /// Whether the result of a closed circuit has to be told the time.
    #[inline]
    pub(crate) const fn needs_time(self) -> bool {
        self.0 & Self::NEEDS_TIME != 0
    }

    /// Whether any condition looks at the window.
    #[inline]
    pub(crate) const fn needs_window(self) -> bool {
        self.0 & Self::NEEDS_WINDOW != 0
    }

    /// Whether a success can complete the minimum of a rate that is already over.
    pub(crate) const fn has_rate(self) -> bool {
        self.0 & Self::HAS_RATE != 0
    }

    /// Whether failures in a row are counted.
    #[inline]
    pub(crate) const fn has_streak(self) -> bool {
        self.0 & Self::HAS_STREAK != 0
    }

    /// Whether each result is evaluated, a success too.
    #[inline]
    pub(crate) const fn evaluates_all(self) -> bool {
        self.0 & Self::EVALUATES_ALL != 0
    }
}

const fn on(is: bool, bit: u32) -> u32 {
    if is { bit } else { 0 }
}
