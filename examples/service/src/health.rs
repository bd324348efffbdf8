//! `GET /health`: how the service is, by the states of its breakers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use cutout::{Snapshot, State};
use serde_json::{Value, json};

use crate::Hosts;

/// How the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All circuits are closed, or none was needed yet.
    Up,
    /// Some circuit is not closed. The service does what it can: a balancer that took it out for
    /// this would make an outage of an upstream one of the service.
    Degraded,
    /// All circuits are open: the service is of no use to anyone.
    Down,
}

impl Health {
    /// The health that these circuits add up to.
    #[must_use]
    pub fn of(states: &[State]) -> Self {
        if states.iter().all(|state| *state == State::Closed) {
            Self::Up
        } else if states.iter().all(|state| *state == State::Open) {
            Self::Down
        } else {
            Self::Degraded
        }
    }

    /// The health that breakers add up to that look so. An open circuit that is due counts as
    /// half-open: its next call will try. So a service whose circuits are all open, and which a
    /// balancer has taken out for that, comes back when their breaks are over: no call would
    /// otherwise ever change it.
    #[must_use]
    pub fn of_snapshots<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Self {
        let state = |snapshot: &Snapshot| {
            if snapshot.due { State::HalfOpen } else { snapshot.state }
        };
        Self::of(&snapshots.into_iter().map(state).collect::<Vec<_>>())
    }

    /// 503 if the service is down, else 200.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Up | Self::Degraded => StatusCode::OK,
            Self::Down => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

pub(crate) async fn health(Extract(hosts): Extract<Arc<Hosts>>) -> (StatusCode, Json<Value>) {
    let snapshots = hosts.breakers.snapshots();
    let health = Health::of_snapshots(snapshots.iter().map(|(_, snapshot)| snapshot));
    let hosts: serde_json::Map<String, Value> = snapshots
        .into_iter()
        .map(|(host, snapshot)| {
            let state = if snapshot.due { "due" } else { snapshot.state.as_str() };
            (host, Value::from(state))
        })
        .collect();
    (health.status(), Json(json!({ "health": health.name(), "hosts": hosts })))
}
