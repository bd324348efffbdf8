//! Time moved by hand: who waits is woken when the time has come, and not before.

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use cutout::{Clock, Instant, ManualSleep, Pause, Sleep};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_wait_is_woken_once_when_its_time_has_come() {
    let time = ManualSleep::new();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut short = pin!(time.sleep(secs(1)));
    let mut long = pin!(time.sleep(secs(3)));
    assert!(short.as_mut().poll(&mut context).is_pending());
    assert!(long.as_mut().poll(&mut context).is_pending());

    time.clone().advance(Duration::from_millis(999));
    assert_eq!(woken.0.load(Relaxed), 0);
    time.advance(Duration::from_millis(1));
    assert_eq!(woken.0.load(Relaxed), 1);
    assert_eq!(time.next(), Some(Duration::ZERO), "one is over that was not looked at");
    assert!(short.as_mut().poll(&mut context).is_ready());
    assert!(short.as_mut().poll(&mut context).is_ready(), "and stays over");
    assert_eq!((time.next(), time.waiting()), (Some(secs(2)), 1));

    time.advance(secs(60));
    assert_eq!(woken.0.load(Relaxed), 2);
    assert!(long.as_mut().poll(&mut context).is_ready());
    assert_eq!((time.next(), time.waiting()), (None, 0));
}

#[test]
fn a_wait_that_is_dropped_is_forgotten() {
    let time = ManualSleep::new();
    let waits = [time.sleep(secs(1)), time.sleep(secs(2))];
    assert_eq!(time.waiting(), 2);
    drop(waits);
    assert_eq!(time.waiting(), 0);
}

#[test]
fn a_wait_begins_when_it_is_asked_for() {
    let time = ManualSleep::new();
    let mut wait = pin!(time.sleep(secs(1)));
    time.advance(secs(1));
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_blocking_pause_moves_the_time_for_all() {
    let time = ManualSleep::new();
    let mut wait = pin!(time.sleep(secs(5)));
    time.clone().pause(secs(5));
    assert_eq!(time.now(), Instant::from_nanos(5_000_000_000));
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn the_end_of_time_is_no_overflow() {
    let time = ManualSleep::new();
    let _wait = time.sleep(Duration::MAX);
    time.advance(Duration::MAX);
    time.advance(secs(1));
    assert_eq!(time.next(), Some(Duration::ZERO));
}
