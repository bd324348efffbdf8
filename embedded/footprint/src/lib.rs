//! What the firmwares have in common, with and without a breaker: a sensor, and a clock of
//! milliseconds.
#![no_std]

pub mod steps;

use core::sync::atomic::{AtomicU32, Ordering};

use cutout_core::{Clock, Instant};

/// Counted up by a timer, once a millisecond.
pub static MILLIS: AtomicU32 = AtomicU32::new(1);

/// The clock of the documentation.
#[derive(Debug)]
pub struct SysTick;

impl Clock for SysTick {
    fn now(&self) -> Instant {
        Instant::from_nanos(u64::from(MILLIS.load(Ordering::Relaxed)) * 1_000_000)
    }
}

static READING: AtomicU32 = AtomicU32::new(7);

/// The sensor does not answer.
#[derive(Debug)]
pub struct NoAnswer;

/// Reads a sensor that may not answer.
#[inline(never)]
pub fn read() -> Result<u32, NoAnswer> {
    let reading = READING.load(Ordering::Relaxed);
    if reading > 1_000 { Err(NoAnswer) } else { Ok(reading) }
}

/// Uses a reading.
#[inline(never)]
pub fn show(reading: u32) {
    READING.store(reading, Ordering::Relaxed);
}
