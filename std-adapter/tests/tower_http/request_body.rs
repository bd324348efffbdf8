//! Bodies of requests that fail on the caller's side, with a client that sends them.

use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::Poll;
use std::panic::catch_unwind;
use std::sync::Arc;

use ::http::{Request, Response};
use cutout::State;
use cutout::tower::CircuitBreakerLayer;
use cutout::tower::http::{HttpStatus, RequestError, WatchBodyLayer, WatchedBody};
use http_body::Body;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Breaker, Scripted, Step, breaker, ends};

/// A client that sends the whole body, and fails if that fails; `then` it fails all the same or answers.
async fn send(
    request: Request<WatchedBody<Scripted>>,
    then: Result<u16, &'static str>,
) -> Result<Response<()>, &'static str> {
    let mut body = request.into_body();
    assert_eq!(body.size_hint().exact(), Scripted::default().size_hint().exact());
    loop {
        let frame = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            // The script goes on at the next poll.
            Poll::Pending => Poll::Ready(Some(Ok(None))),
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map(Some))),
        });
        match frame.await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err("the stream was reset"),
            None => break,
        }
    }
    then.map(|status| Response::builder().status(status).body(()).unwrap())
}

/// That client behind a breaker.
fn client(
    breaker: &Arc<Breaker>,
    then: Result<u16, &'static str>,
) -> impl Service<
    Request<Scripted>,
    Response = Response<()>,
    Error = cutout::Error<RequestError<&'static str>>,
> {
    let layer =
        CircuitBreakerLayer::new(Arc::clone(breaker)).classify(HttpStatus).ignore_refusals();
    ServiceBuilder::new()
        .layer(layer)
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(move |request| send(request, then)))
}

fn request(steps: impl IntoIterator<Item = Step>) -> Request<Scripted> {
    Request::new(Scripted::new(steps))
}

#[tokio::test]
async fn a_body_the_caller_breaks_off_is_no_failure_of_the_server() {
    let breaker = breaker();
    for steps in [vec![Step::BreakOff], vec![Step::Data, Step::Wait, Step::BreakOff]] {
        let failed = client(&breaker, Ok(200)).oneshot(request(steps)).await.unwrap_err();
        let error = failed.into_inner().unwrap();
        assert_eq!(error, RequestError::Body("the stream was reset"));
        assert_eq!(
            error.to_string(),
            "the body of the request did not come whole: the stream was reset"
        );
        assert_eq!(error.into_inner(), "the stream was reset");
    }
    assert_eq!((ends(&breaker), breaker.state()), ([0, 0, 2, 0], State::Closed));
}

#[tokio::test]
async fn a_whole_body_leaves_the_judgement_to_the_classifier() {
    let breaker = breaker();
    let steps = [Step::Data, Step::Wait, Step::Data];
    let answer = client(&breaker, Ok(200)).oneshot(request(steps.clone())).await.unwrap();
    assert_eq!((answer.status().as_u16(), ends(&breaker)), (200, [1, 0, 0, 0]));
    let failed = client(&breaker, Err("no connection")).oneshot(request(steps)).await.unwrap_err();
    assert_eq!(failed.into_inner().unwrap(), RequestError::Inner("no connection"));
    assert_eq!((ends(&breaker), breaker.state()), ([1, 1, 0, 0], State::Open));
}

#[tokio::test]
async fn a_body_that_panics_in_the_client_is_no_server_failure() {
    let breaker = breaker();
    let layer =
        CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus).ignore_refusals();
    let client = ServiceBuilder::new()
        .layer(layer)
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(async |request: Request<WatchedBody<Scripted>>| {
            let mut body = request.into_body();
            let panics = AssertUnwindSafe(|| {
                let cx = &mut core::task::Context::from_waker(core::task::Waker::noop());
                Pin::new(&mut body).poll_frame(cx).is_ready()
            });
            catch_unwind(panics).map(|_| Response::new(())).map_err(|_| "the task is gone")
        }));
    let failed = client.oneshot(request([Step::Panic])).await.unwrap_err();
    assert_eq!(failed.into_inner().unwrap(), RequestError::Body("the task is gone"));
    assert_eq!(ends(&breaker), [0, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_callers_late_body_is_no_failure_of_the_server() {
    let breaker = breaker();
    let layer =
        CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(HttpStatus).ignore_refusals();
    let client = ServiceBuilder::new()
        .layer(layer)
        .layer(WatchBodyLayer::new(|body| body))
        .timeout(core::time::Duration::from_secs(1))
        .service(service_fn(async |request: Request<WatchedBody<Scripted>>| {
            let mut body = request.into_body();
            let mut came = false;
            poll_fn(|cx| {
                while !came {
                    match Pin::new(&mut body).poll_frame(cx) {
                        Poll::Ready(frame) => came = frame.is_none(),
                        Poll::Pending => break,
                    }
                }
                // It does not answer, whatever the body does.
                Poll::<()>::Pending
            })
            .await;
            Ok::<_, tower::BoxError>(Response::new(()))
        }));
    for steps in [vec![Step::Wait; 9], [vec![Step::Data], vec![Step::Wait; 9]].concat()] {
        let failed = client.clone().oneshot(request(steps)).await.unwrap_err();
        assert!(matches!(failed.into_inner(), Some(RequestError::Body(_))));
    }
    assert_eq!(ends(&breaker), [0, 0, 2, 0]);
    // A server that has the whole body and does not answer fails, as ever.
    let failed = client.oneshot(request([Step::Data])).await.unwrap_err();
    assert!(matches!(failed.into_inner(), Some(RequestError::Inner(_))));
    assert_eq!((ends(&breaker), breaker.state()), ([0, 1, 2, 0], State::Open));
}

#[tokio::test]
async fn a_trial_whose_body_breaks_off_gives_its_place_back() {
    let breaker = breaker();
    breaker.try_acquire().unwrap().settle(cutout::Outcome::Failure);
    breaker.clock().advance(core::time::Duration::from_secs(1));
    assert!(client(&breaker, Ok(200)).oneshot(request([Step::BreakOff])).await.is_err());
    assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));
    client(&breaker, Ok(200)).oneshot(request([])).await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn without_the_breaker_the_clients_error_names_the_culprit() {
    let service = ServiceBuilder::new()
        .layer(WatchBodyLayer::new(|body| body))
        .service(service_fn(|request| send(request, Ok(200))));
    let error = service.oneshot(request([Step::BreakOff])).await.unwrap_err();
    assert!(matches!(error, RequestError::Body(_)));
    let error: RequestError<std::io::Error> = RequestError::Inner(std::io::Error::other("down"));
    assert_eq!(error.to_string(), "down");
    assert!(core::error::Error::source(&error).is_some());
}
