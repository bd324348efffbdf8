//! Profiles in environment variables.

use std::collections::BTreeMap;

use super::env::{find, under, variable};
use super::error::{cut_name, name as path_name, suggestion};
use super::key::{self, Spec};
use super::profiles::Profile;
use super::{Profiles, SettingsError};

/// What stands between the name of a profile and that of a setting, of which none has it.
const BETWEEN: &str = "__";

/// The name by which a profile tells its base.
const BASE: &str = "BASE";

/// # In the environment
///
/// A variable is called `PREFIX` + `PROFILE` + `__` + `SETTING`. The prefix is yours, such as
/// `CUTOUT__`. The last two underscores in a row end the name of the profile. The setting is its
/// path in capitals with underscores for dots, as for
/// [`Settings::from_env`](super::Settings::from_env): `CUTOUT__PAYMENTS__WINDOW_TIME` is
/// `window.time` of the profile `payments`.
///
/// To amend a profile, its name is written in capitals, and with an underscore for each character
/// that is neither a letter from A to Z nor a digit: `CUTOUT__API_EXAMPLE_COM__TRIALS` is `trials`
/// of the profile `api.example.com`.
impl<const BUCKETS: usize> Profiles<BUCKETS> {
    /// Puts what the environment says over these profiles, all at once.
    ///
    /// # Errors
    ///
    /// A variable under the prefix that names no setting or no profile, or two profiles that it may
    /// mean; a value that is not written as one of its setting or is out of its range, also for a
    /// profile that inherits it. The message names the variable, the setting and the range, and the
    /// [path](SettingsError::path) is the name of the variable. Nothing has changed then.
    pub fn amend_from_env(&mut self, prefix: &str) -> Result<(), SettingsError> {
        self.amend_from_vars(prefix, under(prefix))
    }

    /// As [`amend_from_env`](Self::amend_from_env), from names and values of another source.
    ///
    /// # Errors
    ///
    /// As [`amend_from_env`](Self::amend_from_env).
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::settings::Profiles;
    ///
    /// let mut profiles: Profiles = toml::from_str(
    ///     r#"
    ///     [default]
    ///     trials = 5
    ///
    ///     ["api.example.com"]
    ///     base = "default"
    ///     "#,
    /// )?;
    /// let vars = [("CUTOUT__DEFAULT__TRIALS", "4"), ("CUTOUT__API_EXAMPLE_COM__WINDOW_TIME", "5s")];
    /// profiles.amend_from_vars("CUTOUT__", vars)?;
    /// let api = profiles.get("api.example.com").unwrap();
    /// assert_eq!((api.get_trials(), api.get_window().length().unwrap().as_secs()), (4, 5));
    ///
    /// let error = profiles.amend_from_vars("CUTOUT__", [("CUTOUT__DEFAULT__TRIALS", "17")]);
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "CUTOUT__DEFAULT__TRIALS (default.trials): must be 1 to 16, got 17"
    /// );
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn amend_from_vars<N, V>(
        &mut self,
        prefix: &str,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), SettingsError>
    where
        N: AsRef<str>,
        V: Into<String>,
    {
        let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.names() {
            written.entry(in_variable(name)).or_default().push(name.to_owned());
        }
        let mut read = Read::default();
        for (name, value) in vars {
            let Some(variable) = Variable::of(prefix, name.as_ref())? else { continue };
            let profile = match written.get(variable.profile).map(Vec::as_slice) {
                Some([profile]) => profile,
                Some([one, other, ..]) => {
                    let (one, other) = (path_name(one), path_name(other));
                    let problem = format!("may mean the profile {one} or the profile {other}");
                    return Err(variable.wrong(problem));
                }
                _ => {
                    let near = suggestion(variable.profile, written.keys().map(String::as_str));
                    let profile = cut_name(variable.profile);
                    return Err(variable.wrong(format!("there is no profile {profile}{near}")));
                }
            };
            match variable.setting {
                Setting::Base => {
                    let problem = "is told where the profile is, and cannot be amended";
                    return Err(variable.wrong(problem.to_owned()));
                }
                Setting::Of(spec) => read.add(&variable, profile, spec, value.into())?,
            }
        }
        let settings = read.profiles.iter().map(|(name, profile)| (name, profile.own.clone()));
        self.amend_all(settings).map_err(|error| read.blame(error))
    }

