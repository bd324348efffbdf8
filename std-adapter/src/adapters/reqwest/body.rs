//! Bodies of requests that fail on the caller's side.

use ::reqwest::{Body, Request, Response};
use reqwest_middleware::Error;

use super::refused::find;
use crate::adapters::tower::{BodyState, WatchedBody};

/// Watches the request's body from now on, if it is one that can fail: one that is not there whole.
pub(super) fn watch(request: &mut Request) -> Option<BodyState> {
    let body = request.body_mut().as_mut().filter(|body| body.as_bytes().is_none())?;
    let (watched, state) = WatchedBody::new(core::mem::take(body));
    *body = Body::wrap(watched);
    Some(state)
}

/// Whether the call failed because its body did, or because the caller did not send the body in
/// time.
pub(super) fn is_callers_failure(body: &BodyState, result: &Result<Response, Error>) -> bool {
    let Err(error) = result else { return false };
    let is_timeout = || find::<::reqwest::Error>(error).is_some_and(::reqwest::Error::is_timeout);
    body.has_failed() || (body.awaits_caller() && is_timeout())
}
