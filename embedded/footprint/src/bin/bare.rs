//! Firmware without a breaker: what the others are compared with.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use footprint::{MILLIS, read, show};

board::main!(run);

fn run() -> bool {
    for _ in 0..3 {
        if let Ok(reading) = read() {
            show(reading + MILLIS.load(Ordering::Relaxed));
        }
    }
    true
}
