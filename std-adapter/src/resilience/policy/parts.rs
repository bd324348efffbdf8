//! What a policy asks of its parts: to show what may stand where.
//!
//! These traits are not for implementing elsewhere. What they do is hidden, and may change.

// What an asynchronous call holds while it waits is looked at by the compiler, when the call is to
// be `Send`, as if each lifetime in it were another one. A closure fits one lifetime only, so a
// type that is held must not be found by an implementation that asks for a closure: `Box<dyn
// Error>` as the error of a call has a lifetime. That is why types stand in traits without such
// bounds: `Tries`, `StandIn`.

use core::fmt::DebugStruct;
use core::future::Future;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use cutout_core::{Clock, Observer, Rejected, Report, Ticket};

use super::attempt::{Attempt, Ended, Verdict};
use crate::breaker::{Breaker, CircuitBreaker};
use crate::resilience::bulkhead::{Bulkhead, BulkheadPermit, BulkheadRejected};
pub use crate::resilience::fallback::{Value, With, WithAsync};
use crate::resilience::policy::{AttemptError, PolicyError, RateLimited, StopReason, TimedOut};
pub use crate::resilience::retry::ByResult;
use crate::timer::{AsyncTimer, BlockingTimer};

/// The place of a part that a policy does not have. It costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoPart;

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

/// What a fallback of asynchronous calls is, where the calls may be spawned: any
/// [`Fallback`](crate::Fallback) whose future is `Send`.
///
/// # Examples
///
/// A policy whose fallback has no name, and a call of it that is spawned:
///
/// ```
/// use cutout::parts::FallBackAsync;
/// use cutout::{Fallback, Policy};
/// use std::io::Error;
///
/// fn policy() -> Policy<impl FallBackAsync<String, Error>> {
///     Policy::new().fallback(Fallback::from_async_fn(async |_| Ok("from the cache".to_owned())))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let policy = policy();
/// let call = async move { policy.call_async(async || Err(Error::other("down"))).await };
/// assert_eq!(tokio::spawn(call).await.unwrap().unwrap(), "from the cache");
/// # }
/// ```
pub trait FallBackAsync<T, E>: LocalFallBackAsync<T, E> + StandIn<Future: Send> {}

impl<T, E, F> FallBackAsync<T, E> for F where F: LocalFallBackAsync<T, E> + StandIn<Future: Send> {}

/// What a fallback of asynchronous calls is: any [`Fallback`](crate::Fallback). Its future need not
/// be `Send`.
pub trait LocalFallBackAsync<T, E>: StandIn {
    #[doc(hidden)]
    fn fall_back_async(&self, ended: Ended<T, E>) -> Answer<T, E, Self::Future>;

    #[doc(hidden)]
    fn poll_later(
        later: Pin<&mut Self::Future>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>>;
}

/// What a fallback of asynchronous calls awaits.
// It says nothing of the types of the call, so that it is one and the same type whatever lifetimes
// those have.
pub trait StandIn {
    /// The future of what stands in for a result; [`Infallible`](core::convert::Infallible) where
    /// that is there at once.
    type Future;
}

/// What a call returns that may have a fallback.
#[doc(hidden)]
#[derive(Debug)]
pub enum Answer<T, E, F> {
    Now(Result<T, PolicyError<E>>),
    /// What the future returns; or the value, if that is still what is unwanted.
    Later(F, Option<T>),
}

/// What decides whether there is another attempt: [`Retry`](crate::Retry).
#[diagnostic::on_unimplemented(
    message = "these retries do not fit a call that returns `Result<{T}, {E}>` on the timer `{S}`",
    note = "`when`, `on_retry` and `at_end` take the types of the call; with retries, the timer is a clock"
)]
pub trait Judge<T, E, S>: Tries<T, E> {
    #[doc(hidden)]
    fn begin(&self, timer: &S) -> Self::Course;

    /// Whether another attempt may begin now: for one that has waited for it.
    #[doc(hidden)]
    fn look_at_deadline(&self, course: &Self::Course, timer: &S) -> Result<(), StopReason>;

    /// How long until no attempt may begin any more, where there is a deadline.
    #[doc(hidden)]
    fn time_left(&self, course: &Self::Course, timer: &S) -> Result<Option<Duration>, StopReason>;

    /// Pays for the attempt that begins now, if it is a retry.
    #[doc(hidden)]
    fn pay(&self, course: &mut Self::Course) -> Result<(), StopReason>;

    /// Takes back what was paid: the attempt does not begin.
    #[doc(hidden)]
    fn pay_back(&self, course: &mut Self::Course);

    #[doc(hidden)]
    fn judge(&self, course: &mut Self::Course, attempt: Attempt<T, E>, timer: &S) -> Verdict<T, E>;
}

/// What remembers the attempts of a call: [`Retry`](crate::Retry).
pub trait Tries<T, E> {
    #[doc(hidden)]
    type Course;
}

/// How blocking retries wait: on a timer that is [`BlockingTimer`](crate::BlockingTimer).
pub trait Wait<S> {
    #[doc(hidden)]
    fn wait(&self, timer: &S, delay: Duration);
}

/// How asynchronous retries wait: on a timer that is [`AsyncTimer`].
pub trait WaitAsync<S> {
    #[doc(hidden)]
    fn wait_async(&self, timer: &S, delay: Duration) -> impl Future<Output = ()>;
}

