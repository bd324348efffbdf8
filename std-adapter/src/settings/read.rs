//! Reading settings from a format that serde knows.

use core::fmt;

use serde_core::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::error::{name, suggestion};
use super::key::{self, table_allowed};
use super::profiles::Profile;
use super::raw::Raw;
use super::value::Value;
use super::{Settings, SettingsError};

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read { profile: None }.deserialize(deserializer).map(|read| read.own)
    }
}

impl Settings {
    /// Adds what stands under `name`, a table or not.
    pub(super) fn add_raw(&mut self, name: &str, raw: &Raw) -> Result<(), SettingsError> {
        if key::names_in(name).next().is_none() {
            return self.add_value(None, name, raw);
        }
        match raw {
            Raw::Table(entries) if !entries.is_empty() => {
                entries.iter().try_for_each(|(part, raw)| self.add_value(Some(name), part, raw))
            }
            Raw::Text(_) | Raw::Flag(_) if key::find(None, name).is_some() => {
                self.add_value(None, name, raw)
            }
            _ => Err(SettingsError::new(name, format!("{}, got {raw}", table_allowed(name)))),
        }
    }

    fn add_value(
        &mut self,
        table: Option<&str>,
        name: &str,
        raw: &Raw,
    ) -> Result<(), SettingsError> {
        let Some(spec) = key::find(table, name) else {
            return Err(unknown(table, name));
        };
        match Value::read(spec, raw) {
            Ok(value) => self.add(spec.key, value),
            Err(wrong) => Err(SettingsError::new(spec.path(), spec.refuse(wrong, raw))),
        }
    }
}

fn unknown(table: Option<&str>, given: &str) -> SettingsError {
    let shown = name(given);
    match table {
        Some(table) => {
            let problem = format!("is no setting{}", suggestion(given, key::names_in(table)));
            SettingsError::new(format!("{table}.{shown}"), problem)
        }
        None if given == "base" => {
            SettingsError::new(given, "is no setting here, only a profile has one")
        }
        None if given == "trip_when" => {
            SettingsError::new(given, "is code, set it by Config::trip_when after reading")
        }
        None => {
            SettingsError::new(shown, format!("is no setting{}", suggestion(given, key::names())))
        }
    }
}

/// Reads the settings of a profile, which may have a base, or of none.
pub(super) struct Read<'a> {
    pub(super) profile: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Read<'_> {
    type Value = Profile;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Profile, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Read<'_> {
    type Value = Profile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of settings")?;
        self.profile.map_or(Ok(()), |profile| write!(f, " for {}", name(profile)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Profile, A::Error> {
        let mut into = Profile::default();
        while let Some(name) = table.next_key::<String>()? {
            // What is wrong with a value is said while the format still knows where that value is.
            table.next_value_seed(Entry { profile: self.profile, name, into: &mut into })?;
        }
        Ok(into)
    }
}

struct Entry<'a> {
    profile: Option<&'a str>,
    name: String,
    into: &'a mut Profile,
}

impl Entry<'_> {
    fn add(&mut self, raw: &Raw) -> Result<(), SettingsError> {
        match raw {
            raw if self.profile.is_none() || self.name != "base" => {
                self.into.own.add_raw(&self.name, raw)
            }
            Raw::Text(_) if self.into.base.is_some() => {
                Err(SettingsError::new("base", "is given twice"))
            }
            Raw::Text(base) => {
                self.into.base = Some(base.clone());
                Ok(())
            }
            raw => {
                Err(SettingsError::new("base", format!("must be the name of a profile, got {raw}")))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        self.add(&raw).map_err(|error| {
            D::Error::custom(match self.profile {
                Some(profile) => error.within(profile),
                None => error,
            })
        })
    }
}
