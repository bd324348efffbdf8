//! Numbers of a few bytes: seven bits in each, the lowest first, and a bit that says that more
//! follow.

/// Writes `number` with `write`.
pub fn put(mut number: u64, write: &mut dyn FnMut(u8)) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return write(low);
        }
        write(low | 0x80);
    }
}

/// Reads what was put there. Past the end, every number is 0.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let [byte, rest @ ..] = self.0 {
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << (shift % u64::BITS);
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }

    /// The next bytes, after their number.
    pub fn bytes(&mut self) -> &'a [u8] {
        let many = usize::try_from(self.number()).unwrap_or(usize::MAX).min(self.0.len());
        let (bytes, rest) = self.0.split_at(many);
        self.0 = rest;
        bytes
    }
}
