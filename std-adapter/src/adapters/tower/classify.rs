//! `Classify`: what a response or an error says about the dependency, and when it has said it.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use cutout_core::{Outcome, Report};

use super::{AnsweredCall, Breaker, ByItsSources, MaybeRefusal, RefusedInside};

/// Judges how calls end.
///
/// Any `Fn(Result<&T, &E>) -> R` with `R: Into<Report>` is one that has its word as soon as the
/// inner service has answered. One that needs more than the answer, such as the end of a body,
/// keeps the call and takes the permit along in the [`Response`](Self::Response) that it makes.
pub trait Classify<T, E, P: Deref<Target: Breaker>> {
    /// What the caller gets for a `T`.
    type Response;

    /// The inner service answered: settles the call, or sees to it that somebody will.
    fn response(&self, response: T, call: AnsweredCall<'_, P>) -> Self::Response;

    /// The inner service failed: settles the call.
    fn error(&self, error: &E, call: AnsweredCall<'_, P>);
}

impl<T, E, P, F, R> Classify<T, E, P> for F
where
    P: Deref<Target: Breaker>,
    F: Fn(Result<&T, &E>) -> R,
    R: Into<Report>,
{
    type Response = T;

    fn response(&self, response: T, call: AnsweredCall<'_, P>) -> T {
        call.settle(self(Ok(&response)));
        response
    }

    fn error(&self, error: &E, call: AnsweredCall<'_, P>) {
        call.settle(self(Err(error)));
    }
}

/// A response is a success and an error a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByResult;

impl<T, E, P: Deref<Target: Breaker>> Classify<T, E, P> for ByResult {
    type Response = T;

    #[inline]
    fn response(&self, response: T, call: AnsweredCall<'_, P>) -> T {
        call.settle(Outcome::Success);
        response
    }

    #[inline]
    fn error(&self, _: &E, call: AnsweredCall<'_, P>) {
        call.settle(Outcome::Failure);
    }
}

/// Ignores what our own layers refuse, at any depth, and leaves the rest to another classifier.
///
/// `L` says how a refusal is looked for in an error; the compiler finds it ([`RefusedInside`]).
pub struct IgnoreRefusals<K, L = ByItsSources> {
    classifier: K,
    looks: PhantomData<fn() -> L>,
}

impl<K, L> IgnoreRefusals<K, L> {
    pub(super) const fn new(classifier: K) -> Self {
        Self { classifier, looks: PhantomData }
    }
}

impl<K: Clone, L> Clone for IgnoreRefusals<K, L> {
    fn clone(&self) -> Self {
        Self::new(self.classifier.clone())
    }
}

impl<K: Copy, L> Copy for IgnoreRefusals<K, L> {}

impl<K: fmt::Debug, L> fmt::Debug for IgnoreRefusals<K, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IgnoreRefusals").field(&self.classifier).finish()
    }
}

impl<T, E, P, K, L> Classify<T, E, P> for IgnoreRefusals<K, L>
where
    E: MaybeRefusal + RefusedInside<L>,
    P: Deref<Target: Breaker>,
    K: Classify<T, E::Other, P>,
{
    type Response = K::Response;

    #[inline]
    fn response(&self, response: T, call: AnsweredCall<'_, P>) -> K::Response {
        self.classifier.response(response, call)
    }

    fn error(&self, error: &E, call: AnsweredCall<'_, P>) {
        match error.other() {
            Some(other) if !error.is_refused_inside() => self.classifier.error(other, call),
            _ => call.settle(Outcome::Ignored),
        }
    }
}
