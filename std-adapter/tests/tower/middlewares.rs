//! The layer under and over tower's own.

use core::future::{pending, ready};
use core::time::Duration;
use std::sync::Arc;

use cutout::tower::CircuitBreakerLayer;
use cutout::{Error, Outcome, RejectReason, Rejected, State};
use tokio::time::timeout;
use tower::balance::p2c::Balance;
use tower::buffer::BufferLayer;
use tower::discover::ServiceList;
use tower::limit::ConcurrencyLimitLayer;
use tower::load::Constant;
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{BREAK, breaker, ends, layer, rested, spawn, trip, tripped};

fn is_refusal(error: &BoxError) -> bool {
    error.is::<Rejected>()
}

async fn fail(_: u32) -> Result<u32, BoxError> {
    Err("down".into())
}

#[tokio::test]
async fn behind_a_buffer_the_handles_share_what_the_breaker_knows() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(BufferLayer::new(4))
        .layer(layer(&breaker).box_errors())
        .service(service_fn(fail));
    for _ in 0..2 {
        assert!(!is_refusal(&service.clone().oneshot(1).await.unwrap_err()));
    }
    for _ in 0..3 {
        assert!(is_refusal(&service.clone().oneshot(1).await.unwrap_err()));
    }
    breaker.clock().advance(BREAK);
    assert!(!is_refusal(&service.oneshot(1).await.unwrap_err()), "the buffer's worker lives");
    assert_eq!(ends(&breaker), [0, 3, 0, 0]);
}

#[tokio::test]
async fn over_a_buffer_that_has_died_the_circuit_opens() {
    let breaker = breaker();
    let dead = service_fn(async |_: u32| -> Result<u32, BoxError> { panic!("in the worker") });
    let (buffer, worker) = tower::buffer::Buffer::pair(dead, 4);
    drop(worker);
    let service = ServiceBuilder::new().layer(layer(&breaker)).service(buffer);
    for _ in 0..2 {
        assert!(matches!(service.clone().oneshot(1).await, Err(Error::Inner(_))));
    }
    assert!(matches!(service.clone().oneshot(1).await, Err(Error::Rejected(_))));
}

#[tokio::test]
async fn an_outer_shedder_hears_refusals_and_not_a_hang() {
    let breaker = breaker();
    let (service, mut handle, _) = spawn(
        &ServiceBuilder::new()
            .layer(LoadShedLayer::new())
            .layer(layer(&breaker).box_errors())
            .into_inner(),
    );
    let service = service.into_inner();
    handle.allow(0);
    let shed = service.clone().oneshot(1).await.unwrap_err();
    assert!(shed.is::<Overloaded>());
    trip(&breaker);
    assert!(is_refusal(&service.oneshot(2).await.unwrap_err()));
}

#[tokio::test]
async fn what_a_shedder_inside_sheds_can_be_told_from_a_failure() {
    let breaker = rested();
    let classify = |result: Result<&u32, &BoxError>| match result {
        Ok(_) => Outcome::Success,
        Err(error) if error.is::<Overloaded>() => Outcome::Ignored,
        Err(_) => Outcome::Failure,
    };
    let (service, mut handle, _) = spawn(
        &ServiceBuilder::new()
            .layer(layer(&breaker).classify_with(classify))
            .layer(LoadShedLayer::new())
            .into_inner(),
    );
    handle.allow(0);
    let error = service.into_inner().oneshot(1).await.unwrap_err();
    assert!(error.into_inner().unwrap().is::<Overloaded>());
    assert_eq!(ends(&breaker), [0, 2, 1, 0]);
    assert_eq!(breaker.snapshot().trials_in_flight, 0, "the trial's place is free again");
}

#[tokio::test(start_paused = true)]
async fn an_inner_timeout_fails_and_an_outer_one_cancels() {
    let limit = Duration::from_secs(1);
    let hang = service_fn(|_: u32| pending::<Result<u32, BoxError>>());

    let breaker = breaker();
    let inside =
        ServiceBuilder::new().layer(layer(&breaker)).layer(TimeoutLayer::new(limit)).service(hang);
    for _ in 0..2 {
        let error = inside.clone().oneshot(1).await.unwrap_err();
        assert!(error.into_inner().unwrap().is::<tower::timeout::error::Elapsed>());
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [0, 2, 0, 0]));

    let breaker = crate::support::breaker();
    let outside = ServiceBuilder::new()
        .layer(TimeoutLayer::new(limit))
        .layer(layer(&breaker).box_errors())
        .service(hang);
    for _ in 0..2 {
        assert!(
            outside.clone().oneshot(1).await.unwrap_err().is::<tower::timeout::error::Elapsed>()
        );
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Closed, [0, 0, 0, 2]));
}

