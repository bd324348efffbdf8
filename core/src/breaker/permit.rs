//! One admitted call as a guard that ends it.

use core::fmt;
use core::mem;

use super::CircuitBreaker;
use super::settle::Ending;
use crate::observe::Observer;
use crate::outcome::Report;
use crate::ticket::Ticket;
use crate::time::Clock;
use crate::unwind::sheltered;

/// One admitted call, held by who makes it.
///
/// # Cancellation
///
/// Dropped without [`settle`](Self::settle), it is a cancelled call: a trial's place is free
/// again and nothing is counted, unless
/// [`cancelled_as`](crate::Config::cancelled_as) or its default says otherwise.
///
/// Dropped while its thread unwinds from a panic, it is a failure, where the clock can tell
/// ([`Clock::unwinding`]): a permit cannot know whether its own call panicked. A future that holds
/// a permit may be dropped by the panic of another future, which is no failure of this call. There,
/// use [`call_async`](CircuitBreaker::call_async), which knows the difference.
///
/// # Examples
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
///
/// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
///
/// let permit = breaker.try_acquire()?;
/// permit.settle(Outcome::Failure);
/// assert_eq!(breaker.snapshot().tally.failures, 1);
///
/// drop(breaker.try_acquire()?);
/// assert_eq!(breaker.snapshot().totals.cancelled, 1);
/// # Ok::<_, cutout_core::Rejected>(())
/// ```
#[must_use = "a permit that is dropped cancels its call"]
pub struct Permit<'a, C: Clock, O: Observer = (), const BUCKETS: usize = 10> {
    breaker: &'a CircuitBreaker<C, O, BUCKETS>,
    ticket: Ticket,
    pub(super) watch: Watch,
}

/// What is known of a call when its permit is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// Nothing. If the thread unwinds then, the call is taken for what panicked.
    Off,
    /// No code of the call is running: whatever unwinds, it is not the call.
    Outside,
    /// Code of the call is running, which ends early only by a panic.
    Inside,
}

impl<'a, C: Clock, O: Observer, const BUCKETS: usize> Permit<'a, C, O, BUCKETS> {
    #[inline]
    pub(super) const fn new(breaker: &'a CircuitBreaker<C, O, BUCKETS>, ticket: Ticket) -> Self {
        Self { breaker, ticket, watch: Watch::Off }
    }

    /// Ends the call with its outcome.
    #[inline]
    pub fn settle(self, report: impl Into<Report>) {
        // Conversion is the caller's code; if it panics, the permit is still there to be dropped.
        let report = report.into();
        let (breaker, ticket) = (self.breaker, self.ticket.again());
        mem::forget(self);
        breaker.settle_as(&ticket, Ending::Reported(report));
    }

    /// Takes the admission back: the call did not run. See [`CircuitBreaker::take_back`].
    pub fn take_back(self) {
        let (breaker, ticket) = (self.breaker, self.ticket.again());
        mem::forget(self);
        breaker.take_back(ticket);
    }

    /// Whether the call is one of those that decide a half-open circuit.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.ticket.is_trial()
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Drop for Permit<'_, C, O, BUCKETS> {
    fn drop(&mut self) {
        // Whoever settles a permit forgets it.
        let panicked = match self.watch {
            Watch::Off => self.breaker.clock().unwinding(),
            Watch::Outside => false,
            Watch::Inside => true,
        };
        let ending = if panicked { Ending::Panicked } else { Ending::Dropped };
        sheltered(|| self.breaker.settle_unreported(&self.ticket, ending));
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> fmt::Debug for Permit<'_, C, O, BUCKETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
