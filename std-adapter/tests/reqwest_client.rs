//! A client of reqwest, behind our middleware and behind our layer, on the loopback interface. The
//! time of the breakers is moved by hand.

use core::future::pending;
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use cutout::reqwest::{CircuitBreakerMiddleware, host, judge, rejected, report};
use cutout::tower::CircuitBreakerLayer;
use cutout::{CircuitBreaker, Config, ManualClock, Outcome, Registry, State};
use http::Extensions;
use reqwest::{Client, Method, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};

type Hosts = Registry<String, &'static ManualClock>;

/// Two failures in a row open a circuit for five seconds, and one trial decides.
const CONFIG: Config =
    Config::new().consecutive_failures(2).break_duration(Duration::from_secs(5)).trials(1);

fn hosts() -> Arc<Hosts> {
    let clock: &'static ManualClock = Box::leak(Box::default());
    Arc::new(Registry::builder(CONFIG).clock(clock).build().unwrap())
}

fn per_host(hosts: &Arc<Hosts>) -> ClientWithMiddleware {
    client(CircuitBreakerMiddleware::per_host(Arc::clone(hosts)))
}

fn client(middleware: impl Middleware) -> ClientWithMiddleware {
    ClientBuilder::new(bare()).with(middleware).build()
}

/// A client that no proxy of the environment is between.
fn bare() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A server on a free port: its address is its name.
async fn server() -> String {
    let app = Router::new()
        .route("/ok", get(async || "fine"))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
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
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn ask(client: &ClientWithMiddleware, host: &str, path: &str) -> Result<u16, Error> {
    let response = client.get(format!("http://{host}{path}")).send().await?;
    Ok(response.status().as_u16())
}

/// How the calls of a host ended: successes, failures, ignored, cancelled.
fn ends(hosts: &Hosts, host: &str) -> [u64; 4] {
    let totals = hosts.peek(host).unwrap().totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

fn retry_after(hosts: &Hosts, host: &str) -> Option<Duration> {
    hosts.peek(host).unwrap().snapshot().retry_after
}

#[tokio::test]
async fn each_host_has_a_breaker_of_its_own() {
    let (hosts, ill, well) = (hosts(), server().await, server().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        assert_eq!(ask(&client, &ill, "/fail").await.unwrap(), 500);
    }
    let error = ask(&client, &ill, "/ok").await.unwrap_err();
    assert_eq!(rejected(&error).unwrap().retry_after(), Some(Duration::from_secs(5)));
    assert_eq!(ask(&client, &well, "/ok").await.unwrap(), 200);
    assert_eq!(ends(&hosts, &ill), [0, 2, 0, 0], "the refused request did not run");
    assert_eq!(ends(&hosts, &well), [1, 0, 0, 0]);

    hosts.clock().advance(Duration::from_secs(5));
    assert_eq!(ask(&client, &ill, "/ok").await.unwrap(), 200);
    assert_eq!(hosts.peek(&ill).unwrap().state(), State::Closed);
}

#[tokio::test]
async fn a_refused_request_is_a_rejected_found_by_downcast() {
    let (hosts, server) = (hosts(), server().await);
    hosts.get(&server).force_open();
    match ask(&per_host(&hosts), &server, "/ok").await.unwrap_err() {
        Error::Middleware(error) => assert!(error.downcast_ref::<cutout::Rejected>().is_some()),
        other => panic!("{other}"),
    }
}

/// Middleware that says where it was.
struct Wrapping;

#[async_trait::async_trait]
impl Middleware for Wrapping {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        match next.run(request, extensions).await {
            Err(Error::Middleware(error)) => Err(Error::Middleware(error.context("on the way"))),
            other => other,
        }
    }
}

#[tokio::test]
async fn a_refusal_is_found_though_other_middleware_has_wrapped_it() {
    let hosts = hosts();
    hosts.get("host").force_open();
    let client = ClientBuilder::new(bare())
        .with(Wrapping)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    let error = ask(&client, "host", "/").await.unwrap_err();
    assert_eq!(error.to_string(), "on the way");
    assert!(rejected(&error).is_some());
}

#[tokio::test]
async fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    ask(&client, &server, "/fail").await.unwrap();
    assert_eq!(ask(&client, &server, "/down").await.unwrap(), 503);
    assert_eq!(retry_after(&hosts, &server), Some(Duration::from_secs(9)));
    hosts.clock().advance(Duration::from_secs(8));
    let error = ask(&client, &server, "/ok").await.unwrap_err();
    assert_eq!(rejected(&error).unwrap().retry_after(), Some(Duration::from_secs(1)));
    hosts.clock().advance(Duration::from_secs(1));
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
}

