//! `CircuitBreakerService`: a service behind a breaker.

use core::task::{Context, Poll};

use cutout_core::{Error, Rejected};
use tower_service::Service;

use super::{AnsweredCall, Classify, ResponseFuture, SelectBreaker};

/// A service behind a breaker. See the [module](super) for what it promises.
#[derive(Clone, Debug)]
pub struct CircuitBreakerService<S, B, K> {
    inner: S,
    breakers: B,
    classifier: K,
    /// Set by a `poll_ready` that found the circuit refusing, and so left the inner service alone.
    refused: Option<Rejected>,
}

impl<S, B, K> CircuitBreakerService<S, B, K> {
    pub(super) const fn new(inner: S, breakers: B, classifier: K) -> Self {
        Self { inner, breakers, classifier, refused: None }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, K, Req> Service<Req> for CircuitBreakerService<S, B, K>
where
    S: Service<Req>,
    B: SelectBreaker<Req>,
    K: Classify<S::Response, S::Error, B::Share> + Clone,
{
    type Response = K::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S::Future, B::Share, K>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.refused = self.breakers.would_reject();
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(cx).map_err(|error| {
            if let Some(permit) = self.breakers.admit_without_request() {
                AnsweredCall::judge(permit, |call| self.classifier.error(&error, call));
            }
            Error::Inner(error)
        })
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let refused = self.refused.take();
        let mut permit = match self.breakers.admit(&request) {
            Ok(permit) => permit,
            Err(rejected) => return ResponseFuture::rejected(rejected),
        };
        if let Some(rejected) = refused {
            // The circuit has come to admit calls since, but the inner service was not asked
            // whether it can take one.
            permit.take_back();
            return ResponseFuture::rejected(rejected);
        }
        let (future, classifier) =
            permit.run(|| (self.inner.call(request), self.classifier.clone()));
        ResponseFuture::made(future, permit, classifier)
    }
}
