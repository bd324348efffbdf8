//! The contract of the layer, item by item, with a mock service polled by hand.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::catch_unwind;
use std::sync::Arc;

use cutout::tower::{AnsweredCall, CallPermit, CircuitBreakerLayer, Classify};
use cutout::{Clock, Error, Instant, Outcome, RejectReason, State};
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{
    BREAK, Breaker, breaker, ends, flowing, guarded, layer, refusing, rested, since, spawn, trip,
    tripped,
};

#[test]
fn c1_readiness_that_is_taken_and_dropped_leaves_no_trace() {
    for (name, breaker) in flowing().into_iter().chain(refusing()) {
        let before = breaker.snapshot();
        let (mut service, _handle, _) = guarded(&breaker);
        assert_ready_ok!(service.poll_ready(), "{name}");
        assert_ready_ok!(service.poll_ready(), "{name}");
        drop(service);
        assert_eq!(breaker.snapshot(), before, "{name}");
    }
}

#[test]
fn c2_a_refusing_circuit_leaves_the_inner_service_alone() {
    for (name, breaker) in refusing() {
        let (rejected, before) = (breaker.totals().rejected, ends(&breaker));
        let (mut service, mut handle, asked) = guarded(&breaker);
        handle.allow(0);
        for request in 0..3 {
            assert_ready_ok!(service.poll_ready(), "{name}");
            let mut call = task::spawn(service.call(request));
            let error = assert_ready_err!(call.poll(), "{name}");
            assert_eq!(error.rejected().map(|refusal| refusal.reason()), reason(&breaker));
        }
        assert_eq!((asked.polled(), asked.called()), (0, 0), "{name}");
        assert_eq!(breaker.totals().rejected - rejected, 3, "{name}");
        assert_eq!(since(before, &breaker), [0; 4], "{name}: refusals are no results");
    }
}

fn reason(breaker: &Breaker) -> Option<RejectReason> {
    breaker.would_reject().map(|refusal| refusal.reason())
}

#[test]
fn c3_a_closed_circuit_is_as_ready_as_the_inner_service() {
    for (name, breaker) in flowing() {
        let (mut service, mut handle, _) = guarded(&breaker);
        handle.allow(0);
        assert_pending!(service.poll_ready(), "{name}");
        handle.allow(1);
        assert!(service.is_woken(), "{name}");
        assert_ready_ok!(service.poll_ready(), "{name}");
    }
}

#[test]
fn c3_an_inner_service_that_cannot_be_ready_is_a_failure() {
    let breaker = breaker();
    let (mut service, mut handle, _) = guarded(&breaker);
    for _ in 0..2 {
        handle.send_error("no connection");
        let error = assert_ready_err!(service.poll_ready());
        assert_eq!(error.into_inner().unwrap().to_string(), "no connection");
    }
    assert_eq!((ends(&breaker), breaker.state()), ([0, 2, 0, 0], State::Open));
    handle.send_error("no connection");
    assert_ready_ok!(service.poll_ready(), "an open circuit does not ask");
}

#[test]
fn c3_in_every_mode_a_readiness_error_stays_the_services() {
    for (name, breaker) in flowing() {
        let before = ends(&breaker);
        let (mut service, mut handle, _) = guarded(&breaker);
        handle.send_error("no connection");
        let error = assert_ready_err!(service.poll_ready(), "{name}");
        assert!(matches!(error, Error::Inner(_)), "{name}");
        let ignored = u64::from(name == "disabled");
        assert_eq!(since(before, &breaker), [0, 1 - ignored, ignored, 0], "{name}");
    }
}

#[test]
fn c4_call_decides_and_hands_over_at_once() {
    for (name, breaker) in flowing() {
        let (mut service, mut handle, asked) = guarded(&breaker);
        assert_ready_ok!(service.poll_ready(), "{name}");
        let call = service.call(7);
        assert_eq!(asked.called(), 1, "{name}: before the future is polled");
        let (request, answer) = assert_ready!(handle.poll_request()).unwrap();
        answer.send_response(request + 1);
        assert_eq!(assert_ready_ok!(task::spawn(call).poll(), "{name}"), 8);
    }
}

