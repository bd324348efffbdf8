//! An axum service that calls two upstream hosts: what a service looks like that uses cutout.
//!
//! `cargo run --release -p cutout-service` starts it and its upstreams, and says what can be asked
//! of them. `--without` runs the same service without a breaker, a bulkhead and a timeout.
//!
//! | file | holds |
//! | --- | --- |
//! | `pages.rs` | what users ask for: a page of an upstream, through a [`Policy`](cutout::Policy) |
//! | `health.rs` | what a load balancer asks for: how the service is, by its breakers |
//! | `scrape.rs` | what Prometheus asks for: the breakers and the bulkheads |
//! | `admin.rs` | what people on duty ask for: the breakers, and to force them |
//! | `upstream.rs` | a host that is well, fails or hangs, as it is told over HTTP |

#![forbid(unsafe_code)]

mod admin;
mod health;
mod pages;
mod scrape;
mod upstream;

pub use admin::Action;
pub use health::Health;
pub use pages::Hosts;
pub use upstream::{Behaviour, serve, upstream};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tower::limit::GlobalConcurrencyLimitLayer;

/// The service in front of `hosts`. It works on `at_once` pages at a time, in all, and the others
/// wait: some such limit every service has, be it of threads, of sockets or of memory. Health,
/// metrics and the admin routes are not under it.
///
/// A client that can reach the admin routes can shut the service off. Here they share the port of
/// the pages, on a loopback address. In production, give them a port of their own, or a login.
pub fn service(hosts: Arc<Hosts>, at_once: usize) -> Router {
    let pages = Router::new()
        .route("/pages/{host}", get(pages::page))
        .layer(GlobalConcurrencyLimitLayer::new(at_once));
    Router::new()
        .route("/health", get(health::health))
        .route("/metrics", get(scrape::scrape))
        .route("/breakers", get(admin::list))
        .route("/breakers/{host}/{action}", post(admin::act))
        .merge(pages)
        .with_state(hosts)
}
