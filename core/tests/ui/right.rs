// no error
use cutout_core::{CircuitBreaker, Config, ManualClock};

static BREAKER: CircuitBreaker<ManualClock> =
    CircuitBreaker::with_clock(Config::new(), ManualClock::new());

fn main() {
    let _ = BREAKER.state();
}
