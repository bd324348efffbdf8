//! The bulkhead as a layer, by itself and inside of a breaker.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;

use cutout::tower::{
    BulkheadError, BulkheadLayer, BulkheadShare, CircuitBreakerLayer, MapRejectionLayer,
    QueueLayer, Refusal, Single,
};
use cutout::{
    Bulkhead, BulkheadConfig, BulkheadReason, BulkheadRejected, CircuitBreaker, Error, ManualClock,
    OwnedBulkheadAcquire, Rejected, Report, State, Ticket,
};
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::layer::util::Stack;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::middlewares::Timer;
use crate::support::{
    BREAK, Breaker, breaker, ends, flowing, layer, refusing, rested, spawn, trip, tripped,
};

fn one_at_a_time() -> Arc<Bulkhead> {
    Arc::new(Bulkhead::new(1))
}

fn with_a_queue(places: u32) -> Arc<Bulkhead> {
    let config = BulkheadConfig::new(1).queue(places).max_wait(Duration::from_secs(1));
    Arc::new(Bulkhead::with_config(config))
}

fn reason<E>(error: &BulkheadError<E>) -> Option<BulkheadReason> {
    match error {
        BulkheadError::Rejected(rejected) => Some(rejected.reason()),
        _ => None,
    }
}

#[test]
fn a_call_without_a_permit_is_refused_and_not_made() {
    let bulkhead = one_at_a_time();
    let (mut service, mut handle, asked) = spawn(&BulkheadLayer::new(Arc::clone(&bulkhead)));
    assert_ready_ok!(service.poll_ready());
    assert_eq!(bulkhead.in_use(), 0, "readiness reserves nothing");
    let mut first = task::spawn(service.call(1));
    assert_ready_ok!(service.poll_ready(), "a full bulkhead is ready to refuse");
    let refused = assert_ready_err!(task::spawn(service.call(2)).poll());
    assert_eq!(reason(&refused), Some(BulkheadReason::Full));
    assert_eq!((asked.called(), bulkhead.in_use()), (1, 1));

    assert_ready!(handle.poll_request()).unwrap().1.send_response(7);
    assert_eq!(assert_ready_ok!(first.poll()), 7);
    assert_eq!(bulkhead.in_use(), 0, "it is given back with the answer, not with the future");
    handle.send_error("no connection");
    assert_eq!(reason(&assert_ready_err!(service.poll_ready())), None);
}

#[test]
fn a_call_that_is_dropped_or_panics_gives_its_permit_back() {
    static BULKHEAD: Bulkhead = Bulkhead::new(1);
    let mut service = BulkheadLayer::new(&BULKHEAD).layer(service_fn(|request: u32| {
        assert_ne!(request, 1, "in call");
        async move {
            assert_ne!(request, 2, "in the future");
            core::future::pending::<Result<u32, ()>>().await
        }
    }));
    drop(service.call(0));
    assert_eq!(BULKHEAD.in_use(), 0);
    for request in [1, 2] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _ = task::spawn(service.call(request)).poll();
        }));
        assert!(panicked.is_err());
        assert_eq!(BULKHEAD.in_use(), 0);
    }
}

/// Counts those that are alive.
#[derive(Clone, Default)]
struct Alive(Arc<()>);

