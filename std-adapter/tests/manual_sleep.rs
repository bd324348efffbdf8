//! Time moved by hand: who waits is woken when the time has come, and not before.

use core::future::Future;
use core::mem;
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};
use core::time::Duration;
use std::panic::{catch_unwind, panic_any};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Wake;
use std::thread;

use cutout::{AsyncTimer, BlockingTimer, Clock, Instant, ManualTimer};

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
    let time = ManualTimer::new();
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
    let time = ManualTimer::new();
    let waits = [time.sleep(secs(1)), time.sleep(secs(2))];
    assert_eq!(time.waiting(), 2);
    drop(waits);
    assert_eq!(time.waiting(), 0);
}

#[test]
fn a_wait_begins_when_it_is_asked_for() {
    let time = ManualTimer::new();
    let mut wait = pin!(time.sleep(secs(1)));
    time.advance(secs(1));
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_blocking_pause_moves_the_time_for_all() {
    let time = ManualTimer::new();
    let mut wait = pin!(time.sleep(secs(5)));
    time.clone().pause(secs(5));
    assert_eq!(time.now(), Instant::from_nanos(5_000_000_000));
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn the_end_of_time_is_no_overflow() {
    let time = ManualTimer::new();
    let _wait = time.sleep(Duration::MAX);
    time.advance(Duration::MAX);
    time.advance(secs(1));
    assert_eq!(time.next(), Some(Duration::ZERO));
}

#[test]
fn who_begins_to_wait_while_the_time_is_moved_is_woken() {
    const MS: Duration = Duration::from_millis(1);
    let time = ManualTimer::new();
    let is_done = AtomicBool::new(false);
    let mut forgotten = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Relaxed) {
                time.advance(MS);
            }
        });
        for _ in 0..1_000 {
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut wait = pin!(time.sleep(MS));
            let over = time.now().saturating_add(MS);
            if wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                // Who moves it on has woken who was to be woken before it moves it again.
                let after = over.saturating_add(2 * MS);
                while time.now() < after {
                    thread::yield_now();
                }
                forgotten += u32::from(woken.0.load(Relaxed) == 0);
            }
        }
        is_done.store(true, Relaxed);
    });
    assert_eq!(forgotten, 0, "they are over, and nobody wakes them");
}

#[test]
fn the_last_waker_that_polled_is_the_one_that_is_woken() {
    let time = ManualTimer::new();
    let wokens = [(); 2].map(|()| Arc::new(Woken::default()));
    let mut wait = pin!(time.sleep(secs(1)));
    for woken in &wokens {
        let waker = Waker::from(Arc::clone(woken));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&wokens[0]), 1, "the first was let go of");
    time.advance(secs(1));
    assert_eq!(wokens.map(|woken| woken.0.load(Relaxed)), [0, 1]);
}

/// Does something with the time whenever it is cloned, woken or dropped.
struct Busy {
    time: ManualTimer,
    wait: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Busy {
    fn on(time: &ManualTimer) -> Waker {
        let wait = Mutex::new(Some(Box::pin(time.sleep(secs(9))) as _));
        Waker::from(Arc::new(Self { time: time.clone(), wait }))
    }
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        assert!(self.time.waiting() > 0);
        drop(self.wait.lock().unwrap().take());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.time.advance(Duration::ZERO);
    }
}

#[test]
fn a_waker_may_be_the_last_owner_of_another_wait() {
    let time = ManualTimer::new();
    let poll = |wait: Pin<&mut cutout::ManualTimerSleep>| {
        wait.poll(&mut Context::from_waker(&Busy::on(&time))).is_ready()
    };
    // Dropped with its wait, by the next waker, at the end of the wait, and after it was woken.
    let mut dropped = Box::pin(time.sleep(secs(1)));
    assert!(!poll(dropped.as_mut()));
    drop(dropped);
    let mut polled_again = Box::pin(time.sleep(secs(1)));
    assert!(!poll(polled_again.as_mut()) && !poll(polled_again.as_mut()));
    time.advance(secs(1));
    assert!(poll(polled_again.as_mut()));
    assert_eq!(time.waiting(), 0);
}

/// The time that the clones of [`looking`] look at.
static LOOKED_AT: LazyLock<ManualTimer> = LazyLock::new(ManualTimer::new);

