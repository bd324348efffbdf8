// error: failure_rate: must be above 0 %, up to 100 %
#![allow(unused_imports)]

use core::time::Duration;

use cutout_core::{CircuitBreaker, Config, ManualClock, Rate, Window};

static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
    Config::new().failure_rate(Rate::percent(0)),
    ManualClock::new(),
);

fn main() {}
