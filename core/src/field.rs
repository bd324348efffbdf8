//! A run of bits in a word: its length is declared, its place and its mask are computed.

/// So many bits, from `shift` on.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) shift: u32,
    pub(crate) bits: u32,
}

impl Field {
    /// The lowest bits of a word.
    pub(crate) const fn lowest(bits: u32) -> Self {
        Self { shift: 0, bits }
    }

    pub(crate) const fn above(below: Self, bits: u32) -> Self {
        Self { shift: below.shift + below.bits, bits }
    }

    /// Where the next field would begin.
    pub(crate) const fn end(self) -> u32 {
        self.shift + self.bits
    }

    pub(crate) const fn max(self) -> u64 {
        (1 << self.bits) - 1
    }

    pub(crate) const fn mask(self) -> u64 {
        self.max() << self.shift
    }

    /// The field's value; no field is wider than 32 bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) const fn get(self, word: u64) -> u32 {
        ((word >> self.shift) & self.max()) as u32
    }

    pub(crate) const fn set(self, word: u64, value: u32) -> u64 {
        (word & !self.mask()) | ((value as u64 & self.max()) << self.shift)
    }
}
