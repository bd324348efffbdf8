//! Repeatable randomness, enough for thinking times.

use core::time::Duration;

/// A SplitMix64 sequence.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Sequence number `stream` of `seed`; two streams have nothing in common.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed.rotate_left(32) ^ stream);
        Self(dice.roll())
    }

    /// A whole number of milliseconds from `least` to `most`.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.roll() % (most - least + 1))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_its_streams_differ() {
        let rolls = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            core::array::from_fn::<_, 8, _>(|_| dice.millis(90, 190).as_millis())
        };
        assert_eq!(rolls(1, 2), rolls(1, 2));
        assert_ne!(rolls(1, 2), rolls(1, 3));
        assert!(rolls(7, 7).iter().all(|roll| (90..=190).contains(roll)));
    }
}
