//! The time in milliseconds, counted by SysTick.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use cutout_core::{Clock, Instant, Ticks64};

/// The core's frequency on QEMU's machines: the MPS2, and the microbit.
const HERTZ: u32 = if cfg!(target_has_atomic = "32") { 25_000_000 } else { 16_000_000 };

static MILLIS: AtomicU32 = AtomicU32::new(0);

/// Or the breaker's time would go back when `MILLIS` wraps, after 49.7 days.
static TICKS: Ticks64 = Ticks64::new();

#[exception]
fn SysTick() {
    // Nobody else writes: so this needs no compare-and-swap, which a Cortex-M0 has not.
    let millis = millis().wrapping_add(1);
    MILLIS.store(millis, Ordering::Relaxed);
    TICKS.update(millis);
}

/// The clock of the breaker.
pub(crate) struct SysTickClock;

impl Clock for SysTickClock {
    fn now(&self) -> Instant {
        Instant::from_ticks::<1_000>(TICKS.read(millis))
    }
}

pub(crate) fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(HERTZ / 1_000 - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

pub(crate) fn millis() -> u32 {
    MILLIS.load(Ordering::Relaxed)
}

/// The milliseconds since `start`, also where the count has wrapped in between.
pub(crate) fn millis_since(start: u32) -> u32 {
    millis().wrapping_sub(start)
}

/// Sleeps, but for the interrupts, until `millis` milliseconds have passed since `start`.
pub(crate) fn sleep(start: u32, millis: u32) {
    while millis_since(start) < millis {
        cortex_m::asm::wfi();
    }
}
