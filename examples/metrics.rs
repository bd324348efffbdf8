//! A service that shows its breakers to Prometheus.
//!
//! Run it by `cargo run --example metrics`; it prints where it listens. It plays its dependencies
//! itself: they answer as the path says.
//!
//! | path | |
//! | --- | --- |
//! | `/metrics` | the page for Prometheus |
//! | `/bank/{answer}` | calls the bank by a policy; the answer is `ok` or `fail` |
//! | `/host/{host}/{answer}` | calls a host, with a breaker of its own |
//! | `/hold/{permits}` | holds this number of permits of the bank's bulkhead |
//! | `/force/{mode}` | the bank's breaker: `open`, `closed`, `auto`, or `due` (its break is over) |
//! | `/forget/{host}` | takes the breaker of a host out of the registry |
//!
//! `.ci/metrics` has a real Prometheus scrape it, and asks that what it should know.

use core::error::Error;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use cutout::metrics::{Durations, Metrics, MetricsObserver, Retries};
use cutout::{
    Bulkhead, CircuitBreaker, Config, OwnedBulkheadPermit, Policy, PolicyError, Rate, Registry,
    Retry, StdClock, TokioTimer, Window,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

/// As many names as get a label of their own. The default is 100; this shows what then happens.
const NAMES: usize = 4;

type Hosts = Registry<String, StdClock, MetricsObserver>;

struct Service {
    metrics: Metrics,
    page: PrometheusHandle,
    bank: Arc<CircuitBreaker<StdClock, MetricsObserver>>,
    permits: Arc<Bulkhead>,
    held: Mutex<Vec<OwnedBulkheadPermit>>,
    durations: Durations,
    retries: Retries,
    hosts: Arc<Hosts>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let recorder =
        PrometheusBuilder::new().add_global_label("application", "cutout-example").build_recorder();
    let page = recorder.handle();
    metrics::set_global_recorder(recorder)?;

    let service = Arc::new(Service::new(page)?);
    let routes = Router::new()
        .route("/metrics", get(scrape))
        .route("/bank/{answer}", get(call_bank))
        .route("/host/{host}/{answer}", get(call_host))
        .route("/hold/{permits}", get(hold))
        .route("/force/{mode}", get(force))
        .route("/forget/{host}", get(forget))
        .with_state(service);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

impl Service {
    fn new(page: PrometheusHandle) -> Result<Self, Box<dyn Error>> {
        let metrics = Metrics::builder().max_names(NAMES).resilience4j(true).build();

        let config = Config::new()
            .window(Window::count(20))
            .minimum_throughput(10)
            .slow_call_rate(Rate::percent(80))
            .slow_call_duration(Duration::from_secs(1));
        let observer = metrics.observer("bank");
        let bank = Arc::new(CircuitBreaker::try_with_observer(config, StdClock, observer)?);
        let permits = Arc::new(Bulkhead::try_new(4)?);
        metrics.register_breaker("bank", &bank);
        metrics.register_bulkhead("bank", &permits);

        let observers = metrics.clone();
        let hosts = Registry::builder(Config::new())
            .with_observer(move |host: &String| observers.observer(host))
            .build()?;
        let hosts = Arc::new(hosts);
        metrics.register_registry(&hosts, String::clone);

        let (durations, retries) = (metrics.durations("bank"), metrics.retries("bank"));
        let held = Mutex::default();
        Ok(Self { metrics, page, bank, permits, held, durations, retries, hosts })
    }
}

async fn scrape(State(service): State<Arc<Service>>) -> String {
    service.metrics.collect();
    service.page.render()
}

/// Where a dependency would be.
async fn ask(answer: &str) -> Result<&'static str, &'static str> {
    if answer == "ok" { Ok("ok\n") } else { Err("down\n") }
}

async fn call_bank(
    State(service): State<Arc<Service>>,
    Path(answer): Path<String>,
) -> (StatusCode, &'static str) {
    let policy = Policy::new()
        .timer(TokioTimer)
        .retry(Retry::fixed(Duration::from_millis(1)).max_attempts(2))
        .breaker(&*service.bank)
        .bulkhead(&*service.permits);
    let attempts = AtomicU32::new(0);
    let call = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        service.durations.measure_async(ask(&answer))
    };
    let result = policy.call_async(call).await;
    service.retries.record(&result, attempts.into_inner());
    match result {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => failed(&error),
    }
}

fn failed(error: &PolicyError<&'static str>) -> (StatusCode, &'static str) {
    if error.refused().is_some() {
        (StatusCode::SERVICE_UNAVAILABLE, "refused\n")
    } else {
        (StatusCode::BAD_GATEWAY, "down\n")
    }
}

async fn call_host(
    State(service): State<Arc<Service>>,
    Path((host, answer)): Path<(String, String)>,
) -> (StatusCode, &'static str) {
    match service.hosts.get(&host).call_async(ask(&answer)).await {
        Ok(body) => (StatusCode::OK, body),
        Err(cutout::Error::Inner(body)) => (StatusCode::BAD_GATEWAY, body),
        Err(cutout::Error::Rejected(_)) => (StatusCode::SERVICE_UNAVAILABLE, "refused\n"),
    }
}

async fn hold(State(service): State<Arc<Service>>, Path(permits): Path<usize>) -> StatusCode {
    let mut held = service.held.lock().unwrap_or_else(PoisonError::into_inner);
    held.clear();
    for _ in 0..permits {
        match service.permits.try_acquire_owned() {
            Ok(permit) => held.push(permit),
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        }
    }
    StatusCode::OK
}

async fn force(State(service): State<Arc<Service>>, Path(mode): Path<String>) -> StatusCode {
    match &*mode {
        "open" => service.bank.force_open(),
        "closed" => service.bank.force_closed(),
        "auto" => service.bank.release(),
        "due" => {
            service.bank.release();
            service.bank.open_for(Duration::ZERO);
        }
        _ => return StatusCode::NOT_FOUND,
    }
    StatusCode::OK
}

async fn forget(State(service): State<Arc<Service>>, Path(host): Path<String>) -> StatusCode {
    match service.hosts.remove(&host) {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    }
}
