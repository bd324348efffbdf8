//! A circuit breaker in front of a [reqwest](https://docs.rs/reqwest) client (feature `reqwest`).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use cutout::reqwest::{CircuitBreakerMiddleware, Refused};
//! use cutout::{Config, Registry};
//! use reqwest_middleware::ClientBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let hosts: Arc<Registry<String>> = Arc::new(Registry::new(Config::new()));
//! let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
//! let client = ClientBuilder::new(http)
//!     .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
//!     .build();
//!
//! hosts.get("api.example.com:80").force_open();
//! let error = client.get("http://api.example.com/orders").send().await.unwrap_err();
//! let refused = Refused::find(&error).expect("no request was made");
//! assert_eq!(refused.host(), "api.example.com:80");
//! # Ok(())
//! # }
//! ```
//!
//! | the call | counts as |
//! | --- | --- |
//! | a response | what [`tower::http`](crate::tower::http) makes of it, its `Retry-After` included |
//! | no connection, a timeout, an answer that breaks off | failure |
//! | a redirect that the client refuses to follow | success: the host answered |
//! | a request that could not be built | ignored: it is not the host's fault |
//! | a request whose body breaks off, or is still awaited when the time is over | ignored: so is that |
//! | an error that middleware further inside made of a status | what the status is |
//! | an error with a [`Rejected`] or a [`BulkheadRejected`] in it, from further inside | ignored |
//! | another middleware's error | failure |
//!
//! [`Rejected`]: crate::Rejected
//! [`BulkheadRejected`]: crate::BulkheadRejected
//!
//! # Where it stands
//!
//! The middleware settles a call when the head of the response is there; what becomes of the body
//! is the caller's business. A middleware that retries goes outside, before this one in the order
//! of `with`: then each attempt is admitted by itself. Redirects are followed inside of reqwest,
//! and count for the host that was asked first.
//!
//! The timeout of reqwest's own client is inside as well, where it has to be. Set one: by default
//! reqwest waits for ever, and a host that hangs never opens its circuit. A caller that gives up
//! cancels the call, which says nothing about the host.
//!
//! # As a tower service
//!
//! A reqwest client is a tower service by itself, and the
//! [layer](crate::tower::CircuitBreakerLayer) works on it, with [`host`] and [`report`] for what is
//! reqwest's own. The layer sees no more than how a call ends: of a body that fails it hears over
//! HTTP/1 alone, and of one that does not come not at all. Where others send the bodies, take the
//! middleware.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use cutout::reqwest::{host, report};
//! use cutout::tower::CircuitBreakerLayer;
//! use cutout::{Config, Registry};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let hosts: Arc<Registry<String>> = Arc::new(Registry::new(Config::new()));
//! let layer = {
//!     let hosts = Arc::clone(&hosts);
//!     CircuitBreakerLayer::keyed(move |request: &reqwest::Request| hosts.get(&*host(request)))
//!         .classify_with(report)
//! };
//! let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
//! let client = ServiceBuilder::new().layer(layer).service(http);
//!
//! hosts.get("api.example.com:80").force_open();
//! let request = reqwest::Request::new(reqwest::Method::GET, "http://api.example.com/".parse()?);
//! assert!(client.oneshot(request).await.unwrap_err().rejected().is_some());
//! # Ok(())
//! # }
//! ```

mod body;
mod classify;
mod host;
mod refused;

pub use classify::{judge, report};
pub use host::{PerHost, host};
pub use refused::{Refused, rejected};

use core::fmt;
use core::future::poll_fn;
use core::ops::Deref;
use std::sync::Arc;

use ::reqwest::{Request, Response};
use cutout_core::{Clock, Observer, Outcome, Report};
use http::Extensions;
use reqwest_middleware::{Error, Middleware, Next};

use crate::adapters::tower::{Breaker, Keyed, SelectBreaker, Single};
use crate::registry::Registry;

