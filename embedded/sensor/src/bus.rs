//! A simulated I2C bus that wedges on schedule. Firmware has the driver of its microcontroller
//! here.

use core::fmt;

use embedded_hal::i2c::{Error, ErrorKind, ErrorType, I2c, Operation};

use crate::clock;

/// For how long the driver waits for the data line.
const TIMEOUT_MILLIS: u32 = 25;

/// A device begins to hold the data line low, and while the fault lasts nothing can be done about
/// it.
struct Fault {
    begins: u32,
    ends: u32,
}

const FAULTS: [Fault; 2] = [
    // A device has lost count of the clock, and will let go once it is clocked through its byte.
    Fault { begins: 100, ends: 100 },
    // It is out of power for a while, and so it pulls the line down.
    Fault { begins: 400, ends: 750 },
];

/// As many bits as a device may still want to send, with that for the acknowledgement.
const PULSES: u32 = 9;

/// 21.5 degrees, as the thermometer has it.
const TEMPERATURE: [u8; 2] = [0x15, 0x80];

pub(crate) struct Bus {
    started: u32,
    faults: &'static [Fault],
    /// How many clock pulses until the device lets go of the data line.
    pulses_left: u32,
    record: Record,
}

/// What happened on the bus.
#[derive(Clone, Copy, Default)]
pub(crate) struct Record {
    pub(crate) accesses: u32,
    pub(crate) timeouts: u32,
    pub(crate) millis_lost: u32,
    pub(crate) resets: u32,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self {
            started: clock::millis(),
            faults: &FAULTS,
            pulses_left: 0,
            record: Record::default(),
        }
    }

    /// What happened so far.
    pub(crate) fn record(&self) -> Record {
        self.record
    }

    /// Frees the bus: nine clock pulses carry a device that lost count to the end of its byte.
    ///
    /// A driver makes the pins its own for this: 90 µs at 100 kHz.
    pub(crate) fn clock_out(&mut self) {
        self.record.resets += 1;
        for _ in 0..PULSES {
            self.pulses_left = self.pulses_left.saturating_sub(1);
        }
    }

    /// Whether somebody holds the data line low.
    fn is_wedged(&mut self) -> bool {
        let now = clock::millis_since(self.started);
        if let [fault, later @ ..] = self.faults {
            if now >= fault.begins {
                self.pulses_left = PULSES;
                if now >= fault.ends {
                    self.faults = later;
                }
            }
        }
        self.pulses_left > 0
    }
}

impl ErrorType for Bus {
    type Error = Timeout;
}

impl I2c for Bus {
    fn transaction(&mut self, _: u8, operations: &mut [Operation<'_>]) -> Result<(), Timeout> {
        self.record.accesses += 1;
        if self.is_wedged() {
            let start = clock::millis();
            clock::sleep(start, TIMEOUT_MILLIS);
            self.record.timeouts += 1;
            self.record.millis_lost += clock::millis_since(start);
            return Err(Timeout);
        }
        for operation in operations {
            if let Operation::Read(buffer) = operation {
                buffer.copy_from_slice(&TEMPERATURE[..buffer.len()]);
            }
        }
        Ok(())
    }
}

/// The data line did not go up.
#[derive(Debug)]
pub(crate) struct Timeout;

impl Error for Timeout {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Bus
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accesses, timeouts, millis_lost, resets } = self;
        write!(
            f,
            "{accesses} accesses, {timeouts} timed out, {millis_lost} ms lost, {resets} resets"
        )
    }
}
