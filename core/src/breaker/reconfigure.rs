//! Other settings for a breaker that runs.

use super::CircuitBreaker;
use crate::circuit::Step;
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::observe::Observer;
use crate::time::Clock;

/// # Changing the settings
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Puts other settings into force while calls go on. State, window and permits stay.
    ///
    /// - The conditions hold from the next result on: it looks, even if it is a success, whether
    ///   the rates of what the window already holds are over. A row of failures starts anew if it
    ///   begins or ceases to be counted.
    /// - A break, a timeout or a slow start that has begun lasts as long as it was to last; the
    ///   next ones have the new lengths. A slow start ends if `slow_start` is switched off.
    /// - Trials that are out stay out; how many more may start, and how they decide, is as the new
    ///   settings say.
    /// - A call that was admitted while slow calls were not measured is never slow.
    /// - What the window counts begins and ceases with its conditions: where none of them looks at
    ///   it any more, it counts nothing, and where one does so again it starts empty.
    /// - [`Config::window`] and [`Config::trip_when`] cannot change: their memory and their code
    ///   are the breaker's own.
    ///
    /// What decides together changes together. While a change is under way on another thread, each
    /// decision is one that the settings of before or those of after would have made: a call that
    /// opens the circuit by both opens it, a break is as long as one of them allows, and trials are
    /// judged by the one or the other. One call may be counted by those of before and then judged
    /// by those of after.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, or that cannot change
    /// ([`ConfigError::FixedWindow`], [`ConfigError::FixedTripWhen`]); then nothing is changed.
    /// Where another thread is in the middle of a change, [`ConfigError::BeingChanged`]: nobody
    /// waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, ConfigError, ManualClock, State, Window};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// for _ in 0..15 {
    ///     let _ = breaker.call(|| Err::<(), _>("down"));
    /// }
    /// assert_eq!(breaker.state(), State::Closed, "20 results are the minimum");
    /// breaker.reconfigure(Config::new().minimum_throughput(10))?;
    /// let _ = breaker.call(|| Ok::<_, &str>("up"));
    /// assert_eq!(breaker.state(), State::Open, "15 of 16 are failures");
    ///
    /// let shorter = Config::new().window(Window::time(Duration::from_secs(10)));
    /// assert_eq!(breaker.reconfigure(shorter), Err(ConfigError::FixedWindow));
    /// # Ok::<_, ConfigError>(())
    /// ```
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate(BUCKETS)?;
        let end_row = || self.streak.succeed(self.circuit.load().generation());
        let mut counted_row = false;
        self.settings.change(&config, &self.cold, |before, after| {
            counted_row = before.has_streak();
            if after.has_streak() && !counted_row {
                end_row();
            }
            if after.needs_window() && !before.needs_window() {
                self.lanes.empty(self.settings.shape()); // C7-empty
            }
        })?;
        let plan = self.settings.plan();
        if counted_row && !plan.has_streak() {
            end_row();
        }
        let _ = self.lanes.revoke(); // F4-settings
        let _ = self.circuit.change(|word| {
            if word.reevaluates() == plan.has_rate() {
                Step::Keep
            } else {
                Step::Swap(word.with_reevaluates(plan.has_rate())) // C4
            }
        });
        Ok(())
    }
}
