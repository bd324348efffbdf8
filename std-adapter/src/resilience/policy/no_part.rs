//! A policy without a part: what is left out admits all, waits for nothing and replaces nothing.

use super::attempt::{Attempt, Ended, Verdict};
use super::parts::*;
use crate::resilience::bulkhead::BulkheadRejected;
use crate::resilience::policy::{PolicyError, RateLimited, StopReason, TimedOut};
use core::convert::Infallible;
use core::fmt::DebugStruct;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use cutout_core::{Rejected, Report};

impl Show for NoPart {
    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<T, E> FallBack<T, E> for NoPart {
    #[inline]
    fn fall_back(&self, ended: Ended<T, E>) -> Result<T, PolicyError<E>> {
        ended.into_result()
    }
}

impl StandIn for NoPart {
    type Future = Infallible;
}

impl<T, E> LocalFallBackAsync<T, E> for NoPart {
    #[inline]
    fn fall_back_async(&self, ended: Ended<T, E>) -> Answer<T, E, Infallible> {
        Answer::Now(ended.into_result())
    }

    fn poll_later(
        later: Pin<&mut Infallible>,
        _: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>> {
        match *later {}
    }
}

impl<T, E> Tries<T, E> for NoPart {
    type Course = ();
}

impl<T, E, S> Judge<T, E, S> for NoPart {
    #[inline]
    fn begin(&self, _: &S) {}

    #[inline]
    fn look_at_deadline(&self, (): &(), _: &S) -> Result<(), StopReason> {
        Ok(())
    }

    #[inline]
    fn time_left(&self, (): &(), _: &S) -> Result<Option<Duration>, StopReason> {
        Ok(None)
    }

    #[inline]
    fn pay(&self, (): &mut ()) -> Result<(), StopReason> {
        Ok(())
    }

    #[inline]
    fn pay_back(&self, (): &mut ()) {}

    #[inline]
    fn judge(&self, (): &mut (), attempt: Attempt<T, E>, _: &S) -> Verdict<T, E> {
        Verdict::Return(Ended::at_first(attempt))
    }
}

impl<S> Wait<S> for NoPart {
    fn wait(&self, _: &S, _: Duration) {}
}

impl<S> WaitAsync<S> for NoPart {
    async fn wait_async(&self, _: &S, _: Duration) {}
}

impl Admit for NoPart {
    type Ticket = ();

    #[inline]
    fn admit(&self) -> Result<(), Rejected> {
        Ok(())
    }

    #[inline]
    fn settle(&self, (): (), _: Report) {}

    #[inline]
    fn cancel(&self, (): ()) {}

    #[inline]
    fn take_back(&self, (): ()) {}

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl Enter for NoPart {
    #[inline]
    fn enter_at_once(&self) -> Option<Place<'_>> {
        Some(None)
    }

    fn has_room_to_wait(&self) -> bool {
        false
    }

    fn refuse(&self) -> BulkheadRejected {
        BulkheadRejected::new(crate::resilience::bulkhead::BulkheadReason::Full)
    }

    fn max_wait(&self) -> Duration {
        Duration::ZERO
    }

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl<S> EnterBlocking<S> for NoPart {
    fn enter(&self, _: &S, _: Option<Duration>) -> Result<Place<'_>, BulkheadRejected> {
        Ok(None)
    }
}

impl<S> EnterAsync<S> for NoPart {
    async fn enter_async<'a>(
        &'a self,
        _: &'a S,
        _: Option<Duration>,
    ) -> Result<Place<'a>, BulkheadRejected> {
        Ok(None)
    }
}

impl Conform for NoPart {
    #[inline]
    fn conform(&self) -> Result<(), RateLimited> {
        Ok(())
    }

    fn show(&self, _: &mut DebugStruct<'_, '_>) {}
}

impl Untimed for NoPart {}

impl Timed for NoPart {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        None
    }
}

impl<S> TimedAsync<S> for NoPart {
    #[inline]
    async fn bound<F: Future>(
        &self,
        _: &S,
        _: Option<Duration>,
        call: Pin<&mut F>,
    ) -> Result<F::Output, TimedOut> {
        Ok(call.await)
    }
}
