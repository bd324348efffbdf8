//! Wakers and timers are the callers' code: they may panic, and may come back to the bulkhead.

mod support;

use core::future::{Future, Pending, pending};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use cutout::{AsyncTimer, Bulkhead, BulkheadConfig, OwnedBulkheadAcquire};
use support::task::{Bell, Task};

fn bulkhead(limit: u32, queue: u32) -> Arc<Bulkhead> {
    let max_wait = Duration::from_secs(1);
    Arc::new(Bulkhead::with_config(BulkheadConfig::new(limit).queue(queue).max_wait(max_wait)))
}

/// A timer that never ends, and keeps no waker.
struct Never;

impl AsyncTimer for Never {
    type Sleeping = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

type Wait = Pin<Box<OwnedBulkheadAcquire<Never>>>;

/// A wait that calls `waker` when its turn has come.
fn wait_with(bulkhead: &Arc<Bulkhead>, waker: impl Wake + Send + Sync + 'static) -> Wait {
    let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
    poll_with(&mut wait, waker);
    wait
}

fn poll_with(wait: &mut Wait, waker: impl Wake + Send + Sync + 'static) {
    let waker = Waker::from(Arc::new(waker));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
}

fn wait(bulkhead: &Arc<Bulkhead>) -> Task<OwnedBulkheadAcquire<Never>> {
    let mut task = Task::new(bulkhead.acquire_owned_async(Never));
    assert!(task.poll().is_pending());
    task
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_its_turn() {
    let bulkhead = bulkhead(1, 4);
    let _held = bulkhead.try_acquire().unwrap();
    let panics = wait_with(&bulkhead, Panics);
    let (mut second, mut third, fourth) = (wait(&bulkhead), wait(&bulkhead), wait(&bulkhead));
    assert!(catch_unwind(|| bulkhead.resize(4)).is_err());
    assert_eq!((bulkhead.in_use(), bulkhead.limit()), (4, 4));
    assert!(second.was_woken() && third.was_woken() && !fourth.was_woken());
    let _permits = (second.ready().unwrap(), third.ready().unwrap());
    drop(panics); // its turn had come too
    assert!(fourth.was_woken());
}

#[test]
fn a_waker_that_panics_costs_no_permit() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire().unwrap();
    let panics = wait_with(&bulkhead, Panics);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(held))).is_err());
    assert_eq!(bulkhead.in_use(), 1, "it is the one whose waker panics that has it");
    drop(panics);
    assert_eq!(bulkhead.in_use(), 0);
}

/// A panic whose payload panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the payload");
    }
}

struct Throws(&'static str);

impl Wake for Throws {
    fn wake(self: Arc<Self>) {
        if self.0 == "bomb" {
            std::panic::panic_any(Bomb);
        }
        std::panic::panic_any(self.0);
    }
}

/// What `act` panics with, if it is one of our words.
fn thrown(act: impl FnOnce()) -> &'static str {
    let payload = catch_unwind(AssertUnwindSafe(act)).expect_err("it panics");
    payload.downcast_ref::<&str>().copied().unwrap_or("something else")
}

#[test]
fn of_wakers_that_panic_all_are_called_the_first_is_heard() {
    let bulkhead = bulkhead(1, 8);
    let held = bulkhead.try_acquire_owned().unwrap();
    let waits = ["first", "second", "bomb", "third"].map(|word| wait_with(&bulkhead, Throws(word)));
    let mut last = wait(&bulkhead);
    assert_eq!(thrown(|| bulkhead.resize(6).unwrap()), "first");
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (6, 0));
    assert!(last.was_woken());
    drop((last.ready().unwrap(), waits, held));
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn wakers_that_panic_in_a_panic_abort_nothing() {
    let bulkhead = bulkhead(2, 8);
    let waits = {
        let held = [bulkhead.try_acquire_owned().unwrap(), bulkhead.try_acquire_owned().unwrap()];
        let waits = ["one", "bomb"].map(|word| wait_with(&bulkhead, Throws(word)));
        assert_eq!(
            thrown(move || {
                let _held = held;
                std::panic::panic_any("of the holder");
            }),
            "of the holder"
        );
        waits
    };
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (2, 0));
    drop(waits);
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn two_permits_whose_wakers_panic_are_both_given_back() {
    let bulkhead = bulkhead(2, 8);
    let held = [bulkhead.try_acquire_owned().unwrap(), bulkhead.try_acquire_owned().unwrap()];
    let waits = ["one", "other"].map(|word| wait_with(&bulkhead, Throws(word)));
    assert_eq!(thrown(|| drop(held)), "one");
    drop(waits);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

/// A waker that panics when it is dropped, once its task has let go of it.
struct Mine;

impl Wake for Mine {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Mine {
    fn drop(&mut self) {
        std::panic::panic_any("in the waker's drop");
    }
}

/// A wait whose queue holds the last of its waker.
fn wait_with_mine<S: AsyncTimer>(
    bulkhead: &Arc<Bulkhead>,
    sleep: S,
) -> Pin<Box<OwnedBulkheadAcquire<S>>> {
    let mut wait = Box::pin(bulkhead.acquire_owned_async(sleep));
    let waker = Waker::from(Arc::new(Mine));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    wait
}

#[test]
fn a_waker_that_panics_on_drop_leaves_no_place_taken() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire_owned().unwrap();
    let wait = wait_with_mine(&bulkhead, Never);
    assert_eq!(thrown(|| drop(wait)), "in the waker's drop");
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0));

    // And none ends the process if its thread unwinds already.
    let wait = wait_with_mine(&bulkhead, Never);
    let both = || {
        let _wait = wait;
        std::panic::panic_any("of the holder");
    };
    assert_eq!(thrown(both), "of the holder");
    drop(held);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

