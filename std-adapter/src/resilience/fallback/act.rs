//! What a fallback does, and when: values, closures, futures and conditions.

use super::{Value, With, WithAsync};
use crate::resilience::policy::PolicyError;
use crate::resilience::policy::parts::{NoPart, StandIn};
use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// What a fallback does, at once.
#[diagnostic::on_unimplemented(
    message = "this fallback cannot stand in for a blocking call that returns `Result<{T}, {E}>`",
    note = "`Fallback::from_async_fn` is for `call_async`; a value or a closure must fit the call"
)]
pub trait Act<T, E> {
    fn act(&self, error: PolicyError<E>) -> Result<T, PolicyError<E>>;
}

impl<T: Clone, E> Act<T, E> for Value<T> {
    fn act(&self, _: PolicyError<E>) -> Result<T, PolicyError<E>> {
        Ok(self.0.clone())
    }
}

impl<T, E, F> Act<T, E> for With<F>
where
    F: Fn(PolicyError<E>) -> Result<T, PolicyError<E>>,
{
    fn act(&self, error: PolicyError<E>) -> Result<T, PolicyError<E>> {
        (self.0)(error)
    }
}

/// What a fallback does, in its own time.
#[diagnostic::on_unimplemented(
    message = "this fallback cannot stand in for a call that returns `Result<{T}, {E}>`"
)]
pub trait ActAsync<T, E>: StandIn {
    /// The future of the result, or the result.
    fn act_async(&self, error: PolicyError<E>) -> Result<Self::Future, Result<T, PolicyError<E>>>;

    fn poll_later(
        later: Pin<&mut Self::Future>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>>;
}

impl<V> StandIn for Value<V> {
    type Future = Infallible;
}

impl<F> StandIn for With<F> {
    type Future = Infallible;
}

impl<F, A> StandIn for WithAsync<F, A> {
    type Future = A;
}

impl<T: Clone, E> ActAsync<T, E> for Value<T> {
    fn act_async(&self, error: PolicyError<E>) -> Result<Infallible, Result<T, PolicyError<E>>> {
        Err(self.act(error))
    }

    fn poll_later(
        later: Pin<&mut Infallible>,
        _: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>> {
        match *later {}
    }
}

impl<T, E, F> ActAsync<T, E> for With<F>
where
    F: Fn(PolicyError<E>) -> Result<T, PolicyError<E>>,
{
    fn act_async(&self, error: PolicyError<E>) -> Result<Infallible, Result<T, PolicyError<E>>> {
        Err(self.act(error))
    }

    fn poll_later(
        later: Pin<&mut Infallible>,
        _: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>> {
        match *later {}
    }
}

impl<T, E, F, A> ActAsync<T, E> for WithAsync<F, A>
where
    F: Fn(PolicyError<E>) -> A,
    A: Future<Output = Result<T, PolicyError<E>>>,
{
    fn act_async(&self, error: PolicyError<E>) -> Result<A, Result<T, PolicyError<E>>> {
        Ok((self.0)(error))
    }

    fn poll_later(
        later: Pin<&mut A>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>> {
        later.poll(context)
    }
}

/// Which failures a fallback stands in for.
pub trait Applies<X> {
    fn applies(&self, error: &X) -> bool;
}

impl<X> Applies<X> for NoPart {
    fn applies(&self, _: &X) -> bool {
        true
    }
}

impl<X, F: Fn(&X) -> bool> Applies<X> for F {
    fn applies(&self, error: &X) -> bool {
        self(error)
    }
}

/// Which values a fallback stands in for.
pub trait Unwanted<T> {
    fn unwanted(&self, value: &T) -> bool;
}

impl<T> Unwanted<T> for NoPart {
    #[inline]
    fn unwanted(&self, _: &T) -> bool {
        false
    }
}

impl<T, F: Fn(&T) -> bool> Unwanted<T> for F {
    #[inline]
    fn unwanted(&self, value: &T) -> bool {
        self(value)
    }
}
