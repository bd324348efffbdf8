//! Cortex-M: the `SysTick` timer.

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SCB, SYST};
use cortex_m_rt::{entry, exception};

#[entry]
fn start() -> ! {
    crate::run()
}

#[exception]
fn SysTick() {
    crate::timer::interrupt();
}

fn timer() -> SYST {
    // SAFETY: nobody else uses the timer.
    unsafe { Peripherals::steal() }.SYST
}

pub(crate) fn start_timer(instructions: u32) {
    let mut timer = timer();
    timer.set_clock_source(SystClkSource::Core);
    set_timer(instructions);
    timer.enable_interrupt();
    timer.enable_counter();
}

/// An instruction takes 64 ns (see `.cargo/config.toml`), a tick 62.5 ns on the microbit and 40 ns
/// on the MPS2.
pub(crate) fn set_timer(instructions: u32) {
    let is_mps2 = cfg!(target_has_atomic = "32");
    let ticks = if is_mps2 { instructions * 8 / 5 } else { instructions };
    let mut timer = timer();
    timer.set_reload(ticks.max(2));
    timer.clear_current();
    // It may have run out once more while the handler ran.
    SCB::clear_pendst();
}

pub(crate) fn stop_timer() {
    timer().disable_counter();
}

/// The time since the first reading, modulo 2^24 ticks.
pub(crate) fn nanos_passed() -> u64 {
    const WHOLE: u32 = 0x00ff_ffff;
    let mut timer = timer();
    if !timer.is_counter_enabled() {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(WHOLE);
        timer.clear_current();
        timer.enable_counter();
        // It reads 0 until its first tick.
        while SYST::get_current() == 0 {}
    }
    let ticks = u64::from(WHOLE - SYST::get_current());
    if cfg!(target_has_atomic = "32") { ticks * 40 } else { ticks * 125 / 2 }
}