/// A timer whose wait panics when it is dropped.
struct Sticks;

impl AsyncTimer for Sticks {
    type Sleeping = Stuck;

    fn sleep(&self, _: Duration) -> Stuck {
        Stuck
    }
}

struct Stuck;

impl Future for Stuck {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        std::panic::panic_any("in the timer's drop");
    }
}

#[test]
fn a_waker_and_a_timer_that_panic_on_drop_abort_nothing() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire_owned().unwrap();
    let wait = wait_with_mine(&bulkhead, Sticks);
    assert_eq!(thrown(|| drop(wait)), "in the waker's drop");
    drop(held);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));

    // With its turn come: the timer panics while it is let go, and the permit is given back.
    let held = bulkhead.try_acquire_owned().unwrap();
    let mut wait = wait_with_mine(&bulkhead, Sticks);
    assert_eq!(thrown(|| drop(held)), "in the waker's drop");
    let waker = Waker::noop();
    let polls = || drop(wait.as_mut().poll(&mut Context::from_waker(waker)));
    assert_eq!(thrown(polls), "in the timer's drop");
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

/// Holds something, as wakers hold their tasks. Called or dropped, it drops that.
struct Holds<T>(Mutex<Option<T>>);

impl<T> Holds<T> {
    const fn new(held: T) -> Self {
        Self(Mutex::new(Some(held)))
    }
}

impl<T: Send + 'static> Wake for Holds<T> {
    fn wake(self: Arc<Self>) {
        let held = self.0.lock().unwrap().take();
        drop(held);
    }
}

#[test]
fn a_waker_may_drop_a_permit_when_it_is_called() {
    let bulkhead = bulkhead(2, 2);
    let held = bulkhead.try_acquire_owned().unwrap();
    let first = wait_with(&bulkhead, Holds::new(bulkhead.try_acquire_owned().unwrap()));
    let mut second = wait(&bulkhead);
    drop(held);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (2, 0));
    assert!(second.was_woken());
    drop((first, second.ready().unwrap()));
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn a_waker_may_drop_a_place_when_it_is_called() {
    let bulkhead = bulkhead(1, 3);
    let held = bulkhead.try_acquire_owned().unwrap();
    let mut second = Box::pin(bulkhead.acquire_owned_async(Never));
    let mut first = wait_with(&bulkhead, Bell::default());
    poll_with(&mut second, Bell::default());
    let mut third = wait(&bulkhead);
    poll_with(&mut first, Holds::new(second));
    drop(held);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 1));
    drop(first);
    drop(third.ready().unwrap());
}

#[test]
fn a_waker_may_drop_a_permit_when_it_is_dropped_with_its_place() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire_owned().unwrap();
    let goes_away = wait_with(&bulkhead, Holds::new(held));
    let mut second = wait(&bulkhead);
    drop(goes_away);
    assert!(second.was_woken());
    drop(second.ready().unwrap());
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

#[test]
fn a_waker_may_drop_a_permit_when_another_takes_its_place() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire_owned().unwrap();
    let mut wait = wait_with(&bulkhead, Holds::new(held));
    poll_with(&mut wait, Holds::new(()));
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0), "it came to the wait itself");
    drop(wait);
    assert_eq!(bulkhead.in_use(), 0);
}

/// A timer that panics when it is made, or when it is polled.
struct Breaks {
    when_made: bool,
}

impl AsyncTimer for Breaks {
    type Sleeping = Broken;

    fn sleep(&self, _: Duration) -> Broken {
        assert!(!self.when_made, "when it is made");
        Broken
    }
}

struct Broken;

impl Future for Broken {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("when it is polled");
    }
}

#[test]
fn a_timer_that_panics_leaves_no_place_taken() {
    for when_made in [true, false] {
        let bulkhead = bulkhead(1, 1);
        let held = bulkhead.try_acquire().unwrap();
        let mut task = Task::new(bulkhead.acquire_owned_async(Breaks { when_made }));
        assert!(catch_unwind(AssertUnwindSafe(|| task.poll())).is_err());
        assert_eq!(bulkhead.waiting(), 0);
        drop(held);
        assert_eq!(bulkhead.in_use(), 0);
    }
}

#[test]
fn a_wait_polled_after_its_end_panics_and_takes_no_permit() {
    let bulkhead = bulkhead(2, 1);
    let mut wait = pin!(bulkhead.acquire_async(Never));
    let mut context = Context::from_waker(Waker::noop());
    assert!(wait.as_mut().poll(&mut context).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut context).is_ready()));
    assert!(again.is_err());
    assert_eq!(bulkhead.in_use(), 0);
}