impl Alive {
    fn now(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// An inner service whose calls end as their request says, but are alive until their future is dropped.
fn outlives_its_end(
    alive: &Alive,
) -> impl Service<u32, Response = u32, Error = u32, Future: Send> + Clone + use<> {
    struct Call(u32, #[allow(dead_code, reason = "it is counted")] Alive);

    impl Future for Call {
        type Output = Result<u32, u32>;

        fn poll(
            self: core::pin::Pin<&mut Self>,
            _: &mut core::task::Context<'_>,
        ) -> core::task::Poll<Self::Output> {
            match self.0 {
                0 => core::task::Poll::Ready(Ok(0)),
                1 => core::task::Poll::Ready(Err(1)),
                2 => core::task::Poll::Pending,
                _ => panic!("in the call"),
            }
        }
    }

    let alive = alive.clone();
    service_fn(move |request: u32| Call(request, alive.clone()))
}

#[test]
fn a_place_is_free_once_its_call_is_gone_and_not_before() {
    let alive = Alive::default();
    let inner = outlives_its_end(&alive);
    let watched = alive.now(); // the service itself has one
    let (now, queue) = (one_at_a_time(), with_a_queue(1));
    let mut refuses = BulkheadLayer::new(Arc::clone(&now)).layer(inner.clone());
    let mut queues = BulkheadLayer::new(Arc::clone(&queue)).queue(NoTimer).layer(inner);
    let services = alive.now() - watched;
    for request in [0, 1, 3] {
        let mut calls = (task::spawn(refuses.call(request)), task::spawn(queues.call(request)));
        let ended = catch_unwind(AssertUnwindSafe(|| assert!(calls.0.poll().is_ready())));
        assert_eq!(ended.is_err(), request == 3, "{request}");
        let ended = catch_unwind(AssertUnwindSafe(|| assert!(calls.1.poll().is_ready())));
        assert_eq!(ended.is_err(), request == 3, "{request}");
        assert_eq!((now.in_use(), queue.in_use()), (0, 0), "{request}: the places are free");
        assert_eq!(alive.now() - watched, services, "{request}: and nothing of the calls is alive");
        drop(calls);
        assert_eq!((now.in_use(), queue.in_use()), (0, 0), "{request}: once");
    }
    let mut call = task::spawn(refuses.call(2));
    assert_pending!(call.poll());
    assert_eq!((now.in_use(), alive.now() - watched), (1, services + 1));
    drop(call);
    assert_eq!((now.in_use(), alive.now() - watched), (0, services));
}

#[test]
fn a_place_is_taken_until_the_future_is_gone_despite_panics() {
    /// Notes whether its place is taken when it goes.
    struct Goes(Arc<Bulkhead>, Arc<std::sync::Mutex<Vec<u32>>>);
    impl Drop for Goes {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0.in_use());
        }
    }

    let bulkhead = one_at_a_time();
    let seen = Arc::default();
    let inner = {
        let (bulkhead, seen) = (Arc::clone(&bulkhead), Arc::clone(&seen));
        service_fn(move |request: u32| {
            let mut goes = Some(Goes(Arc::clone(&bulkhead), Arc::clone(&seen)));
            core::future::poll_fn(move |_| {
                assert!(request != 2 && goes.is_some(), "in the call");
                match request {
                    0 => core::task::Poll::Ready(Ok::<u32, ()>(0)),
                    1 => core::task::Poll::Pending,
                    _ => {
                        goes = None;
                        panic!("on its way")
                    }
                }
            })
        })
    };
    let mut service = BulkheadLayer::new(Arc::clone(&bulkhead)).layer(inner);
    for request in 0..4 {
        let call = AssertUnwindSafe(|| task::spawn(service.call(request)).poll().is_ready());
        let _ = catch_unwind(call);
        assert_eq!(bulkhead.in_use(), 0, "{request}");
    }
    assert_eq!(*seen.lock().unwrap(), [1; 4], "each went before its place was free");
}

#[tokio::test(start_paused = true)]
async fn a_call_cut_by_an_inner_timeout_is_gone_before_the_next() {
    let bulkhead = one_at_a_time();
    let alive = Alive::default();
    let inner = {
        let alive = alive.clone();
        service_fn(move |_: u32| {
            let alive = alive.clone();
            async move {
                let _alive = alive;
                core::future::pending::<Result<u32, BoxError>>().await
            }
        })
    };
    let layer = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_millis(10)))
        .into_inner();
    let before = alive.now();
    let mut service = layer.layer(inner);
    let services = alive.now() - before;
    let mut cut = Box::pin(service.call(1));
    assert!((&mut cut).await.is_err());
    let mut next = task::spawn(service.call(2));
    assert_pending!(next.poll());
    assert_eq!((bulkhead.in_use(), alive.now() - before - services), (1, 1), "one is alive");
    drop(cut);
}

