//! The breakers, for people: a list of them, and routes to force one. None of these makes a
//! breaker.

use core::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use cutout::Snapshot;
use serde_json::{Value, json};

use crate::Hosts;
use crate::pages::Breaker;

/// What can be done to a breaker by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refuse all calls until released.
    ForceOpen,
    /// Admit all calls until released.
    ForceClosed,
    /// Let the breaker decide again.
    Release,
    /// Close the circuit and forget its past.
    Reset,
}

impl Action {
    fn on(self, breaker: &Breaker) {
        match self {
            Self::ForceOpen => breaker.force_open(),
            Self::ForceClosed => breaker.force_closed(),
            Self::Release => breaker.release(),
            Self::Reset => breaker.reset(),
        }
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "force-open" => Self::ForceOpen,
            "force-closed" => Self::ForceClosed,
            "release" => Self::Release,
            "reset" => Self::Reset,
            other => {
                return Err(format!(
                    "action: must be force-open, force-closed, release or reset, got {other}\n"
                ));
            }
        })
    }
}

/// `GET /breakers`.
pub(crate) async fn list(State(hosts): State<Arc<Hosts>>) -> Json<Value> {
    let mut breakers = hosts.breakers.snapshots();
    breakers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Json(breakers.iter().map(|(host, snapshot)| shown(host, snapshot)).collect())
}

/// `POST /breakers/{host}/{action}`.
pub(crate) async fn act(
    State(hosts): State<Arc<Hosts>>,
    Path((host, action)): Path<(String, String)>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let action: Action = action.parse().map_err(|error| (StatusCode::NOT_FOUND, error))?;
    // Not `get`: a name that is mistyped must not become a breaker that nobody uses.
    let Some(breaker) = hosts.breakers.peek(&host) else {
        return Err((StatusCode::NOT_FOUND, format!("host: no breaker of {host}\n")));
    };
    action.on(&breaker);
    Ok(Json(shown(&host, &breaker.snapshot())))
}

fn shown(host: &str, snapshot: &Snapshot) -> Value {
    json!({
        "host": host,
        "state": snapshot.state.as_str(),
        "mode": snapshot.mode.as_str(),
        "retry_after_ms": snapshot.retry_after.map(|after| after.as_secs_f64() * 1e3),
    })
}
