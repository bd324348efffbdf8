//! Writing settings to a format that serde knows.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::Settings;
use super::key::Spec;
use super::value::Value;

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(Some(self.groups().count()))?;
        self.write_into(&mut table)?;
        table.end()
    }
}

impl Settings {
    /// What stands at the top: a setting by itself, or those of a table, which are neighbours.
    fn groups(&self) -> impl Iterator<Item = (&'static str, Group)> {
        let mut groups: Vec<(&'static str, Group)> = Vec::new();
        for (key, value) in &self.0 {
            let spec = key.spec();
            match (spec.table, groups.last_mut()) {
                (None, _) => groups.push((spec.name, Group::One(spec, *value))),
                (Some(table), Some((name, Group::Table(entries)))) if table == *name => {
                    entries.push((spec, *value));
                }
                (Some(table), _) => groups.push((table, Group::Table(vec![(spec, *value)]))),
            }
        }
        groups.into_iter()
    }

    pub(super) fn write_into<M: SerializeMap>(&self, table: &mut M) -> Result<(), M::Error> {
        self.groups().try_for_each(|(name, group)| table.serialize_entry(name, &group))
    }
}

enum Group {
    One(&'static Spec, Value),
    Table(Vec<(&'static Spec, Value)>),
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(spec, value) => Written(spec, *value).serialize(serializer),
            Self::Table(entries) => serializer.collect_map(
                entries.iter().map(|(spec, value)| (spec.name, Written(spec, *value))),
            ),
        }
    }
}

struct Written(&'static Spec, Value);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            Value::Number(number) => serializer.serialize_u32(number),
            Value::Flag(flag) => serializer.serialize_bool(flag),
            Value::Shares(shares) => {
                serializer.collect_seq(shares.map(|share| Value::Rate(share).to_text("")))
            }
            value => serializer.serialize_str(&value.to_text(self.0.off.unwrap_or_default())),
        }
    }
}
