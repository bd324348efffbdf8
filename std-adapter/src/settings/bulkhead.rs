//! From settings to a `BulkheadConfig`, and back.

use core::time::Duration;
use std::collections::BTreeMap;

use super::key::{Key, Rule};
use super::value::Value;
use super::{Settings, SettingsError};
use crate::resilience::bulkhead::BulkheadConfig;

/// # For a bulkhead
impl Settings {
    /// The bulkhead of these settings; `None` where it is off, as it is by default.
    ///
    /// # Errors
    ///
    /// The first setting of the bulkhead that is out of its range, or that has no limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::BulkheadConfig;
    /// use cutout::settings::Settings;
    ///
    /// let file = r#"bulkhead = { limit = 20, queue = 100, max_wait = "50ms" }"#;
    /// let settings: Settings = toml::from_str(file)?;
    /// let config = BulkheadConfig::new(20).queue(100).max_wait(Duration::from_millis(50));
    /// assert_eq!(settings.to_bulkhead()?, Some(config));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bulkhead(&self) -> Result<Option<BulkheadConfig>, SettingsError> {
        self.resolve_bulkhead(self)
    }

    /// As [`to_bulkhead`](Self::to_bulkhead); what is not among `own` is told to be inherited,
    /// should it be wrong.
    pub(super) fn resolve_bulkhead(
        &self,
        own: &Self,
    ) -> Result<Option<BulkheadConfig>, SettingsError> {
        let number = |key| match self.0.get(&key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let queue = number(Key::BulkheadQueue);
        let max_wait = match self.0.get(&Key::BulkheadMaxWait) {
            Some(Value::Duration(max_wait)) => Some(*max_wait),
            _ => None,
        };
        let Some(limit) = number(Key::BulkheadLimit) else {
            return if queue.is_some() || max_wait.is_some() {
                Err(Self::missing(Key::BulkheadLimit))
            } else {
                Ok(None)
            };
        };
        let config = BulkheadConfig::new(limit)
            .queue(queue.unwrap_or(0))
            .max_wait(max_wait.unwrap_or(Duration::ZERO));
        match config.validate() {
            Ok(()) => Ok(Some(config)),
            Err(error) => Err(self.explain(Rule::Bulkhead(error), own, self)),
        }
    }
}

/// All settings of the bulkhead, and none of a breaker.
impl From<&BulkheadConfig> for Settings {
    fn from(config: &BulkheadConfig) -> Self {
        Self(BTreeMap::from([
            (Key::BulkheadLimit, Value::Number(config.get_limit())),
            (Key::BulkheadQueue, Value::Number(config.get_queue())),
            (Key::BulkheadMaxWait, Value::Duration(config.get_max_wait())),
        ]))
    }
}
