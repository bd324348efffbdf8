//! Bodies of requests that break off, with a bulkhead or a breaker between the breaker and the client.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use std::io;
use std::sync::Arc;

use ::http::{Request, Response};
use cutout::tower::http::{HttpStatus, WatchBodyLayer, WatchedBody};
use cutout::tower::{BulkheadLayer, CircuitBreakerLayer};
use cutout::{Bulkhead, CircuitBreaker, Config};
use http_body::Body;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Breaker, Scripted, Step, breaker, ends};

/// A client that sends the whole body, and fails if that fails or has no end yet.
async fn send<E: From<io::Error>>(
    request: Request<WatchedBody<Scripted>>,
) -> Result<Response<()>, E> {
    let mut body = request.into_body();
    let frame = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
    match frame {
        Poll::Ready(None) => Ok(Response::new(())),
        Poll::Ready(Some(Ok(_))) => Err(io::Error::other("the server went away").into()),
        _ => Err(io::Error::other("the stream was reset").into()),
    }
}

async fn ask<S: Service<Request<Scripted>>>(service: &mut S, step: Step) {
    assert!(service.ready().await.is_ok());
    assert!(service.call(Request::new(Scripted::new([step]))).await.is_err());
}

/// Three bodies that break off or are slow, and a server that goes away: `ends` afterwards.
async fn three_of_the_callers_and_one<S: Service<Request<Scripted>>>(
    whole: &Breaker,
    mut service: S,
) {
    for step in [Step::BreakOff, Step::Wait, Step::BreakOff] {
        ask(&mut service, step).await;
    }
    assert_eq!(ends(whole), [0, 0, 3, 0], "these are the caller's");
    ask(&mut service, Step::Data).await;
    assert_eq!(ends(whole), [0, 1, 3, 0], "this is the server's");
}

macro_rules! whole {
    ($breaker:expr) => {
        CircuitBreakerLayer::new(Arc::clone(&$breaker)).classify(HttpStatus).ignore_refusals()
    };
}

#[tokio::test]
async fn a_body_that_breaks_off_inside_of_a_bulkhead() {
    let (whole, places) = (breaker(), Arc::new(Bulkhead::new(1)));
    let service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(send::<io::Error>));
    three_of_the_callers_and_one(&whole, service).await;

    let whole = breaker();
    let service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(BulkheadLayer::new(places))
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(send::<BoxError>));
    three_of_the_callers_and_one(&whole, service).await;
}

#[tokio::test]
async fn a_bulkhead_that_refuses_inside_of_a_watched_body() {
    let (whole, places) = (breaker(), Arc::new(Bulkhead::new(1)));
    let mut service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(WatchBodyLayer::new(|body| body))
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .service(service_fn(send::<BoxError>));
    let held = places.try_acquire().unwrap();
    for _ in 0..3 {
        ask(&mut service, Step::Data).await;
    }
    assert_eq!(ends(&whole), [0, 0, 3, 0]);
    drop(held);
    ask(&mut service, Step::BreakOff).await;
    ask(&mut service, Step::Data).await;
    assert_eq!(ends(&whole), [0, 1, 4, 0]);
}

#[tokio::test]
async fn a_body_that_breaks_off_inside_of_a_breaker_for_a_part() {
    static PART: CircuitBreaker = CircuitBreaker::new(Config::new());
    let whole = breaker();
    let service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(CircuitBreakerLayer::new(&PART).classify(HttpStatus).ignore_refusals())
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(send::<io::Error>));
    three_of_the_callers_and_one(&whole, service).await;
    assert_eq!((PART.totals().ignored, PART.totals().failures), (3, 1));
}

#[tokio::test]
async fn a_body_that_breaks_off_in_a_box() {
    let (whole, places) = (breaker(), Arc::new(Bulkhead::new(1)));
    let service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(BulkheadLayer::new(Arc::clone(&places)).box_errors())
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(send::<io::Error>));
    three_of_the_callers_and_one(&whole, service).await;

    let whole = breaker();
    let service = ServiceBuilder::new()
        .layer(whole!(whole))
        .layer(BulkheadLayer::new(places))
        .map_err(BoxError::from)
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(send::<io::Error>));
    three_of_the_callers_and_one(&whole, service).await;
}
