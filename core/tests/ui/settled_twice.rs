// error: use of moved value: `permit`
use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};

fn main() {
    let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    let permit = breaker.try_acquire().unwrap();
    permit.settle(Outcome::Success);
    permit.settle(Outcome::Success);
}