/// A waker that looks at [`LOOKED_AT`] when it is cloned.
fn looking() -> Waker {
    const LOOKING: RawWakerVTable = RawWakerVTable::new(
        |data| {
            assert!(LOOKED_AT.waiting() > 0);
            RawWaker::new(data, &LOOKING)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: nothing follows the pointer, and no function of the table does more than look.
    #[allow(unsafe_code)]
    unsafe {
        Waker::new(ptr::null(), &LOOKING)
    }
}

#[test]
fn a_waker_may_look_at_the_time_when_it_is_cloned() {
    let mut wait = pin!(LOOKED_AT.sleep(secs(1)));
    let waker = looking();
    for _ in 0..2 {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
}

/// The time that the clones of [`moving`] move on by a second.
static MOVED: LazyLock<ManualTimer> = LazyLock::new(ManualTimer::new);

/// A waker that moves [`MOVED`] when it is cloned, as another thread may at that moment.
fn moving() -> Waker {
    const MOVING: RawWakerVTable = RawWakerVTable::new(
        |data| {
            MOVED.advance(secs(1));
            RawWaker::new(data, &MOVING)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: nothing follows the pointer, and no function of the table does more than move the time.
    #[allow(unsafe_code)]
    unsafe {
        Waker::new(ptr::null(), &MOVING)
    }
}

#[test]
fn a_wait_whose_time_comes_while_its_waker_is_cloned_is_over() {
    let mut wait = pin!(MOVED.sleep(secs(2)));
    let waker = moving();
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // Nobody would wake it any more.
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(MOVED.waiting(), 0);
}

/// A panic whose payload panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a payload");
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic_any(Bomb);
    }
}

#[test]
fn wakers_that_panic_keep_nobody_else_from_being_woken() {
    let time = ManualTimer::new();
    let wokens = [(); 2].map(|()| Arc::new(Woken::default()));
    let wakers = [
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::clone(&wokens[0])),
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::clone(&wokens[1])),
    ];
    let mut waits = wakers.map(|waker| {
        let mut wait = Box::pin(time.sleep(secs(1)));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        wait
    });
    let panic = catch_unwind(AssertUnwindSafe(|| time.advance(secs(1)))).unwrap_err();
    assert!(panic.is::<Bomb>(), "the first panic is passed on");
    mem::forget(panic);
    assert_eq!(wokens.map(|woken| woken.0.load(Relaxed)), [1, 1]);
    let mut context = Context::from_waker(Waker::noop());
    assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut context).is_ready()));
}

/// Moves a time when it is dropped.
struct Moves(ManualTimer);

impl Drop for Moves {
    fn drop(&mut self) {
        self.0.advance(secs(1));
    }
}

#[test]
fn a_time_moved_while_a_panic_unwinds_ends_no_process() {
    let time = ManualTimer::new();
    let woken = Arc::new(Woken::default());
    let wakers = [Waker::from(Arc::new(Panics)), Waker::from(Arc::clone(&woken))];
    let _waits = wakers.map(|waker| {
        let mut wait = Box::pin(time.sleep(secs(1)));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        wait
    });
    let first = catch_unwind(AssertUnwindSafe(|| {
        let _moves = Moves(time.clone());
        panic!("the first");
    }));
    // The payload of the waker's panic is dropped inside of the destructor, and panics as well.
    assert_eq!(first.unwrap_err().downcast_ref(), Some(&"the first"));
    assert_eq!(woken.0.load(Relaxed), 1);
}

/// A waker that panics when it is dropped.
struct Sticks;

impl Wake for Sticks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Sticks {
    fn drop(&mut self) {
        panic!("in the waker's drop");
    }
}

#[test]
fn a_dropped_wait_whose_waker_panics_in_a_panic_aborts_nothing() {
    let time = ManualTimer::new();
    let waits = || {
        let mut wait = Box::pin(time.sleep(secs(1)));
        let waker = Waker::from(Arc::new(Sticks));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        wait
    };
    let wait = waits();
    let first = catch_unwind(AssertUnwindSafe(|| {
        let _wait = wait;
        panic!("the first");
    }));
    assert_eq!(first.unwrap_err().downcast_ref(), Some(&"the first"));
    let wait = waits();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(wait))).is_err(), "else it goes on");
    assert_eq!(time.waiting(), 0);
}
