//! `CircuitBreaker`: the verbs. It composes what the other files know, and alone knows them all.

use core::fmt;

use crate::circuit::Circuit;
use crate::circuit::ColdState;
use crate::settings::{Plan, Settings};
use crate::streak::Streak;
use crate::time::{Clock, Instant, nanos};
use crate::window::Lanes;

mod constructing; // documentation shows methods in the order of these modules

mod admission;
mod announce;
mod calling;
mod change;
mod evaluate;
mod forcing;
mod observing;
mod permit;
mod reconfigure;
mod record;
mod saving;
mod settle;
mod trials;

pub use observing::Snapshot;
pub use permit::Permit;

/// A circuit breaker: stands in front of calls to one dependency.
///
/// It is shared, not cloned: by a `static`, or in `std` by an `Arc`. All methods take `&self`.
///
/// # How a call can end
///
/// | the call | is settled as |
/// | --- | --- |
/// | returns `Ok`, `Err` | success, failure; [`call_with`](Self::call_with) can say otherwise |
/// | panics, or its classifier does | failure |
/// | is dropped unfinished | cancelled: counts for nothing, unless it had already been slow |
/// | is refused | never ran, and is not counted against the dependency |
/// | comes back after the circuit changed | stale: decides nothing |
///
/// # Progress and memory
///
/// Every method but one is lock-free on targets with 64-bit atomics
/// ([`is_lock_free`](Self::is_lock_free)): a thread that is suspended anywhere holds up no other
/// thread. The exception is [`reconfigure`](Self::reconfigure): while a thread is suspended in it,
/// the settings cannot be changed, and other threads that try get an error at once.
///
/// Without the feature `alloc` nothing allocates. With it a breaker allocates at most twice in its
/// life: its lanes, when two threads first contend for it; and its cold state, at the first trip,
/// at the first call that is ignored, cancelled, stale, slow or only rejected in shadow, or at the
/// first change of how long breaks are. [`preallocate`](Self::preallocate) does both, and after
/// that nothing allocates.
///
/// A call that sees a state also sees everything that was done before the state came about. The
/// results that two threads settle at the same moment may be counted in either order.
///
/// # Type parameters
///
/// `C` tells the time. `O` hears of changes. `BUCKETS` is the room for the window's buckets.
///
/// # Examples
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, Error, ManualClock, State};
///
/// static SENSOR: CircuitBreaker<ManualClock> =
///     CircuitBreaker::with_clock(Config::new().consecutive_failures(2), ManualClock::new());
///
/// fn read() -> Result<u16, Error<&'static str>> {
///     SENSOR.call(|| Err("the bus does not answer"))
/// }
///
/// assert!(matches!(read(), Err(Error::Inner(_))));
/// assert!(matches!(read(), Err(Error::Inner(_))));
/// assert!(matches!(read(), Err(Error::Rejected(_))));
/// assert_eq!(SENSOR.state(), State::Open);
/// ```
#[repr(C)] // what every call reads comes first, far from what it writes
pub struct CircuitBreaker<C, O = (), const BUCKETS: usize = 10> {
    circuit: Circuit,
    settings: Settings,
    clock: C,
    observer: O,
    streak: Streak,
    cold: ColdState,
    lanes: Lanes<BUCKETS>,
}

impl<C: Clock, O, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// The time, as finely as the settings need it.
    fn now(&self) -> Instant {
        self.read_clock(self.settings.plan())
    }

    /// How long until a call finds `end` to be over; for who waits exactly so long, a call that
    /// comes after it does.
    ///
    /// A coarse reading is behind, so near the end the clock is read finely. A clock that is coarse
    /// itself says so, and then it takes so much longer until it shows that the end is over.
    fn left_until(&self, end: Instant) -> u64 {
        /// Twice what `now_coarse` may be behind.
        const NEAR: u64 = 20_000_000;
        let plan = self.settings.plan();
        let mut left = end.since(self.read_clock(plan));
        if plan.is_coarse() && left < NEAR && left != 0 {
            left = end.since(self.clock.now());
        }
        if left == 0 { 0 } else { left.saturating_add(nanos(self.clock.resolution())) }
    }

    /// The time, as finely as `plan` needs it. All that this breaker is told comes from here.
    #[inline]
    fn read_clock(&self, plan: Plan) -> Instant {
        if plan.is_coarse() { self.clock.now_coarse() } else { self.clock.now() }
    }
}

impl<C, O, const BUCKETS: usize> fmt::Debug for CircuitBreaker<C, O, BUCKETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.circuit.load();
        f.debug_struct("CircuitBreaker")
            .field("state", &word.effective_state())
            .field("mode", &word.mode())
            .finish_non_exhaustive()
    }
}
