//! The driver of an LM75 thermometer, for whatever bus there is.

use embedded_hal::i2c::I2c;

const ADDRESS: u8 = 0x48;
const TEMPERATURE: u8 = 0;

pub(crate) struct Thermometer<B>(pub(crate) B);

impl<B: I2c> Thermometer<B> {
    /// The temperature in thousandths of a degree Celsius.
    pub(crate) fn read(&mut self) -> Result<i32, B::Error> {
        let mut raw = [0; 2];
        self.0.write_read(ADDRESS, &[TEMPERATURE], &mut raw)?;
        Ok(i32::from(i16::from_be_bytes(raw) >> 5) * 125)
    }
}