#[test]
fn c5_a_break_that_ends_after_poll_ready_admits_the_next_call() {
    let breaker = tripped();
    let (mut service, mut handle, asked) = guarded(&breaker);
    handle.allow(0);
    assert_ready_ok!(service.poll_ready());
    breaker.clock().advance(BREAK);

    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert_eq!(error.rejected().unwrap().reason(), RejectReason::Open);
    assert_eq!((asked.polled(), asked.called()), (0, 0), "it was never asked whether it is ready");
    assert_eq!(ends(&breaker), [0, 2, 0, 0], "its admission is taken back");

    assert_pending!(service.poll_ready(), "now it is asked");
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut trial = task::spawn(service.call(2));
    assert_ready!(handle.poll_request()).unwrap().1.send_response(2);
    assert_ready_ok!(trial.poll());
    assert_eq!(breaker.state(), State::Closed, "the place of the trial was free");
}

#[test]
fn c5_a_release_after_poll_ready_refuses_one_call() {
    let releases: [fn(&Breaker); 4] = [
        |breaker| breaker.release(),
        |breaker| breaker.force_closed(),
        |breaker| breaker.disable(),
        |breaker| breaker.shadow(),
    ];
    for release in releases {
        let breaker = breaker();
        breaker.force_open();
        let (mut service, mut handle, asked) = guarded(&breaker);
        handle.allow(0);
        assert_ready_ok!(service.poll_ready());
        release(&breaker);
        let error = assert_ready_err!(task::spawn(service.call(1)).poll());
        assert_eq!(error.rejected().unwrap().reason(), RejectReason::ForcedOpen);
        assert_eq!(asked.called(), 0);
    }
}

#[test]
fn c6_readiness_that_was_not_used_is_kept() {
    let breaker = breaker();
    let (mut service, mut handle, asked) = guarded(&breaker);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    trip(&breaker);
    assert_ready_err!(task::spawn(service.call(1)).poll());
    assert_eq!((asked.polled(), asked.called()), (1, 0));

    handle.allow(0);
    breaker.clock().advance(BREAK);
    assert_ready_ok!(service.poll_ready(), "it was ready before, and still is");
    let _call = service.call(2);
    assert_eq!(assert_ready!(handle.poll_request()).unwrap().0, 2);
}

#[test]
fn c7_clones_share_the_breaker_and_not_their_readiness() {
    let breaker = breaker();
    let (mut service, mut handle, _) = guarded(&breaker);
    assert_ready_ok!(service.poll_ready());
    let mut clone = service.clone();
    handle.allow(0);
    assert_pending!(clone.poll_ready(), "a clone is not ready because the original is");

    for _ in 0..2 {
        let mut call = task::spawn(service.call(1));
        assert_ready!(handle.poll_request()).unwrap().1.send_error("down");
        assert_ready_err!(call.poll());
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
    }
    assert_eq!(breaker.state(), State::Open);
    assert_ready_ok!(clone.poll_ready(), "to be refused");
    breaker.reset();
    handle.allow(1);
    let mut clone_of_a_refused = clone.clone();
    assert_ready_ok!(clone_of_a_refused.poll_ready());
    let _call = clone_of_a_refused.call(3);
    assert_eq!(assert_ready!(handle.poll_request()).unwrap().0, 3);
}