/// Has another task wait for a place, whose waker panics when it gets one.
fn next_in_line(bulkhead: &Arc<Bulkhead>) -> OwnedBulkheadAcquire<NoTimer> {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in the waker of another task");
        }
    }
    let mut next = Arc::clone(bulkhead).acquire_owned_async(NoTimer);
    let waker = core::task::Waker::from(Arc::new(Panics));
    let mut context = core::task::Context::from_waker(&waker);
    assert_pending!(core::pin::Pin::new(&mut next).poll(&mut context));
    next
}

#[test]
fn anothers_waker_that_panics_takes_no_answer_away() {
    let bulkhead = with_a_queue(1);
    let line: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
    let inner = {
        let (bulkhead, line) = (Arc::clone(&bulkhead), Arc::clone(&line));
        service_fn(move |request: u32| {
            line.lock().unwrap().push(next_in_line(&bulkhead));
            async move { if request == 0 { Ok(0) } else { Err(request) } }
        })
    };
    let places = BulkheadLayer::new(Arc::clone(&bulkhead));
    // A layer between that drops a call without waiting for its end.
    let mut dropped = places.layer(inner.clone());
    let gives_up = service_fn(move |request: u32| {
        drop(dropped.call(request));
        async move { if request == 0 { Ok(0) } else { Err(BulkheadError::Inner(request)) } }
    });
    let check = |name: &str, inner: BoxService<u32, u32, BulkheadError<u32>>| {
        let breaker = breaker();
        let mut service = layer(&breaker).ignore_refusals().layer(inner);
        for (request, ended) in [(0, Ok(0)), (1, Err(Error::Inner(BulkheadError::Inner(1))))] {
            let call =
                AssertUnwindSafe(|| assert_ready!(task::spawn(service.call(request)).poll()));
            assert_eq!(catch_unwind(call).ok(), Some(ended), "{name}");
            line.lock().unwrap().clear();
        }
        assert_eq!((ends(&breaker), bulkhead.in_use()), ([1, 1, 0, 0], 0), "{name}");
    };
    check("without a queue", BoxService::new(places.layer(inner.clone())));
    check("in the queue", BoxService::new(places.queue(NoTimer).layer(inner)));
    check("given up", BoxService::new(gives_up));
}

/// A call that panics at its end and again when it is dropped.
struct PanicsTwice;

impl Future for PanicsTwice {
    type Output = Result<u32, ()>;

    fn poll(
        self: core::pin::Pin<&mut Self>,
        _: &mut core::task::Context<'_>,
    ) -> core::task::Poll<Self::Output> {
        panic!("in the call")
    }
}

impl Drop for PanicsTwice {
    fn drop(&mut self) {
        panic!("and once more");
    }
}

#[test]
fn a_call_that_panics_again_when_dropped_aborts_nothing() {
    let (breaker, bulkhead) = (breaker(), one_at_a_time());
    let mut service = layer(&breaker)
        .ignore_refusals()
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).layer(service_fn(|_: u32| PanicsTwice)));
    let mut call = task::spawn(service.call(1));
    let panic = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the call"));
    assert_eq!((ends(&breaker), bulkhead.in_use()), ([0, 1, 0, 0], 0));
}

