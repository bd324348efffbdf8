//! `Profiles`: named settings, each of which may inherit from another.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use cutout_core::Config;
use serde_core::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::error::{cut_name, name as path_name, suggestion};
use super::read::Read;
use super::{Settings, SettingsError};
use crate::resilience::bulkhead::BulkheadConfig;

/// Named settings, each of which may name another as its `base`: what it does not say itself is as
/// in the base, and what no base says is as in [`Config::new`].
///
/// Reading them checks all of them for breakers with room for `BUCKETS` buckets, so that a wrong
/// file is found when the service starts and not when a host is first called.
///
/// # Examples
///
/// ```
/// use cutout::settings::Profiles;
/// use cutout::{CircuitBreaker, Config, Rate};
///
/// let profiles: Profiles = toml::from_str(
///     r#"
///     [default]
///     failure_rate = "40%"
///
///     [payments]
///     base = "default"
///     minimum_throughput = 50
///     "#,
/// )?;
///
/// let payments = profiles.get("payments").unwrap();
/// assert_eq!(payments.get_failure_rate(), Some(Rate::percent(40)));
/// assert_eq!(payments.get_minimum_throughput(), 50);
///
/// // What is not in the file is as the profile `default` has it.
/// let orders = profiles.get_or_default("orders");
/// assert_eq!(orders.get_failure_rate(), Some(Rate::percent(40)));
///
/// // What a file cannot say, code adds.
/// let breaker = CircuitBreaker::new(payments.trip_when(|tally| tally.failures > 1_000));
/// # assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
/// # Ok::<_, toml::de::Error>(())
/// ```
///
/// A base that does not exist is an error that names the profile, and so is a circle of bases:
///
/// ```
/// # use cutout::settings::Profiles;
/// let error = serde_json::from_str::<Profiles>(r#"{ "a": { "base": "b" }, "b": { "base": "a" } }"#);
/// let message = error.unwrap_err().to_string();
/// assert!(message.starts_with("a.base: goes round in a circle, a -> b -> a"), "{message}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Profiles<const BUCKETS: usize = 10> {
    profiles: BTreeMap<String, Profile>,
    resolved: BTreeMap<String, Resolved>,
    /// Which profiles name this one as their base.
    heirs: BTreeMap<String, Vec<String>>,
}

/// What a profile and its bases say together.
#[derive(Clone, Debug)]
struct Resolved {
    whole: Settings,
    config: Config,
    bulkhead: Option<BulkheadConfig>,
}

/// One profile, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) base: Option<String>,
    pub(super) own: Settings,
}

/// The profile that stands in for those that do not exist.
const DEFAULT: &str = "default";

