//! From settings to a `Config`, and back.

use core::time::Duration;
use std::collections::BTreeMap;

use cutout_core::{Backoff, Config, SlowStart, Window};

use super::key::{self, Key, Rule};
use super::value::{Value, shown};
use super::{Settings, SettingsError};
use crate::resilience::bulkhead::BulkheadConfig;

/// How many buckets a breaker has room for unless its type says otherwise.
const ROOM: usize = 10;

impl Settings {
    /// These settings over those of [`Config::new`]. Those of a bulkhead are left to
    /// [`to_bulkhead`](Self::to_bulkhead).
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, for a breaker with room for 10 buckets.
    pub fn to_config(&self) -> Result<Config, SettingsError> {
        self.to_config_over(Config::new())
    }

    /// These settings over those of `base`, of which [`Config::trip_when`] is kept.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, for a breaker with room for 10 buckets.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::Config;
    /// use cutout::settings::Settings;
    ///
    /// let settings: Settings = serde_json::from_str(r#"{ "failure_rate": "off" }"#)?;
    /// let config = settings.to_config_over(Config::new().consecutive_failures(5))?;
    /// assert_eq!(config.get_failure_rate(), None);
    /// assert_eq!(config.get_consecutive_failures(), Some(5));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_config_over(&self, base: Config) -> Result<Config, SettingsError> {
        self.to_config_with_room(base, ROOM)
    }

    /// These settings over those of `base`, for a breaker with room for `room` buckets.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn to_config_with_room(&self, base: Config, room: usize) -> Result<Config, SettingsError> {
        self.resolve(self, base, room)
    }

    /// As [`to_config_with_room`](Self::to_config_with_room); what is not among `own` is told to be
    /// inherited, should it be wrong.
    pub(super) fn resolve(
        &self,
        own: &Self,
        base: Config,
        room: usize,
    ) -> Result<Config, SettingsError> {
        let whole = self.over(&Self::from(&base));
        whole.check_tables()?;
        let mut config = whole.build();
        if let Some(condition) = base.get_trip_when() {
            config = config.trip_when(condition);
        }
        match config.validate(room) {
            Ok(()) => Ok(config),
            Err(error) => Err(whole.explain(Rule::Breaker(error), own, self)),
        }
    }

    /// Where the setting stands that `rule` is about, and what it is: one of `own`, of the
    /// `written` ones, or neither.
    pub(super) fn explain(&self, rule: Rule, own: &Self, written: &Self) -> SettingsError {
        let Some(spec) = key::blamed_by(rule) else {
            return SettingsError::new("settings", rule.allowed()).because(rule);
        };
        let origin = if own.0.contains_key(&spec.key) {
            ""
        } else if written.0.contains_key(&spec.key) {
            ", inherited"
        } else {
            ", the default"
        };
        let problem = match self.0.get(&spec.key) {
            Some(value) if !rule.needs_another() => {
                format!("{}, got {}{origin}", rule.allowed(), shown(spec, *value))
            }
            _ => rule.allowed().to_owned(),
        };
        SettingsError::new(spec.path(), problem).because(rule)
    }

    /// Refuses the value of `key`, the only one, if it is wrong even beside neighbours that allow
    /// as much as any: where it is read, its place in the file is known.
    pub(super) fn check_alone(&self, key: Key) -> Result<(), SettingsError> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let lenient = Config::new()
            .slow_call_duration(DAY)
            .minimum_throughput(1)
            .window(Window::time(DAY))
            .break_duration(Duration::from_millis(1))
            .break_backoff(Backoff::doubling(365 * DAY))
            .trials(16)
            .slow_start(SlowStart::in_stages_of(DAY));
        let bulkhead = BulkheadConfig::new(1).queue(1).max_wait(DAY);
        let with_bulkhead = self.over(&Self::from(&bulkhead));
        let errors = [
            self.to_config_with_room(lenient, usize::MAX).err(),
            with_bulkhead.to_bulkhead().err(),
        ];
        let path = key.spec().path();
        let own = errors.into_iter().flatten().find(|error| error.path() == path);
        own.map_or(Ok(()), Err)
    }

    /// Whether the parts of each table go together.
    fn check_tables(&self) -> Result<(), SettingsError> {
        let has = |key: Key| self.0.contains_key(&key);
        if has(Key::WindowBuckets) && has(Key::WindowCount) {
            let problem = "goes with window.time, not with window.count";
            return Err(SettingsError::new(Key::WindowBuckets.spec().path(), problem));
        }
        for (part, needed) in
            [(Key::BackoffMultiplier, Key::BackoffCap), (Key::SlowStartShares, Key::SlowStartStage)]
        {
            if has(part) && !has(needed) {
                return Err(Self::missing(needed));
            }
        }
        Ok(())
    }

    pub(super) fn missing(key: Key) -> SettingsError {
        let spec = key.spec();
        SettingsError::new(spec.path(), format!("is missing, {}", spec.allowed()))
    }

    /// The configuration of settings that are complete. What is off is off in a new one too, but
    /// for the failure rate and the row of failures.
    fn build(&self) -> Config {
        use {Key as K, Value as V};
        let mut config = Config::new();
        for (key, value) in &self.0 {
            config = match (key, *value) {
                (K::FailureRate, V::Rate(rate)) => config.failure_rate(rate),
                (K::FailureRate, _) => config.without_failure_rate(),
                (K::SlowCallRate, V::Rate(rate)) => config.slow_call_rate(rate),
                (K::SlowCallDuration, V::Duration(span)) => config.slow_call_duration(span),
                (K::MinimumThroughput, V::Number(results)) => config.minimum_throughput(results),
                (K::WindowTime, V::Duration(length)) => config.window(self.window(length)),
                (K::WindowCount, V::Number(results)) => config.window(Window::count(results)),
                (K::ConsecutiveFailures, V::Number(many)) => config.consecutive_failures(many),
                (K::ConsecutiveFailures, _) => config.without_consecutive_failures(),
                (K::FailureCount, V::Number(failures)) => config.failure_count(failures),
                (K::EvaluateEveryResult, V::Flag(every)) => config.evaluate_every_result(every),
                (K::CancelledAs, V::Outcome(outcome)) => config.cancelled_as(outcome),
                (K::BreakDuration, V::Duration(span)) => config.break_duration(span),
                (K::BackoffCap, V::Duration(cap)) => config.break_backoff(self.backoff(cap)),
                (K::BreakJitter, V::Rate(share)) => config.break_jitter(share),
                (K::Trials, V::Number(trials)) => config.trials(trials),
                (K::MinimumTrials, V::Number(trials)) => config.minimum_trials(trials),
                (K::HalfOpenRule, V::Rule(rule)) => config.half_open_rule(rule),
                (K::TrialTimeout, V::Duration(span)) => config.trial_timeout(span),
                (K::SlowStartStage, V::Duration(stage)) => {
                    config.slow_start(self.slow_start(stage))
                }
                _ => config,
            };
        }
        config
    }

    fn window(&self, length: Duration) -> Window {
        match self.0.get(&Key::WindowBuckets) {
            Some(Value::Number(buckets)) => Window::time(length).in_buckets(*buckets),
            _ => Window::time(length),
        }
    }

    fn backoff(&self, cap: Duration) -> Backoff {
        match self.0.get(&Key::BackoffMultiplier) {
            Some(Value::Percent(factor)) => Backoff::multiplier_percent(*factor, cap),
            _ => Backoff::doubling(cap),
        }
    }

    fn slow_start(&self, stage: Duration) -> SlowStart {
        match self.0.get(&Key::SlowStartShares) {
            Some(Value::Shares(shares)) => SlowStart::in_stages_of(stage).shares(*shares),
            _ => SlowStart::in_stages_of(stage),
        }
    }
}

