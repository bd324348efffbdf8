// error: floor: must be 1 µs to the ceiling
use core::time::Duration;
use cutout_core::{AdaptiveTimeout, ManualClock, TimeoutConfig};

static LIMIT: AdaptiveTimeout<ManualClock> = AdaptiveTimeout::with_clock(
    TimeoutConfig::between(Duration::from_secs(2), Duration::from_secs(1)),
    ManualClock::new(),
);

fn main() {
    let _ = LIMIT.timeout();
}
