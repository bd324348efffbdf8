//! What a retry asks of its user's closures and of its budget.

use super::RetryBudget;
use super::budget::Spent;
use super::decide::{Retried, Retrying};
use crate::resilience::policy::parts::NoPart;
use crate::resilience::policy::{AttemptError, StopReason};
use core::fmt::DebugStruct;
use core::ops::Deref;
use cutout_core::Clock;

/// Which failures are tried again.
pub trait Pick<T, E> {
    fn pick(&self, result: Result<&T, &AttemptError<E>>) -> bool;
}

impl<T, E> Pick<T, E> for NoPart {
    fn pick(&self, _: Result<&T, &AttemptError<E>>) -> bool {
        true
    }
}

impl<T, E, F: Fn(&AttemptError<E>) -> bool> Pick<T, E> for F {
    fn pick(&self, result: Result<&T, &AttemptError<E>>) -> bool {
        self(result.err().unwrap_or(&AttemptError::Unwanted))
    }
}

/// A condition of retries that looks at values too: see
/// [`Retry::when_result`](crate::Retry::when_result).
#[derive(Clone, Copy, Debug)]
pub struct ByResult<F>(F);

impl<F> ByResult<F> {
    pub(super) const fn new(condition: F) -> Self {
        Self(condition)
    }
}

impl<T, E, F: Fn(Result<&T, &AttemptError<E>>) -> bool> Pick<T, E> for ByResult<F> {
    fn pick(&self, result: Result<&T, &AttemptError<E>>) -> bool {
        (self.0)(result)
    }
}

/// Who hears of the next attempt.
pub trait Hear<T, E> {
    fn hear(&self, next: &Retrying<'_, T, E>);
}

impl<T, E> Hear<T, E> for NoPart {
    fn hear(&self, _: &Retrying<'_, T, E>) {}
}

impl<T, E, F: Fn(&Retrying<'_, T, E>)> Hear<T, E> for F {
    fn hear(&self, next: &Retrying<'_, T, E>) {
        self(next);
    }
}

/// Who hears of the end of a call.
pub trait HearEnd<T, E> {
    fn hear(&self, end: &Retried<'_, T, E>);
}

impl<T, E> HearEnd<T, E> for NoPart {
    #[inline]
    fn hear(&self, _: &Retried<'_, T, E>) {}
}

impl<T, E, F: Fn(&Retried<'_, T, E>)> HearEnd<T, E> for F {
    #[inline]
    fn hear(&self, end: &Retried<'_, T, E>) {
        self(end);
    }
}

/// Who pays for retries.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no retry budget and no handle of one",
    note = "a `RetryBudget`, a reference to one, or an `Arc` of one"
)]
pub trait Pay {
    fn earn(&self);

    fn can_pay(&self) -> bool;

    /// What was paid, if there is anything to pay.
    fn pay(&self) -> Result<Option<Spent>, StopReason>;

    fn give_back(&self, paid: Spent);

    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

impl Pay for NoPart {
    #[inline]
    fn earn(&self) {}

    fn can_pay(&self) -> bool {
        true
    }

    #[inline]
    fn pay(&self) -> Result<Option<Spent>, StopReason> {
        Ok(None)
    }

    fn give_back(&self, _: Spent) {}

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

/// The same for a budget of the retries' own and for handles of one.
macro_rules! pay {
    ([$($generic:tt)*] $budget:ty) => {
        impl<$($generic)* C: Clock> Pay for $budget {
            #[inline]
            fn earn(&self) {
                self.record_call();
            }

            fn can_pay(&self) -> bool {
                self.has_one()
            }

            fn pay(&self) -> Result<Option<Spent>, StopReason> {
                self.spend().map(Some).ok_or(StopReason::Budget)
            }

            fn give_back(&self, paid: Spent) {
                RetryBudget::give_back(self, paid);
            }

            fn show(&self, list: &mut DebugStruct<'_, '_>) {
                let budget: &RetryBudget<C> = self;
                list.field("budget", budget);
            }
        }
    };
}

pay!([] RetryBudget<C>);
pay!([B: Deref<Target = RetryBudget<C>>,] B);