/// What admits attempts: a [`CircuitBreaker`], or anything that dereferences to one or to another
/// [`Breaker`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no breaker and no handle of one",
    note = "a breaker, a reference to one, an `Arc` of one (also `Arc<dyn Breaker>`), a handle of a registry"
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
    fn take_back(&self, ticket: Self::Ticket);

    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// What gives out places: a [`Bulkhead`], or anything that dereferences to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no bulkhead and no handle of one",
    note = "a bulkhead, a reference to one, or an `Arc` of one"
)]
pub trait Enter {
    /// A place that is free, for nothing but a look.
    #[doc(hidden)]
    fn enter_at_once(&self) -> Option<Place<'_>>;

    /// Whether who finds no place may wait for one.
    #[doc(hidden)]
    fn has_room_to_wait(&self) -> bool;

    /// Counts a refusal.
    #[doc(hidden)]
    fn refuse(&self) -> BulkheadRejected;

    #[doc(hidden)]
    fn max_wait(&self) -> Duration;

    #[doc(hidden)]
    fn show(&self, list: &mut DebugStruct<'_, '_>);
}

/// How blocking calls wait for a place: on a timer that is [`BlockingTimer`].
pub trait EnterBlocking<S>: Enter {
    #[doc(hidden)]
    fn enter(&self, timer: &S, at_most: Option<Duration>) -> Result<Place<'_>, BulkheadRejected>;
}

/// How asynchronous calls wait for a place: on a timer that is [`AsyncTimer`].
pub trait EnterAsync<S>: Enter {
    #[doc(hidden)]
    fn enter_async<'a>(
        &'a self,
        timer: &'a S,
        at_most: Option<Duration>,
    ) -> impl Future<Output = Result<Place<'a>, BulkheadRejected>>;
}

/// A place in the bulkhead, where there is one.
#[doc(hidden)]
pub type Place<'a> = Option<BulkheadPermit<'a>>;

/// What limits attempts in time: a `RateLimit`, or anything that dereferences to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rate limit and no handle of one",
    note = "a `RateLimit`, a reference to one, or an `Arc` of one"
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
pub trait Untimed: Timed {}

/// What knows how long an attempt may take: a [`Timeout`](crate::Timeout), or none.
pub trait Timed {
    #[doc(hidden)]
    fn limit(&self) -> Option<Duration>;
}

/// How asynchronous calls are given up: on a timer that is [`AsyncTimer`].
pub trait TimedAsync<S>: Timed {
    #[doc(hidden)]
    fn bound<F: Future>(
        &self,
        timer: &S,
        limit: Option<Duration>,
        call: Pin<&mut F>,
    ) -> impl Future<Output = Result<F::Output, TimedOut>>;
}

/// What a fallback has made of a failure; and if that is still an unwanted value, the value.
#[inline]
pub(crate) fn or_as_it_was<T, E>(
    result: Result<T, PolicyError<E>>,
    value: Option<T>,
) -> Result<T, PolicyError<E>> {
    match (result, value) {
        (Err(PolicyError { failure: AttemptError::Unwanted, .. }), Some(value)) => Ok(value),
        (result, _) => result,
    }
}

/// A breaker of the policy's own.
impl<C: Clock, O: Observer, const BUCKETS: usize> Admit for CircuitBreaker<C, O, BUCKETS> {
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

    fn take_back(&self, ticket: Ticket) {
        (**self).take_back(ticket);
    }

    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("breaker", self);
    }
}

impl<H: Deref<Target: Breaker>> Admit for H {
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

    fn take_back(&self, ticket: Ticket) {
        (**self).take_back(ticket);
    }

    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("breaker", &&**self);
    }
}

/// The same for a bulkhead of the policy's own and for handles of one.
macro_rules! enter {
    ([$($generic:tt)*] $holder:ty) => {
        impl<$($generic)*> Enter for $holder {
            #[inline]
            fn enter_at_once(&self) -> Option<Place<'_>> {
                self.acquire_free().map(Some)
            }

            fn has_room_to_wait(&self) -> bool {
                self.has_room()
            }

            fn refuse(&self) -> BulkheadRejected {
                self.full()
            }

            fn max_wait(&self) -> Duration {
                self.max_wait
            }

            fn show(&self, list: &mut DebugStruct<'_, '_>) {
                let bulkhead: &Bulkhead = self;
                list.field("bulkhead", bulkhead);
            }
        }

        impl<$($generic)* S: BlockingTimer> EnterBlocking<S> for $holder {
            fn enter(
                &self,
                timer: &S,
                at_most: Option<Duration>,
            ) -> Result<Place<'_>, BulkheadRejected> {
                self.acquire_on(timer, at_most).map(Some)
            }
        }

        impl<$($generic)* S: AsyncTimer> EnterAsync<S> for $holder {
            async fn enter_async<'a>(
                &'a self,
                timer: &'a S,
                at_most: Option<Duration>,
            ) -> Result<Place<'a>, BulkheadRejected> {
                self.acquire_async_within(timer, at_most).await.map(Some)
            }
        }
    };
}

enter!([] Bulkhead);
enter!([H: Deref<Target = Bulkhead>,] H);
