//! `Fallback`: what stands in for a call that failed.

mod act;

use act::{Act, ActAsync, Applies, Unwanted};

use core::fmt::{self, Debug, DebugStruct};
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::resilience::policy::parts::{
    Answer, FallBack, LocalFallBackAsync, NoPart, Show, StandIn, or_as_it_was,
};
use crate::resilience::policy::{AttemptError, Ended, PolicyError};

/// What stands in for a call that failed, after all retries: a part of a [`Policy`](crate::Policy).
///
/// It is a [value](Self::value), a [closure](Self::from_fn) or a [future](Self::from_async_fn), for
/// every failure or for those that [`when`](Self::when) picks: by who refused the call, by a
/// timeout, by why the retries gave up, by the call's own error. What it returns is returned;
/// nothing counts or retries it.
///
/// What a failure is, the judgement of the call says, as for the breaker and the retries
/// ([`call_with`](crate::Policy::call_with)):
///
/// | the last attempt | a fallback stands in for |
/// | --- | --- |
/// | is judged a [`Failure`](crate::Outcome::Failure), times out, or is refused | an error and a value; a value is [`AttemptError::Unwanted`] |
/// | is judged [`Ignored`](crate::Outcome::Ignored) | an error, since the caller has no value |
/// | is judged a [`Success`](crate::Outcome::Success) | nothing: an error is returned as it is |
///
/// A value is not lost: if the fallback is not for it, or returns the error that it was given, the
/// call returns the value.
///
/// # Examples
///
/// By kind of failure:
///
/// ```
/// use cutout::{CircuitBreaker, Config, AttemptError, Fallback, Policy};
///
/// let host = CircuitBreaker::new(Config::new());
/// let policy = Policy::new().breaker(&host).fallback(Fallback::from_fn(|error| match error.failure {
///     AttemptError::Rejected(_) => Ok("from the cache"),
///     AttemptError::Inner("not found") => Ok("an empty page"),
///     _ => Err(error),
/// }));
///
/// assert_eq!(policy.call(|| Err("not found")), Ok("an empty page"));
/// assert!(policy.call(|| Err("down")).is_err());
/// host.force_open();
/// assert_eq!(policy.call(|| Ok("never called")), Ok("from the cache"));
/// ```
///
/// As a handler of refusals, which counts them and leaves them as they are:
///
/// ```
/// use cutout::{Bulkhead, Fallback, Policy, PolicyError};
/// use std::cell::Cell;
///
/// let refused = Cell::new(0);
/// let bulkhead = Bulkhead::new(1);
/// let policy = Policy::new().bulkhead(&bulkhead).fallback(
///     Fallback::from_fn(|error| {
///         refused.set(refused.get() + 1);
///         Err(error)
///     })
///     .when(|error: &PolicyError<()>| error.refused().is_some()),
/// );
///
/// let held = bulkhead.try_acquire();
/// assert!(policy.call(|| Ok(())).is_err());
/// assert_eq!(refused.get(), 1);
/// # drop(held);
/// ```
#[derive(Clone, Copy)]
pub struct Fallback<A, P = NoPart, U = NoPart> {
    act: A,
    when: P,
    unwanted: U,
}

/// A fallback that is a value.
#[derive(Clone, Copy)]
pub struct Value<V>(V);

/// A fallback that is a closure.
#[derive(Clone, Copy)]
pub struct With<F>(F);

/// A fallback that is a closure with a future, an `A`.
pub struct WithAsync<F, A>(F, PhantomData<fn() -> A>);

impl<F: Clone, A> Clone for WithAsync<F, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F: Copy, A> Copy for WithAsync<F, A> {}

/// # Constructing
impl<V: Clone> Fallback<Value<V>> {
    /// A clone of `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Fallback, Policy};
    ///
    /// let policy = Policy::new().fallback(Fallback::value(0));
    /// assert_eq!(policy.call(|| Err::<u32, _>("down")), Ok(0));
    /// ```
    #[must_use]
    pub const fn value(value: V) -> Self {
        Self { act: Value(value), when: NoPart, unwanted: NoPart }
    }
}

impl<F> Fallback<With<F>> {
    /// What `with` makes of the failure: a value, or an error.
    #[must_use]
    pub const fn from_fn<T, E>(with: F) -> Self
    where
        F: Fn(PolicyError<E>) -> Result<T, PolicyError<E>>,
    {
        Self { act: With(with), when: NoPart, unwanted: NoPart }
    }
}

impl<F, A> Fallback<WithAsync<F, A>> {
    /// What the future of `with` makes of the failure: a value, or an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Fallback, Policy};
    ///
    /// # async fn run() {
    /// async fn cached() -> &'static str {
    ///     "from the cache"
    /// }
    ///
    /// let policy = Policy::new().fallback(Fallback::from_async_fn(|_| async { Ok(cached().await) }));
    /// let page = policy.call_async(|| async { Err("down") }).await;
    /// assert_eq!(page, Ok("from the cache"));
    /// # }
    /// # pollster::block_on(run());
    /// ```
    #[must_use]
    pub const fn from_async_fn<T, E>(with: F) -> Self
    where
        F: Fn(PolicyError<E>) -> A,
        A: Future<Output = Result<T, PolicyError<E>>>,
    {
        Self { act: WithAsync(with, PhantomData), when: NoPart, unwanted: NoPart }
    }
}

