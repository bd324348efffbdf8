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

/// Why a value means nothing for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not written as one of its kind.
    Form,
    /// It is, but far out of every range.
    Range,
    /// It is a duration whose units are not each there once, the longest first.
    Order,
    /// It is a duration with a fraction of a nanosecond.
    TooFine,
}

/// From here on up, a float has no fraction.
const LARGE: f64 = 9_007_199_254_740_992.0;

impl Value {
    /// What `raw` means for this key. Ranges are not its business, as long as the value can be
    /// held.
    pub(super) fn read(spec: &Spec, raw: &Raw) -> Result<Self, Wrong> {
        if let Raw::Text(text) = raw {
            let text = text.trim();
            return if spec.off == Some(text) {
                Ok(Self::Off)
            } else {
                Self::from_text(spec.kind, text)
            };
        }
        match (spec.kind, raw) {
            // To some readers of YAML, `off` is this.
            (_, Raw::Flag(false)) if spec.off == Some("off") => Ok(Self::Off),
            (Kind::Number, Raw::Number(number)) => {
                u32::try_from(*number).map(Self::Number).map_err(|_| Wrong::Range)
            }
            // Some formats have no other way to give a number that is as large.
            (Kind::Number, Raw::Float(number)) if number.is_finite() && number.abs() >= LARGE => {
                Err(Wrong::Range)
            }
            (Kind::Flag, Raw::Flag(flag)) => Ok(Self::Flag(*flag)),
            (Kind::Shares, Raw::List(list)) => shares(list.iter().map(|share| match share {
                Raw::Text(share) => rate(share.trim()).ok(),
                _ => None,
            })),
            _ => Err(Wrong::Form),
        }
    }

    /// Text is all that an environment variable holds, so that it may stand for a number too.
    fn from_text(kind: Kind, text: &str) -> Result<Self, Wrong> {
        match kind {
            Kind::Rate => rate(text).map(Self::Rate),
            Kind::Percent => whole(percent(text).ok_or(Wrong::Form)?).map(Self::Percent),
            Kind::Duration => duration(text).map(Self::Duration),
            Kind::Number => whole(text).map(Self::Number),
            Kind::Flag => text.parse().map(Self::Flag).map_err(|_| Wrong::Form),
            Kind::Outcome => named(outcomes(), text),
            Kind::Rule => named(rules(), text),
            Kind::Shares => shares(text.split(',').map(|share| rate(share.trim()).ok())),
            Kind::Off => Err(Wrong::Form),
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

fn named(
    mut names: impl Iterator<Item = (&'static str, Value)>,
    text: &str,
) -> Result<Value, Wrong> {
    names.find(|(name, _)| *name == text).map(|(_, value)| value).ok_or(Wrong::Form)
}

fn percent(text: &str) -> Option<&str> {
    text.strip_suffix('%').map(str::trim_end)
}

/// "50%", "12.5%". A plain number is nothing: some take 0.5 for a half, and some for half a
/// percent.
fn rate(text: &str) -> Result<Rate, Wrong> {
    let percent = percent(text).ok_or(Wrong::Form)?;
    let (sign, number) = signed(percent);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if !is_digits(whole) || !is_digits(part) || part.len() > 2 {
        return Err(Wrong::Form);
    }
    let points = || -> Option<u32> {
        let part: u32 = part.parse().ok()?;
        let hundredths = if number.len() == whole.len() + 2 { part * 10 } else { part };
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths)
    };
    let rate = points().filter(|_| sign.is_empty()).map(Rate::try_basis_points);
    rate.and_then(Result::ok).ok_or(Wrong::Range)
}

/// "20". A sign is none that the range allows, but the number is one.
fn whole(text: &str) -> Result<u32, Wrong> {
    let (sign, number) = signed(text);
    if !is_digits(number) {
        return Err(Wrong::Form);
    }
    number.parse().ok().filter(|number| sign.is_empty() || *number == 0).ok_or(Wrong::Range)
}

fn signed(text: &str) -> (&str, &str) {
    text.split_at(usize::from(text.starts_with('-')))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn shares(rates: impl Iterator<Item = Option<Rate>>) -> Result<Value, Wrong> {
    let rates: Option<Vec<Rate>> = rates.collect();
    rates.and_then(|rates| rates.try_into().ok()).map(Value::Shares).ok_or(Wrong::Form)
}

/// What a duration is counted in. No months and no years, which are not all as long; and nothing
/// depends on capitals but that these are none.
const UNITS: [(&str, u128); 12] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),  // the sign
    ("\u{3bc}s", 1_000), // the letter
    ("ms", 1_000_000),
    ("s", SECOND),
    ("sec", SECOND),
    ("m", 60 * SECOND),
    ("min", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
    ("w", 7 * 86_400 * SECOND),
];
const SECOND: u128 = 1_000_000_000;

/// "30s", "1m 30s", "1.5h". Each unit is there once, the longest first: what is added up from
/// "1m 1m" or "30s 1h" is rarely what was meant.
///
/// Not by `humantime`: that reads `M` as a month of 30.44 days, "1 8 s" as 18 s, and panics at some
/// sums (chronotope/humantime#66).
fn duration(text: &str) -> Result<Duration, Wrong> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut nanos, mut is_fine) = (0_u128, true);
    let (mut last, mut is_ordered) = (u128::MAX, true);
    let (sign, text) = signed(text);
    let mut rest = text;
    while !rest.is_empty() || rest.len() == text.len() {
        let (whole, after) = rest.split_at(digits(rest));
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("0", after),
        };
        let after = after.trim_start();
        let ends = |char: char| char.is_ascii_digit() || char.is_whitespace();
        let (unit, after) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos);
        let unit = unit.filter(|_| is_digits(whole) && is_digits(part)).ok_or(Wrong::Form)?;
        is_ordered &= unit < last;
        last = unit;
        // What overflows is out of every range; the rest is read all the same, for its form.
        let whole = whole.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(unit);
        let part = part.trim_end_matches('0');
        let part = match u32::try_from(part.len()).ok().and_then(|len| 10_u128.checked_pow(len)) {
            Some(scale) if scale <= SECOND * SECOND => {
                let part = part.parse::<u128>().unwrap_or(0) * unit;
                is_fine &= part % scale == 0;
                part / scale
            }
            _ => {
                is_fine = false;
                0
            }
        };
        nanos = nanos.saturating_add(whole).saturating_add(part);
        rest = after.trim_start();
    }
    if !is_ordered {
        return Err(Wrong::Order);
    }
    if !is_fine {
        return Err(Wrong::TooFine);
    }
    if !sign.is_empty() && nanos > 0 {
        return Err(Wrong::Range);
    }
    let seconds = u64::try_from(nanos / SECOND).map_err(|_| Wrong::Range)?;
    let subsec = u32::try_from(nanos % SECOND).map_err(|_| Wrong::Range)?;
    Ok(Duration::new(seconds, subsec))
}

/// A duration in units of which each is a whole number of the next.
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
