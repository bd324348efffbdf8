//! The firmware `bare` with the smallest breaker: it counts failures in a row, and it has no
//! window.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use cutout_core::{CircuitBreaker, Config, Window};
use footprint::{MILLIS, SysTick, read, show};

board::main!(run);

static SENSOR: CircuitBreaker<SysTick, (), 1> = CircuitBreaker::from_parts(
    Config::new().without_failure_rate().consecutive_failures(5).window(Window::count(20)),
    SysTick,
    (),
);

fn run() -> bool {
    for _ in 0..3 {
        if let Ok(reading) = SENSOR.call(read) {
            show(reading + MILLIS.load(Ordering::Relaxed));
        }
    }
    true
}
