//! `CallPermit` and `AnsweredCall`: one admitted call.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use cutout_core::{Outcome, Report, Ticket};

pub use crate::breaker::Breaker;
use crate::support::panics::in_drop;

/// One admitted call, held by the future that makes it or by the body that it returned.
///
/// # Cancellation
///
/// Dropped without [`settle`](Self::settle) it is a cancelled call, also where a panic elsewhere
/// drops it. Code that is part of the call and may panic goes through [`run`](Self::run): a panic
/// there is a failure of the call.
#[must_use = "a permit that is dropped cancels its call"]
pub struct CallPermit<P: Deref<Target: Breaker>> {
    breaker: P,
    ticket: Option<Ticket>,
    runs: Runs,
}

/// Which code of the call's own runs, and so whose panic drops the permit.
#[derive(Clone, Copy)]
enum Runs {
    Nothing,
    /// A part of the call. It is left standing by a panic, and only by one.
    Part,
    /// The classifier, which may also let go of the call without a word.
    Classifier,
}

impl<P: Deref<Target: Breaker>> CallPermit<P> {
    /// The call that `breaker` admitted with `ticket`.
    #[inline]
    pub const fn new(breaker: P, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket), runs: Runs::Nothing }
    }

    /// Runs a part of the call, such as one poll of its future or of its body.
    ///
    /// # Panics
    ///
    /// If `part` panics, and the permit is a failed call when it is dropped, whenever that is. Hold
    /// it on the stack meanwhile to have that at once: a runtime that catches the panic drops what
    /// lies elsewhere only afterwards.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use cutout::tower::CallPermit;
    /// use cutout::{CircuitBreaker, Config};
    ///
    /// static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
    ///
    /// let mut permit = CallPermit::new(&BANK, BANK.admit()?);
    /// let panics = AssertUnwindSafe(|| permit.run(|| panic!("in the call")));
    /// assert!(catch_unwind(panics).is_err());
    /// drop(permit);
    /// assert_eq!(BANK.totals().failures, 1);
    ///
    /// let permit = CallPermit::new(&BANK, BANK.admit()?);
    /// let panics = move || {
    ///     let _permit = permit;
    ///     panic!("elsewhere")
    /// };
    /// assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    /// assert_eq!((BANK.totals().failures, BANK.totals().cancelled), (1, 1));
    /// # Ok::<_, cutout::Rejected>(())
    /// ```
    #[inline]
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        self.runs = Runs::Part;
        let done = part();
        self.runs = Runs::Nothing;
        done
    }

    /// Ends the call with its outcome.
    #[inline]
    pub fn settle(mut self, report: impl Into<Report>) {
        // Conversion is the caller's code; if it panics, the permit is still there to be dropped.
        let report = self.run(|| report.into());
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, report);
        }
    }

    /// Takes the admission back: the call was not made.
    pub fn take_back(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.take_back(ticket);
        }
    }
}

impl<P: Deref<Target: Breaker>> Drop for CallPermit<P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let panicked = match self.runs {
                Runs::Nothing => false,
                Runs::Part => true,
                Runs::Classifier => std::thread::panicking(),
            };
            // Clocks, observers and conditions of the breaker are others' code.
            in_drop(|| {
                if panicked {
                    self.breaker.settle(ticket, Outcome::Failure.into());
                } else {
                    self.breaker.cancel(ticket);
                }
            });
        }
    }
}

impl<P: Deref<Target: Breaker>> fmt::Debug for CallPermit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallPermit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// An admitted call whose answer is there, for a [classifier](super::Classify) to settle or to
/// keep.
///
/// Neither settled nor kept, it is a cancelled call. A panic in the classifier is a failure. It
/// cannot be stored: what is stored is the permit that [`keep`](Self::keep) gives.
#[must_use = "a call that is neither settled nor kept is cancelled"]
pub struct AnsweredCall<'a, P: Deref<Target: Breaker>> {
    permit: CallPermit<P>,
    /// It does not leave the classifier.
    here: PhantomData<&'a mut ()>,
}

impl<P: Deref<Target: Breaker>> AnsweredCall<'_, P> {
    /// Has `judge` settle or keep the call of `permit`.
    #[inline]
    pub(super) fn judge<T>(
        permit: CallPermit<P>,
        judge: impl FnOnce(AnsweredCall<'_, P>) -> T,
    ) -> T {
        let mut permit = permit;
        permit.runs = Runs::Classifier;
        judge(AnsweredCall { permit, here: PhantomData })
    }

    /// Ends the call with its outcome.
    #[inline]
    pub fn settle(self, report: impl Into<Report>) {
        self.permit.settle(report);
    }

    /// Keeps the call, for who knows its outcome later, such as at the end of a body.
    #[inline]
    pub fn keep(mut self) -> CallPermit<P> {
        self.permit.runs = Runs::Nothing;
        self.permit
    }
}

impl<P: Deref<Target: Breaker>> fmt::Debug for AnsweredCall<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnsweredCall").field("permit", &self.permit).finish_non_exhaustive()
    }
}
