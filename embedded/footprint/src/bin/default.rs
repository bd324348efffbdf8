//! The firmware `bare` with a breaker that has its default settings.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use cutout_core::{CircuitBreaker, Config};
use footprint::{MILLIS, SysTick, read, show};

board::main!(run);

static SENSOR: CircuitBreaker<SysTick> = CircuitBreaker::with_clock(Config::new(), SysTick);

fn run() -> bool {
    for _ in 0..3 {
        if let Ok(reading) = SENSOR.call(read) {
            show(reading + MILLIS.load(Ordering::Relaxed));
        }
    }
    true
}
