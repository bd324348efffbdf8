//! gRPC: what a call's status says about the server (feature `http`).
//!
//! | status | counts as |
//! | --- | --- |
//! | `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS`, a code that is none | failure |
//! | `RESOURCE_EXHAUSTED` | failure, but [none in a row](Outcome::not_consecutive) |
//! | `CANCELLED` | ignored |
//! | any other, such as `OK`, `NOT_FOUND`, `INVALID_ARGUMENT` | success: the server did its work |
//! | none, and the HTTP status is 401, 403 or 404 | success, as gRPC has codes for these |
//! | none, and the HTTP status is 429 | as `RESOURCE_EXHAUSTED` |
//! | none, and any other HTTP status; a body that ends or breaks off without a status | failure |
//! | an error of the inner service: no connection, a timeout | failure |
//! | a body that is dropped before its status came | cancelled |
//! | an error because the caller's own stream broke off, seen by [`WatchBodyLayer`] | ignored |
//!
//! [`WatchBodyLayer`]: super::http::WatchBodyLayer
//!
//! A `grpc-retry-pushback-ms` of a failure makes a break that the failure begins at least that
//! long, up to the cap of [`Config::break_backoff`](crate::Config::break_backoff); one that is
//! negative asks not to retry and says nothing of a time. Where there is no gRPC status,
//! `Retry-After` does the same.
//!
//! A status comes in the trailers behind the body, or in the head of a response that has neither.
//! One in the head of a response that has a body counts if the trailers bring no other. So the body
//! is wrapped, and the call is settled when its status is there. For streams that is at their end:
//! a stream that never ends is a call in flight, and as a trial fails when its timeout is over
//! ([`Config::trial_timeout`](crate::Config::trial_timeout)). Statuses inside of a gRPC-Web body
//! are not seen.

use core::ops::Deref;
use core::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue, Response, StatusCode};
use cutout_core::{Outcome, Report};
use http_body::Body;

use super::header::{digits, retry_after, text};
use super::{Answer, AnsweredCall, Breaker, Classify, Refusal, SettlingBody};

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What headers or trailers with a gRPC status say about the server; `None` if they have none.
#[must_use]
pub fn report(headers: &HeaderMap) -> Option<Report> {
    headers.get(STATUS)?;
    let status = text(headers, STATUS).and_then(digits);
    let report: Report = match status {
        // OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION,
        // ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED
        Some(0 | 3 | 5 | 6 | 7 | 9 | 10 | 11 | 12 | 16) => return Some(Report::SUCCESS),
        // CANCELLED
        Some(1) => return Some(Report::IGNORED),
        // RESOURCE_EXHAUSTED
        Some(8) => Report::FAILURE.not_consecutive(),
        // UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS
        _ => Report::FAILURE,
    };
    Some(match pushback(headers) {
        Some(duration) => report.retry_after(duration),
        None => report,
    })
}

fn pushback(headers: &HeaderMap) -> Option<Duration> {
    text(headers, PUSHBACK).and_then(digits).map(Duration::from_millis)
}

/// What a response without a gRPC status says, that is none of gRPC.
fn report_of_http(status: StatusCode, headers: &HeaderMap) -> Report {
    let report = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            return Report::SUCCESS;
        }
        StatusCode::TOO_MANY_REQUESTS => Report::FAILURE.not_consecutive(),
        _ => Report::FAILURE,
    };
    match retry_after(headers) {
        Some(duration) => report.retry_after(duration),
        None => report,
    }
}

/// Judges a call by its gRPC status, wherever that comes. See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcStatus;

impl<B: Body, E, P: Deref<Target: Breaker>> Classify<Response<B>, E, P> for GrpcStatus {
    type Response = Response<SettlingBody<B, P>>;

    fn response(&self, response: Response<B>, call: AnsweredCall<'_, P>) -> Self::Response {
        let (status, headers) = (response.status(), response.headers());
        let head = report(headers);
        // It is the call's only where nothing follows the head.
        let is_all = response.body().is_end_stream();
        let settled = match head {
            Some(report) if is_all => report,
            None if status != StatusCode::OK => report_of_http(status, headers),
            None if is_all => Report::FAILURE,
            _ => {
                return response
                    .map(|body| SettlingBody::until_its_trailers(body, call.keep(), head));
            }
        };
        call.settle(settled);
        response.map(SettlingBody::settled)
    }

    fn error(&self, _: &E, call: AnsweredCall<'_, P>) {
        call.settle(Outcome::Failure);
    }
}

/// The answer to a refused call: `UNAVAILABLE`, with `grpc-retry-pushback-ms`, rounded up, where it
/// is known. For [`map_rejection`](super::CircuitBreakerLayer::map_rejection); on a `static`
/// breaker take [`Unavailable`].
#[must_use]
pub fn unavailable<B: Default>(refusal: Refusal) -> Response<B> {
    let mut response = Response::new(B::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from_static("14"));
    headers.insert(MESSAGE, HeaderValue::from_static("refused without running"));
    if let Some(after) = refusal.retry_after() {
        let millis = u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        headers.insert(PUSHBACK, HeaderValue::from(millis));
    }
    response
}

/// [`unavailable`] as a type: refused requests are answered with `UNAVAILABLE`, whatever the
/// response's body is. For [`answer_with`](super::CircuitBreakerLayer::answer_with).
#[derive(Clone, Copy, Debug, Default)]
pub struct Unavailable;

impl<B: Default> Answer<Response<B>> for Unavailable {
    fn answer(&self, refusal: Refusal) -> Response<B> {
        unavailable(refusal)
    }
}
