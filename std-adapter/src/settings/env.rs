//! Reading settings from environment variables.

use std::env;
use std::ffi::OsString;

use super::error::suggestion;
use super::key;
use super::raw::Raw;
use super::value::Value;
use super::{Settings, SettingsError};

impl Settings {
    /// The settings in the environment variables whose names start with `prefix`.
    ///
    /// A name is the prefix and the path of a setting in capitals, with underscores for dots:
    /// `PAYMENTS_WINDOW_TIME` is `window.time` under the prefix `PAYMENTS_`. A list is written with
    /// commas. Take a prefix that nothing else uses.
    ///
    /// # Errors
    ///
    /// A variable under the prefix that is no setting, or is not written as one. The
    /// [path](SettingsError::path) is the name of the variable.
    pub fn from_env(prefix: &str) -> Result<Self, SettingsError> {
        let under_prefix = |(name, value): (OsString, OsString)| {
            // No setting has a name that is not Unicode.
            let name = name.into_string().ok().filter(|name| name.starts_with(prefix))?;
            Some((name, value.to_string_lossy().into_owned()))
        };
        Self::from_vars(prefix, env::vars_os().filter_map(under_prefix))
    }

    /// As [`from_env`](Self::from_env), from names and values of another source.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::settings::Settings;
    ///
    /// let vars = [("PAYMENTS_WINDOW_TIME", "10s"), ("PAYMENTS_TRIALS", "5"), ("PATH", "/bin")];
    /// let config = Settings::from_vars("PAYMENTS_", vars)?.to_config()?;
    /// assert_eq!(config.get_window().length(), Some(Duration::from_secs(10)));
    /// assert_eq!(config.get_trials(), 5);
    ///
    /// let error = Settings::from_vars("PAYMENTS_", [("PAYMENTS_TRAILS", "5")]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "PAYMENTS_TRAILS: is no setting; did you mean PAYMENTS_TRIALS?"
    /// );
    /// # Ok::<_, cutout::settings::SettingsError>(())
    /// ```
    pub fn from_vars<N, V>(
        prefix: &str,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingsError>
    where
        N: AsRef<str>,
        V: Into<String>,
    {
        let known: Vec<String> = key::all().map(|spec| variable(prefix, spec)).collect();
        let mut settings = Self::new();
        for (name, value) in vars {
            let name = name.as_ref();
            if !name.starts_with(prefix) {
                continue;
            }
            let Some(spec) = key::all().find(|spec| variable(prefix, spec) == name) else {
                let near = suggestion(name, known.iter().map(String::as_str));
                return Err(SettingsError::new(name, format!("is no setting{near}")));
            };
            let raw = Raw::Text(value.into());
            let Some(value) = Value::read(spec, &raw) else {
                return Err(SettingsError::new(name, format!("{}, got {raw}", spec.allowed())));
            };
            settings.add(spec.key, value).map_err(|error| error.at(name))?;
        }
        Ok(settings)
    }
}

fn variable(prefix: &str, spec: &key::Spec) -> String {
    format!("{prefix}{}", spec.path().replace('.', "_").to_uppercase())
}
