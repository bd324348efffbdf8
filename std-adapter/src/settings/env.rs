//! Reading settings from environment variables.

use std::env;

use super::error::{cut_name, suggestion};
use super::key::{self, Spec};
use super::raw::Raw;
use super::value::Value;
use super::{Settings, SettingsError};

impl Settings {
    /// The settings in the environment variables whose names start with `prefix`.
    ///
    /// A name is the prefix and the path of a setting in capitals, with underscores for dots:
    /// `PAYMENTS_WINDOW_TIME` is `window.time` under the prefix `PAYMENTS_`. A list is written with
    /// commas. Take a prefix that nothing else uses. For several profiles in one environment, there
    /// is [`Profiles::amend_from_env`](super::Profiles::amend_from_env).
    ///
    /// # Errors
    ///
    /// A variable under the prefix that is no setting, or is not written as one. The
    /// [path](SettingsError::path) is the name of the variable, and the message names the setting,
    /// too.
    pub fn from_env(prefix: &str) -> Result<Self, SettingsError> {
        Self::from_vars(prefix, under(prefix))
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
        let known: Vec<String> =
            key::all().map(|spec| format!("{prefix}{}", variable(spec))).collect();
        let mut settings = Self::new();
        for (name, value) in vars {
            let name = name.as_ref();
            if !name.starts_with(prefix) {
                continue;
            }
            let Some(spec) = find(&name[prefix.len()..]) else {
                let near = suggestion(name, known.iter().map(String::as_str));
                return Err(SettingsError::new(cut_name(name), format!("is no setting{near}")));
            };
            settings.add_text(spec, value.into()).map_err(|error| error.in_variable(name))?;
        }
        Ok(settings)
    }

    /// Adds what a variable says of a setting.
    pub(super) fn add_text(
        &mut self,
        spec: &'static Spec,
        text: String,
    ) -> Result<(), SettingsError> {
        let raw = Raw::Text(text);
        match Value::read(spec, &raw) {
            Ok(value) => self.add(spec.key, value),
            Err(wrong) => Err(SettingsError::new(spec.path(), spec.refuse(wrong, &raw))),
        }
    }
}

/// The variables of the process under `prefix`. What is not Unicode is read with replacements, so
/// that it is refused and not lost.
pub(super) fn under(prefix: &str) -> impl Iterator<Item = (String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    env::vars_os()
        .map(move |(name, value)| (text(name), text(value)))
        .filter(move |(name, _)| name.starts_with(prefix))
}

/// What a setting is called in a variable, after the prefix.
pub(super) fn variable(spec: &Spec) -> String {
    spec.path().replace('.', "_").to_uppercase()
}

/// The setting of this name.
pub(super) fn find(name: &str) -> Option<&'static Spec> {
    key::all().find(|spec| variable(spec) == name)
}
