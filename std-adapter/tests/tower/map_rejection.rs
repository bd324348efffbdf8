//! A refusal as an answer.

use core::convert::Infallible;
use core::task::{Context, Poll};

use cutout::tower::{MapRejectionLayer, Refusal};
use cutout::{CircuitBreaker, Config, Error, State};
use tokio_test::task;
use tokio_test::{assert_ready, assert_ready_err, assert_ready_ok};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::support::{breaker, layer, refusing, spawn};

fn seconds(refusal: Refusal) -> u32 {
    refusal.retry_after().map_or(0, |after| u32::try_from(after.as_secs()).unwrap())
}

#[test]
fn a_refusal_becomes_the_answer_and_errors_stay() {
    for (name, breaker) in refusing() {
        let expected = breaker.would_reject().map(|refused| seconds(Refusal::Circuit(refused)));
        let (mut service, _handle, asked) = spawn(&layer(&breaker).map_rejection(seconds));
        assert_ready_ok!(service.poll_ready());
        let answer = assert_ready_ok!(task::spawn(service.call(1)).poll(), "{name}");
        assert_eq!((Some(answer), asked.called()), (expected, 0), "{name}");
    }
    let (mut service, mut handle, _) = spawn(&layer(&breaker()).map_rejection(seconds));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_ready!(handle.poll_request()).unwrap().1.send_error("down");
    assert_eq!(assert_ready_err!(call.poll()).to_string(), "down");
    handle.send_error("no connection");
    assert_eq!(assert_ready_err!(service.poll_ready()).to_string(), "no connection");
}

#[tokio::test]
async fn a_service_that_cannot_fail_still_cannot() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(Config::new());
    BREAKER.force_open();
    let layer = cutout::tower::CircuitBreakerLayer::new(&BREAKER).map_rejection(|_| 503);
    let service = layer.layer(service_fn(async |_: u32| Ok::<u32, Infallible>(200)));
    let Ok(answer) = service.oneshot(1).await;
    assert_eq!((answer, BREAKER.state()), (503, State::Open));
}

/// A service of another make, which refuses when first asked whether it is ready.
#[derive(Default)]
struct RefusesEarly {
    asked: bool,
}

impl Service<u32> for RefusesEarly {
    type Response = u32;
    type Error = Error<Infallible>;
    type Future = core::future::Ready<Result<u32, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if core::mem::replace(&mut self.asked, true) {
            return Poll::Ready(Ok(()));
        }
        let breaker = breaker();
        breaker.force_open();
        Poll::Ready(Err(Error::Rejected(breaker.would_reject().unwrap())))
    }

    fn call(&mut self, _: u32) -> Self::Future {
        core::future::ready(Ok(200))
    }
}

#[tokio::test]
async fn an_early_refusal_is_answered_when_the_request_comes() {
    let service = MapRejectionLayer::new(|_| 503).layer(RefusesEarly::default());
    let Ok(answer) = service.oneshot(1).await;
    assert_eq!(answer, 503);
}

#[tokio::test]
async fn an_early_refusal_is_forgotten_once_the_service_is_ready() {
    let mut service = MapRejectionLayer::new(|_| 503).layer(RefusesEarly::default());
    let Ok(_) = service.ready().await;
    let Ok(ready) = service.ready().await;
    assert_eq!(ready.call(1).await, Ok(200));
}

#[tokio::test]
async fn a_boxed_refusal_is_found_and_other_boxes_stay() {
    let inner = service_fn(async |request: u32| match request {
        1 => Err::<u32, BoxError>("down".into()),
        _ => Ok(request),
    });
    let boxed = layer(&breaker()).box_errors().layer(inner);
    let error = boxed.oneshot(1).await.unwrap_err();
    assert_eq!(error.to_string(), "down");

    let breaker = crate::support::tripped();
    let refused = layer(&breaker).box_errors().layer(inner).oneshot(2).await.unwrap_err();
    assert_eq!(refused.downcast_ref(), breaker.would_reject().as_ref());
    let answered = MapRejectionLayer::new(seconds).layer(layer(&breaker).box_errors().layer(inner));
    assert_eq!(answered.oneshot(2).await.unwrap(), 5);
}
