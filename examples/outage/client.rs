//! A user: calls the server, reads the answer, thinks, calls again.
//!
//! This is the file to copy from. With a breaker or without, the call is the same.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use cutout::{Clock, Error, Instant, Outcome, StdClock};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::dice::Dice;
use crate::recorder::Breaker;

/// What all clients of a run have in common.
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Empty<Bytes>>,
    uri: Uri,
    limit: Duration,
    breaker: Option<Breaker>,
    start: Instant,
    /// Calls that ran, counted by the calls themselves.
    pub(crate) ran: AtomicU64,
    pub(crate) good: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// One call, as its user saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it began, since the run began.
    pub(crate) start: Duration,
    pub(crate) latency: Duration,
    pub(crate) ending: Ending,
}

/// How a call ended for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the answer.
    Good,
    /// It ran, and there was a 503, no connection, or no answer in time.
    Error,
    /// The breaker refused it.
    Refused,
}

impl Sample {
    /// When the user had the answer.
    pub(crate) fn end(&self) -> Duration {
        self.start + self.latency
    }
}

impl Client {
    pub(crate) fn new(
        port: u16,
        limit: Duration,
        breaker: Option<Breaker>,
    ) -> Result<Self, Failure> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            uri: format!("http://127.0.0.1:{port}/").parse()?,
            limit,
            breaker,
            start: StdClock.now(),
            ran: AtomicU64::new(0),
            good: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    pub(crate) const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// The time since the run began.
    pub(crate) fn now(&self) -> Duration {
        StdClock.now().saturating_since(self.start)
    }

    /// Calls until `end`, and returns what came of it.
    pub(crate) async fn live(self: Arc<Self>, mut dice: Dice, end: Duration) -> Vec<Sample> {
        let mut samples = Vec::new();
        loop {
            sleep(dice.millis(40, 240)).await;
            let start = self.now();
            if start >= end {
                return samples;
            }
            let ending = self.call().await;
            let latency = self.now().saturating_sub(start);
            let counter = match ending {
                Ending::Good => &self.good,
                Ending::Error => &self.errors,
                Ending::Refused => &self.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            samples.push(Sample { start, latency, ending });
        }
    }

    /// One call. The timeout is inside the breaker, which so learns of it.
    async fn call(&self) -> Ending {
        let request = async { timeout(self.limit, self.get()).await? };
        let result = match &self.breaker {
            Some(breaker) => breaker.call_async_with(request, judge).await,
            None => request.await.map_err(Error::Inner),
        };
        match result {
            Err(Error::Rejected(_)) => Ending::Refused,
            Ok(status) if is_good(status) => Ending::Good,
            Ok(_) | Err(Error::Inner(_)) => Ending::Error,
        }
    }

    async fn get(&self) -> Result<StatusCode, Failure> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        let response = self.http.get(self.uri.clone()).await?;
        let status = response.status();
        response.into_body().collect().await?; // so that the connection can be used again
        Ok(status)
    }
}

/// What the breaker is to think of a call: no answer in time, no connection and any 5xx is a
/// failure.
fn judge(result: &Result<StatusCode, Failure>) -> Outcome {
    match result {
        Ok(status) if is_good(*status) => Outcome::Success,
        _ => Outcome::Failure,
    }
}

fn is_good(status: StatusCode) -> bool {
    !status.is_server_error()
}
