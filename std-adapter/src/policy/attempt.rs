//! One attempt: admitted, given a place, within the rate, limited in time, judged and settled.

use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::thread;

use cutout_core::{Outcome, Report};

use super::Policy;
use super::parts::{Admit, Conform, Enter, EnterAsync, Place, TimedAsync};
use crate::{BulkheadRejected, Failure, GaveUp, PolicyError, Refused, TimedOut};

/// How an attempt ended: it ran, or it was refused.
pub(crate) type Attempt<T, E> = Result<Run<T, E>, Refused>;

/// How an attempt that ran ended.
#[derive(Debug)]
pub enum Run<T, E> {
    Returned { result: Result<T, E>, report: Report },
    TimedOut(TimedOut),
}

/// What is to be done after an attempt.
#[derive(Debug)]
pub enum Verdict<T, E> {
    Return(Ended<T, E>),
    RetryAfter(Duration),
}

/// How all attempts of a call ended.
#[derive(Debug)]
pub struct Ended<T, E> {
    pub result: Result<T, Failure<E>>,
    pub attempts: u32,
    pub gave_up: Option<GaveUp>,
}

impl<T, E> Ended<T, E> {
    /// The end of a call that has no other attempt.
    #[inline]
    pub(super) fn at_first(attempt: Attempt<T, E>) -> Self {
        let attempts = u32::from(attempt.is_ok());
        let result = match attempt {
            Ok(Run::Returned { result, .. }) => result.map_err(Failure::Inner),
            Ok(Run::TimedOut(timed_out)) => Err(Failure::TimedOut(timed_out)),
            Err(refused) => Err(refused.into()),
        };
        Self { result, attempts, gave_up: None }
    }

    #[inline]
    pub(crate) fn into_result(self) -> Result<T, PolicyError<E>> {
        let Self { result, attempts, gave_up } = self;
        result.map_err(|failure| PolicyError { failure, attempts, gave_up })
    }
}

/// An attempt that the breaker has admitted. Dropped, it is cancelled, or a failure if by a panic.
struct Admission<'a, B: Admit> {
    breaker: &'a B,
    ticket: Option<B::Ticket>,
}

impl<'a, B: Admit> Admission<'a, B> {
    #[inline]
    fn to(breaker: &'a B) -> Result<Self, Refused> {
        match breaker.admit() {
            Ok(ticket) => Ok(Self { breaker, ticket: Some(ticket) }),
            Err(rejected) => Err(Refused::Rejected(rejected)),
        }
    }

    #[inline]
    fn settle(mut self, report: Report) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, report);
        }
    }
}

impl<B: Admit> Drop for Admission<'_, B> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            if thread::panicking() {
                self.breaker.settle(ticket, Outcome::Failure.into());
            } else {
                self.breaker.cancel(ticket);
            }
        }
    }
}

/// All that an attempt holds while it runs. The place is given back before the breaker hears of it.
struct Held<'a, B: Admit> {
    place: Place<'a>,
    admission: Admission<'a, B>,
}

impl<F, R, B: Admit, K: Enter, L: Conform, T, S> Policy<F, R, B, K, L, T, S> {
    /// Admission and place, or `None` if a place is to be waited for.
    #[inline]
    fn enter_at_once(&self) -> Result<Option<Held<'_, B>>, Refused> {
        let admission = Admission::to(&self.breaker)?;
        match self.bulkhead.enter_at_once() {
            Some(place) => self.conform(Held { place, admission }).map(Some),
            None => {
                // Who waits in our own queue must not hold a trial, nor seem to be slow.
                admission.settle(Outcome::Ignored.into());
                Ok(None)
            }
        }
    }

    /// Admission for what has waited for its place.
    fn enter_late<'a>(
        &'a self,
        place: Result<Place<'a>, BulkheadRejected>,
    ) -> Result<Held<'a, B>, Refused> {
        let place = place.map_err(Refused::BulkheadRejected)?;
        self.conform(Held { place, admission: Admission::to(&self.breaker)? })
    }

    #[inline]
    fn conform<'a>(&self, held: Held<'a, B>) -> Result<Held<'a, B>, Refused> {
        match self.rate_limit.conform() {
            Ok(()) => Ok(held),
            Err(limited) => {
                held.admission.settle(Outcome::Ignored.into());
                Err(Refused::RateLimited(limited))
            }
        }
    }

    /// One attempt that holds up the thread.
    #[inline]
    pub(super) fn attempt<V, E, J: Into<Report>>(
        &self,
        call: impl FnOnce() -> Result<V, E>,
        classify: &impl Fn(&Result<V, E>) -> J,
    ) -> Attempt<V, E> {
        let held = match self.enter_at_once()? {
            Some(held) => held,
            None => self.enter_late(self.bulkhead.enter())?,
        };
        let result = call();
        drop(held.place);
        let report = classify(&result).into();
        held.admission.settle(report);
        Ok(Run::Returned { result, report })
    }

    /// One attempt that holds up nobody.
    pub(super) async fn attempt_async<V, E, J: Into<Report>, A>(
        &self,
        call: &mut impl FnMut() -> A,
        classify: &impl Fn(&Result<V, E>) -> J,
    ) -> Attempt<V, E>
    where
        A: Future<Output = Result<V, E>>,
        K: EnterAsync<S>,
        T: TimedAsync<S>,
    {
        let held = match self.enter_at_once()? {
            Some(held) => held,
            None => self.enter_late(self.bulkhead.enter_async(&self.timer).await)?,
        };
        let bounded = {
            let call = pin!(call());
            self.timeout.bound(&self.timer, call).await
        };
        // Only now is the work over, or dropped.
        drop(held.place);
        match bounded {
            Ok(result) => {
                let report = classify(&result).into();
                held.admission.settle(report);
                Ok(Run::Returned { result, report })
            }
            Err(timed_out) => {
                held.admission.settle(Outcome::Failure.into());
                Ok(Run::TimedOut(timed_out))
            }
        }
    }
}
