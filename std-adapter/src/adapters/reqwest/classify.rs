//! `report` and `judge`: what the end of a call says about the host.

use core::error::Error as _;

use ::reqwest::Response;
use cutout_core::{Rejected, Report};
use reqwest_middleware::Error;

use super::refused::find;
use crate::adapters::tower::http::report_of;
use crate::resilience::bulkhead::BulkheadRejected;

/// What the end of a call of reqwest's client says about the host: a response by its status and its
/// `Retry-After`, an error that a status was made into by that status, a redirect that the client
/// refuses to follow as a success, a request that could not be built or whose body broke off as
/// [`Ignored`](Report::IGNORED), any other error as a failure.
///
/// # Examples
///
/// `call_async` of a breaker or a policy would count each response as a success, one of status 500
/// too. `call_async_with` judges it. It has a `&Result`, and this takes a `Result` of references,
/// so a closure stands between them:
///
/// ```
/// use std::time::Duration;
/// use cutout::reqwest::report;
/// use cutout::{CircuitBreaker, Config, Error};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}", listener.local_addr()?);
/// # drop(listener);
/// let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
/// let host = CircuitBreaker::new(Config::new());
/// let call = client.get(url).send(); // nobody listens there
/// let result = host.call_async_with(call, |result| report(result.as_ref())).await;
/// assert!(matches!(result, Err(Error::Inner(_))));
/// assert_eq!(host.totals().failures, 1);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn report(result: Result<&Response, &::reqwest::Error>) -> Report {
    match result {
        Ok(response) => report_of(response.status(), response.headers()),
        Err(error) if error.is_builder() || is_of_request_body(error) => Report::IGNORED,
        // The host answered well, and the client would not go where it was sent.
        Err(error) if error.is_redirect() => Report::SUCCESS,
        Err(error) => match error.status() {
            // `error_for_status` has dropped the headers.
            Some(status) => report_of(status, &http::HeaderMap::new()),
            None => Report::FAILURE,
        },
    }
}

/// Whether sending the request failed by its body. The body of a response that breaks off is an
/// error by itself; that of the request is the cause of one.
fn is_of_request_body(error: &::reqwest::Error) -> bool {
    let mut cause = error.source().filter(|_| error.is_request());
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(::reqwest::Error::is_body) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The same of a client that has middleware: what [`CircuitBreakerMiddleware`] goes by. It looks
/// through what other middleware has put around an error.
///
/// [`CircuitBreakerMiddleware`]: super::CircuitBreakerMiddleware
#[must_use]
pub fn judge(result: Result<&Response, &Error>) -> Report {
    match result {
        Ok(response) => report(Ok(response)),
        Err(error) if refused(error) => Report::IGNORED,
        Err(error) => match find(error) {
            Some(error) => report(Err(error)),
            None => Report::FAILURE,
        },
    }
}

fn refused(error: &Error) -> bool {
    find::<Rejected>(error).is_some() || find::<BulkheadRejected>(error).is_some()
}