    /// The profiles of the environment alone.
    ///
    /// A profile is there if a variable names it. Its name is what the variable has, in small
    /// letters: `CUTOUT__PAYMENTS_EU__TRIALS` is of the profile `payments_eu`.
    /// `CUTOUT__PAYMENTS_EU__BASE` is the name of its base.
    ///
    /// # Errors
    ///
    /// As [`amend_from_env`](Self::amend_from_env), and a base that does not exist or goes round in
    /// a circle.
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
    /// use cutout::settings::Profiles;
    ///
    /// let vars = [
    ///     ("CUTOUT__DEFAULT__TRIALS", "5"),
    ///     ("CUTOUT__PAYMENTS__BASE", "default"),
    ///     ("CUTOUT__PAYMENTS__MINIMUM_THROUGHPUT", "50"),
    /// ];
    /// let profiles: Profiles = Profiles::from_vars("CUTOUT__", vars)?;
    /// let payments = profiles.get("payments").unwrap();
    /// assert_eq!((payments.get_trials(), payments.get_minimum_throughput()), (5, 50));
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
        let mut read = Read::default();
        for (name, value) in vars {
            let Some(variable) = Variable::of(prefix, name.as_ref())? else { continue };
            let profile = variable.profile.to_lowercase();
            match variable.setting {
                Setting::Base => read.add_base(&variable, &profile, value.into())?,
                Setting::Of(spec) => read.add(&variable, &profile, spec, value.into())?,
            }
        }
        Self::resolved(read.profiles.clone()).map_err(|error| read.blame(error))
    }
}

/// How the name of a profile is written in a variable.
fn in_variable(profile: &str) -> String {
    let written = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    profile.chars().map(|char| written(char).to_ascii_uppercase()).collect()
}

/// What the name of a variable says.
struct Variable<'a> {
    name: &'a str,
    profile: &'a str,
    setting: Setting,
}

#[derive(Clone, Copy)]
enum Setting {
    Of(&'static Spec),
    Base,
}

impl<'a> Variable<'a> {
    /// `None` for a variable that is not under the prefix.
    fn of(prefix: &str, name: &'a str) -> Result<Option<Self>, SettingsError> {
        let Some(rest) = name.strip_prefix(prefix) else { return Ok(None) };
        let parts = rest.rsplit_once(BETWEEN).filter(|(profile, _)| !profile.is_empty());
        let Some((profile, setting)) = parts else {
            let problem = format!(
                "must name a profile and a setting, as in {}DEFAULT{BETWEEN}TRIALS",
                cut_name(prefix)
            );
            return Err(SettingsError::new(cut_name(name), problem));
        };
        let found = match setting {
            BASE => Some(Setting::Base),
            setting => find(setting).map(Setting::Of),
        };
        let Some(found) = found else {
            let before = &name[..name.len() - setting.len()];
            let known: Vec<String> =
                key::all().map(|spec| format!("{before}{}", variable(spec))).collect();
            let near = suggestion(name, known.iter().map(String::as_str));
            return Err(SettingsError::new(cut_name(name), format!("is no setting{near}")));
        };
        Ok(Some(Self { name, profile, setting: found }))
    }

    fn wrong(&self, problem: String) -> SettingsError {
        SettingsError::new(cut_name(self.name), problem)
    }
}

/// What was read, and from which variables.
#[derive(Default)]
struct Read {
    profiles: BTreeMap<String, Profile>,
    /// The variable of each path, such as `payments.trials`.
    variables: BTreeMap<String, String>,
}

impl Read {
    fn add(
        &mut self,
        variable: &Variable<'_>,
        profile: &str,
        spec: &'static Spec,
        text: String,
    ) -> Result<(), SettingsError> {
        let own = &mut self.profiles.entry(profile.to_owned()).or_default().own;
        let added = own.add_text(spec, text);
        added.map_err(|error| error.within(profile).in_variable(variable.name))?;
        self.note(variable, profile, &spec.path());
        Ok(())
    }

    fn add_base(
        &mut self,
        variable: &Variable<'_>,
        profile: &str,
        base: String,
    ) -> Result<(), SettingsError> {
        let known = &mut self.profiles.entry(profile.to_owned()).or_default().base;
        if known.replace(base).is_some() {
            let twice = SettingsError::new("base", "is given twice").within(profile);
            return Err(twice.in_variable(variable.name));
        }
        self.note(variable, profile, "base");
        Ok(())
    }

    fn note(&mut self, variable: &Variable<'_>, profile: &str, path: &str) {
        self.variables.insert(format!("{}.{path}", path_name(profile)), variable.name.to_owned());
    }

    /// The same error with the variable that it is about, or those without which there is none.
    fn blame(&self, error: SettingsError) -> SettingsError {
        match self.variables.get(error.path()) {
            Some(variable) => error.in_variable(variable),
            None => {
                let all: Vec<&str> = self.variables.values().map(String::as_str).collect();
                error.beside(&all)
            }
        }
    }
}