#[test]
fn what_the_bulkhead_refuses_is_no_failure_and_holds_no_trial() {
    let (breaker, bulkhead) = (rested(), one_at_a_time());
    let held = bulkhead.try_acquire().unwrap();
    let stack = ServiceBuilder::new()
        .layer(layer(&breaker).ignore_refusals())
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .into_inner();
    let (mut service, mut handle, _) = spawn(&stack);
    for request in 0..3 {
        assert_ready_ok!(service.poll_ready());
        let error = assert_ready_err!(task::spawn(service.call(request)).poll());
        assert!(matches!(error, Error::Inner(BulkheadError::Rejected(_))));
    }
    assert_eq!(ends(&breaker), [0, 2, 3, 0]);
    assert_eq!((breaker.state(), breaker.snapshot().trials_in_flight), (State::HalfOpen, 0));

    drop(held);
    assert_ready_ok!(service.poll_ready());
    let mut trial = task::spawn(service.call(4));
    assert_ready!(handle.poll_request()).unwrap().1.send_error("down");
    assert_ready_err!(trial.poll());
    assert_eq!(ends(&breaker), [0, 3, 3, 0], "what the inner service says counts");
}

#[test]
fn while_the_circuit_refuses_the_bulkhead_is_left_alone() {
    let (breaker, bulkhead) = (breaker(), one_at_a_time());
    let stack = ServiceBuilder::new()
        .layer(layer(&breaker).ignore_refusals())
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .into_inner();
    let (mut service, _handle, _) = spawn(&stack);
    trip(&breaker);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_eq!(bulkhead.in_use(), 0);
    assert!(assert_ready_err!(call.poll()).rejected().is_some());
}

#[tokio::test]
async fn in_boxes_each_refusal_is_what_it_is_and_none_is_a_failure() {
    let (breaker, bulkhead) = (breaker(), one_at_a_time());
    let held = bulkhead.try_acquire().unwrap();
    let service = ServiceBuilder::new()
        .layer(layer(&breaker).ignore_refusals().box_errors())
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).box_errors())
        .service(service_fn(async |_: u32| Err::<u32, BoxError>("down".into())));
    let error = service.clone().oneshot(1).await.unwrap_err();
    assert!(error.is::<BulkheadRejected>());
    let answer = |refusal| u32::from(matches!(refusal, Refusal::Bulkhead(_)));
    let answered = MapRejectionLayer::new(answer).layer(service.clone());
    assert_eq!(answered.oneshot(1).await.unwrap(), 1);
    drop(held);
    assert_eq!(service.oneshot(1).await.unwrap_err().to_string(), "down");
    assert_eq!(ends(&breaker), [0, 1, 2, 0]);
}

#[tokio::test]
async fn an_inner_breakers_refusal_does_not_fail_the_outer() {
    let (whole, part) = (breaker(), tripped());
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(layer(&part))
        .service(service_fn(async |n: u32| Ok::<_, ()>(n)));
    let refused = service.oneshot(1).await.unwrap_err();
    assert!(matches!(refused, Error::Inner(Error::Rejected(_))));
    assert_eq!(ends(&whole), [0, 0, 1, 0]);
}

#[tokio::test]
async fn both_refusals_may_be_answered_instead_of_failing() {
    let answer = |refusal: Refusal| match refusal {
        Refusal::Circuit(_) => 503,
        _ => 429,
    };
    let (breaker, bulkhead) = (breaker(), one_at_a_time());
    let service = ServiceBuilder::new()
        .layer(MapRejectionLayer::new(answer))
        .layer(layer(&breaker).ignore_refusals().map_rejection(answer))
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)))
        .service(service_fn(async |_: u32| Ok::<u32, core::convert::Infallible>(200)));
    let ask = async || service.clone().oneshot(1).await;
    assert_eq!(ask().await, Ok(200));
    let held = bulkhead.try_acquire();
    assert_eq!(ask().await, Ok(429));
    drop(held);
    breaker.force_open();
    assert_eq!(ask().await, Ok(503));
}

