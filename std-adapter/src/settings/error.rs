//! `SettingsError`: what is wrong with what was written, and where it stands.

use core::fmt;

use cutout_core::ConfigError;

use super::key::Rule;
use super::raw::cut;

/// What is wrong with settings that were written down: where, and what is allowed there.
///
/// # Examples
///
/// ```
/// use cutout::ConfigError;
/// use cutout::settings::Settings;
///
/// let settings: Settings = serde_json::from_str(r#"{ "minimum_trials": 5 }"#)?;
/// let error = settings.to_config().unwrap_err(); // of 3 trials
/// assert_eq!(error.path(), "minimum_trials");
/// assert_eq!(error.config_error(), Some(ConfigError::MinimumTrials));
/// assert_eq!(error.to_string(), "minimum_trials: must be 1 to the number of trials, got 5");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    path: String,
    /// Which setting that is, where the path is the name of a variable.
    setting: Option<String>,
    problem: String,
    config_error: Option<ConfigError>,
}

impl SettingsError {
    pub(super) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), setting: None, problem: problem.into(), config_error: None }
    }

    pub(super) fn because(self, rule: Rule) -> Self {
        match rule {
            Rule::Breaker(error) => Self { config_error: Some(error), ..self },
            Rule::Bulkhead(_) => self,
        }
    }

    /// The same under the name of a profile.
    pub(super) fn within(mut self, profile: &str) -> Self {
        self.path = format!("{}.{}", name(profile), self.path);
        self
    }

    /// The same in a variable of the environment.
    pub(super) fn in_variable(self, variable: &str) -> Self {
        Self { path: cut_name(variable), setting: Some(self.path), ..self }
    }

    /// The same, and it would be right without these variables of the environment.
    pub(super) fn beside(mut self, variables: &[&str]) -> Self {
        let shown = variables.iter().take(4).map(|name| cut_name(name)).collect::<Vec<_>>();
        self.problem = format!("{}, beside {}", self.problem, shown.join(", "));
        if let more @ 1.. = variables.len().saturating_sub(shown.len()) {
            self.problem = format!("{} and {more} more variables", self.problem);
        }
        self
    }

    /// Where it is wrong, such as `payments.window.time`, or the name of a variable of the
    /// environment. Of names that are longer than 60 characters, that is the beginning.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Which rule of [`Config`](crate::Config) is broken, where it is one of them and not the way
    /// in which the value is written.
    #[must_use]
    pub const fn config_error(&self) -> Option<ConfigError> {
        self.config_error
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.setting {
            Some(setting) => write!(f, "{} ({setting}): {}", self.path, self.problem),
            None => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

impl core::error::Error for SettingsError {}

/// The name of a profile as a part of a path: in quotes where it needs them.
pub(super) fn name(profile: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    let shown = cut_name(profile);
    if !profile.is_empty() && shown.chars().all(plain) { shown } else { format!("{shown:?}") }
}

/// The name, or the beginning of a long one.
pub(super) fn cut_name(name: &str) -> String {
    let part = cut(name);
    if part.len() < name.len() { format!("{part}...") } else { name.to_owned() }
}

/// "; did you mean this?" for the nearest of `known`, "; known are these" where none is near.
pub(super) fn suggestion<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    const LONGEST: usize = 64;
    let known: Vec<&str> = known.collect();
    if given.len() <= LONGEST {
        let short = known.iter().filter(|name| name.len() <= 2 * LONGEST);
        let given = given.to_lowercase();
        let distance = |name: &str| strsim::osa_distance(&given, &name.to_lowercase());
        let nearest = short.map(|name| (distance(name), name)).min();
        if let Some((_, name)) = nearest.filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        {
            return format!("; did you mean {name}?");
        }
    }
    match known.len() {
        0 => String::new(),
        1..=32 => {
            let shown: Vec<String> = known.iter().map(|name| cut_name(name)).collect();
            format!("; known are {}", shown.join(", "))
        }
        more => format!("; {more} others are known"),
    }
}
