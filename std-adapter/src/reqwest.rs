//! A breaker for each host that a [`reqwest`](https://docs.rs/reqwest) client talks to (feature
//! `reqwest`).
//!
//! The client is wrapped by
//! [`reqwest_middleware::ClientBuilder`](https://docs.rs/reqwest-middleware). Each attempt is judged as
//! [`tower::http`](crate::tower::http) judges a response: 5xx, an error of the connection and a timeout
//! are failures, 429 is one that is not in a row, anything else is a success, and `Retry-After`
//! lengthens the break. It is settled when the head of the response is there.
//!
//! Give the client a timeout ([`ClientBuilder::timeout`](reqwest::ClientBuilder::timeout)): it stands
//! inside, and counts as a failure. A request that is dropped is a cancelled call. A middleware that
//! retries belongs outside, so before this one in the chain.

use core::error::Error as StdError;
use core::fmt;
use std::sync::Arc;

use ::http::Extensions;
use async_trait::async_trait;
use cutout_core::{Clock, Config, Observer, Outcome, Rejected, Report};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::tower::http;
use crate::{Registry, StdClock};

/// A middleware with a breaker for each host and port.
///
/// # Examples
///
/// ```
/// use cutout::reqwest::{BreakerPerHost, Refused};
/// use cutout::Config;
/// use reqwest_middleware::ClientBuilder;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breakers = BreakerPerHost::new(Config::new());
/// let client = ClientBuilder::new(reqwest::Client::new()).with(breakers.clone()).build();
///
/// breakers.hosts().get("shop.example").force_open();
/// let error = client.get("http://shop.example/cart").send().await.unwrap_err();
/// let refused = Refused::find(&error).expect("no request was made");
/// assert_eq!(refused.host(), "shop.example");
/// # Ok(())
/// # }
/// ```
pub struct BreakerPerHost<C: Clock = StdClock, O: Observer = ()> {
    hosts: Arc<Registry<String, C, O>>,
}

impl BreakerPerHost {
    /// Breakers that share `config`, for 10,000 hosts.
    ///
    /// # Panics
    ///
    /// If a setting is out of its range. The message names the setting.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::over(Arc::new(Registry::new(config)))
    }
}

impl<C: Clock, O: Observer> BreakerPerHost<C, O> {
    /// The breakers of a registry of one's own, by host, and port where the URL says one.
    #[must_use]
    pub const fn over(hosts: Arc<Registry<String, C, O>>) -> Self {
        Self { hosts }
    }

    /// The breakers.
    #[must_use]
    pub const fn hosts(&self) -> &Arc<Registry<String, C, O>> {
        &self.hosts
    }
}

impl<C: Clock, O: Observer> Clone for BreakerPerHost<C, O> {
    fn clone(&self) -> Self {
        Self { hosts: Arc::clone(&self.hosts) }
    }
}

impl<C: Clock, O: Observer> fmt::Debug for BreakerPerHost<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerPerHost").finish_non_exhaustive()
    }
}

#[async_trait]
impl<C, O> Middleware for BreakerPerHost<C, O>
where
    C: Clock + Clone + Send + Sync + 'static,
    O: Observer + Send + Sync + 'static,
{
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let authority = request.url().authority();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let breaker = self.hosts.get(host);
        let permit = breaker
            .try_acquire()
            .map_err(|rejected| Error::middleware(Refused { host: host.to_owned(), rejected }))?;
        let result = next.run(request, extensions).await;
        permit.settle(judge(&result));
        result
    }
}

/// What the result of an attempt says about the server.
fn judge(result: &Result<Response>) -> Report {
    match result {
        Ok(response) => http::report_of(response.status(), response.headers()),
        // Another middleware's refusal says nothing about the server.
        Err(Error::Middleware(_)) => Outcome::Ignored.into(),
        Err(Error::Reqwest(_)) => Outcome::Failure.into(),
    }
}

/// No request was made: the host's circuit refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    host: String,
    rejected: Rejected,
}

impl Refused {
    /// The refusal behind `error`, if it is one.
    #[must_use]
    pub fn find(error: &Error) -> Option<&Self> {
        match error {
            Error::Middleware(error) => error.downcast_ref(),
            Error::Reqwest(_) => None,
        }
    }

    /// The host, and the port where the URL says one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Why, and for how long.
    #[must_use]
    pub const fn rejected(&self) -> &Rejected {
        &self.rejected
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.rejected)
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.rejected)
    }
}