#[test]
fn queued_calls_are_made_at_their_turn_in_order() {
    let bulkhead = with_a_queue(2);
    let queue = BulkheadLayer::new(Arc::clone(&bulkhead)).queue(NoTimer);
    let (mut service, mut handle, asked) = spawn(&queue);
    let mut calls: Vec<_> = (0..4)
        .map(|request| {
            assert_ready_ok!(service.poll_ready());
            task::spawn(service.call(request))
        })
        .collect();
    assert_eq!((bulkhead.in_use(), asked.called()), (0, 0), "its turn begins when it is polled");
    for call in &mut calls[..3] {
        assert_pending!(call.poll());
    }
    let refused = assert_ready_err!(calls[3].poll());
    assert_eq!(reason(&refused), Some(BulkheadReason::Full));
    assert_eq!((bulkhead.in_use(), bulkhead.waiting(), asked.called()), (1, 2, 1));
    for request in 0..3 {
        let call = &mut calls[request as usize];
        if request > 0 {
            assert!(call.is_woken());
            assert_pending!(call.poll());
        }
        let (got, answer) = assert_ready!(handle.poll_request()).unwrap();
        assert_eq!(got, request);
        answer.send_response(got);
        assert_eq!(assert_ready_ok!(call.poll()), request);
    }
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

#[test]
fn a_call_dropped_while_queued_leaves_and_is_cancelled() {
    let (breaker, bulkhead) = (breaker(), with_a_queue(2));
    let stack = ServiceBuilder::new()
        .layer(layer(&breaker).ignore_refusals())
        .layer(BulkheadLayer::new(Arc::clone(&bulkhead)).queue(NoTimer))
        .into_inner();
    let (mut service, _handle, asked) = spawn(&stack);
    let held = bulkhead.try_acquire();
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_pending!(call.poll());
    assert_eq!(bulkhead.waiting(), 1);
    drop(call);
    drop(held);
    assert_eq!((bulkhead.waiting(), bulkhead.in_use(), asked.called()), (0, 0, 0));
    assert_eq!(ends(&breaker), [0, 0, 0, 1]);
}

type Shared = Single<Arc<Breaker>>;

/// A queue that asks the breaker first, in front of that breaker.
fn in_front_of<P: BulkheadShare>(
    breaker: &Arc<Breaker>,
    bulkhead: P,
) -> Stack<CircuitBreakerLayer<Shared>, QueueLayer<P, NoTimer, Shared>> {
    let queue = BulkheadLayer::new(bulkhead).queue(NoTimer);
    Stack::new(layer(breaker), queue.refuse_while_open(Arc::clone(breaker)))
}

#[test]
fn while_the_circuit_refuses_no_call_queues_in_front_of_it() {
    for (name, breaker) in refusing() {
        let bulkhead = with_a_queue(5);
        let _held = bulkhead.try_acquire().unwrap();
        let (mut service, _handle, asked) = spawn(&in_front_of(&breaker, Arc::clone(&bulkhead)));
        let (before, refusal) = (breaker.snapshot(), breaker.would_reject().unwrap());
        for request in 0..3 {
            assert_ready_ok!(service.poll_ready(), "{name}");
            let mut call = task::spawn(service.call(request));
            let error = assert_ready_err!(call.poll(), "{name}");
            let BulkheadError::Circuit(rejected) = error else { panic!("{name}: {error:?}") };
            assert_eq!(rejected, refusal, "{name}");
            assert!(catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).is_err());
        }
        assert_eq!((bulkhead.waiting(), bulkhead.rejected(), asked.called()), (0, 0, 0), "{name}");
        let mut after = breaker.snapshot();
        assert_eq!(after.totals.rejected - before.totals.rejected, 3, "{name}: each counts once");
        after.totals.rejected = before.totals.rejected;
        assert_eq!(after, before, "{name}");
    }
}