#[test]
fn c8_each_call_is_settled_once_as_the_classifier_says() {
    let by_number = |result: Result<&u32, &tower::BoxError>| match result {
        Ok(0) => Outcome::Success,
        Ok(1) => Outcome::Ignored,
        _ => Outcome::Failure,
    };
    for (name, breaker) in flowing().into_iter().filter(|(name, _)| *name != "disabled") {
        let answers: [(Result<u32, &str>, usize); 4] =
            [(Ok(0), 0), (Ok(1), 2), (Ok(2), 1), (Err("down"), 1)];
        for (answer, end) in answers {
            if breaker.would_reject().is_some() {
                breaker.clock().advance(BREAK);
            }
            let before = ends(&breaker);
            let (mut service, mut handle, _) = spawn(&layer(&breaker).classify_with(by_number));
            assert_ready_ok!(service.poll_ready());
            let mut call = task::spawn(service.call(5));
            assert_pending!(call.poll());
            assert_eq!(since(before, &breaker), [0; 4], "{name}: not before it is answered");
            let sender = assert_ready!(handle.poll_request()).unwrap().1;
            match answer {
                Ok(number) => sender.send_response(number),
                Err(error) => sender.send_error(error),
            }
            assert!(call.is_woken());
            match (assert_ready!(call.poll()), answer) {
                (Ok(got), Ok(sent)) => assert_eq!(got, sent),
                (Err(Error::Inner(got)), Err(sent)) => assert_eq!(got.to_string(), sent),
                other => panic!("{other:?}"),
            }
            drop(call);
            let mut expected = [0; 4];
            expected[end] = 1;
            assert_eq!(since(before, &breaker), expected, "{name}: {answer:?}");
        }
    }
}

#[test]
fn c9_a_future_that_is_dropped_is_a_cancelled_call() {
    let breaker = rested();
    let (mut service, _handle, _) = guarded(&breaker);
    for polled in [false, true] {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(1));
        if polled {
            assert_pending!(call.poll());
        }
        assert_eq!(breaker.snapshot().trials_in_flight, 1);
        drop(call);
        assert_eq!((breaker.snapshot().trials_in_flight, breaker.state()), (0, State::HalfOpen));
    }
    assert_eq!(ends(&breaker), [0, 2, 0, 2]);
}

/// Has somebody panic who holds `held`, and so drops it.
fn panics_elsewhere_with<T>(held: T) {
    let panics = AssertUnwindSafe(move || {
        let _held = held;
        panic!("elsewhere")
    });
    assert!(catch_unwind(panics).is_err());
}

#[test]
fn c9_a_future_dropped_by_anothers_panic_is_cancelled() {
    let breaker = rested();
    let (mut service, _handle, _) = guarded(&breaker);
    for polled in [false, true] {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(1));
        if polled {
            assert_pending!(call.poll());
        }
        panics_elsewhere_with(call);
        assert_eq!((breaker.snapshot().trials_in_flight, breaker.state()), (0, State::HalfOpen));
    }
    assert_eq!(ends(&breaker), [0, 2, 0, 2]);
}

#[tokio::test]
async fn panics_of_siblings_do_not_open_a_calls_circuit() {
    let breaker = breaker();
    for _ in 0..5 {
        let service =
            layer(&breaker).layer(service_fn(|_: u32| core::future::pending::<Result<u32, ()>>()));
        let handler = tokio::spawn(async move {
            let broken = async {
                tokio::task::yield_now().await;
                panic!("the sibling")
            };
            tokio::join!(service.oneshot(1), broken)
        });
        assert!(handler.await.unwrap_err().is_panic());
    }
    assert_eq!((ends(&breaker), breaker.state()), ([0, 0, 0, 5], State::Closed));
}

#[test]
fn a_call_that_panics_within_anothers_panic_fails() {
    struct CallsWhenDropped<F: FnMut()>(F);
    impl<F: FnMut()> Drop for CallsWhenDropped<F> {
        fn drop(&mut self) {
            self.0();
        }
    }
    let breaker = breaker();
    let mut service = layer(&breaker).layer(service_fn(|request: u32| async move {
        assert_ne!(request, 1, "in the future");
        Ok::<u32, ()>(request)
    }));
    panics_elsewhere_with(CallsWhenDropped(|| {
        assert_eq!(assert_ready_ok!(task::spawn(service.call(0)).poll()), 0);
        drop(service.call(0));
        let call = AssertUnwindSafe(|| task::spawn(service.call(1)).poll().is_ready());
        assert!(catch_unwind(call).is_err());
    }));
    assert_eq!(ends(&breaker), [1, 1, 0, 1]);
}