#[tokio::test]
async fn a_server_that_is_busy_fails_but_not_in_a_row() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..5 {
        assert_eq!(ask(&client, &server, "/busy").await.unwrap(), 429);
    }
    assert_eq!(ends(&hosts, &server), [0, 5, 0, 0]);
    assert_eq!(hosts.peek(&server).unwrap().state(), State::Closed);
}

#[tokio::test]
async fn what_is_the_fault_of_the_request_is_no_failure_of_the_server() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..3 {
        assert_eq!(ask(&client, &server, "/missing").await.unwrap(), 404);
    }
    assert_eq!(ends(&hosts, &server), [3, 0, 0, 0]);

    let unknown = Request::new(Method::GET, format!("ftp://{server}/ok").parse().unwrap());
    assert!(client.execute(unknown).await.unwrap_err().is_builder());
    assert_eq!(ends(&hosts, &server), [3, 0, 1, 0]);
}

#[tokio::test]
async fn a_server_to_which_there_is_no_connection_fails() {
    let (hosts, server) = (hosts(), nobody().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        let error = ask(&client, &server, "/ok").await.unwrap_err();
        assert!(error.is_connect() && rejected(&error).is_none());
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 2, 0, 0], State::Open));
}

#[tokio::test]
async fn a_server_that_does_not_answer_within_the_timeout_fails() {
    let (hosts, server) = (hosts(), server().await);
    let client = Client::builder().no_proxy().timeout(Duration::from_millis(20)).build().unwrap();
    let client = ClientBuilder::new(client)
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)))
        .build();
    for _ in 0..2 {
        assert!(ask(&client, &server, "/hang").await.unwrap_err().is_timeout());
    }
    assert_eq!((ends(&hosts, &server), hosts.get(&server).state()), ([0, 2, 0, 0], State::Open));
}

