//! What a policy asks of its parts: to show what may stand where.
//!
//! These traits are not for implementing elsewhere. What they do is hidden, and may change.

// What an asynchronous call holds while it waits is looked at by the compiler, when the call is to be
// `Send`, as if each lifetime in it were another one. A closure fits one lifetime only, so a type that
// is held must not be found by an implementation that asks for a closure: `Box<dyn Error>` as the
// error of a call has a lifetime. That is why types stand in traits without such bounds: `Tries`,
// `StandIn`.

use core::fmt::DebugStruct;
use core::future::{Future, Ready};
use core::ops::Deref;
use core::pin::Pin;
use core::time::Duration;

use cutout_core::{Clock, Observer, Rejected, Report, Ticket};

use super::attempt::{Attempt, Ended, Verdict};
use crate::{
    Bulkhead, BulkheadPermit, BulkheadRejected, CircuitBreaker, PolicyError, RateLimited, Sleep,
    TimedOut,
};

/// The place of a part that a policy does not have. It costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without;

/// A part that shows its settings in the list of them, if there is one.
pub trait Show {
    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// What a fallback of blocking calls is: [`Fallback`](crate::Fallback) of a value or a closure.
pub trait FallBack<T, E> {
    #[doc(hidden)]
    fn fall_back(&self, ended: Ended<T, E>) -> Result<T, PolicyError<E>>;
}

/// What a fallback of asynchronous calls is: any [`Fallback`](crate::Fallback).
pub trait FallBackAsync<T, E>:
    StandIn<T, E, Future: Future<Output = Result<T, PolicyError<E>>>>
{
    /// The result, or the future of one.
    #[doc(hidden)]
    fn fall_back_async(
        &self,
        ended: Ended<T, E>,
    ) -> Result<Self::Future, Result<T, PolicyError<E>>>;
}

/// What a fallback of asynchronous calls awaits.
pub trait StandIn<T, E> {
    #[doc(hidden)]
    type Future;
}

/// What decides whether there is another attempt: [`Retry`](crate::Retry).
#[diagnostic::on_unimplemented(
    message = "these retries do not fit a call that returns `Result<{T}, {E}>` on the timer `{S}`",
    note = "`when` and `before_next` take the types of the call; with `within`, the timer is a clock"
)]
pub trait Judge<T, E, S>: Tries {
    #[doc(hidden)]
    fn begin(&self, timer: &S) -> Self::Course;

    #[doc(hidden)]
    fn judge(&self, course: &mut Self::Course, attempt: Attempt<T, E>, timer: &S) -> Verdict<T, E>;
}

/// What remembers the attempts of a call: [`Retry`](crate::Retry).
pub trait Tries {
    #[doc(hidden)]
    type Course;
}

/// How blocking retries wait: on a timer that is [`Pause`](crate::Pause).
pub trait Wait<S> {
    #[doc(hidden)]
    fn wait(&self, timer: &S, delay: Duration);
}

/// How asynchronous retries wait: on a timer that is [`Sleep`].
pub trait WaitAsync<S> {
    #[doc(hidden)]
    fn wait_async(&self, timer: &S, delay: Duration) -> impl Future<Output = ()>;
}

/// What admits attempts: anything that dereferences to a [`CircuitBreaker`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of a breaker",
    note = "it must dereference to a `CircuitBreaker`: a reference, an `Arc`, a handle of a registry"
)]
pub trait Admit {
    #[doc(hidden)]
    type Ticket;

    #[doc(hidden)]
    fn admit(&self) -> Result<Self::Ticket, Rejected>;

    #[doc(hidden)]
    fn settle(&self, ticket: Self::Ticket, report: Report);

    #[doc(hidden)]
    fn cancel(&self, ticket: Self::Ticket);

    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// What gives out places: anything that dereferences to a [`Bulkhead`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of a bulkhead",
    note = "it must dereference to a `Bulkhead`: a reference or an `Arc`"
)]
pub trait Enter {
    /// A place that is free, for nothing but a look.
    #[doc(hidden)]
    fn enter_at_once(&self) -> Option<Place<'_>>;

    #[doc(hidden)]
    fn enter(&self) -> Result<Place<'_>, BulkheadRejected>;

    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// How asynchronous calls wait for a place: on a timer that is [`Sleep`].
pub trait EnterAsync<S>: Enter {
    #[doc(hidden)]
    fn enter_async<'a>(
        &'a self,
        timer: &'a S,
    ) -> impl Future<Output = Result<Place<'a>, BulkheadRejected>>;
}