impl<const BUCKETS: usize> Profiles<BUCKETS> {
    /// The configuration of the profile with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Config> {
        self.resolved.get(name).map(|resolved| resolved.config)
    }

    /// The configuration of the profile with this name, else of the profile `default`, else
    /// [`Config::new`].
    ///
    /// This suits keys that are not known before they are met, such as hosts.
    #[must_use]
    pub fn get_or_default(&self, name: &str) -> Config {
        self.get(name).or_else(|| self.get(DEFAULT)).unwrap_or_default()
    }

    /// The bulkhead of the profile with this name; `None` where the profile has none, too.
    #[must_use]
    pub fn get_bulkhead(&self, name: &str) -> Option<BulkheadConfig> {
        self.resolved.get(name).and_then(|resolved| resolved.bulkhead)
    }

    /// The bulkhead of the profile with this name; where there is no such profile, that of the
    /// profile `default`.
    #[must_use]
    pub fn get_bulkhead_or_default(&self, name: &str) -> Option<BulkheadConfig> {
        let resolved = self.resolved.get(name).or_else(|| self.resolved.get(DEFAULT));
        resolved.and_then(|resolved| resolved.bulkhead)
    }

    /// All profiles by name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Config)> {
        self.resolved.iter().map(|(name, resolved)| (name.as_str(), resolved.config))
    }

    /// Puts `settings` over those of the profile `name`; profiles that inherit from it follow.
    ///
    /// # Errors
    ///
    /// No such profile, or the first setting that is then out of its range. Nothing has changed
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::settings::{Profiles, Settings};
    ///
    /// let mut profiles: Profiles = toml::from_str("[payments]\ntrials = 5")?;
    /// profiles.amend("payments", &Settings::from_vars("PAY_", [("PAY_TRIALS", "7")])?)?;
    /// assert_eq!(profiles.get("payments").unwrap().get_trials(), 7);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn amend(&mut self, name: &str, settings: &Settings) -> Result<(), SettingsError> {
        self.amend_all([(name, settings.clone())])
    }

    /// Puts settings over those of several profiles, as [`amend`](Self::amend) does, and all at
    /// once: none takes effect alone, and profiles that inherit from several of them are looked at
    /// once.
    ///
    /// Of several settings for one profile, the later ones are over the earlier.
    ///
    /// # Errors
    ///
    /// No such profile, or the first setting that is then out of its range. Nothing has changed
    /// then.
    pub fn amend_all<N: AsRef<str>>(
        &mut self,
        amendments: impl IntoIterator<Item = (N, Settings)>,
    ) -> Result<(), SettingsError> {
        let mut amended: BTreeMap<String, Settings> = BTreeMap::new();
        for (name, settings) in amendments {
            let name = name.as_ref();
            let Some(profile) = self.profiles.get(name) else {
                let near = suggestion(name, self.profiles.keys().map(String::as_str));
                return Err(SettingsError::new(path_name(name), format!("is no profile{near}")));
            };
            let own = amended.get(name).unwrap_or(&profile.own);
            amended.insert(name.to_owned(), settings.over(own));
        }
        let resolved = self.resolve_amended(&amended)?;
        self.resolved.extend(resolved);
        for (name, own) in amended {
            if let Some(profile) = self.profiles.get_mut(&name) {
                profile.own = own;
            }
        }
        Ok(())
    }

    /// What those that are amended, and those that inherit from them, then say.
    fn resolve_amended(
        &self,
        amended: &BTreeMap<String, Settings>,
    ) -> Result<BTreeMap<String, Resolved>, SettingsError> {
        let heirs = |name: &str| self.heirs.get(name).into_iter().flatten().map(String::as_str);
        let mut affected: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = amended.keys().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            if affected.insert(name) {
                next.extend(heirs(name));
            }
        }
        let base_of = |name: &str| self.profiles.get(name).and_then(|it| it.base.as_deref());
        let is_first = |name: &str| base_of(name).is_none_or(|base| !affected.contains(base));
        // From those whose base stays as it is down, each after its base.
        let mut resolved: BTreeMap<String, Resolved> = BTreeMap::new();
        let mut next: Vec<&str> = affected.iter().copied().filter(|name| is_first(name)).collect();
        while let Some(name) = next.pop() {
            let Some(profile) = self.profiles.get(name) else { continue };
            let own = amended.get(name).unwrap_or(&profile.own);
            let base = base_of(name).and_then(|base| {
                resolved.get(base).or_else(|| self.resolved.get(base)).map(|base| &base.whole)
            });
            let new = Resolved::of::<BUCKETS>(own, base).map_err(|error| error.within(name))?;
            resolved.insert(name.to_owned(), new);
            next.extend(heirs(name));
        }
        Ok(resolved)
    }

    pub(super) fn resolved(profiles: BTreeMap<String, Profile>) -> Result<Self, SettingsError> {
        let mut resolved: BTreeMap<String, Resolved> = BTreeMap::new();
        let mut heirs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut met: BTreeSet<&str> = BTreeSet::new();
        for name in profiles.keys() {
            // Up to a profile that is done or has no base; then down again, each over the last.
            let mut chain: Vec<(&str, &Profile)> = Vec::new();
            let mut next = Some(name.as_str());
            while let Some(name) = next.filter(|name| !resolved.contains_key(*name)) {
                let Some((name, profile)) = profiles.get_key_value(name) else {
                    return Err(no_base(&chain, name, &profiles));
                };
                chain.push((name, profile));
                if !met.insert(name) {
                    return Err(circle(&chain, name));
                }
                next = profile.base.as_deref();
            }
            for (name, profile) in chain.into_iter().rev() {
                let base = profile.base.as_ref();
                let whole = base.and_then(|base| resolved.get(base)).map(|base| &base.whole);
                let new = Resolved::of::<BUCKETS>(&profile.own, whole);
                resolved.insert(name.to_owned(), new.map_err(|error| error.within(name))?);
                if let Some(base) = base {
                    heirs.entry(base.clone()).or_default().push(name.to_owned());
                }
            }
        }
        Ok(Self { profiles, resolved, heirs })
    }

    /// The names of all profiles.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

