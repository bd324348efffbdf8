//! A user: calls the server, reads the answer, thinks, calls again.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use cutout::{Clock, Instant, PolicyError, StdClock};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::sleep;

use crate::Failure;
use crate::dice::Dice;
use crate::gauge::Gauge;
use crate::guard::{Answer, Guard};
use crate::server;

/// What all clients of a run have in common.
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Empty<Bytes>>,
    uri: Uri,
    limit: Duration,
    guard: Guard,
    start: Instant,
    /// Calls that ran, counted by the calls themselves.
    pub(crate) ran: AtomicU64,
    /// Calls that run.
    pub(crate) in_flight: Gauge,
    endings: [AtomicU64; Ending::ALL.len()],
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
    /// With the server's answer.
    Good,
    /// With an older answer, from the fallback.
    StaleResult,
    /// With an error: it ran, and there was a 503, no connection, or no answer in time; or with
    /// what is no answer of the server's at all.
    Error,
    /// With an error: it was refused, and there was no fallback.
    Refused,
}

impl Ending {
    pub(crate) const ALL: [Self; 4] = [Self::Good, Self::StaleResult, Self::Error, Self::Refused];

    fn of(result: &Result<Answer, PolicyError<io::Error>>) -> Self {
        match result {
            Ok(answer) if answer.text != server::ANSWER => Self::Error,
            Ok(Answer { is_stale: false, .. }) => Self::Good,
            Ok(Answer { is_stale: true, .. }) => Self::StaleResult,
            Err(error) if error.refused().is_some() => Self::Refused,
            Err(_) => Self::Error,
        }
    }
}

impl Sample {
    /// When the user had the answer.
    pub(crate) fn end(&self) -> Duration {
        self.start + self.latency
    }
}

impl Client {
    pub(crate) fn new(port: u16, limit: Duration, guard: Guard) -> Result<Self, Failure> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            uri: format!("http://127.0.0.1:{port}/").parse()?,
            limit,
            guard,
            start: StdClock.now(),
            ran: AtomicU64::new(0),
            in_flight: Gauge::default(),
            endings: Default::default(),
        })
    }

    pub(crate) const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The time since the run began.
    pub(crate) fn now(&self) -> Duration {
        StdClock.now().saturating_since(self.start)
    }

    /// How many calls have ended so.
    pub(crate) fn count(&self, ending: Ending) -> u64 {
        self.endings[ending as usize].load(Ordering::Relaxed)
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
            let ending = Ending::of(&self.guard.call(self.limit, || self.get()).await);
            let latency = self.now().saturating_sub(start);
            self.endings[ending as usize].fetch_add(1, Ordering::Relaxed);
            samples.push(Sample { start, latency, ending });
        }
    }

    /// The call itself. A 5xx is a failure, as no connection is.
    async fn get(&self) -> io::Result<Answer> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        let _here = self.in_flight.count();
        let response = self.http.get(self.uri.clone()).await.map_err(io::Error::other)?;
        let status = response.status();
        // To its end, so that the connection can be used again.
        let text = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        if status.is_server_error() {
            return Err(io::Error::other(format!("the server says {status}")));
        }
        Ok(Answer { text, is_stale: false })
    }
}
