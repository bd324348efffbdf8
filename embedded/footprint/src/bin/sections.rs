//! Firmware: how many critical sections each step of a call takes.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering};

use board::println;
use critical_section::{Impl, RawRestoreState};
use footprint::steps;

board::main!(run);

static SECTIONS: AtomicU32 = AtomicU32::new(0);

/// Counts sections and masks nothing: no interrupt is on.
struct Counting;

critical_section::set_impl!(Counting);

// SAFETY: there is one thread, and nothing interrupts it.
unsafe impl Impl for Counting {
    unsafe fn acquire() -> RawRestoreState {
        SECTIONS.store(SECTIONS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        RawRestoreState::default()
    }

    unsafe fn release(_: RawRestoreState) {}
}

fn run() -> bool {
    steps::count_all(
        |act| {
            let before = SECTIONS.load(Ordering::Relaxed);
            act();
            SECTIONS.load(Ordering::Relaxed) - before
        },
        |breaker, step, many| println!("any {breaker}/sections/{step} {many}"),
    );
    true
}
