//! A permit that owns its share of the breaker.

use core::fmt;
use std::sync::Arc;

use cutout_core::{Clock, Observer, Outcome, Report, Ticket};

use crate::breaker::{CircuitBreaker, StdClock};
use crate::support::panics::in_drop;

/// One admitted call, held by whoever makes it, on whatever task or thread that is.
///
/// # Cancellation
///
/// As of [`Permit`](crate::Permit): dropped without [`settle`](Self::settle) it is a cancelled
/// call, and a failure if its thread unwinds from a panic then.
#[must_use = "a permit that is dropped cancels its call"]
pub struct OwnedPermit<C: Clock = StdClock, O: Observer = (), const BUCKETS: usize = 10> {
    breaker: Arc<CircuitBreaker<C, O, BUCKETS>>,
    ticket: Option<Ticket>,
}

impl<C: Clock, O: Observer, const BUCKETS: usize> OwnedPermit<C, O, BUCKETS> {
    pub(crate) const fn new(breaker: Arc<CircuitBreaker<C, O, BUCKETS>>, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    /// Ends the call with its outcome.
    pub fn settle(mut self, report: impl Into<Report>) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, report);
        }
    }

    /// Takes the admission back: the call did not run. See
    /// [`CircuitBreaker::take_back`](cutout_core::CircuitBreaker::take_back).
    pub fn take_back(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.take_back(ticket);
        }
    }

    /// Whether the call is one of those that decide a half-open circuit.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        matches!(&self.ticket, Some(ticket) if ticket.is_trial())
    }

    /// The breaker that admitted the call.
    #[must_use]
    pub const fn breaker(&self) -> &Arc<CircuitBreaker<C, O, BUCKETS>> {
        &self.breaker
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Drop for OwnedPermit<C, O, BUCKETS> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        // Clocks, observers and conditions of the breaker are others' code.
        in_drop(|| {
            if std::thread::panicking() {
                self.breaker.settle(ticket, Outcome::Failure);
            } else {
                self.breaker.cancel(ticket);
            }
        });
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> fmt::Debug for OwnedPermit<C, O, BUCKETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
