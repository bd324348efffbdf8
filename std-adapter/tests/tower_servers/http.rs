//! An axum server and a client of hyper.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use ::http::{Request, Response, StatusCode, Uri};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use cutout::tower::CircuitBreakerLayer;
use cutout::tower::http::{self, HttpStatus, HttpStatusAndBody, RequestError, WatchBodyLayer};
use cutout::{Config, Error, State};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

use crate::support::{breaker, breaker_with, ends, secs};

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(uri: impl TryInto<Uri, Error: core::fmt::Debug>) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri.try_into().unwrap();
    request
}

/// Serves on a free port and says where.
async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn routes() -> Router {
    Router::new()
        .route("/ok", get(async || "fine"))
        .route("/fail", get(async || ::http::StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/busy",
            get(async || (::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")])),
        )
        .route("/hang", get(core::future::pending::<&str>))
}

async fn status<S, B, E: core::fmt::Debug>(client: &S, uri: String) -> u16
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = E> + Clone,
{
    client.clone().oneshot(request(uri)).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_axum_service_with_an_open_circuit_answers_503() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker))
        .classify(HttpStatus)
        .map_rejection(http::unavailable::<Body>);
    let host = serve(routes().layer(layer)).await;
    let client = client();
    assert_eq!(status(&client, format!("{host}/ok")).await, 200);
    for _ in 0..2 {
        assert_eq!(status(&client, format!("{host}/fail")).await, 500);
    }
    let refused = client.request(request(format!("{host}/ok"))).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    breaker.clock().advance(secs(5));
    assert_eq!(status(&client, format!("{host}/ok")).await, 200);
    assert_eq!((breaker.state(), ends(&breaker)), (State::Closed, [2, 2, 0, 0]));
}

#[tokio::test]
async fn an_axum_service_may_wait_for_the_end_of_its_own_bodies() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker))
        .classify(HttpStatusAndBody)
        .map_rejection(http::unavailable);
    let host = serve(routes().layer(layer)).await;
    let answer = client().request(request(format!("{host}/ok"))).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fine");
    assert_eq!(ends(&breaker), [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_client_leaves_alone_a_server_that_fails_or_asks_for_it() {
    let host = serve(routes()).await;
    let breaker = breaker_with(Config::new().failure_count(1));
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus))
        .service(client());
    assert_eq!(status(&client, format!("{host}/busy")).await, 429);
    let refused = client.clone().oneshot(request(format!("{host}/ok"))).await.unwrap_err();
    assert_eq!(refused.rejected().unwrap().retry_after(), Some(secs(7)), "as the server asked");
    breaker.clock().advance(secs(7));
    assert_eq!(status(&client, format!("{host}/ok")).await, 200);
    assert_eq!(status(&client, format!("{host}/fail")).await, 500);
    assert!(client.oneshot(request(format!("{host}/ok"))).await.unwrap_err().rejected().is_some());
}

#[tokio::test]
async fn a_client_leaves_alone_a_server_that_does_not_answer_in_time() {
    let host = serve(routes()).await;
    let breaker = breaker();
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus))
        .layer(TimeoutLayer::new(Duration::from_millis(20)))
        .service(client());
    for _ in 0..2 {
        let error = client.clone().oneshot(request(format!("{host}/hang"))).await.unwrap_err();
        let error: BoxError = error.into_inner().unwrap();
        assert!(error.is::<tower::timeout::error::Elapsed>());
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [0, 2, 0, 0]));
}

#[tokio::test]
async fn a_client_leaves_an_unreachable_server_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let breaker = breaker();
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus))
        .service(client());
    for _ in 0..2 {
        let error = client.clone().oneshot(request(nobody.as_str())).await.unwrap_err();
        assert!(error.into_inner().unwrap().is_connect());
    }
    assert!(client.oneshot(request(nobody)).await.unwrap_err().rejected().is_some());
}

#[tokio::test]
async fn a_client_that_waits_for_the_body_sees_it_break_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        }
    });
    let breaker = breaker();
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatusAndBody))
        .service(client());
    for _ in 0..2 {
        let answer = client.clone().oneshot(request(host.as_str())).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.is_err());
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [0, 2, 0, 0]));
}

#[tokio::test]
async fn a_breaker_for_each_host_refuses_one_host_only() {
    let (good, bad) = (serve(routes()).await, serve(routes()).await);
    let breakers = [&good, &bad].map(|host| (host.parse::<Uri>().unwrap(), breaker()));
    let by_host: HashMap<_, _> = breakers
        .iter()
        .map(|(uri, breaker)| (uri.authority().unwrap().clone(), Arc::clone(breaker)))
        .collect();
    let find = move |request: &Request<Empty<Bytes>>| {
        Arc::clone(&by_host[request.uri().authority().expect("an absolute URI")])
    };
    let client = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::keyed(find).classify(HttpStatus))
        .service(client());
    for _ in 0..2 {
        assert_eq!(status(&client, format!("{bad}/fail")).await, 500);
    }
    let refused = client.clone().oneshot(request(format!("{bad}/ok"))).await;
    assert!(matches!(refused, Err(Error::Rejected(_))));
    assert_eq!(status(&client, format!("{good}/ok")).await, 200);
    let states = breakers.map(|(_, breaker)| breaker.state());
    assert_eq!(states, [State::Closed, State::Open]);
}

#[tokio::test]
async fn a_proxys_broken_uploads_leave_the_upstream_alone() {
    let upstream = serve(Router::new().route("/", post(async |_: Bytes| "stored"))).await;
    let breaker = breaker();
    let client = ServiceBuilder::new()
        .layer(
            CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus).ignore_refusals(),
        )
        .layer(WatchBodyLayer::new(|body| body))
        .service(Client::builder(TokioExecutor::new()).build_http());
    let proxy = Router::new().fallback(async move |incoming: Request<Body>| {
        let mut outgoing = Request::post(upstream.as_str()).body(incoming.into_body()).unwrap();
        outgoing.headers_mut().insert("content-length", "100".parse().unwrap());
        match client.oneshot(outgoing).await {
            Ok(answer) => (answer.status(), ""),
            Err(Error::Inner(RequestError::Body(_))) => (StatusCode::BAD_REQUEST, ""),
            Err(_) => (StatusCode::BAD_GATEWAY, ""),
        }
    });
    let proxy = serve(proxy).await;
    let address = proxy.trim_start_matches("http://");
    for _ in 0..3 {
        let mut caller = tokio::net::TcpStream::connect(address).await.unwrap();
        caller
            .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf")
            .await
            .unwrap();
        caller.shutdown().await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let settled = async {
        while ends(&breaker) == [0; 4] || breaker.snapshot().totals.ignored < 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(secs(10), settled).await.unwrap();
    let [successes, failures, ..] = ends(&breaker);
    assert_eq!((breaker.state(), successes, failures), (State::Closed, 0, 0));
}
