// error: trials: must be 1 to 16
#![allow(unused_imports)]

use core::time::Duration;

use cutout_core::{CircuitBreaker, Config, ManualClock, Rate, Window};

static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
    Config::new().trials(0),
    ManualClock::new(),
);

fn main() {}
