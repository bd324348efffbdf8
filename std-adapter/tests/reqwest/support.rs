//! Servers that do as the path says, and clients with our middleware.

use core::future::pending;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use cutout::reqwest::CircuitBreakerMiddleware;
use cutout::{Config, ManualClock, Registry};
use http::Extensions;
use http_body::{Body, Frame};
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use tokio::net::TcpListener;
use tokio::sync::Notify;

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
        .route("/circle", get(async || Redirect::temporary("/circle")))
        .route("/elsewhere", get(async || Redirect::temporary("ftp://elsewhere.example/")))
        .route("/upload", post(async |body: Bytes| format!("{} bytes", body.len())))
        .route("/hang-up", post(async |_: Bytes| pending::<&str>().await))
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

/// What a request's body does when it is asked for more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Data,
    BreakOff,
    Hang,
    Panic,
}

/// The body of a request that comes in parts.
#[derive(Debug)]
pub(crate) struct Parts(VecDeque<Part>, Arc<Notify>);

impl Parts {
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect(), Arc::default())
    }

    /// Tells when the body is asked for a part that does not come.
    pub(crate) fn hangs(&self) -> Arc<Notify> {
        Arc::clone(&self.1)
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.0.front() {
            None => Poll::Ready(None),
            Some(Part::Hang) => {
                self.1.notify_one();
                Poll::Pending
            }
            Some(Part::Panic) => panic!("in the body"),
            Some(Part::BreakOff) => Poll::Ready(Some(Err("the caller has gone"))),
            Some(Part::Data) => {
                self.0.pop_front();
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))))
            }
        }
    }
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
pub(crate) struct StopReason(pub(crate) Error);

impl core::fmt::Display for StopReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("gave up")
    }
}

impl core::error::Error for StopReason {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.0)
    }
}
