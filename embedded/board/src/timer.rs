//! A timer that interrupts the main loop.

use core::cell::Cell;

#[cfg(target_arch = "arm")]
use crate::arm as machine;
#[cfg(target_arch = "riscv32")]
use crate::riscv as machine;

/// Written before the timer starts, and never again.
struct Handler(Cell<fn() -> u32>);

// SAFETY: `start` writes it while the interrupt that reads it is off.
unsafe impl Sync for Handler {}

static HANDLER: Handler = Handler(Cell::new(|| 0));

/// Interrupts the main loop in about `instructions` instructions, and from then on whenever as many
/// have passed as `handler` last said.
pub fn start(instructions: u32, handler: fn() -> u32) {
    HANDLER.0.set(handler);
    machine::start_timer(instructions);
}

/// Interrupts no more.
pub fn stop() {
    machine::stop_timer();
}

/// What the interrupt does.
pub(crate) fn interrupt() {
    let next = HANDLER.0.get()();
    machine::set_timer(next);
}
