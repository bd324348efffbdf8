//! `Breaker` and `CallPermit`: what the layer needs of a circuit breaker, and one admitted call.

use core::fmt;
use core::ops::Deref;

use cutout_core::{Clock, Observer, Outcome, Rejected, Report, Ticket};

use crate::CircuitBreaker;

/// What the layer needs of a circuit breaker.
///
/// The layer holds it by any pointer that can be cloned, `P: Deref<Target: Breaker> + Clone`, and each
/// admitted call holds a clone. A `&'static CircuitBreaker` is the cheapest; an
/// [`Arc`](std::sync::Arc) costs two changes of its count for each call, and threads that call at the
/// same time wait for each other at that count.
pub trait Breaker {
    /// What a call that came now would be refused with: [`cutout_core::CircuitBreaker::refusal`].
    fn refusal(&self) -> Option<Rejected>;

    /// Admits a call: [`cutout_core::CircuitBreaker::admit`].
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    fn admit(&self) -> Result<Ticket, Rejected>;

    /// Ends a call with its outcome: [`cutout_core::CircuitBreaker::settle`].
    fn settle(&self, ticket: Ticket, report: Report);

    /// Ends a call that was given up: [`cutout_core::CircuitBreaker::cancel`].
    fn cancel(&self, ticket: Ticket);
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Breaker for CircuitBreaker<C, O, BUCKETS> {
    #[inline]
    fn refusal(&self) -> Option<Rejected> {
        (**self).refusal()
    }

    #[inline]
    fn admit(&self) -> Result<Ticket, Rejected> {
        (**self).admit()
    }

    #[inline]
    fn settle(&self, ticket: Ticket, report: Report) {
        (**self).settle(ticket, report);
    }

    fn cancel(&self, ticket: Ticket) {
        (**self).cancel(ticket);
    }
}

/// One admitted call, held by the future that makes it or by the body that it returned.
///
/// # Cancellation
///
/// Dropped without [`settle`](Self::settle) it is a cancelled call, dropped by a panic a failure. Who
/// runs code that may panic holds the permit on the stack meanwhile: a runtime that catches the panic
/// drops what lies elsewhere only afterwards.
#[must_use = "a permit that is dropped cancels its call"]
pub struct CallPermit<P: Deref<Target: Breaker>> {
    breaker: P,
    ticket: Option<Ticket>,
}

impl<P: Deref<Target: Breaker>> CallPermit<P> {
    /// The call that `breaker` admitted with `ticket`.
    #[inline]
    pub const fn new(breaker: P, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    /// Ends the call with its outcome.
    #[inline]
    pub fn settle(mut self, report: impl Into<Report>) {
        // Conversion is the caller's code; if it panics, the permit is still there to be dropped.
        let report = report.into();
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, report);
        }
    }
}

impl<P: Deref<Target: Breaker>> Drop for CallPermit<P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            if std::thread::panicking() {
                self.breaker.settle(ticket, Outcome::Failure.into());
            } else {
                self.breaker.cancel(ticket);
            }
        }
    }
}

impl<P: Deref<Target: Breaker>> fmt::Debug for CallPermit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallPermit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
