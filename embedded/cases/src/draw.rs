//! The bytes that timelines are drawn from.

/// Numbers by SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// The bytes of the next timeline, of the kinds that the property tests have: any, long ones,
    /// and the defaults scaled down.
    pub(crate) fn timeline(&mut self) -> Vec<u8> {
        let (settings, most): (&[u8], u64) = match self.next() % 8 {
            0..=4 => (&[], 400),
            5 => (&[], 1_500),
            _ => (&[0; 20], 400),
        };
        let many = 20 + self.next() % most;
        settings.iter().copied().chain((0..many).map(|_| self.next().to_le_bytes()[0])).collect()
    }
}
