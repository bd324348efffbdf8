// error: LANES: a breaker has at least one lane
use cutout_core::{CircuitBreaker, Config, ManualClock};

fn main() {
    let _ = CircuitBreaker::<_, _, 10, 0>::try_from_parts(Config::new(), ManualClock::new(), ());
}
