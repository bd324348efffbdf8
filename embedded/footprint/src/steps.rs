//! What is counted: each step of a call, never inlined, so that it can be told from the others.

use core::hint::black_box;
use core::sync::atomic::Ordering;

use cutout_core::{CircuitBreaker, Config, Outcome, Rate, State, Ticket, Window};

use crate::{MILLIS, SysTick, read};

/// Counts something in what it is given, which it does as often as it likes.
pub type Count = fn(&mut dyn FnMut()) -> u32;

/// Is told what was counted: the breaker's name, the step's name, and how many.
pub type Tell = fn(&str, &str, u32);

macro_rules! steps {
    ($name:ident: $type:ty = $breaker:expr) => {
        mod $name {
            use super::*;

            static BREAKER: $type = $breaker;

            #[inline(never)]
            fn admit() -> Option<Ticket> {
                BREAKER.admit().ok()
            }

            #[inline(never)]
            fn succeed(ticket: Ticket) {
                BREAKER.settle(ticket, Outcome::Success);
            }

            #[inline(never)]
            fn fail(ticket: Ticket) {
                BREAKER.settle(ticket, Outcome::Failure);
            }

            #[inline(never)]
            fn call() -> bool {
                BREAKER.call(read).is_ok()
            }

            /// Has results in every bucket, and never a failure without a success before it.
            pub(super) fn fill() {
                for _ in 0..10 {
                    let millis = MILLIS.load(Ordering::Relaxed);
                    MILLIS.store(millis + 3_000, Ordering::Relaxed);
                    admit().into_iter().for_each(succeed);
                    admit().into_iter().for_each(fail);
                }
            }

            pub(super) fn count(count: Count, tell: Tell) {
                let admission = count(&mut || {
                    black_box(admit());
                });
                let failure = count(&mut || {
                    admit().map(fail);
                });
                let success = count(&mut || {
                    admit().map(succeed);
                });
                let whole = count(&mut || {
                    black_box(call());
                });
                // What was counted is what it says: nothing has opened the circuit meanwhile.
                assert!(matches!(BREAKER.state(), State::Closed), stringify!($name));
                tell(stringify!($name), "admit", admission);
                tell(stringify!($name), "settle_success", success - admission);
                tell(stringify!($name), "settle_failure", failure - admission);
                tell(stringify!($name), "call", whole);
            }
        }
    };
}

/// The defaults, but that it takes all results to fail before they trip, and a longer row than
/// there is.
const TOUGH: Config =
    Config::new().failure_rate(Rate::percent(100)).consecutive_failures(1_000_000);

steps!(by_time: CircuitBreaker<SysTick> = CircuitBreaker::with_clock(TOUGH, SysTick));

// The last hundred may all fail, so here it is a count that is never reached.
steps!(by_count: CircuitBreaker<SysTick> = CircuitBreaker::with_clock(
    TOUGH.without_failure_rate().failure_count(101).window(Window::count(100)),
    SysTick,
));

// As in the firmware `smallest`, but that it never trips.
steps!(in_a_row: CircuitBreaker<SysTick, (), 1> = CircuitBreaker::from_parts(
    Config::new().without_failure_rate().consecutive_failures(1_000_000).window(Window::count(20)),
    SysTick,
    (),
));

static OPEN: CircuitBreaker<SysTick> =
    CircuitBreaker::with_clock(Config::new().consecutive_failures(1), SysTick);

#[inline(never)]
fn refuse() -> bool {
    OPEN.admit().is_err()
}

/// Counts all steps.
pub fn count_all(count: Count, tell: Tell) {
    by_time::fill();
    by_time::count(count, tell);
    by_count::fill();
    by_count::count(count, tell);
    in_a_row::fill();
    in_a_row::count(count, tell);
    if let Ok(ticket) = OPEN.admit() {
        OPEN.settle(ticket, Outcome::Failure);
    }
    let refusal = count(&mut || {
        black_box(refuse());
    });
    tell("open", "admit", refusal);
}
