//! An upstream host that is well, fails or hangs, as it is told over HTTP.

use core::future::pending;
use core::str::FromStr;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

/// What a host makes of the requests it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers.
    #[default]
    Well,
    /// It answers with 500.
    Fail,
    /// It takes requests and never answers.
    Hang,
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "well" => Self::Well,
            "fail" => Self::Fail,
            "hang" => Self::Hang,
            other => return Err(format!("behaviour: must be well, fail or hang, got {other}\n")),
        })
    }
}

type Told = Arc<RwLock<Behaviour>>;

/// A host whose one page is at `/`; `POST /behave/{well|fail|hang}` says what becomes of requests
/// for it from then on. Those that hang go on hanging.
pub fn upstream() -> Router {
    Router::new()
        .route("/", get(page))
        .route("/behave/{how}", post(behave))
        .with_state(Told::default())
}

async fn page(State(told): State<Told>) -> Result<&'static str, StatusCode> {
    let behaviour = *told.read().unwrap_or_else(PoisonError::into_inner);
    match behaviour {
        Behaviour::Well => Ok("a page\n"),
        Behaviour::Fail => Err(StatusCode::INTERNAL_SERVER_ERROR),
        Behaviour::Hang => pending().await,
    }
}

async fn behave(
    State(told): State<Told>,
    Path(how): Path<String>,
) -> Result<(), (StatusCode, String)> {
    let how = how.parse().map_err(|error| (StatusCode::NOT_FOUND, error))?;
    *told.write().unwrap_or_else(PoisonError::into_inner) = how;
    Ok(())
}

/// Serves `app` at `listen`, in a task, and says where: port 0 is any free one.
///
/// # Errors
///
/// If that address cannot be had.
pub async fn serve(app: Router, listen: &str) -> io::Result<String> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?.to_string();
    let listener = listener.tap_io(|stream| {
        // Without it answers are as right, and slower.
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(address)
}