#[test]
fn c10_a_panic_anywhere_in_the_call_is_a_failure() {
    fn judge(result: Result<&u32, &u32>) -> Outcome {
        match result {
            Ok(3) | Err(3) => panic!("in the classifier"),
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        }
    }
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker)).classify_with(judge);
    let mut service = layer.layer(service_fn(|request: u32| {
        assert_ne!(request, 1, "in call");
        async move {
            assert_ne!(request, 2, "in the future");
            if request == 4 { Err(3) } else { Ok(request) }
        }
    }));
    for request in 1..=4 {
        breaker.reset();
        let before = ends(&breaker);
        // Who catches the panic drops the future afterwards, as a runtime does.
        let mut call = None;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let call = call.insert(task::spawn(service.call(request)));
            let _ = call.poll();
        }));
        assert!(panicked.is_err());
        drop(call);
        assert_eq!(since(before, &breaker), [0, 1, 0, 0], "{request}");
    }
}

#[test]
fn c12_a_waiter_for_the_inner_service_is_refused_when_polled() {
    let breaker = breaker();
    let (mut service, mut handle, _) = guarded(&breaker);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    trip(&breaker);
    assert!(!service.is_woken());
    assert_ready_ok!(service.poll_ready());
    assert_ready_err!(task::spawn(service.call(1)).poll());
}

#[test]
fn each_item_of_the_contract_names_a_test_that_is_there() {
    let contract = include_str!("../../src/adapters/tower/mod.rs");
    let tests = [
        include_str!("contract.rs"),
        include_str!("keyed.rs"),
        include_str!("../tower_allocation.rs"),
    ];
    let named: Vec<_> =
        contract.split("(`").skip(1).filter_map(|rest| rest.split_once("`)")).collect();
    assert!(named.len() >= 13, "{named:?}");
    for (name, _) in named {
        let is_there = |text: &&str| text.contains(&format!("fn {name}()"));
        assert!(tests.iter().any(is_there), "{name}");
    }
    for item in 1..=12 {
        assert!(contract.contains(&format!("//! {item}. ")), "item {item}");
        assert!(contract.contains(&format!("(`c{item}_")), "a test of item {item}");
    }
}

#[test]
fn a_static_breaker_serves_without_being_counted_in_and_out() {
    static BREAKER: cutout::CircuitBreaker = cutout::CircuitBreaker::new(cutout::Config::new());
    let (mut service, mut handle, _) = spawn(&CircuitBreakerLayer::new(&BREAKER));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_ready!(handle.poll_request()).unwrap().1.send_response(2);
    assert_eq!(assert_ready_ok!(call.poll()), 2);
    assert_eq!(BREAKER.totals().successes, 1);
}

/// Keeps the permit of each response that is not 0, says nothing of 0, and panics at 9.
#[derive(Clone)]
struct Later;

type Kept = (u32, Option<CallPermit<Arc<Breaker>>>);

impl<E> Classify<u32, E, Arc<Breaker>> for Later {
    type Response = Kept;

    fn response(&self, response: u32, call: AnsweredCall<'_, Arc<Breaker>>) -> Kept {
        assert_ne!(response, 9, "in the classifier");
        (response, (response != 0).then(|| call.keep()))
    }

    fn error(&self, _: &E, call: AnsweredCall<'_, Arc<Breaker>>) {
        call.settle(Outcome::Ignored);
    }
}

