//! One attempt: admitted, given a place, paid for, within the rate, limited in time, judged and
//! settled.

use core::future::{Future, poll_fn};
use core::mem;
use core::pin::pin;
use core::time::Duration;

use cutout_core::{Outcome, Report};

use super::Policy;
use super::parts::{
    Admit, Conform, Enter, EnterAsync, EnterBlocking, Judge, Place, Timed, TimedAsync, Tries,
};
use crate::resilience::bulkhead::{BulkheadReason, BulkheadRejected};
use crate::resilience::policy::{AttemptError, PolicyError, Refused, StopReason, TimedOut};
use crate::support::panics::{Panics, in_drop};

/// How an attempt ended: it ran, or it did not.
pub(crate) type Attempt<T, E> = Result<Run<T, E>, Unmade>;

/// How an attempt that ran ended.
#[derive(Debug)]
pub enum Run<T, E> {
    Returned { result: Result<T, E>, report: Report },
    TimedOut(TimedOut),
}

/// Why an attempt did not run.
#[derive(Clone, Copy, Debug)]
pub struct Unmade {
    /// Who refused it.
    pub refused: Option<Refused>,
    /// Why there is no other.
    pub gave_up: Option<StopReason>,
}

impl From<Refused> for Unmade {
    fn from(refused: Refused) -> Self {
        Self { refused: Some(refused), gave_up: None }
    }
}

impl From<StopReason> for Unmade {
    fn from(gave_up: StopReason) -> Self {
        Self { refused: None, gave_up: Some(gave_up) }
    }
}

impl Unmade {
    /// What a call failed with of which no attempt ran.
    pub(crate) fn failure<E>(&self) -> AttemptError<E> {
        // The only call that nobody refused is one whose place came after its deadline.
        let late = Refused::BulkheadRejected(BulkheadRejected::new(BulkheadReason::TimedOut));
        self.refused.unwrap_or(late).into()
    }
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
    /// How the last attempt that ran ended, or who refused the call if none ran.
    pub result: Result<T, AttemptError<E>>,
    /// Whether the call has failed: see [`has_failed`].
    pub failed: bool,
    pub attempts: u32,
    pub gave_up: Option<StopReason>,
    /// Who refused the last attempt.
    pub refused: Option<Refused>,
}

impl<T, E> Ended<T, E> {
    /// The end of a call that has no other attempt.
    #[inline]
    pub(super) fn at_first(attempt: Attempt<T, E>) -> Self {
        let attempts = u32::from(attempt.is_ok());
        let (mut gave_up, mut refused) = (None, None);
        let (result, failed) = match attempt {
            Ok(run) => {
                let (result, report) = run.into_result();
                let failed = has_failed(&result, report);
                (result, failed)
            }
            Err(unmade) => {
                (gave_up, refused) = (unmade.gave_up, unmade.refused);
                (Err(unmade.failure()), true)
            }
        };
        Self { result, failed, attempts, gave_up, refused }
    }

    #[inline]
    pub(crate) fn into_result(self) -> Result<T, PolicyError<E>> {
        let Self { result, attempts, gave_up, refused, .. } = self;
        result.map_err(|failure| PolicyError { failure, attempts, gave_up, refused })
    }
}

/// Whether a call has failed for its caller: by the judgement, or because an error was ignored. An
/// ignored error says nothing of the dependency, but leaves the caller without a value.
#[inline]
pub(crate) fn has_failed<T, E>(result: &Result<T, E>, report: Report) -> bool {
    match report.outcome() {
        Outcome::Success => false,
        Outcome::Failure => true,
        Outcome::Ignored => result.is_err(),
    }
}

impl<T, E> Run<T, E> {
    /// The result, and what it was judged.
    #[inline]
    pub(crate) fn into_result(self) -> (Result<T, AttemptError<E>>, Report) {
        match self {
            Self::Returned { result, report } => (result.map_err(AttemptError::Inner), report),
            Self::TimedOut(timed_out) => {
                (Err(AttemptError::TimedOut(timed_out)), Outcome::Failure.into())
            }
        }
    }
}

