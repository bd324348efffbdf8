//! A page of an upstream, asked for through a breaker, a bulkhead and a timeout.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, Uri};
use axum::response::IntoResponse;
use bytes::Bytes;
use cutout::metrics::MetricsObserver;
use cutout::tower::{Refusal, http};
use cutout::{
    AttemptError, Bulkhead, CircuitBreaker, Config, Policy, PolicyError, Registry, RegistryError,
    Report, StdClock, TokioTimer,
};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::scrape::Page;

/// How long an upstream may take. A loopback host answers in well under a millisecond.
const LIMIT: Duration = Duration::from_millis(250);

/// Calls to one upstream at a time: more than it needs while it is well, and half of what the
/// service works on at once, so that a host that hangs cannot have it all.
const PLACES: u32 = 32;

/// The defaults. A host that hangs fails slowly: it takes the limit for each of its places to fail
/// once, and against the successes of the last half minute such failures weigh little for long. The
/// defaults also open on 20 failures in a row, which is less than the places, so that the first
/// timeouts are enough.
const BREAKERS: Config = Config::new();

type Error = Box<dyn core::error::Error + Send + Sync>;

/// A breaker whose changes are counted for the page of metrics.
pub(crate) type Breaker = CircuitBreaker<StdClock, MetricsObserver>;

/// The upstream hosts, and what stands in front of each.
#[derive(Debug)]
pub struct Hosts {
    client: Client<HttpConnector, Empty<Bytes>>,
    /// One for each host that was called. The admin routes look at them and make none.
    pub(crate) breakers: Arc<Registry<String, StdClock, MetricsObserver>>,
    /// One for each host that may be called.
    bulkheads: HashMap<String, Arc<Bulkhead>>,
    pub(crate) page: Page,
    protected: bool,
}

impl Hosts {
    /// Hosts by their addresses, such as `127.0.0.1:8081`; with nothing in front of them unless
    /// `protected`.
    ///
    /// # Errors
    ///
    /// If a setting of the breakers is out of its range.
    pub fn new(
        hosts: impl IntoIterator<Item = String>,
        protected: bool,
    ) -> Result<Self, RegistryError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let page = Page::new();
        let metrics = page.metrics.clone();
        let breakers = Registry::builder(BREAKERS)
            .with_observer(move |host: &String| metrics.observer(host))
            .build()?;
        let breakers = Arc::new(breakers);
        page.metrics.register_registry(&breakers, String::clone);
        let bulkheads = hosts.into_iter().map(|host| {
            let bulkhead = Arc::new(Bulkhead::new(PLACES));
            page.metrics.register_bulkhead(&host, &bulkhead);
            (host, bulkhead)
        });
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            bulkheads: bulkheads.collect(),
            breakers,
            page,
            protected,
        })
    }

    /// The page of `host`, with whatever is in front of it.
    async fn fetch_page(
        &self,
        host: &str,
        bulkhead: &Bulkhead,
    ) -> Result<Response<Bytes>, PolicyError<Error>> {
        let fetch = || self.fetch(host);
        if !self.protected {
            return Policy::new().call_async(fetch).await;
        }
        Policy::new()
            .timer(TokioTimer)
            .breaker(self.breakers.get(host))
            .bulkhead(bulkhead)
            .timeout(LIMIT)
            .call_async_with(fetch, judge)
            .await
    }

    /// Asks `host` for its page and reads it to its end, so that a body that hangs is a call that
    /// hangs.
    async fn fetch(&self, host: &str) -> Result<Response<Bytes>, Error> {
        let uri = Uri::builder().scheme("http").authority(host).path_and_query("/").build()?;
        let (head, body) = self.client.get(uri).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

/// What an answer says about the host that gave it.
fn judge(result: &Result<Response<Bytes>, Error>) -> Report {
    match result {
        Ok(response) => http::report(response),
        Err(_) => Report::FAILURE,
    }
}

/// `GET /pages/{host}`.
pub(crate) async fn page(
    State(hosts): State<Arc<Hosts>>,
    Path(host): Path<String>,
) -> Response<Body> {
    match hosts.bulkheads.get(&host) {
        Some(bulkhead) => answer(hosts.fetch_page(&host, bulkhead).await),
        // What users ask for must not become a host that is called, nor a breaker.
        None => (StatusCode::NOT_FOUND, "no such host\n").into_response(),
    }
}

/// What the user is told of how the call ended.
fn answer(result: Result<Response<Bytes>, PolicyError<Error>>) -> Response<Body> {
    let failure = match result {
        Ok(page) if page.status().is_server_error() => {
            return (StatusCode::BAD_GATEWAY, "the host failed\n").into_response();
        }
        Ok(page) => return (page.status(), page.into_body()).into_response(),
        Err(error) => error.failure,
    };
    match failure {
        AttemptError::Rejected(rejected) => http::unavailable(Refusal::Circuit(rejected)),
        AttemptError::BulkheadRejected(rejected) => http::unavailable(Refusal::Bulkhead(rejected)),
        AttemptError::TimedOut(_) => {
            (StatusCode::GATEWAY_TIMEOUT, "the host hangs\n").into_response()
        }
        _ => (StatusCode::BAD_GATEWAY, "the host cannot be reached\n").into_response(),
    }
}
