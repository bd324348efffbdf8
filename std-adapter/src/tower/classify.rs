//! `Classify`: what a response or an error says about the dependency, and when it has said it.

use core::ops::Deref;

use cutout_core::{Outcome, Report};

use super::{AnsweredCall, Breaker, Refusable};

/// Judges how calls end.
///
/// Any `Fn(Result<&T, &E>) -> R` with `R: Into<Report>` is one that has its word as soon as the inner
/// service has answered. One that needs more than the answer, such as the end of a body, keeps the call
/// and takes the permit along in the [`Response`](Self::Response) that it makes.
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

/// Ignores what our own layers refuse, and leaves the rest to another classifier.
#[derive(Clone, Copy, Debug)]
pub struct IgnoreRefusals<K>(pub(super) K);

impl<T, E, P, K> Classify<T, E, P> for IgnoreRefusals<K>
where
    E: Refusable,
    P: Deref<Target: Breaker>,
    K: Classify<T, E::Other, P>,
{
    type Response = K::Response;

    #[inline]
    fn response(&self, response: T, call: AnsweredCall<'_, P>) -> K::Response {
        self.0.response(response, call)
    }

    fn error(&self, error: &E, call: AnsweredCall<'_, P>) {
        match error.other() {
            Some(error) => self.0.error(error, call),
            None => call.settle(Outcome::Ignored),
        }
    }
}