#[test]
fn calls_queued_before_a_breaker_count_nowhere() {
    for (name, breaker) in flowing() {
        let bulkhead = with_a_queue(5);
        let held = bulkhead.try_acquire().unwrap();
        let (mut service, mut handle, asked) = spawn(&in_front_of(&breaker, Arc::clone(&bulkhead)));
        let before = breaker.snapshot();
        let mut calls: Vec<_> = (0..5)
            .map(|request| {
                assert_ready_ok!(service.poll_ready(), "{name}");
                task::spawn(service.call(request))
            })
            .collect();
        for call in &mut calls {
            assert_pending!(call.poll(), "{name}");
        }
        assert_eq!((bulkhead.waiting(), breaker.snapshot()), (5, before), "{name}");
        drop(calls.pop());
        assert_eq!((bulkhead.waiting(), breaker.snapshot()), (4, before), "{name}: given up");

        drop(held);
        assert_pending!(calls[0].poll(), "{name}: it is its turn");
        assert_eq!((bulkhead.waiting(), asked.called()), (3, 1), "{name}");
        assert_ready!(handle.poll_request()).unwrap().1.send_response(7);
        assert_eq!(assert_ready_ok!(calls[0].poll()), 7, "{name}");
        let totals = breaker.totals();
        let counted = u64::from(name != "disabled");
        let successes = totals.successes - before.totals.successes;
        assert_eq!(successes, counted, "{name}: it was admitted then");
        drop(calls);
        assert_eq!(breaker.totals(), totals, "{name}: and nobody else");
    }
}

#[test]
fn the_time_queued_before_a_breaker_is_not_slowness() {
    let config = cutout::Config::new().slow_call_duration(Duration::from_secs(1));
    let breaker = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    let bulkhead = with_a_queue(2);
    let (mut service, mut handle, _) = spawn(&in_front_of(&breaker, Arc::clone(&bulkhead)));
    let held = bulkhead.try_acquire().unwrap();
    let mut calls = [1, 2].map(|request| {
        assert_ready_ok!(service.poll_ready());
        task::spawn(service.call(request))
    });
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    breaker.clock().advance(Duration::from_secs(60));
    drop(held);
    let [mut answered, given_up] = calls;
    assert_pending!(answered.poll());
    assert_ready!(handle.poll_request()).unwrap().1.send_response(7);
    assert_ready_ok!(answered.poll());
    drop(given_up); // after a minute, which would be a failure
    assert_eq!((ends(&breaker), breaker.totals().slow), ([1, 0, 0, 0], 0));
}

#[test]
fn a_break_that_ends_after_poll_ready_lets_the_next_call_queue() {
    let (breaker, bulkhead) = (tripped(), with_a_queue(5));
    let held = bulkhead.try_acquire().unwrap();
    let (mut service, _handle, asked) = spawn(&in_front_of(&breaker, Arc::clone(&bulkhead)));
    let refusal = breaker.would_reject().unwrap();
    assert_ready_ok!(service.poll_ready());
    breaker.clock().advance(BREAK);
    let before = breaker.snapshot();
    // The breaker's service would refuse it at its turn, as it was not asked whether it is ready.
    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert!(matches!(error, BulkheadError::Circuit(rejected) if rejected == refusal));
    assert_eq!((bulkhead.waiting(), breaker.snapshot()), (0, before), "it is in no total");

    assert_ready_ok!(service.poll_ready());
    let mut next = task::spawn(service.call(2));
    assert_pending!(next.poll());
    assert_eq!((bulkhead.waiting(), breaker.snapshot()), (1, before));
    drop(held);
    assert_pending!(next.poll());
    assert_eq!((asked.called(), breaker.snapshot().trials_in_flight), (1, 1));
}

/// A breaker that comes to admit calls between two questions.
#[derive(Debug)]
struct ComesBack(Arc<Breaker>, AtomicBool);

impl cutout::Breaker for ComesBack {
    fn would_reject(&self) -> Option<Rejected> {
        self.1.swap(false, Ordering::Relaxed).then(|| tripped().would_reject().unwrap())
    }

    fn admit(&self) -> Result<Ticket, Rejected> {
        self.0.admit()
    }

    fn settle(&self, ticket: Ticket, report: Report) {
        self.0.settle(ticket, report);
    }

    fn cancel(&self, ticket: Ticket) {
        self.0.cancel(ticket);
    }

