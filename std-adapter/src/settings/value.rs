//! `Value`: what stands behind a key, and how it is written.

use core::fmt;
use core::time::Duration;

use cutout_core::{HalfOpenRule, Outcome, Rate};

use super::key::{Kind, Spec};
use super::raw::Raw;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Off,
    Rate(Rate),
    Percent(u32),
    Duration(Duration),
    Number(u32),
    Flag(bool),
    Outcome(Outcome),
    Rule(HalfOpenRule),
    Shares([Rate; 3]),
}

impl Value {
    /// What `raw` means for this key; `None` where it means nothing. Ranges are not its business.
    pub(super) fn read(spec: &Spec, raw: &Raw) -> Option<Self> {
        if let Raw::Text(text) = raw {
            let text = text.trim();
            return if spec.off == Some(text) {
                Some(Self::Off)
            } else {
                Self::from_text(spec.kind, text)
            };
        }
        match (spec.kind, raw) {
            // To some readers of YAML, `off` is this.
            (_, Raw::Flag(false)) if spec.off == Some("off") => Some(Self::Off),
            (Kind::Number, Raw::Number(number)) => u32::try_from(*number).ok().map(Self::Number),
            (Kind::Flag, Raw::Flag(flag)) => Some(Self::Flag(*flag)),
            (Kind::Shares, Raw::List(list)) => shares(list.iter().map(|share| match share {
                Raw::Text(share) => rate(share.trim()),
                _ => None,
            })),
            _ => None,
        }
    }

    /// Text is all that an environment variable holds, so that it may stand for a number too.
    fn from_text(kind: Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Rate => rate(text).map(Self::Rate),
            Kind::Percent => percent(text)?.parse().ok().map(Self::Percent),
            Kind::Duration => duration(text).map(Self::Duration),
            Kind::Number => text.parse().ok().map(Self::Number),
            Kind::Flag => text.parse().ok().map(Self::Flag),
            Kind::Outcome => outcomes().find(|(name, _)| *name == text).map(|(_, value)| value),
            Kind::Rule => rules().find(|(name, _)| *name == text).map(|(_, value)| value),
            Kind::Shares => shares(text.split(',').map(|share| rate(share.trim()))),
            Kind::Off => None,
        }
    }

    /// How it is written where text stands for it; `off` is the word that leaves it out.
    pub(super) fn to_text(self, off: &str) -> String {
        match self {
            Self::Off => off.to_owned(),
            Self::Rate(rate) => Share(rate).to_string(),
            Self::Percent(percent) => format!("{percent}%"),
            Self::Duration(duration) => Span(duration).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Outcome(_) => name_of(outcomes(), self),
            Self::Rule(_) => name_of(rules(), self),
            Self::Shares(shares) => shares.map(|rate| Share(rate).to_string()).join(", "),
        }
    }
}

fn outcomes() -> impl Iterator<Item = (&'static str, Value)> {
    [Outcome::Success, Outcome::Failure, Outcome::Ignored]
        .map(|outcome| (outcome.as_str(), Value::Outcome(outcome)))
        .into_iter()
}

fn rules() -> impl Iterator<Item = (&'static str, Value)> {
    [("first_failure", HalfOpenRule::FirstFailure), ("rate", HalfOpenRule::Rate)]
        .map(|(name, rule)| (name, Value::Rule(rule)))
        .into_iter()
}

fn name_of(mut names: impl Iterator<Item = (&'static str, Value)>, value: Value) -> String {
    names.find(|(_, named)| *named == value).map_or_else(String::new, |(name, _)| name.to_owned())
}

fn percent(text: &str) -> Option<&str> {
    text.strip_suffix('%').map(str::trim_end)
}

/// "50%", "12.5%". A plain number is nothing: some take 0.5 for a half, and some for half a percent.
fn rate(text: &str) -> Option<Rate> {
    let (whole, hundredths) = match percent(text)?.split_once('.') {
        Some((whole, tenths)) if tenths.len() == 1 => (whole, digits(tenths)? * 10),
        Some((whole, hundredths)) if hundredths.len() == 2 => (whole, digits(hundredths)?),
        Some(_) => return None,
        None => (percent(text)?, 0),
    };
    Rate::try_basis_points(digits(whole)?.checked_mul(100)?.checked_add(hundredths)?).ok()
}

fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn shares(rates: impl Iterator<Item = Option<Rate>>) -> Option<Value> {
    let rates: Vec<Rate> = rates.collect::<Option<_>>()?;
    rates.try_into().ok().map(Value::Shares)
}

/// "30s", "1m 30s".
///
/// Sums that leave the range of a `Duration` by their nanoseconds panic in humantime 2.4
/// (chronotope/humantime#66). No text that passes here comes near: at most five numbers of ten
/// digits fit, and five times 10^10 years are a tenth of that range.
fn duration(text: &str) -> Option<Duration> {
    const LONGEST: usize = 64;
    let mut run = 0;
    let mut longest_run = 0;
    for char in text.chars().filter(|char| !char.is_whitespace()) {
        run = if char.is_ascii_digit() { run + 1 } else { 0 };
        longest_run = longest_run.max(run);
    }
    if text.len() > LONGEST || longest_run > 10 {
        return None;
    }
    humantime::parse_duration(text).ok()
}

/// A duration in units of which each is a whole number of the next.
///
/// humantime writes months of 30.44 days.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let nanos = u64::from(self.0.subsec_nanos());
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
            (nanos / 1_000_000, "ms"),
            (nanos / 1_000 % 1_000, "us"),
            (nanos % 1_000, "ns"),
        ];
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut space = "";
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{space}{number}{unit}")?;
            space = " ";
        }
        Ok(())
    }
}

/// A rate with as many digits as it needs.
struct Share(Rate);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, hundredths) = (self.0.basis_points() / 100, self.0.basis_points() % 100);
        match (hundredths / 10, hundredths % 10) {
            (0, 0) => write!(f, "{percent}%"),
            (tenths, 0) => write!(f, "{percent}.{tenths}%"),
            _ => write!(f, "{percent}.{hundredths:02}%"),
        }
    }
}

/// As an error shows it.
pub(super) fn shown(spec: &Spec, value: Value) -> String {
    let text = value.to_text(spec.off.unwrap_or_default());
    match value {
        Value::Number(_) | Value::Flag(_) => text,
        Value::Shares(shares) => {
            let quoted = shares.map(|rate| format!("\"{}\"", Share(rate))).join(", ");
            format!("[{quoted}]")
        }
        _ => format!("{text:?}"),
    }
}
