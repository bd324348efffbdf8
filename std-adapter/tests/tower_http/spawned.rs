//! Each stack that the guides show, in a spawned task, which asks more of its types than a call in place.

use core::convert::Infallible;
use core::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use cutout::tower::{
    Answer, BulkheadLayer, CircuitBreakerLayer, MapRejectionLayer, Refusal, grpc, http,
};
use cutout::{Bulkhead, BulkheadRejected, CircuitBreaker, Config, Rejected};
use http_body_util::Full;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Answered = Response<Full<Bytes>>;

fn request() -> Request<()> {
    Request::new(())
}

async fn serve(_: Request<()>) -> Result<Answered, BoxError> {
    Ok(Response::new(Full::from("served")))
}

async fn never_fails(_: Request<()>) -> Result<Answered, Infallible> {
    Ok(Response::new(Full::from("served")))
}

#[tokio::test]
async fn a_static_breaker_settles_by_the_body_and_answers() {
    static HTTP: CircuitBreaker = CircuitBreaker::new(Config::new());
    static GRPC: CircuitBreaker = CircuitBreaker::new(Config::new());
    let http = CircuitBreakerLayer::new(&HTTP)
        .classify(http::HttpStatusAndBody)
        .answer_with(http::Unavailable)
        .layer(service_fn(serve));
    let grpc = CircuitBreakerLayer::new(&GRPC)
        .classify(grpc::GrpcStatus)
        .answer_with(grpc::Unavailable)
        .layer(service_fn(serve));
    HTTP.force_open();
    GRPC.force_open();

    let (mut one, mut other) = (http.clone(), grpc.clone());
    let by_hand = tokio::spawn(async move {
        let http = one.ready().await?.call(request()).await?;
        let grpc = other.ready().await?.call(request()).await?;
        Ok::<_, BoxError>((http.status().as_u16(), grpc.headers()["grpc-status"].clone()))
    });
    assert_eq!(by_hand.await.unwrap().unwrap(), (503, "14".parse().unwrap()));

    let oneshot = tokio::spawn(async move {
        let http = http.oneshot(request()).await?;
        let grpc = grpc.oneshot(request()).await?;
        Ok::<_, BoxError>((http.status().as_u16(), grpc.headers()["grpc-status"].clone()))
    });
    assert_eq!(oneshot.await.unwrap().unwrap(), (503, "14".parse().unwrap()));
}

/// An answer of one's own, whatever the body is.
#[derive(Clone)]
struct Teapot;

impl<B: Default> Answer<Response<B>> for Teapot {
    fn answer(&self, refusal: Refusal) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = match refusal {
            Refusal::Circuit(_) => ::http::StatusCode::IM_A_TEAPOT,
            _ => ::http::StatusCode::TOO_MANY_REQUESTS,
        };
        response
    }
}