impl Resolved {
    /// `own` settings over those of the base.
    fn of<const BUCKETS: usize>(
        own: &Settings,
        base: Option<&Settings>,
    ) -> Result<Self, SettingsError> {
        let whole = base.map_or_else(|| own.clone(), |base| own.over(base));
        let config = whole.resolve(own, Config::new(), BUCKETS)?;
        let bulkhead = whole.resolve_bulkhead(own)?;
        Ok(Self { whole, config, bulkhead })
    }
}

/// What the last of `chain` names as its base is not there.
fn no_base(
    chain: &[(&str, &Profile)],
    base: &str,
    profiles: &BTreeMap<String, Profile>,
) -> SettingsError {
    let by = chain.last().map_or(base, |(name, _)| name);
    let others = profiles.keys().map(String::as_str).filter(|name| *name != by);
    let problem = format!("there is no profile {:?}{}", cut_name(base), suggestion(base, others));
    SettingsError::new("base", problem).within(by)
}

/// The chain has met `again`, its last, before.
fn circle(chain: &[(&str, &Profile)], again: &str) -> SettingsError {
    /// How many names are told, first and last.
    const TOLD: (usize, usize) = (4, 3);
    let circle = chain.iter().map(|(name, _)| *name).skip_while(|name| *name != again);
    let mut names: Vec<String> = circle.map(path_name).collect();
    let more = names.len().saturating_sub(TOLD.0 + TOLD.1);
    if more > 0 {
        names.splice(TOLD.0..TOLD.0 + more, [format!("({more} more)")]);
    }
    let names = names.join(" -> ");
    SettingsError::new("base", format!("goes round in a circle, {names}")).within(again)
}

/// Two that were written alike are alike.
impl<const BUCKETS: usize> PartialEq for Profiles<BUCKETS> {
    fn eq(&self, other: &Self) -> bool {
        self.profiles == other.profiles
    }
}

impl<const BUCKETS: usize> Eq for Profiles<BUCKETS> {}

impl<'de, const BUCKETS: usize> Deserialize<'de> for Profiles<BUCKETS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AllProfiles)
    }
}

struct AllProfiles<const BUCKETS: usize>;

impl<'de, const BUCKETS: usize> Visitor<'de> for AllProfiles<BUCKETS> {
    type Value = Profiles<BUCKETS>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of profiles")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Profiles<BUCKETS>, A::Error> {
        let mut profiles = BTreeMap::new();
        while let Some(name) = table.next_key::<String>()? {
            let profile = table.next_value_seed(Read { profile: Some(&name) })?;
            if profiles.contains_key(&name) {
                return Err(A::Error::custom(SettingsError::new(
                    path_name(&name),
                    "is given twice",
                )));
            }
            profiles.insert(name, profile);
        }
        Profiles::resolved(profiles).map_err(A::Error::custom)
    }
}

impl<const BUCKETS: usize> Serialize for Profiles<BUCKETS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.profiles)
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        if let Some(base) = &self.base {
            table.serialize_entry("base", base)?;
        }
        self.own.write_into(&mut table)?;
        table.end()
    }
}