/// Polls once, and drops.
async fn give_up<F: Future>(future: F) {
    tokio::select! {
        biased;
        _ = future => panic!("it was to be given up"),
        () = core::future::ready(()) => {}
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_is_cancelled() {
    let (hosts, server) = (hosts(), server().await);
    give_up(ask(&per_host(&hosts), &server, "/hang")).await;
    assert_eq!(ends(&hosts, &server), [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_trial_that_is_given_up_gives_its_place_back() {
    let (hosts, server) = (hosts(), server().await);
    let client = per_host(&hosts);
    for _ in 0..2 {
        ask(&client, &server, "/fail").await.unwrap();
    }
    hosts.clock().advance(Duration::from_secs(5));
    give_up(ask(&client, &server, "/hang")).await;
    assert_eq!(hosts.get(&server).state(), State::HalfOpen);
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
    assert_eq!(hosts.get(&server).state(), State::Closed);
}

/// Middleware that never asks the server.
struct Instead<F>(F);

#[async_trait::async_trait]
impl<F: Fn() -> Error + Send + Sync + 'static> Middleware for Instead<F> {
    async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response, Error> {
        Err((self.0)())
    }
}

fn in_front_of<F>(hosts: &Arc<Hosts>, inner: F) -> ClientWithMiddleware
where
    F: Fn() -> Error + Send + Sync + 'static,
{
    ClientBuilder::new(bare())
        .with(CircuitBreakerMiddleware::per_host(Arc::clone(hosts)))
        .with(Instead(inner))
        .build()
}

#[tokio::test]
async fn what_a_breaker_further_inside_refuses_says_nothing_about_the_host() {
    let (hosts, part) = (hosts(), CircuitBreaker::new(Config::new()));
    part.force_open();
    let client = in_front_of(&hosts, move || Error::middleware(part.admit().unwrap_err()));
    for _ in 0..3 {
        assert!(rejected(&ask(&client, "host", "/").await.unwrap_err()).is_some());
    }
    assert_eq!(ends(&hosts, "host"), [0, 0, 3, 0]);
}

#[tokio::test]
async fn an_error_of_other_middleware_is_a_failure() {
    let hosts = hosts();
    let client = in_front_of(&hosts, || Error::middleware(std::io::Error::other("no token")));
    let error = ask(&client, "host", "/").await.unwrap_err();
    assert!(rejected(&error).is_none());
    assert_eq!(ends(&hosts, "host"), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_panic_further_inside_is_a_failure() {
    let hosts = hosts();
    let client = in_front_of(&hosts, || panic!("on purpose"));
    let call = tokio::spawn(async move { ask(&client, "host", "/").await.map_err(drop) });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(ends(&hosts, "host"), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_judge_that_panics_is_a_failure() {
    let (hosts, server) = (hosts(), server().await);
    let broken = CircuitBreakerMiddleware::per_host(Arc::clone(&hosts))
        .classify_with(|_: Result<&Response, &Error>| -> Outcome { panic!("on purpose") });
    let (client, at) = (client(broken), server.clone());
    let call = tokio::spawn(async move { ask(&client, &at, "/ok").await.map_err(drop) });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(ends(&hosts, &server), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_judge_of_ones_own_may_start_from_ours() {
    let (hosts, server) = (hosts(), server().await);
    let strict = CircuitBreakerMiddleware::per_host(Arc::clone(&hosts)).classify_with(
        |result: Result<&Response, &Error>| match result {
            Ok(response) if response.status() == 404 => Outcome::Failure.into(),
            other => judge(other),
        },
    );
    let client = client(strict);
    ask(&client, &server, "/missing").await.unwrap();
    ask(&client, &server, "/ok").await.unwrap();
    assert_eq!(ends(&hosts, &server), [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_breaker_may_be_chosen_otherwise_than_by_host() {
    static READS: CircuitBreaker = CircuitBreaker::new(Config::new());
    static WRITES: CircuitBreaker = CircuitBreaker::new(Config::new());
    static ALL: CircuitBreaker = CircuitBreaker::new(Config::new());
    let server = server().await;
    let by_method = CircuitBreakerMiddleware::keyed(|request: &Request| {
        if request.method() == Method::GET { &READS } else { &WRITES }
    });
    let client = ClientBuilder::new(bare())
        .with(by_method)
        .with(CircuitBreakerMiddleware::new(&ALL))
        .build();
    WRITES.force_open();
    assert_eq!(ask(&client, &server, "/ok").await.unwrap(), 200);
    let error = client.post(format!("http://{server}/ok")).send().await.unwrap_err();
    assert!(rejected(&error).is_some());
    assert_eq!((READS.totals().successes, ALL.totals().successes), (1, 1));
}

#[tokio::test]
async fn the_layer_works_on_the_client_as_a_tower_service() {
    let (hosts, ill, well) = (hosts(), server().await, server().await);
    let layer = {
        let hosts = Arc::clone(&hosts);
        CircuitBreakerLayer::keyed(move |request: &Request| hosts.get(host(request)))
            .classify_with(report)
    };
    let client = ServiceBuilder::new().layer(layer).service(bare());
    let ask = async |host: &str, path: &str| {
        let request = Request::new(Method::GET, format!("http://{host}{path}").parse().unwrap());
        client.clone().oneshot(request).await.map(|response| response.status().as_u16())
    };
    for path in ["/fail", "/down"] {
        assert!(ask(&ill, path).await.unwrap() >= 500);
    }
    let refused = ask(&ill, "/ok").await.unwrap_err();
    assert_eq!(refused.rejected().unwrap().retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(ask(&well, "/ok").await.unwrap(), 200);
    assert!(ask(&nobody().await, "/ok").await.unwrap_err().into_inner().unwrap().is_connect());
    hosts.clock().advance(Duration::from_secs(9));
    assert_eq!(ask(&ill, "/ok").await.unwrap(), 200);
    assert_eq!((ends(&hosts, &ill), ends(&hosts, &well)), ([1, 2, 0, 0], [1, 0, 0, 0]));
}