#[tokio::test]
async fn refusals_of_breaker_and_bulkhead_get_an_own_answer() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    static PLACES: Bulkhead = Bulkhead::new(1);
    let service = ServiceBuilder::new()
        .layer(MapRejectionLayer::answer_with(Teapot))
        .layer(
            CircuitBreakerLayer::new(&BREAKER)
                .classify(http::HttpStatusAndBody)
                .ignore_refusals()
                .answer_with(Teapot),
        )
        .layer(BulkheadLayer::new(&PLACES))
        .service(service_fn(never_fails));
    let ask = || {
        let service = service.clone();
        let call = tokio::spawn(async move { service.oneshot(request()).await });
        async { call.await.unwrap().unwrap().status().as_u16() }
    };
    assert_eq!(ask().await, 200);
    let held = PLACES.try_acquire();
    assert_eq!(ask().await, 429);
    drop(held);
    BREAKER.force_open();
    assert_eq!(ask().await, 418);
    let bulkhead = BulkheadLayer::new(&PLACES).answer_with(Teapot).layer(service_fn(never_fails));
    let call = tokio::spawn(async move { bulkhead.oneshot(request()).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn boxed_errors_and_refusals_that_are_ignored() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    static PLACES: Bulkhead = Bulkhead::new(1);
    let mut service = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(&BREAKER).ignore_refusals().box_errors())
        .layer(BulkheadLayer::new(&PLACES).box_errors())
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(service_fn(serve));
    let boxed = BoxCloneService::new(service.clone());
    let held = PLACES.try_acquire().unwrap();

    let call = tokio::spawn(async move { service.ready().await?.call(request()).await });
    assert!(call.await.unwrap().unwrap_err().is::<BulkheadRejected>());
    let oneshot = tokio::spawn(boxed.clone().oneshot(request()));
    assert!(oneshot.await.unwrap().unwrap_err().is::<BulkheadRejected>());
    assert_eq!((BREAKER.totals().ignored, BREAKER.totals().failures), (2, 0));

    drop(held);
    let task = boxed.clone();
    let call = tokio::spawn(async move { task.oneshot(request()).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    BREAKER.force_open();
    let refused = tokio::spawn(boxed.oneshot(request())).await.unwrap().unwrap_err();
    assert!(refused.is::<Rejected>());
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn breakers_by_key_a_queue_and_backpressure() {
    use cutout::TokioTimer;

    static BREAKERS: [CircuitBreaker; 2] = [const { CircuitBreaker::new(Config::new()) }; 2];
    static PLACES: Bulkhead = Bulkhead::new(1);
    let keyed = ServiceBuilder::new()
        .layer(
            CircuitBreakerLayer::keyed(|request: &Request<()>| {
                &BREAKERS[usize::from(request.uri().path() == "/other")]
            })
            .classify(http::HttpStatusAndBody)
            .ignore_refusals()
            .answer_with(http::Unavailable),
        )
        .layer(BulkheadLayer::new(&PLACES).queue(TokioTimer))
        .service(service_fn(never_fails));
    BREAKERS[0].force_open();
    let call = tokio::spawn(async move {
        let refused = keyed.clone().oneshot(request()).await?.status().as_u16();
        let other = Request::get("/other").body(()).unwrap();
        Ok::<_, cutout::tower::BulkheadError<Infallible>>((
            refused,
            keyed.oneshot(other).await?.status().as_u16(),
        ))
    });
    assert_eq!(call.await.unwrap().unwrap(), (503, 200));

    let waits = CircuitBreakerLayer::new(&BREAKERS[1])
        .classify(http::HttpStatusAndBody)
        .answer_with(http::Unavailable)
        .backpressure(TokioTimer)
        .layer(service_fn(never_fails));
    let call = tokio::spawn(async move { waits.oneshot(request()).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);

    let mut waits = CircuitBreakerLayer::new(&BREAKERS[1])
        .backpressure(TokioTimer)
        .box_errors()
        .layer(service_fn(serve));
    let call = tokio::spawn(async move { waits.ready().await?.call(request()).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_judge_over_boxed_errors_and_a_body_that_is_watched() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    let judge = |result: Result<&Answered, &BoxError>| match result {
        Ok(response) => http::report(response),
        Err(_) => cutout::Outcome::Failure.into(),
    };
    let mut judged = CircuitBreakerLayer::new(&BREAKER)
        .classify_with(judge)
        .box_errors()
        .layer(service_fn(serve));
    let call = tokio::spawn(async move { judged.ready().await?.call(request()).await });
    assert_eq!(call.await.unwrap().unwrap().status(), 200);

    let watched = ServiceBuilder::new()
        .layer(
            CircuitBreakerLayer::new(&BREAKER).classify(http::HttpStatusAndBody).ignore_refusals(),
        )
        .layer(http::WatchBodyLayer::new(|body| body))
        .service(service_fn(async |_: Request<http::WatchedBody<Full<Bytes>>>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("served")))
        }));
    let call = tokio::spawn(watched.oneshot(Request::new(Full::default())));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn refusals_at_any_depth_over_a_box_and_over_an_error() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    static PART: CircuitBreaker = CircuitBreaker::new(Config::new());
    static PLACES: Bulkhead = Bulkhead::new(1);
    let over_a_box = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(&BREAKER).ignore_refusals())
        .layer(BulkheadLayer::new(&PLACES))
        .layer(CircuitBreakerLayer::new(&PART))
        .service(service_fn(serve));
    let over_an_error = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(&BREAKER).ignore_refusals())
        .layer(BulkheadLayer::new(&PLACES))
        .layer(CircuitBreakerLayer::new(&PART))
        .service(service_fn(never_fails));
    PART.force_open();
    let mut service = over_a_box.clone();
    let call = tokio::spawn(async move {
        service.ready().await.is_ok() && service.call(request()).await.is_err()
    });
    assert!(call.await.unwrap());
    let call = tokio::spawn(async move { over_a_box.oneshot(request()).await.is_err() });
    assert!(call.await.unwrap());
    let task = over_an_error.clone();
    let call = tokio::spawn(async move { task.oneshot(request()).await.is_err() });
    assert!(call.await.unwrap());
    assert!(tokio::spawn(over_an_error.oneshot(request())).await.unwrap().is_err());
    assert_eq!((BREAKER.totals().ignored, BREAKER.totals().failures), (4, 0));
}
