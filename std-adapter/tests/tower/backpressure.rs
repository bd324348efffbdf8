//! Waiting in `poll_ready` while the circuit refuses.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use cutout::AsyncTimer;
use cutout::tower::BackpressureLayer;
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::ServiceBuilder;

use crate::support::{
    BREAK, breaker, ends, flowing, layer, refusing, rested, spawn, trip, tripped,
};

/// A timer that is moved by hand.
#[derive(Clone, Debug, Default)]
struct Timer(Arc<Mutex<Sleepers>>);

#[derive(Debug, Default)]
struct Sleepers {
    asked: Vec<Duration>,
    wakers: Vec<Waker>,
    /// How many of those asked for are over.
    over: usize,
}

impl Timer {
    /// Ends all waits.
    fn ring(&self) {
        let mut sleepers = self.0.lock().unwrap();
        sleepers.over = sleepers.asked.len();
        for waker in sleepers.wakers.drain(..) {
            waker.wake();
        }
    }

    fn asked(&self) -> Vec<Duration> {
        self.0.lock().unwrap().asked.clone()
    }
}

struct Sleeping(Timer, usize);

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleepers = self.0.0.lock().unwrap();
        if self.1 < sleepers.over {
            return Poll::Ready(());
        }
        sleepers.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncTimer for Timer {
    type Sleeping = Sleeping;

    fn sleep(&self, duration: Duration) -> Sleeping {
        let mut sleepers = self.0.lock().unwrap();
        sleepers.asked.push(duration);
        Sleeping(self.clone(), sleepers.asked.len() - 1)
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[test]
fn who_wants_backpressure_waits_while_the_circuit_refuses() {
    for (name, breaker) in refusing() {
        let timer = Timer::default();
        let before = breaker.snapshot();
        let (mut service, _handle, asked) = spawn(&layer(&breaker).backpressure(timer.clone()));
        for _ in 0..3 {
            assert_pending!(service.poll_ready(), "{name}");
            timer.ring();
            assert!(service.is_woken(), "{name}");
        }
        assert_pending!(service.poll_ready(), "{name}");
        assert_eq!(timer.asked(), [LOOK_AGAIN; 4], "{name}");
        drop(service);
        assert_eq!((asked.polled(), breaker.snapshot()), (0, before), "{name}: nothing is counted");
    }
}

#[test]
fn an_admitting_circuit_is_as_ready_as_the_inner_service() {
    for (name, breaker) in flowing() {
        let timer = Timer::default();
        let (mut service, mut handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
        handle.allow(0);
        assert_pending!(service.poll_ready(), "{name}");
        handle.allow(1);
        assert_ready_ok!(service.poll_ready(), "{name}");
        let mut call = task::spawn(service.call(1));
        assert_ready!(handle.poll_request()).unwrap().1.send_response(2);
        assert_eq!(assert_ready_ok!(call.poll(), "{name}"), 2);
        assert_eq!(timer.asked(), [], "{name}");
    }
}

#[test]
fn the_end_of_the_break_ends_the_wait() {
    let breaker = tripped();
    let timer = Timer::default();
    let around = BackpressureLayer::new(Arc::clone(&breaker), timer.clone());
    let stack = ServiceBuilder::new()
        .layer(around.look_again(2 * BREAK))
        .layer(layer(&breaker))
        .into_inner();
    let (mut service, mut handle, _) = spawn(&stack);
    breaker.clock().advance(Duration::from_secs(1));
    assert_pending!(service.poll_ready());
    assert_eq!(timer.asked(), [BREAK - Duration::from_secs(1)]);
    breaker.clock().advance(BREAK);
    timer.ring();
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    let mut trial = task::spawn(service.call(1));
    assert_ready!(handle.poll_request()).unwrap().1.send_response(2);
    assert_ready_ok!(trial.poll());
    assert_eq!(ends(&breaker), [1, 2, 0, 0]);
}

#[test]
fn a_reset_is_seen_when_the_timer_rings() {
    let breaker = tripped();
    let timer = Timer::default();
    let (mut service, _handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
    assert_pending!(service.poll_ready());
    breaker.reset();
    assert!(!service.is_woken(), "nobody tells it");
    timer.ring();
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
}

#[test]
fn a_wait_of_one_break_does_not_last_into_the_next_call() {
    let breaker = tripped();
    let timer = Timer::default();
    let (mut service, _handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
    assert_pending!(service.poll_ready());
    breaker.reset();
    assert_ready_ok!(service.poll_ready());
    trip(&breaker);
    assert_pending!(service.poll_ready());
    assert_eq!(timer.asked().len(), 2, "a new break, a new timer");
}

#[test]
fn a_trial_that_is_lost_does_not_keep_them_waiting_for_ever() {
    let breaker = rested();
    let _lost = breaker.admit().unwrap();
    let timer = Timer::default();
    let (mut service, _handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
    assert_pending!(service.poll_ready());
    breaker.clock().advance(Duration::from_secs(60));
    timer.ring();
    assert_pending!(service.poll_ready(), "its timeout is over, so the circuit is open again");
    breaker.clock().advance(BREAK);
    timer.ring();
    assert_ready_ok!(service.poll_ready());
}

#[test]
fn of_services_ready_for_one_trial_the_others_are_refused() {
    let breaker = rested();
    let (mut first, _handle, _) = spawn(&layer(&breaker).backpressure(Timer::default()));
    let mut second = first.clone();
    assert_ready_ok!(first.poll_ready());
    assert_ready_ok!(second.poll_ready());
    let _trial = first.call(1);
    assert!(assert_ready_err!(task::spawn(second.call(2)).poll()).rejected().is_some());
}

#[test]
fn no_timer_is_asked_for_less_than_a_millisecond_by_the_period() {
    let breaker = breaker();
    breaker.force_open();
    let timer = Timer::default();
    let around = BackpressureLayer::new(Arc::clone(&breaker), timer.clone());
    let (mut service, _handle, _) = spawn(&around.look_again(Duration::ZERO));
    assert_pending!(service.poll_ready());
    assert_eq!(timer.asked(), [Duration::from_millis(1)]);
}

/// How many timers are armed in a second, where each is rung when its time is over and `pass` moves
/// the breaker's clock.
fn timers_in_a_second(breaker: &Arc<crate::support::Breaker>, pass: impl Fn(Duration)) -> usize {
    let timer = Timer::default();
    let (mut service, _handle, _) = spawn(&layer(breaker).backpressure(timer.clone()));
    let mut passed = Duration::ZERO;
    while service.poll_ready().is_pending() {
        let next = *timer.asked().last().unwrap();
        passed += next;
        if passed >= Duration::from_secs(1) || timer.asked().len() > 1_000 {
            break;
        }
        pass(next);
        timer.ring();
        assert!(service.is_woken());
    }
    timer.asked().len()
}

#[test]
fn a_circuit_that_refuses_for_a_second_is_polled_ten_times() {
    let breaker = tripped();
    let asked = timers_in_a_second(&breaker, |time| breaker.clock().advance(time));
    assert_eq!(asked, 10);
}

#[test]
fn refusals_arm_one_timer_a_period_and_one_for_the_end() {
    for left in [0, 1, 25, 751, 999_999, 1_000_000, 50_000_000] {
        let breaker = tripped();
        breaker.clock().advance(BREAK - Duration::from_nanos(left));
        if left == 0 {
            // It is due, and one trial is out.
            core::mem::forget(breaker.try_acquire());
        }
        // The time that the refusal names never comes, as on a clock that stands still.
        let asked = timers_in_a_second(&breaker, |_| ());
        assert!((10..=11).contains(&asked), "{asked} timers, {left} ns left");
    }
}

#[test]
fn each_break_of_a_series_has_a_timer_for_its_end() {
    let breaker = tripped();
    let timer = Timer::default();
    let (mut service, _handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
    for _ in 0..3 {
        breaker.clock().advance(BREAK - Duration::from_millis(130));
        timer.ring();
        assert_pending!(service.poll_ready());
        breaker.clock().advance(LOOK_AGAIN);
        timer.ring();
        assert_pending!(service.poll_ready());
        assert_eq!(timer.asked().last(), Some(&Duration::from_millis(30)));
        breaker.clock().advance(Duration::from_millis(30));
        // The trial of another caller fails.
        breaker.try_acquire().unwrap().settle(cutout::Outcome::Failure);
        timer.ring();
        assert_pending!(service.poll_ready());
        assert_eq!(timer.asked().last(), Some(&LOOK_AGAIN));
    }
}

/// A timer that is over at once, as one in a test may be.
#[derive(Clone, Debug, Default)]
struct NoTime(Arc<Mutex<u32>>);

impl AsyncTimer for NoTime {
    type Sleeping = core::future::Ready<()>;

    fn sleep(&self, _: Duration) -> Self::Sleeping {
        let mut looks = self.0.lock().unwrap();
        *looks += 1;
        assert!(*looks < 100, "it spins");
        drop(looks);
        core::future::ready(())
    }
}

#[test]
fn a_timer_that_is_over_at_once_lets_others_run() {
    let breaker = breaker();
    breaker.force_open();
    let timer = NoTime::default();
    let (mut service, _handle, _) = spawn(&layer(&breaker).backpressure(timer.clone()));
    for looks in 1..=3 {
        assert_pending!(service.poll_ready(), "and does not stay in one poll for ever");
        assert!(service.is_woken(), "it looks again");
        assert_eq!(*timer.0.lock().unwrap(), looks);
    }
    breaker.release();
    assert_ready_ok!(service.poll_ready());
}

#[tokio::test]
async fn it_chains_with_other_layers_in_either_order() {
    use tower::{BoxError, ServiceExt, service_fn};

    let breaker = breaker();
    let inner = service_fn(async |n: u32| match n {
        0 => Err::<u32, BoxError>("down".into()),
        n => Ok(n),
    });
    let boxed_last =
        ServiceBuilder::new().layer(layer(&breaker).backpressure(Timer::default()).box_errors());
    let boxed_first =
        ServiceBuilder::new().layer(layer(&breaker).box_errors().backpressure(Timer::default()));
    let answered = ServiceBuilder::new()
        .layer(layer(&breaker).map_rejection(|_| 503).backpressure(NoTime::default()));
    assert_eq!(boxed_last.service(inner).oneshot(0).await.unwrap_err().to_string(), "down");
    assert_eq!(boxed_first.service(inner).oneshot(1).await.unwrap(), 1);
    assert_eq!(answered.service(inner).oneshot(2).await.unwrap(), 2);
}
