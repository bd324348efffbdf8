//! `Breaker` and `CallPermit`: what the layer needs of a circuit breaker, and one admitted call.

use core::fmt;
use core::ops::Deref;

use cutout_core::{Outcome, Report, Ticket};

pub use crate::Breaker;

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
