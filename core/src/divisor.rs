//! Division without dividing, which takes longer than all else that a healthy call does.

use core::num::NonZeroU64;

/// A number to divide by often, and its inverse in 64 binary places, rounded down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divisor {
    number: NonZeroU64,
    inverse: u64,
}

impl Divisor {
    /// # Panics
    ///
    /// If `number` is zero.
    pub(crate) const fn new(number: u64) -> Self {
        let Some(number) = NonZeroU64::new(number) else { panic!("a divisor is not zero") };
        Self { number, inverse: u64::MAX / number.get() }
    }

    /// What it divides by.
    #[inline]
    pub(crate) const fn number(&self) -> u64 {
        self.number.get()
    }

    /// Quotient and remainder.
    ///
    /// The inverse is at most one too small in its last place, and `whole` is below 2^64: so the
    /// product falls short by less than one, and the quotient by one at most.
    #[inline]
    pub(crate) const fn divide(&self, whole: u64) -> (u64, u64) {
        let quotient = high(whole, self.inverse);
        let rest = whole - quotient * self.number();
        if rest < self.number() { (quotient, rest) } else { (quotient + 1, rest - self.number()) }
    }
}

/// The upper half of a product.
///
/// Where it takes many instructions, they are there once.
#[cfg_attr(target_pointer_width = "64", inline)]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
#[allow(clippy::cast_possible_truncation)] // a half
pub(crate) const fn high(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_divisor_divides_as_a_division_does() {
        let numbers = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let wholes: Vec<u64> = numbers.chain([30_000_000_000, u64::MAX - 1, u64::MAX]).collect();
        for by in wholes.iter().copied().chain([3, 10, 60, 3_000_000_000]).filter(|by| *by > 0) {
            let divisor = Divisor::new(by);
            let around = |n: u64| [n.wrapping_mul(by).wrapping_sub(1), n.wrapping_mul(by)];
            for whole in wholes.iter().copied().chain(wholes.iter().flat_map(|n| around(*n))) {
                assert_eq!(divisor.divide(whole), (whole / by, whole % by), "{whole} by {by}");
            }
        }
    }
}