/// A place in the bulkhead, where there is one.
#[doc(hidden)]
pub type Place<'a> = Option<BulkheadPermit<'a>>;

/// What limits attempts in time: a `RateLimit`, by anything that dereferences to it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of a rate limit",
    note = "it must dereference to a `RateLimit`: a reference or an `Arc`"
)]
pub trait Conform {
    #[doc(hidden)]
    fn conform(&self) -> Result<(), RateLimited>;

    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// A policy without a timeout, as a blocking call needs it.
#[diagnostic::on_unimplemented(
    message = "a blocking call cannot be stopped by a timeout",
    note = "`call_within` hands the limit to the call, which can keep it; `call_async` enforces it"
)]
pub trait Untimed {}

/// What knows how long an attempt may take: a [`Timeout`](crate::Timeout), or none.
pub trait Timed {
    #[doc(hidden)]
    fn limit(&self) -> Option<Duration>;
}

/// How asynchronous calls are given up: on a timer that is [`Sleep`].
pub trait TimedAsync<S> {
    #[doc(hidden)]
    fn bound<F: Future>(
        &self,
        timer: &S,
        call: Pin<&mut F>,
    ) -> impl Future<Output = Result<F::Output, TimedOut>>;
}

impl Show for Without {
    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<T, E> FallBack<T, E> for Without {
    #[inline]
    fn fall_back(&self, ended: Ended<T, E>) -> Result<T, PolicyError<E>> {
        ended.into_result()
    }
}

impl<T, E> StandIn<T, E> for Without {
    type Future = Ready<Result<T, PolicyError<E>>>;
}

impl<T, E> FallBackAsync<T, E> for Without {
    #[inline]
    fn fall_back_async(
        &self,
        ended: Ended<T, E>,
    ) -> Result<Self::Future, Result<T, PolicyError<E>>> {
        Err(ended.into_result())
    }
}

impl Tries for Without {
    type Course = ();
}

impl<T, E, S> Judge<T, E, S> for Without {
    #[inline]
    fn begin(&self, _: &S) {}

    #[inline]
    fn judge(&self, (): &mut (), attempt: Attempt<T, E>, _: &S) -> Verdict<T, E> {
        Verdict::Return(Ended::at_first(attempt))
    }
}

impl<S> Wait<S> for Without {
    fn wait(&self, _: &S, _: Duration) {}
}

impl<S> WaitAsync<S> for Without {
    async fn wait_async(&self, _: &S, _: Duration) {}
}

impl Admit for Without {
    type Ticket = ();

    #[inline]
    fn admit(&self) -> Result<(), Rejected> {
        Ok(())
    }

    #[inline]
    fn settle(&self, (): (), _: Report) {}

    #[inline]
    fn cancel(&self, (): ()) {}

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<H, C, O, const BUCKETS: usize> Admit for H
where
    H: Deref<Target = CircuitBreaker<C, O, BUCKETS>>,
    C: Clock,
    O: Observer,
{
    type Ticket = Ticket;

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

    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("breaker", &**self);
    }
}

impl Enter for Without {
    #[inline]
    fn enter_at_once(&self) -> Option<Place<'_>> {
        Some(None)
    }

    #[inline]
    fn enter(&self) -> Result<Place<'_>, BulkheadRejected> {
        Ok(None)
    }

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<S> EnterAsync<S> for Without {
    async fn enter_async<'a>(&'a self, _: &'a S) -> Result<Place<'a>, BulkheadRejected> {
        Ok(None)
    }
}

impl<H: Deref<Target = Bulkhead>> Enter for H {
    #[inline]
    fn enter_at_once(&self) -> Option<Place<'_>> {
        self.acquire_free().map(Some)
    }

    fn enter(&self) -> Result<Place<'_>, BulkheadRejected> {
        self.acquire().map(Some)
    }

    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("bulkhead", &**self);
    }
}

impl<H: Deref<Target = Bulkhead>, S: Sleep> EnterAsync<S> for H {
    async fn enter_async<'a>(&'a self, timer: &'a S) -> Result<Place<'a>, BulkheadRejected> {
        self.acquire_async(timer).await.map(Some)
    }
}

impl Conform for Without {
    #[inline]
    fn conform(&self) -> Result<(), RateLimited> {
        Ok(())
    }

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl Untimed for Without {}

impl Timed for Without {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        None
    }
}

impl<S> TimedAsync<S> for Without {
    #[inline]
    async fn bound<F: Future>(&self, _: &S, call: Pin<&mut F>) -> Result<F::Output, TimedOut> {
        Ok(call.await)
    }
}
