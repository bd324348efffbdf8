// error: window: must be 1 ms to 1 day long
#![allow(unused_imports)]

use core::time::Duration;

use cutout_core::{CircuitBreaker, Config, ManualClock, Rate, Window};

static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
    Config::new().window(Window::time(Duration::ZERO)),
    ManualClock::new(),
);

fn main() {}
