//! A static library around one breaker, as firmware would hold it: no std, no alloc, no main.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::time::Duration;

use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome, State};

static RADIO: CircuitBreaker<ManualClock> =
    CircuitBreaker::with_clock(Config::new().minimum_throughput(4), ManualClock::new());

/// Trips the breaker, waits for its break, and recovers. Answers how many of the 3 states were seen.
#[unsafe(no_mangle)]
pub extern "C" fn cutout_round_trip() -> u32 {
    let mut seen = u32::from(RADIO.state() == State::Closed);
    for _ in 0..4 {
        let _ = RADIO.call(|| Err::<(), _>(()));
    }
    seen += u32::from(RADIO.state() == State::Open);
    RADIO.clock().advance(Duration::from_secs(30));
    for _ in 0..2 {
        if let Ok(ticket) = RADIO.admit() {
            RADIO.settle(ticket, Outcome::Success);
        }
    }
    seen + u32::from(RADIO.state() == State::HalfOpen)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