/// # Conditions
impl<A, U> Fallback<A, NoPart, U> {
    /// Only for failures for which `when` says yes. Others are returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Fallback, Policy, PolicyError};
    ///
    /// let policy = Policy::new().fallback(Fallback::value(0).when(PolicyError::<&str>::is_timeout));
    /// assert!(policy.call(|| Err::<u32, _>("down")).is_err());
    /// ```
    #[must_use]
    pub fn when<E, P: Fn(&PolicyError<E>) -> bool>(self, when: P) -> Fallback<A, P, U> {
        let Self { act, unwanted, .. } = self;
        Fallback { act, when, unwanted }
    }
}

impl<A, P> Fallback<A, P, NoPart> {
    /// Also instead of values for which `unwanted` says yes, whatever they were judged: they become
    /// [`AttemptError::Unwanted`], and are given up if the fallback returns that error.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Fallback, Policy};
    ///
    /// let policy = Policy::new().fallback(Fallback::value(304).also_replace(|status| *status >= 500));
    /// assert_eq!(policy.call(|| Ok::<_, ()>(503)), Ok(304));
    /// assert_eq!(policy.call(|| Ok::<_, ()>(200)), Ok(200));
    /// ```
    #[must_use]
    pub fn also_replace<T, U: Fn(&T) -> bool>(self, unwanted: U) -> Fallback<A, P, U> {
        let Self { act, when, .. } = self;
        Fallback { act, when, unwanted }
    }
}

/// What a fallback is to stand in for.
struct Asked<T, E> {
    error: PolicyError<E>,
    /// The value, if it is one that is returned where nothing stands in for it.
    value: Option<T>,
}

impl<A, P, U> Fallback<A, P, U> {
    /// The failure to stand in for, or what is returned as it is.
    #[inline]
    fn failure<T, E>(
        &self,
        mut ended: Ended<T, E>,
    ) -> Result<Asked<T, E>, Result<T, PolicyError<E>>>
    where
        P: Applies<PolicyError<E>>,
        U: Unwanted<T>,
    {
        let unwanted = ended.result.as_ref().is_ok_and(|value| self.unwanted.unwanted(value));
        if !(ended.failed || unwanted) {
            return Err(ended.into_result());
        }
        let value = match ended.result {
            Ok(value) => {
                ended.result = Err(AttemptError::Unwanted);
                Some(value)
            }
            Err(failure) => {
                ended.result = Err(failure);
                None
            }
        };
        match ended.into_result() {
            Err(error) if self.when.applies(&error) => {
                Ok(Asked { error, value: value.filter(|_| !unwanted) })
            }
            result => Err(or_as_it_was(result, value)),
        }
    }
}

impl<T, E, A, P, U> FallBack<T, E> for Fallback<A, P, U>
where
    A: Act<T, E>,
    P: Applies<PolicyError<E>>,
    U: Unwanted<T>,
{
    #[inline]
    fn fall_back(&self, ended: Ended<T, E>) -> Result<T, PolicyError<E>> {
        match self.failure(ended) {
            Ok(Asked { error, value }) => or_as_it_was(self.act.act(error), value),
            Err(result) => result,
        }
    }
}

impl<A: StandIn, P, U> StandIn for Fallback<A, P, U> {
    type Future = A::Future;
}

impl<T, E, A, P, U> LocalFallBackAsync<T, E> for Fallback<A, P, U>
where
    A: ActAsync<T, E>,
    P: Applies<PolicyError<E>>,
    U: Unwanted<T>,
{
    #[inline]
    fn fall_back_async(&self, ended: Ended<T, E>) -> Answer<T, E, Self::Future> {
        match self.failure(ended) {
            Ok(Asked { error, value }) => match self.act.act_async(error) {
                Ok(later) => Answer::Later(later, value),
                Err(now) => Answer::Now(or_as_it_was(now, value)),
            },
            Err(result) => Answer::Now(result),
        }
    }

    fn poll_later(
        later: Pin<&mut A::Future>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, PolicyError<E>>> {
        A::poll_later(later, context)
    }
}

impl<A: Debug, P, U> Show for Fallback<A, P, U> {
    fn show(&self, list: &mut DebugStruct<'_, '_>) {
        list.field("fallback", &self.act);
    }
}

impl<A: Debug, P, U> Debug for Fallback<A, P, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fallback").field(&self.act).finish()
    }
}

impl<V> Debug for Value<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value")
    }
}

impl<F> Debug for With<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

impl<F, A> Debug for WithAsync<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("future")
    }
}
