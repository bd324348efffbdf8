//! Servers that do as the path says, and clients with our middleware.

use core::future::pending;
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use cutout::reqwest::CircuitBreakerMiddleware;
use cutout::{Config, ManualClock, Registry};
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use tokio::net::TcpListener;

pub(crate) type Hosts = Registry<String, &'static ManualClock>;

/// Two failures in a row open a circuit for five seconds, and one trial decides.
pub(crate) const CONFIG: Config =
    Config::new().consecutive_failures(2).break_duration(Duration::from_secs(5)).trials(1);

pub(crate) fn hosts() -> Arc<Hosts> {
    let clock: &'static ManualClock = Box::leak(Box::default());
    Arc::new(Registry::builder(CONFIG).clock(clock).build().unwrap())
}

pub(crate) fn per_host(hosts: &Arc<Hosts>) -> ClientWithMiddleware {
    client(CircuitBreakerMiddleware::per_host(Arc::clone(hosts)))
}

pub(crate) fn client(middleware: impl Middleware) -> ClientWithMiddleware {
    ClientBuilder::new(bare()).with(middleware).build()
}

/// A client that no proxy of the environment is between.
pub(crate) fn bare() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A server on a free port: its address is its name.
pub(crate) async fn server() -> String {
    let app = Router::new()
        .route("/ok", get(async || "fine"))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
        .route("/bad", get(async || StatusCode::BAD_REQUEST))
        .route("/fail", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/busy", get(async || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")])))
        .route("/down", get(async || (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "9")])))
        .route("/hang", get(pending::<&str>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

/// A port where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

pub(crate) async fn ask(
    client: &ClientWithMiddleware,
    host: &str,
    path: &str,
) -> Result<u16, Error> {
    let response = client.get(format!("http://{host}{path}")).send().await?;
    Ok(response.status().as_u16())
}

/// How the calls of a host ended: successes, failures, ignored, cancelled.
pub(crate) fn ends(hosts: &Hosts, host: &str) -> [u64; 4] {
    let totals = hosts.peek(host).unwrap().totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

pub(crate) fn retry_after(hosts: &Hosts, host: &str) -> Option<Duration> {
    hosts.peek(host).unwrap().snapshot().retry_after
}

/// Middleware that never asks the server.
pub(crate) struct Instead<F>(pub(crate) F);

#[async_trait::async_trait]
impl<F: Fn() -> Error + Send + Sync + 'static> Middleware for Instead<F> {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response, Error> {
        Err((self.0)())
    }
}

/// Middleware that makes something else of how a call ended.
pub(crate) struct Then<F>(pub(crate) F);

#[async_trait::async_trait]
impl<F> Middleware for Then<F>
where
    F: Fn(Result<Response, Error>) -> Result<Response, Error> + Send + Sync + 'static,
{
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        (self.0)(next.run(request, extensions).await)
    }
}

/// A client that has our middleware, and `inner` behind it.
pub(crate) fn in_front_of(hosts: &Arc<Hosts>, inner: impl Middleware) -> ClientWithMiddleware {
    ClientBuilder::new(bare())
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(hosts)))
        .with(inner)
        .build()
}

/// An error of middleware that retries, such as that of reqwest-retry: its source is the client's.
#[derive(Debug)]
pub(crate) struct GaveUp(pub(crate) Error);

impl core::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("gave up")
    }
}

impl core::error::Error for GaveUp {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.0)
    }
}
