//! How messages tell durations: in up to three digits.

use core::fmt;
use core::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// The units, each up to 999 of it.
const UNITS: [(u64, &str); 7] = [
    (1, "ns"),
    (1_000, "µs"),
    (1_000_000, "ms"),
    (SECOND, "s"),
    (60 * SECOND, "m"),
    (3_600 * SECOND, "h"),
    (86_400 * SECOND, "d"),
];

/// A length: the nearest of three digits, such as "1.25ms", "30s" and "16.7m".
pub(crate) struct Length(pub(crate) Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond 64 bits of nanoseconds it is 584 years or more.
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        for (unit, name) in UNITS {
            let scale = match nanos / unit {
                0..10 => 100,
                10..100 => 10,
                _ => 1,
            };
            let scale = scale.min(unit);
            let step = unit / scale;
            let steps = nanos / step + u64::from(nanos % step >= step.div_ceil(2) && step > 1);
            if steps < 1_000 * scale || name == "d" {
                return write_scaled(f, steps, scale, if nanos == 0 { "s" } else { name });
            }
        }
        Ok(())
    }
}

/// Writes `steps / scale` with as many decimals as it needs.
fn write_scaled(f: &mut fmt::Formatter<'_>, steps: u64, scale: u64, unit: &str) -> fmt::Result {
    let (whole, part) = (steps / scale, steps % scale);
    match (scale, part) {
        (_, 0) => write!(f, "{whole}{unit}"),
        (100, part) if part % 10 != 0 => write!(f, "{whole}.{part:02}{unit}"),
        (100, part) => write!(f, "{whole}.{}{unit}", part / 10),
        (_, part) => write!(f, "{whole}.{part}{unit}"),
    }
}

/// How long to wait: never shorter than it is, and in few digits, so that refusals for the same
/// cause have the same text. It is what `Rejected` of the engine does.
#[cfg(any(test, feature = "policy"))]
pub(crate) struct Wait(pub(crate) Duration);

#[cfg(any(test, feature = "policy"))]
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        let up = |unit: u64| nanos.div_ceil(unit);
        match (up(1_000_000), up(SECOND)) {
            (0, _) => f.write_str("0s"),
            (millis @ 1..1_000, _) => write!(f, "{millis}ms"),
            (millis @ ..=9_900, _) => write_scaled(f, millis.div_ceil(100), 10, "s"),
            (_, seconds @ ..1_000) => write!(f, "{seconds}s"),
            (_, seconds @ ..=59_940) => write!(f, "{}m", seconds.div_ceil(60)),
            (_, seconds @ ..=3_596_400) => write!(f, "{}h", seconds.div_ceil(3_600)),
            (_, seconds) => write!(f, "{}d", seconds.div_ceil(86_400)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_up_to_three_digits() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (25, "25ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (1_234, "1.23µs"),
            (1_235, "1.24µs"),
            (9_999, "10µs"),
            (50_000, "50µs"),
            (999_499, "999µs"),
            (999_500, "1ms"),
            (1_500_000, "1.5ms"),
            (10_485_760, "10.5ms"),
            (868_000_003, "868ms"),
            (999_999_999, "1s"),
            (2 * SECOND + 50_000_000, "2.05s"),
            (30 * SECOND, "30s"),
            (300 * SECOND, "300s"),
            (999 * SECOND, "999s"),
            (1_000 * SECOND, "16.7m"),
            (3_600 * SECOND, "60m"),
            (86_400 * SECOND, "24h"),
            (365 * 86_400 * SECOND, "365d"),
            (u64::MAX, "213504d"),
        ] {
            assert_eq!(Length(Duration::from_nanos(nanos)).to_string(), text, "{nanos}");
        }
        assert_eq!(Length(Duration::MAX).to_string(), "213504d");
    }

    #[test]
    fn a_wait_is_told_as_the_engine_tells_it_and_never_too_short() {
        use cutout_core::{CircuitBreaker, Config, ManualClock};
        let mut nanos = 1_u64;
        while nanos < 365 * 86_400 * SECOND {
            for nanos in [nanos - 1, nanos, nanos + 1] {
                let wait = Duration::from_nanos(nanos);
                let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
                breaker.open_for(wait);
                if let Some(refusal) = breaker.would_reject() {
                    let text = format!("refused: the circuit is open, retry after {}", Wait(wait));
                    assert_eq!(refusal.to_string(), text, "{nanos}");
                }
            }
            nanos += nanos / 7 + 1;
        }
        assert_eq!(Wait(Duration::MAX).to_string(), "213504d");
    }
}
