//! Configurations in files and environment variables (feature `serde`).
//!
//! [`Profiles`] are what the file of a service holds, [`Settings`] are those of one breaker or a
//! part of them, and a field of your own struct is a whole [`Config`] with `#[serde(with =
//! "cutout::settings")]`. They are read from and written to any format that describes itself, such
//! as TOML, YAML and JSON.
//!
//! ```
//! use core::time::Duration;
//! use cutout::settings::Profiles;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Service {
//!     breakers: Profiles,
//! }
//!
//! let service: Service = toml::from_str(
//!     r#"
//!     [breakers.default]
//!     failure_rate = "50%"
//!     window = { time = "30s" }
//!
//!     [breakers.payments]
//!     base = "default"
//!     minimum_throughput = 50
//!     break_backoff = { multiplier = "200%", cap = "5m" }
//!
//!     [breakers."api.example.com"]
//!     base = "payments"
//!     window = { buckets = 5 } # of the 30 s that the default has
//!     break_backoff = "off"
//!     "#,
//! )?;
//!
//! let api = service.breakers.get("api.example.com").unwrap();
//! assert_eq!(api.get_minimum_throughput(), 50);
//! assert_eq!(api.get_window().length(), Some(Duration::from_secs(30)));
//! assert_eq!(api.get_window().buckets(), Some(5));
//! assert_eq!(api.get_break_backoff(), None);
//! # Ok::<_, toml::de::Error>(())
//! ```
//!
//! # Errors
//!
//! What is no setting, is not written as one, or is out of its range is an error of the format that
//! names the profile and the setting, what is allowed and what was given. The format adds the line
//! of what is wrong by itself:
//!
//! ```
//! # use cutout::settings::Profiles;
//! let error = toml::from_str::<Profiles>("[payments]\nfailure_rate = 0.5\n").unwrap_err();
//! assert_eq!(
//!     error.message(),
//!     "payments.failure_rate: must be a share with a percent sign and up to two decimals, \
//!      above 0 %, up to 100 %, as in \"12.5%\" or \"off\", got 0.5"
//! );
//! assert_eq!(error.span(), Some(26..29));
//! ```
//!
//! What is wrong only beside another setting, of a base perhaps, is found once all is read. Then
//! the message alone says where: a format may show the line of the first profile.
//!
//! # What can be written
//!
//! A duration is a number and a unit, or several of them, each unit once and the longest first:
//! `"250ms"`, `"1m 30s"`, `"1.5h"`. The units are `ns`, `us` (`µs`), `ms`, `s` (`sec`), `m`
//! (`min`), `h`, `d` and `w`, in small letters: `"1M"` is an error, and so are months and years,
//! which are not all as long. A share of calls has a percent sign and up to two decimals:
//! `"12.5%"`. It is no plain number, because some would write 0.5 for a half and some for half a
//! percent. For `"off"` there is also `false`, which is what some readers of YAML take `off` for. A
//! number and a flag may stand as text, which is all that the environment has. Each name is that of
//! the method of [`Config`] which says what it does.
//!
//! | setting | default | allowed |
//! | --- | --- | --- |
//! | `failure_rate` | `"50%"` | above 0 %, up to 100 %, as in `"12.5%"` or `"off"` |
//! | `slow_call_rate` | `"off"` | above 0 %, up to 100 %, as in `"12.5%"` or `"off"` |
//! | `slow_call_duration` | `"off"` | 1 µs to 1 day, as in `"1m 30s"` or `"off"` |
//! | `minimum_throughput` | `20` | 1 to 8192 |
//! | `window.time` | `"30s"` | 1 ms to 1 day long, as in `"1m 30s"` |
//! | `window.buckets` | `10` | must have 1 bucket to as many as the breaker has room for (10 unless its type says otherwise), each at least 100 µs wide |
//! | `window.count` | | must hold 1 result to as many as the breaker has room for (20 for each of its buckets: 200 unless its type says otherwise) |
//! | `consecutive_failures` | 20 | 1 to 1000000 or `"off"` |
//! | `failure_count` | `"off"` | 1 to 8192 or `"off"` |
//! | `evaluate_every_result` | `false` | true or false |
//! | `cancelled_as` | `"by_duration"` | `"success"`, `"failure"`, `"ignored"` or `"by_duration"` |
//! | `break_duration` | `"30s"` | 1 ms to 365 days, as in `"1m 30s"` |
//! | `break_backoff` | `"off"` | as in `{ multiplier = "200%", cap = "5m" }` or `"off"` |
//! | `break_backoff.multiplier` | `"200%"` | the multiplier must be 100 % to 10000 %, as in `"200%"` |
//! | `break_backoff.cap` | | the cap must be break_duration to 365 days, as in `"1m 30s"` |
//! | `break_jitter` | `"off"` | 0 % to 50 %, as in `"12.5%"` or `"off"` |
//! | `trials` | `3` | 1 to 16 |
//! | `minimum_trials` | `"all"` | 1 to the number of trials or `"all"` |
//! | `half_open_rule` | `"first_failure"` | `"first_failure"` or `"rate"` |
//! | `trial_timeout` | `"1m"` | 1 ms to 1 day, as in `"1m 30s"` |
//! | `slow_start` | `"off"` | as in `{ stage = "10s", shares = ["10%", "25%", "50%"] }` or `"off"` |
//! | `slow_start.stage` | | a stage must be 1 ms to 1 day long, as in `"1m 30s"` |
//! | `slow_start.shares` | `["10%", "25%", "50%"]` | the shares must be above 0 %, and none below the one before, as in `["10%", "25%", "50%"]` |
//! | `bulkhead` | `"off"` | as in `{ limit = 20, queue = 100, max_wait = "50ms" }` or `"off"` |
//! | `bulkhead.limit` | | 1 to 1000000 |
//! | `bulkhead.queue` | `0` | 0 to 1000000 |
//! | `bulkhead.max_wait` | `"0s"` | 0 to 1 day, as in `"1m 30s"` |
//!
//! A window has a time or a count. A profile also has a `base`, the name of another.
//! [`Config::trip_when`] is code, and cannot be written. The settings under `bulkhead` are those of
//! a [`BulkheadConfig`](crate::BulkheadConfig), for a bulkhead behind the breaker.
//!
//! # Code over file, environment over file
//!
//! What is read is a [`Config`], whose methods go on from there:
//!
//! ```
//! use cutout::settings::{Profiles, Settings};
//! use cutout::CircuitBreaker;
//!
//! # let file = "[payments]\nminimum_throughput = 50";
//! let mut profiles: Profiles = toml::from_str(file)?;
//!
//! # let environment = [("PAYMENTS_BREAKER_TRIALS", "5")];
//! // In a service: Settings::from_env("PAYMENTS_BREAKER_")?
//! let environment = Settings::from_vars("PAYMENTS_BREAKER_", environment)?;
//! profiles.amend("payments", &environment)?;
//!
//! let config = profiles.get_or_default("payments").trip_when(|tally| tally.failures > 1_000);
//! let breaker = CircuitBreaker::try_new(config)?;
//! # assert_eq!((config.get_trials(), config.get_minimum_throughput()), (5, 50));
//! # assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Several profiles are amended from one environment by [`Profiles::amend_from_env`], with
//! variables such as `CUTOUT__PAYMENTS__WINDOW_TIME`, and [`Profiles::from_env`] needs no file at
//! all.
//!
//! Defaults in code under a file are [`Settings::to_config_over`].
//!
//! A file that is read again while the service runs takes effect by
//! [`reconfigure`](cutout_core::CircuitBreaker::reconfigure), which says what cannot change then:
//!
//! ```
//! use cutout::settings::Profiles;
//! use cutout::{CircuitBreaker, State};
//!
//! let read = |file| toml::from_str::<Profiles>(file).map(|file| file.get_or_default("payments"));
//! let payments = CircuitBreaker::new(read("[payments]\nconsecutive_failures = 5")?);
//! # for _ in 0..2 {
//! #     payments.call(|| Err::<(), _>("refused")).unwrap_err();
//! # }
//! # assert_eq!(payments.state(), State::Closed);
//! payments.reconfigure(read("[payments]\nconsecutive_failures = 3")?)?;
//! # payments.call(|| Err::<(), _>("refused")).unwrap_err();
//! # assert_eq!(payments.state(), State::Open, "two failures were before the change");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! For a registry, a function chooses the profile of each key:
//! `Registry::builder(..).with_config(..)` when it is made, and `Registry::reconfigure_each` when
//! the file was read again. `Registry::reconfigure_all` is not for this: it leaves alone the
//! breakers whose settings a function chose.
//!
#![cfg_attr(feature = "registry", doc = "```")]
#![cfg_attr(not(feature = "registry"), doc = "```ignore")]
//! use cutout::settings::Profiles;
//! use cutout::{CheckedConfig, Config, Registry};
//!
//! fn choose(profiles: Profiles) -> impl Fn(&String) -> Option<CheckedConfig> + Send + Sync {
//!     move |host| CheckedConfig::new(profiles.get_or_default(host)).ok() // checked when read
//! }
//!
//! let profiles = toml::from_str("[default]\ntrials = 5")?;
//! let hosts: Registry<String> =
//!     Registry::builder(Config::new()).with_config(choose(profiles)).build()?;
//! assert_eq!(hosts.get("10.0.0.7").config().get_trials(), 5);
//!
//! let profiles = toml::from_str("[default]\ntrials = 4")?;
//! let done = hosts.reconfigure_each(choose(profiles));
//! assert!(done.is_complete(), "{:?}", done.refused);
//! assert_eq!(hosts.get("10.0.0.7").config().get_trials(), 4);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Development, staging, production
//!
//! Profiles are for dependencies, not for environments. Give each environment a file of its own, or keep one
//! file and have variables say what is different, with [`Profiles::amend_from_env`].