    fn take_back(&self, ticket: Ticket) {
        self.0.take_back(ticket);
    }
}

#[test]
fn a_queue_that_asks_the_breaker_leaves_it_as_it_was() {
    let (breaker, bulkhead) = (rested(), with_a_queue(5));
    let _held = bulkhead.try_acquire().unwrap();
    let comes_back = Arc::new(ComesBack(Arc::clone(&breaker), AtomicBool::new(false)));
    let stack = ServiceBuilder::new()
        .layer(
            BulkheadLayer::new(Arc::clone(&bulkhead))
                .queue(NoTimer)
                .refuse_while_open(Arc::clone(&comes_back)),
        )
        .layer(layer(&breaker))
        .into_inner();
    let (mut service, _handle, _) = spawn(&stack);
    let before = breaker.totals();
    assert_ready_ok!(service.poll_ready());
    comes_back.1.store(true, Ordering::Relaxed);
    let mut call = task::spawn(service.call(1));
    assert_pending!(call.poll());
    assert_eq!((bulkhead.waiting(), breaker.snapshot().trials_in_flight), (1, 0));
    drop(call);
    assert_eq!(breaker.totals(), before);
}

#[test]
fn a_call_queued_when_the_circuit_opens_passes_its_place_on() {
    let (breaker, bulkhead) = (breaker(), with_a_queue(2));
    let held = bulkhead.try_acquire().unwrap();
    let (mut service, _handle, asked) = spawn(&in_front_of(&breaker, Arc::clone(&bulkhead)));
    let mut calls = [1, 2].map(|request| {
        assert_ready_ok!(service.poll_ready());
        task::spawn(service.call(request))
    });
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    trip(&breaker);
    drop(held);
    for call in &mut calls {
        assert!(call.is_woken());
        let error = assert_ready_err!(call.poll());
        assert!(matches!(error, BulkheadError::Inner(Error::Rejected(_))));
    }
    assert_eq!((asked.called(), bulkhead.in_use(), bulkhead.waiting()), (0, 0, 0));
}

#[test]
fn a_queue_asks_the_breaker_of_each_request() {
    let (up, down, bulkhead) = (breaker(), tripped(), with_a_queue(5));
    let _held = bulkhead.try_acquire().unwrap();
    let find = {
        let (up, down) = (Arc::clone(&up), Arc::clone(&down));
        move |request: &u32| Arc::clone(if *request == 0 { &up } else { &down })
    };
    let stack = ServiceBuilder::new()
        .layer(
            BulkheadLayer::new(Arc::clone(&bulkhead))
                .queue(NoTimer)
                .refuse_while_open_keyed(find.clone()),
        )
        .layer(CircuitBreakerLayer::keyed(find))
        .into_inner();
    let (mut service, _handle, _) = spawn(&stack);
    for (request, is_refused) in [(0, false), (1, true), (0, false), (1, true)] {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(request));
        match call.poll() {
            core::task::Poll::Ready(ended) => {
                assert!(is_refused && matches!(ended, Err(BulkheadError::Circuit(_))));
            }
            core::task::Poll::Pending => assert!(!is_refused && bulkhead.waiting() == 1),
        }
    }
    assert_eq!((up.totals().rejected, down.totals().rejected), (0, 2));
}

#[tokio::test]
async fn a_queues_refusal_may_be_boxed_answered_and_ignored() {
    let (outside, breaker, bulkhead) = (breaker(), tripped(), with_a_queue(5));
    let queue = || {
        let queue = BulkheadLayer::new(Arc::clone(&bulkhead)).queue(NoTimer);
        queue.refuse_while_open(Arc::clone(&breaker))
    };
    let inner = layer(&breaker).layer(service_fn(async |_: u32| Ok::<u32, BoxError>(200)));
    let inner = MapRejectionLayer::boxed().layer(inner);

    let boxed = queue().box_errors().layer(inner.clone());
    let error = boxed.oneshot(1).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Rejected>(), breaker.would_reject().as_ref());

    let answer = |refusal| if matches!(refusal, Refusal::Circuit(_)) { 503 } else { 429 };
    assert_eq!(queue().map_rejection(answer).layer(inner.clone()).oneshot(1).await.unwrap(), 503);

    let ignored = layer(&outside).ignore_refusals().layer(queue().layer(inner));
    let error = ignored.oneshot(1).await.unwrap_err();
    assert!(matches!(error, Error::Inner(BulkheadError::Circuit(_))));
    assert_eq!(ends(&outside), [0, 0, 1, 0]);
}

