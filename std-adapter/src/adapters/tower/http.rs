//! HTTP: what a response says about the server (feature `http`).
//!
//! | the call | counts as |
//! | --- | --- |
//! | 5xx | failure |
//! | 429 Too Many Requests | failure, but [none in a row](Outcome::not_consecutive) |
//! | any other status | success: the server did its work |
//! | an error of the inner service: no connection, a timeout | failure |
//! | an error because the request's own body broke off, seen by [`WatchBodyLayer`] | ignored |
//!
//! A `Retry-After` of a failure, in seconds or as a date, makes a break that the failure begins at
//! least that long, up to the cap of [`Config::break_backoff`](crate::Config::break_backoff).
//!
//! # When a call is settled
//!
//! [`HttpStatus`] settles it when the head of the response is there. What the caller makes of the
//! body is then nobody's business, and the response is passed on as it is. [`HttpStatusAndBody`]
//! waits for the end of the body: a body that breaks off is a failure, and how long it took counts
//! for slow calls. The price is a wrapped body, and that a caller who reads slowly makes the call
//! slow.

use core::ops::Deref;
use std::borrow::Cow;

use ::http::header::{HOST, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use cutout_core::{Outcome, Report};
use http_body::Body;

use super::authority::Authority;
use super::header::{retry_after, text};
pub use super::request_body::{
    RequestError, WatchBody, WatchBodyFuture, WatchBodyLayer, WatchedBody,
};
use super::{Answer, AnsweredCall, Breaker, Classify, Refusal, SettlingBody};

/// What a response says about the server, by its status alone.
///
/// # Examples
///
/// A classifier of one's own that starts from this one:
///
/// ```
/// use cutout::tower::{CircuitBreakerLayer, http};
/// use cutout::{CircuitBreaker, Config, Report};
/// # use ::http::{Response, StatusCode};
///
/// static SEARCH: CircuitBreaker = CircuitBreaker::new(Config::new());
///
/// let judge = |result: Result<&Response<String>, &std::io::Error>| -> Report {
///     match result {
///         Ok(response) if response.status() == StatusCode::NOT_IMPLEMENTED => Report::SUCCESS,
///         Ok(response) => http::report(response),
///         Err(_) => Report::FAILURE,
///     }
/// };
/// let layer = CircuitBreakerLayer::new(&SEARCH).classify_with(judge);
/// # let _ = layer;
/// ```
#[must_use]
pub fn report<B>(response: &Response<B>) -> Report {
    report_of(response.status(), response.headers())
}

/// The same of the parts of a response, where it is of another crate's type.
#[must_use]
pub fn report_of(status: StatusCode, headers: &HeaderMap) -> Report {
    failure(status, headers).unwrap_or(Report::SUCCESS)
}

/// The same for a failure, else `None`.
fn failure(status: StatusCode, headers: &HeaderMap) -> Option<Report> {
    let report = match status {
        StatusCode::TOO_MANY_REQUESTS => Report::FAILURE.not_consecutive(),
        status if status.is_server_error() => Report::FAILURE,
        _ => return None,
    };
    Some(match retry_after(headers) {
        Some(duration) => report.retry_after(duration),
        None => report,
    })
}

/// Judges a response by its status, as soon as its head is there. See the [module](self).
///
/// # Examples
///
/// ```
/// use cutout::tower::{CircuitBreakerLayer, http};
/// use cutout::{CircuitBreaker, Config};
/// # use ::http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// static SEARCH: CircuitBreaker = CircuitBreaker::new(Config::new().consecutive_failures(1));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let layer = CircuitBreakerLayer::new(&SEARCH)
///     .classify(http::HttpStatus)
///     .map_rejection(http::unavailable);
/// let client = ServiceBuilder::new().layer(layer).service(service_fn(async |_: Request<()>| {
///     Response::builder().status(502).body(String::new())
/// }));
///
/// let failed = client.clone().oneshot(Request::new(())).await.unwrap();
/// assert_eq!(failed.status(), 502);
/// let refused = client.oneshot(Request::new(())).await.unwrap();
/// assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"30".parse().unwrap()));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpStatus;

impl<B, E, P: Deref<Target: Breaker>> Classify<Response<B>, E, P> for HttpStatus {
    type Response = Response<B>;

    fn response(&self, response: Response<B>, call: AnsweredCall<'_, P>) -> Response<B> {
        call.settle(report(&response));
        response
    }

    fn error(&self, _: &E, call: AnsweredCall<'_, P>) {
        call.settle(Outcome::Failure);
    }
}

/// Judges a response by its status and by whether its body comes to its end. See the
/// [module](self).
///
/// A failing status settles the call at once. Else it is settled at the end of the body: a success,
/// or a failure if the body breaks off.
///
/// | a body that is dropped before its end | counts as |
/// | --- | --- |
/// | unread, or after a frame: the caller has what it wanted | success |
/// | while the caller waits for more of it: it hangs, and somebody's timeout fired | cancelled |
/// | by a panic elsewhere | cancelled |
///
/// A cancelled call counts for nothing, unless slow calls are measured and it has run for longer
/// than [`Config::slow_call_duration`](crate::Config::slow_call_duration): then it is a slow
/// failure. So measure slow calls, or put a timeout on the body *inside* of the layer, where bodies
/// may hang. For streams that have no end, such as server-sent events, take [`HttpStatus`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpStatusAndBody;

impl<B: Body, E, P: Deref<Target: Breaker>> Classify<Response<B>, E, P> for HttpStatusAndBody {
    type Response = Response<SettlingBody<B, P>>;

    fn response(&self, response: Response<B>, call: AnsweredCall<'_, P>) -> Self::Response {
        if let Some(failure) = failure(response.status(), response.headers()) {
            call.settle(failure);
            return response.map(SettlingBody::settled);
        }
        if response.body().is_end_stream() {
            call.settle(Outcome::Success);
            return response.map(SettlingBody::settled);
        }
        response.map(|body| SettlingBody::until_its_end(body, call.keep()))
    }

    fn error(&self, _: &E, call: AnsweredCall<'_, P>) {
        call.settle(Outcome::Failure);
    }
}

/// The answer to a refused request: 503 Service Unavailable, with `Retry-After` in whole seconds,
/// rounded up, where it is known. For [`map_rejection`](super::CircuitBreakerLayer::map_rejection);
/// with [`HttpStatusAndBody`] on a `static` breaker take [`Unavailable`].
#[must_use]
pub fn unavailable<B: Default>(refusal: Refusal) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    if let Some(after) = refusal.retry_after() {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// [`unavailable`] as a type: refused requests are answered with 503 Service Unavailable, whatever
/// the response's body is. For [`answer_with`](super::CircuitBreakerLayer::answer_with).
#[derive(Clone, Copy, Debug, Default)]
pub struct Unavailable;

impl<B: Default> Answer<Response<B>> for Unavailable {
    fn answer(&self, refusal: Refusal) -> Response<B> {
        unavailable(refusal)
    }
}

/// The host that a request is for and its port, of its URI or else of its `Host` header; empty if
/// it has neither. A key for [`keyed`](super::CircuitBreakerLayer::keyed) layers.
///
/// One host has one key: in lower case, without credentials and without the dot that may end a full
/// name, an IPv6 address in its shortest form. `http://h` and `https://h` are two dependencies,
/// `h:80` and `h:443`. A request that has its host in the header alone, as a server's have, does
/// not say its scheme: its key has a port only if the header has one. Where something else than a
/// port stands in its place, as in `h:99999`, the key is what is written, in lower case.
///
/// Where others write the requests, they make a key for each name that they think of; key by what
/// the service has of its own then, such as the names of its upstreams. A key that is not written
/// in the request as it is takes an allocation.
///
/// # Examples
///
/// A breaker per host, with the feature `registry`:
///
/// ```
/// # #[cfg(feature = "registry")]
/// # {
/// use std::sync::Arc;
/// use cutout::tower::{CircuitBreakerLayer, http};
/// use cutout::{Config, Registry};
/// # use ::http::Request;
///
/// let hosts: Arc<Registry<String>> = Arc::new(Registry::new(Config::new()));
/// let layer = {
///     let hosts = Arc::clone(&hosts);
///     CircuitBreakerLayer::keyed(move |request: &Request<String>| hosts.get(&*http::host(request)))
///         .classify(http::HttpStatus)
/// };
/// # let _ = layer;
/// # }
/// ```
#[must_use]
pub fn host<B>(request: &Request<B>) -> Cow<'_, str> {
    let uri = request.uri();
    let written = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => text(request.headers(), HOST).unwrap_or_default(),
    };
    Authority::of(written).key(uri.scheme_str())
}