/// What `Later` makes of a response.
fn later(breaker: &Arc<Breaker>, response: u32) -> Kept {
    let mut service = layer(breaker)
        .classify(Later)
        .layer(service_fn(async |response: u32| Ok::<_, ()>(response)));
    assert_ready_ok!(task::spawn(service.call(response)).poll())
}

#[test]
fn a_classifier_may_keep_the_permit_until_it_knows() {
    let breaker = breaker();
    let (response, permit) = later(&breaker, 2);
    assert_eq!((response, ends(&breaker)), (2, [0; 4]));
    permit.unwrap().settle(Outcome::Failure);
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[test]
fn a_kept_permit_dropped_in_a_panic_is_cancelled() {
    let breaker = breaker();
    drop(later(&breaker, 1));
    panics_elsewhere_with(later(&breaker, 1));
    assert_eq!(ends(&breaker), [0, 0, 0, 2]);
}

#[test]
fn a_silent_classifier_cancels_and_a_panicking_one_fails() {
    let breaker = breaker();
    let _ = later(&breaker, 0);
    assert_eq!(ends(&breaker), [0, 0, 0, 1]);
    assert!(catch_unwind(AssertUnwindSafe(|| later(&breaker, 9))).is_err());
    assert_eq!(ends(&breaker), [0, 1, 0, 1]);
}

#[test]
fn a_panic_in_a_later_part_of_the_call_fails_it() {
    let breaker = breaker();
    let (_, permit) = later(&breaker, 1);
    let mut permit = permit.unwrap();
    assert_eq!(permit.run(|| 7), 7);
    let panics = AssertUnwindSafe(|| permit.run(|| panic!("in the call")));
    assert!(catch_unwind(panics).is_err());
    drop(permit);
    assert_eq!(ends(&breaker), [0, 1, 0, 0]);
}

#[tokio::test]
async fn the_service_and_its_future_move_between_threads() {
    let breaker = breaker();
    let mut service = layer(&breaker).layer(service_fn(async |n: u32| Ok::<_, ()>(n)));
    let call = service.call(1);
    assert_eq!(tokio::spawn(call).await.unwrap(), Ok(1));
    let called = tokio::spawn(async move { service.call(2).await });
    assert_eq!(called.await.unwrap(), Ok(2));
}

#[test]
fn a_condition_that_panics_in_a_panic_aborts_nothing() {
    let config = cutout::Config::new().trip_when(|_| panic!("in the condition"));
    let clock = cutout::ManualClock::new();
    let breaker = Arc::new(cutout::CircuitBreaker::with_clock(config, clock));
    let mut service = CircuitBreakerLayer::new(Arc::clone(&breaker)).layer(service_fn(|()| {
        core::future::poll_fn(|_| -> core::task::Poll<Result<(), ()>> { panic!("in the call") })
    }));
    let mut call = task::spawn(service.call(()));
    let panic = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the call"));
    assert_eq!(breaker.totals().failures, 1);
}

/// A clock that panics once it is told to.
#[derive(Debug, Default)]
struct BreaksDown(AtomicBool);

impl Clock for BreaksDown {
    fn now(&self) -> Instant {
        assert!(!self.0.load(Ordering::Relaxed), "in the clock");
        Instant::ORIGIN
    }
}

#[test]
fn a_clock_that_panics_in_a_panic_aborts_nothing() {
    let config = cutout::Config::new().slow_call_duration(BREAK);
    let breaker = Arc::new(cutout::CircuitBreaker::with_clock(config, BreaksDown::default()));
    let inner = Arc::clone(&breaker);
    let mut service = CircuitBreakerLayer::new(Arc::clone(&breaker)).layer(service_fn(move |()| {
        inner.clock().0.store(true, Ordering::Relaxed);
        core::future::poll_fn(|_| -> core::task::Poll<Result<(), ()>> { panic!("in the call") })
    }));
    let mut call = task::spawn(service.call(()));
    let panic = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in the call"));
}