#[tokio::test]
async fn a_queue_over_boxed_errors_may_be_spawned() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new(cutout::Config::new());
    static BULKHEAD: Bulkhead =
        Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(Duration::from_secs(1)));
    let queue = BulkheadLayer::new(&BULKHEAD).queue(Timer).refuse_while_open(&BREAKER);
    let mut service = ServiceBuilder::new()
        .layer(queue.box_errors())
        .layer(CircuitBreakerLayer::new(&BREAKER).box_errors())
        .service(service_fn(async |n: u32| Ok::<_, BoxError>(n)));
    let called = tokio::spawn(async move { service.ready().await?.call(7).await });
    assert_eq!(called.await.unwrap().unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_as_long_as_it_may_is_refused() {
    let bulkhead = with_a_queue(1);
    let service = BulkheadLayer::new(Arc::clone(&bulkhead))
        .queue(Timer)
        .layer(service_fn(async |n: u32| Ok::<_, ()>(n)));
    let held = bulkhead.try_acquire();
    let refused = service.clone().oneshot(1).await.unwrap_err();
    assert_eq!(reason(&refused), Some(BulkheadReason::TimedOut));
    drop(held);
    assert_eq!(service.oneshot(2).await, Ok(2));
}

#[test]
fn the_service_that_was_made_ready_is_the_one_that_is_called() {
    let queue = BulkheadLayer::new(with_a_queue(1)).queue(NoTimer);
    let (mut service, mut handle, _) = spawn(&queue);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_pending!(call.poll(), "a mock that is not ready would panic");
    assert_pending!(service.poll_ready(), "a clone is left");
    assert_eq!(assert_ready!(handle.poll_request()).unwrap().0, 1);
}

#[test]
fn errors_say_what_happened() {
    let bulkhead = Bulkhead::new(1);
    let _held = bulkhead.try_acquire();
    let rejected = bulkhead.try_acquire().unwrap_err();
    let error = BulkheadError::<std::io::Error>::Rejected(rejected);
    assert_eq!(error.to_string(), rejected.to_string());
    assert!(core::error::Error::source(&error).unwrap().is::<BulkheadRejected>());
    let refused = tripped().would_reject().unwrap();
    let error = BulkheadError::<std::io::Error>::Circuit(refused);
    assert_eq!(error.to_string(), refused.to_string());
    assert!(core::error::Error::source(&error).unwrap().is::<cutout::Rejected>());
    let error = BulkheadError::Inner(std::io::Error::other("down"));
    assert_eq!(error.to_string(), "down");
    assert!(core::error::Error::source(&error).is_some());
    assert_eq!(Refusal::Bulkhead(rejected).to_string(), rejected.to_string());
    assert_eq!(Refusal::Bulkhead(rejected).retry_after(), None);
    let breaker = CircuitBreaker::new(cutout::Config::new());
    breaker.force_open();
    let refusal = breaker.would_reject().unwrap();
    assert_eq!(Refusal::Circuit(refusal).to_string(), refusal.to_string());
}

/// A timer that never rings.
#[derive(Clone, Copy, Debug)]
struct NoTimer;

impl cutout::AsyncTimer for NoTimer {
    type Sleeping = core::future::Pending<()>;

    fn sleep(&self, _: Duration) -> Self::Sleeping {
        core::future::pending()
    }
}