mod bulkhead;
mod config;
mod env;
mod error;
mod key;
mod profiles;
mod profiles_env;
mod raw;
mod read;
mod value;
mod write;

use std::collections::BTreeMap;

use cutout_core::Config;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use error::SettingsError;
use key::Key;
pub use profiles::Profiles;
use value::Value;

/// Settings that were written down: any number of them, the others are left to a base.
///
/// Reading them checks that each is a setting, is written as one, and is in its range.
/// [`to_config`](Self::to_config) checks what depends on the other settings, which may be those of
/// a base.
///
/// # Examples
///
/// ```
/// use cutout::settings::Settings;
/// use cutout::{Config, Rate};
///
/// let everywhere: Settings = toml::from_str(r#"failure_rate = "50%""#)?;
/// let payments: Settings = toml::from_str(r#"minimum_throughput = 50"#)?;
///
/// let config = payments.over(&everywhere).to_config()?;
/// assert_eq!(config.get_failure_rate(), Some(Rate::percent(50)));
/// assert_eq!(config.get_minimum_throughput(), 50);
/// assert_eq!(config.get_trials(), Config::new().get_trials());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<Key, Value>);

impl Settings {
    /// No settings.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These settings, and those of `base` where these say nothing.
    ///
    /// Tables are joined name by name: `window = { buckets = 5 }` keeps the time of the base. A
    /// window by count takes the place of one over time, and the other way round.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut whole = base.clone();
        for excluded in self.0.keys().flat_map(|key| key.excludes()) {
            whole.0.remove(excluded);
        }
        whole.0.extend(&self.0);
        whole
    }

    /// Adds what is read, which must not be there yet, nor wrong whatever stands beside it.
    fn add(&mut self, key: Key, value: Value) -> Result<(), SettingsError> {
        Self(BTreeMap::from([(key, value)])).check_alone(key)?;
        let rivals = |one: Key, other: Key| one.excludes().contains(&other);
        let rival = self.0.keys().find(|other| rivals(key, **other) || rivals(**other, key));
        if let Some(other) = rival {
            let problem = format!("cannot stand beside {}", other.spec().path());
            return Err(SettingsError::new(key.spec().path(), problem));
        }
        match self.0.insert(key, value) {
            None => Ok(()),
            Some(_) => Err(SettingsError::new(key.spec().path(), "is given twice")),
        }
    }
}

/// Reads a whole [`Config`]: what is not written is as in [`Config::new`].
///
/// For a field of a struct: `#[serde(with = "cutout::settings")]`.
///
/// # Errors
///
/// What is no setting, is not written as one, or is out of its range for a breaker of 10 buckets.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
    let settings = Settings::deserialize(deserializer)?;
    if settings.0.keys().any(|key| *key >= Key::Bulkhead) {
        let problem = "is not a setting of a breaker alone, read Settings or Profiles";
        return Err(D::Error::custom(SettingsError::new("bulkhead", problem)));
    }
    settings.to_config().map_err(D::Error::custom)
}

/// Writes a whole [`Config`], all but [`Config::trip_when`], which is code.
///
/// For a field of a struct: `#[serde(with = "cutout::settings")]`.
///
/// # Errors
///
/// Those of the format.
pub fn serialize<S: Serializer>(config: &Config, serializer: S) -> Result<S::Ok, S::Error> {
    Settings::from(config).serialize(serializer)
}
