//! `Raw`: a value as the format of a file gives it, before anybody knows what it is for.

use core::{fmt, mem};

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Clone, Debug)]
pub(super) enum Raw {
    Nothing,
    Flag(bool),
    Number(i128),
    Float(f64),
    Text(String),
    /// So many bytes.
    Bytes(usize),
    /// A date or a time of TOML.
    Date(String),
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
}

/// What `serde_json` calls a number when it is told to keep all digits, for every user of it in the
/// program (its feature `arbitrary_precision`): a table of one text under this name.
const JSON_NUMBER: &str = "$serde_json::private::Number";

/// What `toml` calls a date or a time: a table of one text under this name.
const TOML_DATE: &str = "$__toml_private_datetime";

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a setting")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Raw, E> {
        Ok(Raw::Number(number))
    }

    #[allow(clippy::cast_precision_loss)] // it is out of every range
    fn visit_u128<E>(self, number: u128) -> Result<Raw, E> {
        Ok(i128::try_from(number).map_or(Raw::Float(number as f64), Raw::Number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
        Ok(Raw::Bytes(bytes.len()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Raw::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, value)) = table.next_entry::<String, Raw>()? {
            entries.push((name, value));
        }
        Ok(match &mut entries[..] {
            [(name, Raw::Text(digits))] if name == JSON_NUMBER => {
                number(digits).unwrap_or(Raw::Table(entries))
            }
            [(name, Raw::Text(date))] if name == TOML_DATE => Raw::Date(mem::take(date)),
            _ => Raw::Table(entries),
        })
    }
}

fn number(digits: &str) -> Option<Raw> {
    let float = || digits.parse().ok().map(Raw::Float);
    digits.parse().ok().map(Raw::Number).or_else(float)
}

/// As much of a value or a name as an error shows.
const SHOWN: usize = 60;

/// As much of `text` as an error shows.
pub(super) fn cut(text: &str) -> &str {
    text.char_indices().nth(SHOWN).map_or(text, |(end, _)| &text[..end])
}

/// The values of a list, if they are few and plain.
fn shown(values: &[Raw]) -> Option<String> {
    let is_plain = |value: &Raw| !matches!(value, Raw::List(_) | Raw::Table(_));
    if values.len() > SHOWN || !values.iter().all(is_plain) {
        return None;
    }
    let shown = values.iter().map(Raw::to_string).collect::<Vec<_>>().join(", ");
    (shown.len() <= 2 * SHOWN).then_some(shown)
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => match cut(text) {
                part if part.len() < text.len() => write!(f, "{part:?} and more"),
                text => write!(f, "{text:?}"),
            },
            Self::Bytes(many) => write!(f, "{many} bytes"),
            Self::Date(date) => f.write_str(cut(date)),
            Self::List(values) => match shown(values) {
                Some(list) => write!(f, "[{list}]"),
                None => write!(f, "a list of {}", values.len()),
            },
            Self::Table(entries) if entries.is_empty() => f.write_str("{}"),
            Self::Table(_) => f.write_str("a table"),
        }
    }
}
