//! A reqwest client with a breaker for each host, against a real server on the loopback interface.

use core::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use cutout::reqwest::{BreakerPerHost, Refused};
use cutout::{Config, ManualClock, Registry, RejectReason, State};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tokio::net::TcpListener;

/// A server that answers with what it is told, and counts.
#[derive(Default)]
struct Server {
    status: AtomicU16,
    requests: AtomicU32,
}

/// Starts one, and says where it listens.
async fn serve() -> (Arc<Server>, String) {
    let server = Arc::new(Server::default());
    server.status.store(200, Relaxed);
    let shared = Arc::clone(&server);
    let answer = move || {
        let server = Arc::clone(&shared);
        async move {
            server.requests.fetch_add(1, Relaxed);
            let status = StatusCode::from_u16(server.status.load(Relaxed)).unwrap();
            (status, [(header::RETRY_AFTER, "77")]).into_response()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (server, address)
}

type Breakers = BreakerPerHost<&'static ManualClock>;

/// A client whose breakers open after two failures in a row, on a clock that is moved by hand.
fn client() -> (ClientWithMiddleware, Breakers, &'static ManualClock) {
    let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::new()));
    let config = Config::new().without_failure_rate().consecutive_failures(2).trials(1);
    let hosts = Registry::<String>::builder(config).clock(clock).build().unwrap();
    let breakers = BreakerPerHost::over(Arc::new(hosts));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    (ClientBuilder::new(client).with(breakers.clone()).build(), breakers, clock)
}

#[tokio::test]
async fn the_circuit_of_a_host_that_fails_opens_and_the_others_stay_closed() {
    let ((ill, ill_at), (well, well_at)) = (serve().await, serve().await);
    let (client, breakers, clock) = client();
    let get = async |host: &str| client.get(format!("http://{host}/")).send().await;
    ill.status.store(503, Relaxed);
    for _ in 0..2 {
        assert_eq!(get(&ill_at).await.unwrap().status(), 503, "it is passed on");
        assert_eq!(get(&well_at).await.unwrap().status(), 200);
    }
    let error = get(&ill_at).await.unwrap_err();
    let refused = Refused::find(&error).unwrap();
    assert_eq!(refused.host(), ill_at);
    assert_eq!(refused.rejected().reason(), RejectReason::Open);
    assert_eq!(refused.rejected().retry_after(), Some(Duration::from_secs(77)), "as it asked");
    assert!(get(&well_at).await.is_ok());
    assert_eq!((ill.requests.load(Relaxed), well.requests.load(Relaxed)), (2, 3));
    assert_eq!(breakers.hosts().len(), 2);

    clock.advance(Duration::from_secs(77));
    ill.status.store(200, Relaxed);
    assert!(get(&ill_at).await.is_ok());
    assert_eq!(breakers.hosts().get(&ill_at).state(), State::Closed);
}

#[tokio::test]
async fn what_the_server_answers_is_judged_by_its_status() {
    let (server, at) = serve().await;
    let (client, breakers, _) = client();
    for (status, failures, in_a_row) in [(404, 0, 0), (500, 1, 1), (429, 2, 1), (400, 2, 0)] {
        server.status.store(status, Relaxed);
        client.get(format!("http://{at}/")).send().await.unwrap();
        let snapshot = breakers.hosts().get(&at).snapshot();
        let seen = (snapshot.totals.failures, snapshot.consecutive_failures);
        assert_eq!(seen, (failures, in_a_row), "after {status}");
    }
}

#[tokio::test]
async fn a_host_that_nobody_listens_at_is_a_failure() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (client, breakers, _) = client();
    let url = format!("http://user:word@{closed}/").parse().unwrap();
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    assert!(Refused::find(&client.execute(request).await.unwrap_err()).is_none());
    assert_eq!(breakers.hosts().get(&closed.to_string()).totals().failures, 1, "no user, no word");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (client, breakers, _) = client();
    let mut request = Box::pin(client.get(format!("http://{at}/")).send());
    // It is sent, and nobody answers.
    tokio::select! {
        _ = &mut request => panic!("nobody answers"),
        accepted = listener.accept() => { accepted.unwrap(); }
    }
    drop(request);
    let totals = breakers.hosts().get(&at).totals();
    assert_eq!((totals.cancelled, totals.settled()), (1, 1));
}

#[tokio::test]
async fn what_another_middleware_refuses_says_nothing_about_the_server() {
    struct No;

    #[async_trait::async_trait]
    impl Middleware for No {
        async fn handle(
            &self,
            _: reqwest::Request,
            _: &mut http::Extensions,
            _: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            Err(reqwest_middleware::Error::middleware(std::io::Error::other("no")))
        }
    }

    let breakers = BreakerPerHost::new(Config::new());
    let client = ClientBuilder::new(reqwest::Client::new()).with(breakers.clone()).with(No).build();
    assert!(client.get("http://shop.example/").send().await.is_err());
    assert_eq!(breakers.hosts().get("shop.example").totals().ignored, 1);
}

#[tokio::test]
async fn the_tower_layer_goes_on_a_client_of_reqwest_as_it_is() {
    use cutout::tower::CircuitBreakerLayer;
    use tower::{ServiceBuilder, ServiceExt};

    let (server, at) = serve().await;
    static BREAKER: cutout::CircuitBreaker =
        cutout::CircuitBreaker::new(Config::new().without_failure_rate().consecutive_failures(1));
    let judge = |result: Result<&reqwest::Response, &reqwest::Error>| match result {
        Ok(response) => cutout::tower::http::report_of(response.status(), response.headers()),
        Err(_) => cutout::Outcome::Failure.into(),
    };
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(&BREAKER).classify_with(judge))
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let request =
        || reqwest::Request::new(reqwest::Method::GET, format!("http://{at}/").parse().unwrap());
    server.status.store(500, Relaxed);
    assert_eq!(client.clone().oneshot(request()).await.unwrap().status(), 500);
    assert!(matches!(client.oneshot(request()).await, Err(cutout::Error::Rejected(_))));
    assert_eq!(server.requests.load(Relaxed), 1);
}