/// An attempt that the breaker has admitted. Dropped, it ends by its [`Stage`].
struct Admission<'a, B: Admit> {
    breaker: &'a B,
    ticket: Option<B::Ticket>,
    stage: Stage,
}

/// How far the call of an attempt has come, which says whether a panic is the call's. That the
/// thread unwinds does not say so: another future of the same task may have panicked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The call has not begun. Dropped here, it was none: the admission is taken back.
    Before,
    /// Code of the call is running, which ends early only by a panic: a failure.
    InCall,
    /// The call has begun, and waits or is over: dropped here, it is cancelled.
    Begun,
}

impl<'a, B: Admit> Admission<'a, B> {
    #[inline]
    fn to(breaker: &'a B) -> Result<Self, Refused> {
        match breaker.admit() {
            Ok(ticket) => Ok(Self { breaker, ticket: Some(ticket), stage: Stage::Before }),
            Err(rejected) => Err(Refused::Rejected(rejected)),
        }
    }

    #[inline]
    fn settle(mut self, report: Report) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, report);
        }
    }

    /// The attempt did not run.
    fn take_back(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.take_back(ticket);
        }
    }
}

impl<B: Admit> Drop for Admission<'_, B> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        // Clocks, observers and conditions of the breaker are others' code.
        in_drop(|| match self.stage {
            Stage::Before => self.breaker.take_back(ticket),
            Stage::InCall => self.breaker.settle(ticket, Outcome::Failure.into()),
            Stage::Begun => self.breaker.cancel(ticket),
        });
    }
}

/// All that an attempt holds while it runs. The place is given back before the breaker hears of it.
struct Held<'a, B: Admit> {
    place: Place<'a>,
    admission: Admission<'a, B>,
    /// How long it may take.
    limit: Option<Duration>,
}

/// Gives a place back, which wakes the next caller in the queue. Its waker is code of others: a
/// panic of it is kept here, so that the attempt is settled first, and goes on after that.
#[inline]
fn give_back(place: Place<'_>) -> Panics {
    let mut panics = Panics::default();
    if place.is_some() {
        panics.catch(|| drop(place));
    }
    panics
}

/// Runs its code when it is dropped, unless it was forgotten.
struct Undo<F: FnMut()>(F);

impl<F: FnMut()> Drop for Undo<F> {
    fn drop(&mut self) {
        in_drop(&mut self.0);
    }
}

impl<F, R, B: Admit, K: Enter, L: Conform, T: Timed, S> Policy<F, R, B, K, L, T, S> {
    /// All that an attempt needs, or `None` if a place is to be waited for.
    #[inline]
    fn enter_at_once<V, E>(
        &self,
        course: &mut <R as Tries<V, E>>::Course,
    ) -> Result<Option<Held<'_, B>>, Unmade>
    where
        R: Judge<V, E, S>,
    {
        self.retry.look_at_deadline(course, &self.timer)?;
        let admission = Admission::to(&self.breaker)?;
        match self.bulkhead.enter_at_once() {
            Some(place) => self.start::<V, E>(course, admission, place).map(Some),
            None if self.bulkhead.has_room_to_wait() => {
                // Who waits in our own queue must not hold a trial, nor seem to be slow.
                admission.take_back();
                Ok(None)
            }
            None => {
                admission.settle(Outcome::Ignored.into());
                Err(Refused::BulkheadRejected(self.bulkhead.refuse()).into())
            }
        }
    }