/// Retries what ran and failed, and leaves refusals alone.
#[derive(Clone)]
struct Times(u32);

impl Policy<u32, u32, Error<BoxError>> for Times {
    type Future = core::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut u32,
        result: &mut Result<u32, Error<BoxError>>,
    ) -> Option<core::future::Ready<()>> {
        let again = matches!(result, Err(Error::Inner(_))) && self.0 > 0;
        again.then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, request: &u32) -> Option<u32> {
        Some(*request)
    }
}

#[tokio::test]
async fn each_attempt_of_a_retry_is_a_call_and_a_refusal_ends_it() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(Times(9)))
        .layer(layer(&breaker))
        .service(service_fn(fail));
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!(error.rejected().unwrap().reason(), RejectReason::Open);
    assert_eq!((ends(&breaker), breaker.totals().rejected), ([0, 2, 0, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn waiters_for_a_limit_are_refused_once_the_circuit_opens() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(layer(&breaker))
        .layer(ConcurrencyLimitLayer::new(2))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(service_fn(|_: u32| pending::<Result<u32, BoxError>>()));
    let calls: Vec<_> = (0..10).map(|n| tokio::spawn(service.clone().oneshot(n))).collect();
    let (mut failed, mut refused) = (0, 0);
    for call in calls {
        match timeout(Duration::from_secs(2), call).await.expect("nobody hangs").unwrap() {
            Err(Error::Inner(_)) => failed += 1,
            Err(Error::Rejected(_)) => refused += 1,
            Ok(_) => panic!("it hangs"),
        }
    }
    assert_eq!((failed, refused), (2, 8));
}

/// Sends requests through a balancer and says how many each of its endpoints got.
async fn spread(
    balanced: &mut (impl Service<u32, Response = usize> + Send),
    requests: u32,
) -> [u32; 2] {
    let mut got = [0; 2];
    for request in 0..requests {
        let Ok(ready) = balanced.ready().await else { panic!("the balancer has died") };
        if let Ok(endpoint) = ready.call(request).await {
            got[endpoint] += 1;
        }
    }
    got
}

#[tokio::test(start_paused = true)]
async fn a_balancer_avoids_an_endpoint_while_its_circuit_refuses() {
    let breakers = [tripped(), breaker()];
    let endpoint = |number: usize| {
        let served = service_fn(move |_: u32| ready(Ok::<_, std::io::Error>(number)));
        let layer = layer(&breakers[number]).backpressure(Timer);
        Constant::new(ServiceBuilder::new().layer(layer).service(served), 1)
    };
    let mut balanced = Balance::new(ServiceList::new::<u32>(vec![endpoint(0), endpoint(1)]));
    assert_eq!(spread(&mut balanced, 50).await, [0, 50]);

    breakers[0].clock().advance(BREAK);
    tokio::time::sleep(BREAK).await;
    let [back, other] = spread(&mut balanced, 50).await;
    assert!(back > 5 && back + other == 50, "{back}, {other}");
    assert_eq!(breakers[0].state(), State::Closed);
    assert_eq!(breakers[0].totals().rejected, 0);
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer;

impl cutout::AsyncTimer for Timer {
    type Sleeping = tokio::time::Sleep;

    fn sleep(&self, duration: Duration) -> tokio::time::Sleep {
        tokio::time::sleep(duration)
    }
}

#[tokio::test]
async fn a_balancer_without_backpressure_still_gets_answers() {
    let breakers = [tripped(), breaker()];
    let endpoint = |number: usize| {
        let served = service_fn(move |_: u32| ready(Ok::<_, std::io::Error>(number)));
        let layer = CircuitBreakerLayer::new(Arc::clone(&breakers[number]));
        Constant::new(ServiceBuilder::new().layer(layer).service(served), 1)
    };
    let mut balanced = Balance::new(ServiceList::new::<u32>(vec![endpoint(0), endpoint(1)]));
    let [refusing, other] = spread(&mut balanced, 50).await;
    assert_eq!(refusing, 0);
    assert_eq!(u64::from(50 - other), breakers[0].totals().rejected);
}