/// All settings but [`Config::trip_when`], which is code.
impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        use {Key as K, Value as V};
        fn or_off<T>(setting: Option<T>, value: fn(T) -> Value) -> Value {
            setting.map_or(Value::Off, value)
        }
        let mut all = BTreeMap::from([
            (K::FailureRate, or_off(config.get_failure_rate(), V::Rate)),
            (K::SlowCallRate, or_off(config.get_slow_call_rate(), V::Rate)),
            (K::SlowCallDuration, or_off(config.get_slow_call_duration(), V::Duration)),
            (K::MinimumThroughput, V::Number(config.get_minimum_throughput())),
            (K::ConsecutiveFailures, or_off(config.get_consecutive_failures(), V::Number)),
            (K::FailureCount, or_off(config.get_failure_count(), V::Number)),
            (K::EvaluateEveryResult, V::Flag(config.get_evaluate_every_result())),
            (K::CancelledAs, or_off(config.get_cancelled_as(), V::Outcome)),
            (K::BreakDuration, V::Duration(config.get_break_duration())),
            (K::BreakJitter, or_off(config.get_break_jitter(), V::Rate)),
            (K::Trials, V::Number(config.get_trials())),
            (K::MinimumTrials, or_off(config.get_minimum_trials(), V::Number)),
            (K::HalfOpenRule, V::Rule(config.get_half_open_rule())),
            (K::TrialTimeout, V::Duration(config.get_trial_timeout())),
        ]);
        let window = config.get_window();
        all.extend(window.length().map(|length| (K::WindowTime, V::Duration(length))));
        all.extend(window.buckets().map(|buckets| (K::WindowBuckets, V::Number(buckets))));
        all.extend(window.results().map(|results| (K::WindowCount, V::Number(results))));
        match config.get_break_backoff() {
            Some(backoff) => all.extend([
                (K::BackoffMultiplier, V::Percent(backoff.get_multiplier_percent())),
                (K::BackoffCap, V::Duration(backoff.cap())),
            ]),
            None => all.extend([(K::BreakBackoff, V::Off)]),
        }
        match config.get_slow_start() {
            Some(slow_start) => all.extend([
                (K::SlowStartStage, V::Duration(slow_start.stage())),
                (K::SlowStartShares, V::Shares(slow_start.get_shares())),
            ]),
            None => all.extend([(K::SlowStart, V::Off)]),
        }
        Self(all)
    }
}