    /// All that an attempt needs which has waited for its place, for `at_most` so long.
    fn enter_late<'a, V, E>(
        &'a self,
        course: &mut <R as Tries<V, E>>::Course,
        at_most: Option<Duration>,
        place: Result<Place<'a>, BulkheadRejected>,
    ) -> Result<Held<'a, B>, Unmade>
    where
        R: Judge<V, E, S>,
    {
        let place = place.map_err(|rejected| {
            let by_deadline = rejected.reason() == BulkheadReason::TimedOut
                && at_most.is_some_and(|at_most| at_most < self.bulkhead.max_wait());
            Unmade {
                refused: Some(Refused::BulkheadRejected(rejected)),
                gave_up: by_deadline.then_some(StopReason::Deadline),
            }
        })?;
        // The place may have come in time and nobody have looked.
        self.retry.time_left(course, &self.timer)?;
        self.start::<V, E>(course, Admission::to(&self.breaker)?, place)
    }

    /// Asks how long the attempt may take, pays for it and takes it from the rate: nothing may
    /// refuse it after that, and no code of others runs before that of the call.
    #[inline]
    fn start<'a, V, E>(
        &self,
        course: &mut <R as Tries<V, E>>::Course,
        // The last of these is dropped first, should others' code panic.
        admission: Admission<'a, B>,
        place: Place<'a>,
    ) -> Result<Held<'a, B>, Unmade>
    where
        R: Judge<V, E, S>,
    {
        let limit = self.timeout.limit();
        if let Err(gave_up) = self.retry.pay(course) {
            let panics = give_back(place);
            admission.take_back();
            return panics.go_on_or(Err(gave_up.into()));
        }
        let paid = Undo(|| self.retry.pay_back(course));
        match self.rate_limit.conform() {
            Ok(()) => {
                mem::forget(paid);
                Ok(Held { place, admission, limit })
            }
            Err(limited) => {
                drop(paid);
                let panics = give_back(place);
                admission.settle(Outcome::Ignored.into());
                panics.go_on_or(Err(Refused::RateLimited(limited).into()))
            }
        }
    }

    /// One attempt that holds up the thread.
    #[inline]
    pub(super) fn attempt<V, E, J: Into<Report>>(
        &self,
        course: &mut <R as Tries<V, E>>::Course,
        call: impl FnOnce(Option<Duration>) -> Result<V, E>,
        classify: &impl Fn(&Result<V, E>) -> J,
    ) -> Attempt<V, E>
    where
        R: Judge<V, E, S>,
        K: EnterBlocking<S>,
    {
        let mut held = match self.enter_at_once::<V, E>(course)? {
            Some(held) => held,
            None => {
                let at_most = self.retry.time_left(course, &self.timer)?;
                let place = self.bulkhead.enter(&self.timer, at_most);
                self.enter_late::<V, E>(course, at_most, place)?
            }
        };
        held.admission.stage = Stage::InCall;
        let result = call(held.limit);
        let panics = give_back(held.place);
        let report = classify(&result).into();
        held.admission.settle(report);
        panics.go_on_or(Ok(Run::Returned { result, report }))
    }

    /// One attempt that holds up nobody.
    pub(super) async fn attempt_async<V, E, J: Into<Report>, A>(
        &self,
        course: &mut <R as Tries<V, E>>::Course,
        call: &mut impl FnMut() -> A,
        classify: &impl Fn(&Result<V, E>) -> J,
    ) -> Attempt<V, E>
    where
        A: Future<Output = Result<V, E>>,
        R: Judge<V, E, S>,
        K: EnterAsync<S>,
        T: TimedAsync<S>,
    {
        let mut held = match self.enter_at_once::<V, E>(course)? {
            Some(held) => held,
            None => {
                let at_most = self.retry.time_left(course, &self.timer)?;
                let place = self.bulkhead.enter_async(&self.timer, at_most).await;
                self.enter_late::<V, E>(course, at_most, place)?
            }
        };
        let bounded = {
            let stage = &mut held.admission.stage;
            *stage = Stage::InCall;
            let mut call = pin!(call());
            *stage = Stage::Begun;
            let bounded = {
                // The timer that is awaited beside the call is no code of it.
                let watched = pin!(poll_fn(|context| {
                    *stage = Stage::InCall;
                    let poll = call.as_mut().poll(context);
                    *stage = Stage::Begun;
                    poll
                }));
                self.timeout.bound(&self.timer, held.limit, watched).await
            };
            // What is left of the call is dropped now.
            *stage = Stage::InCall;
            bounded
        };
        // Only now is the work over, or dropped.
        let panics = give_back(held.place);
        let run = match bounded {
            Ok(result) => {
                let report = classify(&result).into();
                held.admission.settle(report);
                Run::Returned { result, report }
            }
            Err(timed_out) => {
                held.admission.settle(Outcome::Failure.into());
                Run::TimedOut(timed_out)
            }
        };
        panics.go_on_or(Ok(run))
    }
}
