// error: window: must have 1 bucket to as many as the breaker has room for
#![allow(unused_imports)]

use core::time::Duration;

use cutout_core::{CircuitBreaker, Config, ManualClock, Rate, Window};

static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
    Config::new().window(Window::time(Duration::from_secs(60)).in_buckets(60)),
    ManualClock::new(),
);

fn main() {}
