//! A share of calls, held in basis points so that no float is needed.

use core::fmt;

use crate::config_error::ConfigError;

/// A share between 0 % and 100 %, in steps of a hundredth of a percent.
///
/// There is no way to write a rate that is negative, above 100 % or not a number.
///
/// # Examples
///
/// ```
/// use cutout_core::Rate;
///
/// const LIMIT: Rate = Rate::percent(20);
/// assert!(LIMIT.is_reached(1, 5));
/// assert!(!LIMIT.is_reached(1, 6));
/// assert!(Rate::try_percent(101).is_err());
/// assert_eq!(Rate::of(1, 3).unwrap().to_string(), "33.33 %");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate(u16);

/// All of it, in basis points.
pub(crate) const WHOLE: u16 = 10_000;

impl Rate {
    /// The rate of `points` ten-thousandths, or all of it.
    #[allow(clippy::cast_possible_truncation)] // at most WHOLE
    pub(crate) const fn clamped(points: u32) -> Self {
        Self(if points < WHOLE as u32 { points as u16 } else { WHOLE })
    }

    /// The rate of `percent` hundredths, for literals.
    ///
    /// # Panics
    ///
    /// If `percent` is above 100; in a `const` or `static` that is a compile error.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        match Self::try_percent(percent) {
            Ok(rate) => rate,
            Err(error) => panic!("{}", error.message()),
        }
    }

    /// The rate of `percent` hundredths, for input.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Rate`] if `percent` is above 100.
    pub const fn try_percent(percent: u32) -> Result<Self, ConfigError> {
        if percent > 100 {
            return Err(ConfigError::Rate);
        }
        Self::try_basis_points(percent * 100)
    }

    /// The rate of `points` ten-thousandths, for input.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Rate`] if `points` is above 10,000.
    #[allow(clippy::cast_possible_truncation)] // at most WHOLE, which is a u16
    pub const fn try_basis_points(points: u32) -> Result<Self, ConfigError> {
        if points > WHOLE as u32 {
            return Err(ConfigError::Rate);
        }
        Ok(Self(points as u16))
    }

    /// The rate in ten-thousandths: 2,000 for 20 %.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// How much of `whole` is `part`, rounded down; `None` where `whole` is 0.
    ///
    /// A `part` larger than `whole` reads 100 %.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // at most WHOLE after the `min`
    pub const fn of(part: u64, whole: u64) -> Option<Self> {
        if whole == 0 {
            return None;
        }
        let part = if part > whole { whole } else { part };
        Some(Self((part as u128 * WHOLE as u128 / whole as u128) as u16))
    }

    /// Whether `part` out of `whole` is at least this rate, compared exactly.
    ///
    /// Nothing out of nothing reaches no rate.
    #[must_use]
    pub const fn is_reached(self, part: u64, whole: u64) -> bool {
        whole != 0 && part as u128 * WHOLE as u128 >= whole as u128 * self.0 as u128
    }

    /// The same for counts below 2^50, as those of a window and of trials are: in 64 bits.
    pub(crate) const fn is_reached_in(self, part: u64, whole: u64) -> bool {
        whole != 0 && part * WHOLE as u64 >= whole * self.0 as u64
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, hundredths) = (self.0 / 100, self.0 % 100);
        if hundredths == 0 {
            write!(f, "{percent} %")
        } else {
            write!(f, "{percent}.{hundredths:02} %")
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_reached_exactly_at_its_value() {
        let half = Rate::percent(50);
        assert!(half.is_reached(10, 20));
        assert!(!half.is_reached(9, 19));
        assert!(!half.is_reached(0, 0));
        assert!(Rate::percent(100).is_reached(u64::MAX, u64::MAX));
    }

    #[test]
    fn counts_of_a_window_are_compared_as_all_others_are() {
        for points in [1, 3_333, 5_000, 10_000] {
            let rate = Rate::try_basis_points(points).unwrap();
            let wholes = [0, 1, 2, 3, 20, 10_000, (1 << 50) - 1];
            for whole in wholes {
                let edge = u64::from(points) * (whole / 10_000) + 1;
                for part in [0, 1, 2, edge - 1, edge, edge + 1, whole / 2, whole] {
                    let reached = rate.is_reached(part, whole);
                    assert_eq!(rate.is_reached_in(part, whole), reached, "{rate}: {part}/{whole}");
                }
            }
        }
    }

    #[test]
    fn a_rate_is_shown_in_percent_with_hundredths_where_it_has_some() {
        extern crate std;
        use std::string::ToString;
        let shown = |points| Rate::try_basis_points(points).unwrap().to_string();
        assert_eq!(shown(0), "0 %");
        assert_eq!(shown(2_000), "20 %");
        assert_eq!(shown(3_303), "33.03 %");
        assert_eq!(std::format!("{:?}", Rate::percent(5)), "Rate(5 %)");
        assert_eq!(Rate::of(7, 5), Some(Rate::percent(100)), "a part above the whole");
    }

    #[test]
    fn a_third_is_rounded_down_for_show_but_compared_exactly() {
        let third = Rate::of(1, 3).unwrap();
        assert_eq!(third.basis_points(), 3_333);
        assert!(third.is_reached(1, 3));
        assert!(!Rate::try_basis_points(3_334).unwrap().is_reached(1, 3));
    }
}