/// How a call ended, and what that says about the host.
type Judge = fn(Result<&Response, &Error>) -> Report;

/// Puts a breaker in front of a client's requests: one per host, unless told otherwise. See the
/// [module](self).
///
/// A refused request is [`Error::Middleware`] with a [`Refused`] in it, which knows the host.
///
/// # Cancellation
///
/// A call whose future is dropped before the head of the response is there is cancelled, also where
/// a panic elsewhere drops it. One that panics itself is a failure.
#[derive(Clone, Copy)]
pub struct CircuitBreakerMiddleware<B, J = Judge> {
    breakers: B,
    judge: J,
}

/// # Constructing
impl<C: Clock, O: Observer> CircuitBreakerMiddleware<PerHost<C, O>> {
    /// A breaker for each host, made at its first request. The key is that of [`host`].
    pub const fn per_host(hosts: Arc<Registry<String, C, O>>) -> Self {
        Self { breakers: PerHost(hosts), judge }
    }
}

/// # Constructing with one breaker
impl<P: Deref<Target: Breaker> + Clone> CircuitBreakerMiddleware<Single<P>> {
    /// One breaker for all requests: for a client that calls one dependency.
    pub const fn new(breaker: P) -> Self {
        Self { breakers: Single(breaker), judge }
    }
}

/// # Constructing with keys of one's own
impl<F> CircuitBreakerMiddleware<Keyed<F>> {
    /// The breaker that `find` finds for each request: by its route, by its tenant.
    pub const fn keyed<P>(find: F) -> Self
    where
        F: Fn(&Request) -> P,
        P: Deref<Target: Breaker>,
    {
        Self { breakers: Keyed(find), judge }
    }
}

/// # Judging
impl<B, J> CircuitBreakerMiddleware<B, J> {
    /// Has a function judge how calls end, instead of [`judge`]. It is not asked about requests
    /// whose own body fails, which are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cutout::reqwest::{CircuitBreakerMiddleware, judge};
    /// use cutout::{Config, Registry, Report};
    ///
    /// let hosts: Arc<Registry<String>> = Arc::new(Registry::new(Config::new()));
    /// let middleware = CircuitBreakerMiddleware::per_host(hosts).classify_with(
    ///     |result: Result<&reqwest::Response, &reqwest_middleware::Error>| match result {
    ///         Ok(response) if response.status() == 501 => Report::SUCCESS,
    ///         other => judge(other),
    ///     },
    /// );
    /// # let _ = middleware;
    /// ```
    pub fn classify_with<L, R>(self, judge: L) -> CircuitBreakerMiddleware<B, L>
    where
        L: Fn(Result<&Response, &Error>) -> R,
        R: Into<Report>,
    {
        CircuitBreakerMiddleware { breakers: self.breakers, judge }
    }
}

#[async_trait::async_trait]
impl<B, J, R> Middleware for CircuitBreakerMiddleware<B, J>
where
    B: SelectBreaker<Request, Share: Send> + Send + Sync + 'static,
    J: Fn(Result<&Response, &Error>) -> R + Send + Sync + 'static,
    R: Into<Report>,
{
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let mut permit = self
            .breakers
            .admit(&request)
            .map_err(|rejected| Error::middleware(Refused::new(&host(&request), rejected)))?;
        let body = body::watch(&mut request);
        let mut call = permit.run(|| next.run(request, extensions));
        let result = poll_fn(|cx| permit.run(|| call.as_mut().poll(cx))).await;
        if body.is_some_and(|body| body::is_callers_failure(&body, &result)) {
            permit.settle(Outcome::Ignored);
            return result;
        }
        let report = permit.run(|| (self.judge)(result.as_ref()).into());
        permit.settle(report);
        result
    }
}

impl<B: fmt::Debug, J> fmt::Debug for CircuitBreakerMiddleware<B, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerMiddleware")
            .field("breakers", &self.breakers)
            .finish_non_exhaustive()
    }
}
