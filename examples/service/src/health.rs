//! `GET /health`: how the service is, by the states of its breakers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use cutout::State;
use serde_json::{Value, json};

use crate::Hosts;

/// How the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All circuits are closed, or none was needed yet.
    Up,
    /// Some circuit is not closed. The service does what it can: a balancer that took it out for this
    /// would make an outage of an upstream one of the service.
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
    let states: Vec<State> = snapshots.iter().map(|(_, snapshot)| snapshot.state).collect();
    let health = Health::of(&states);
    let hosts: serde_json::Map<String, Value> = snapshots
        .into_iter()
        .map(|(host, snapshot)| (host, Value::from(snapshot.state.as_str())))
        .collect();
    (health.status(), Json(json!({ "health": health.name(), "hosts": hosts })))
}
