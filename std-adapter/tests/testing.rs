//! Dependencies that users test with: scripts are followed, and hangs end when they are told to.
#![cfg(feature = "testing")]

mod support;

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use core::time::Duration;
use std::sync::{Arc, LazyLock};
use std::task::Wake;

use cutout::testing::{self, Dependency, Draw, Fault, Replies, Reply, Script, Transitions};
use cutout::{AsyncTimer, Bulkhead, BulkheadConfig, Clock, ManualTimer};
use support::{ms, panic_message, poll, secs};

fn following(script: Script) -> Dependency {
    Dependency::new(ManualTimer::new(), script)
}

/// `+` for success, `-` for failure.
fn answers(dependency: &Dependency, calls: u32) -> String {
    (0..calls).map(|_| if dependency.call().is_ok() { '+' } else { '-' }).collect()
}

#[test]
fn a_script_is_followed_act_by_act_and_ends_healthy() {
    let script = Script::new().then(2, Reply::ok()).then(0, Reply::hang()).then(3, Reply::err());
    assert_eq!(answers(&following(script), 8), "++---+++");
    assert_eq!(answers(&following(Script::new()), 3), "+++");
}

#[test]
fn a_script_ends_as_it_says_or_begins_again() {
    let acts = || Script::new().then(1, Reply::ok()).then(2, Reply::err());
    assert_eq!(answers(&following(acts().forever(Reply::err())), 6), "+-----");
    assert_eq!(answers(&following(acts().again()), 7), "+--+--+");
    assert_eq!(answers(&following(acts().again().forever(Reply::ok())), 6), "+--+++");
}

#[test]
fn a_script_without_a_call_cannot_begin_again() {
    for script in [Script::new(), Script::new().then(0, Reply::ok())] {
        assert_eq!(
            panic_message(|| script.again()),
            "again: needs an act of at least 1 call before it"
        );
    }
}

#[test]
fn a_draw_is_the_same_for_one_seed_and_another_for_another() {
    let drawn = |seed| {
        let draw = Draw::new(seed, [(3, Reply::ok()), (0, Reply::hang()), (1, Reply::err())]);
        answers(&following(Script::new().forever(draw)), 400)
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    for seed in [0, 1, u64::MAX] {
        let failed = drawn(seed).matches('-').count();
        assert!((70..130).contains(&failed), "{failed} of 400");
    }
}

#[test]
fn a_draw_needs_a_weight() {
    let message = "replies: at least one must have a weight above 0";
    assert_eq!(panic_message(|| Draw::new(1, [])), message);
    assert_eq!(panic_message(|| Draw::new(1, [(0, Reply::ok())])), message);
}

#[test]
fn an_act_may_be_drawn_and_a_reply_is_one_by_itself() {
    let script = Script::new().then(50, Draw::new(3, [(1, Reply::err())])).then(1, Reply::err());
    assert_eq!(answers(&following(script), 52), "-".repeat(51) + "+");
    let _: Replies = Reply::ok().into();
}

#[test]
fn a_blocking_call_takes_its_time() {
    let bank = following(Script::new().then(1, Reply::ok().after(ms(70))).then(1, Reply::err()));
    assert_eq!(bank.call(), Ok(1));
    assert_eq!(bank.time().now().as_nanos(), 70_000_000);
    assert_eq!(bank.call(), Err(Fault::Failed { call: 2 }));
    assert_eq!(bank.time().now().as_nanos(), 70_000_000);
}

#[test]
fn a_limited_call_ends_at_its_limit_and_not_before() {
    let late = Reply::ok().after(ms(100));
    let bank = following(Script::new().then(2, late).then(1, Reply::hang()));
    assert_eq!(bank.call_within(ms(100)), Ok(1));
    assert_eq!(bank.call_within(ms(99)), Err(Fault::TimedOut { call: 2 }));
    assert_eq!(bank.call_within(ms(1)), Err(Fault::TimedOut { call: 3 }));
    assert_eq!(bank.time().now().as_nanos(), 200_000_000);
    assert_eq!((bank.calls(), bank.running(), bank.given_up()), (3, 0, 2));
}

#[test]
fn a_blocking_call_that_hangs_says_that_nobody_can_give_it_up() {
    let bank = following(Script::new().then(1, Reply::hang()));
    assert_eq!(
        panic_message(|| bank.call()),
        "call 1 hangs, and a blocking call cannot be given up: use `call_within`"
    );
    assert_eq!((bank.call(), bank.running()), (Ok(2), 0));
}

#[test]
fn a_call_that_panics_is_over() {
    let bank = following(Script::new().then(2, Reply::panic().after(ms(5))));
    assert_eq!(panic_message(|| bank.call()), "call 1 panics, as its script says");
    let message = panic_message(|| testing::drive(bank.time(), bank.call_async()));
    assert_eq!(message, "call 2 panics, as its script says");
    assert_eq!((bank.running(), bank.given_up()), (0, 0));
    assert_eq!(bank.time().now().as_nanos(), 10_000_000);
}

#[test]
fn an_async_call_begins_when_polled_and_ends_in_time() {
    let bank = following(Script::new().then(1, Reply::err().after(secs(3))));
    let mut call = pin!(bank.call_async());
    assert_eq!(bank.calls(), 0);
    assert!(poll(call.as_mut()).is_pending());
    bank.time().advance(secs(2));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!((bank.calls(), bank.running(), bank.hanging()), (1, 1, 0));
    bank.time().advance(secs(1));
    assert_eq!(poll(call.as_mut()), Poll::Ready(Err(Fault::Failed { call: 1 })));
    assert_eq!((bank.running(), bank.given_up()), (0, 0));
}

struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_hang_ends_when_it_is_released_and_wakes_who_waits() {
    let bank = following(Script::new().forever(Reply::hang()));
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut call = pin!(bank.call_async());
    for _ in 0..3 {
        bank.time().advance(secs(1_000_000));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!((bank.hanging(), woken.0.load(Ordering::Relaxed)), (1, 0));
    bank.release();
    assert_eq!((bank.hanging(), woken.0.load(Ordering::Relaxed)), (0, 1));
    let mut later = pin!(bank.call_async());
    assert!(poll(later.as_mut()).is_pending(), "the script goes on");
    assert_eq!(poll(call.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn a_call_that_is_dropped_is_given_up() {
    let bank = following(Script::new().then(1, Reply::hang()).then(1, Reply::ok().after(ms(9))));
    for _ in 0..2 {
        let mut call = pin!(bank.call_async());
        assert!(poll(call.as_mut()).is_pending());
    }
    assert_eq!((bank.calls(), bank.running(), bank.hanging(), bank.given_up()), (2, 0, 0, 2));
    drop(bank.call_async());
    assert_eq!(bank.calls(), 2, "one that was never polled never began");
}

#[test]
fn another_script_is_for_the_calls_after_it() {
    let bank = following(Script::new().then(1, Reply::err().after(ms(1))).forever(Reply::hang()));
    let other = bank.clone();
    let mut call = pin!(bank.call_async());
    assert!(poll(call.as_mut()).is_pending());
    other.play(Script::new());
    assert_eq!(other.call(), Ok(2));
    bank.time().advance(ms(1));
    assert_eq!(poll(call.as_mut()), Poll::Ready(Err(Fault::Failed { call: 1 })));
}

#[test]
fn faults_are_errors_that_name_their_call() {
    fn message(error: impl core::error::Error) -> String {
        error.to_string()
    }
    assert_eq!(message(Fault::Failed { call: 4 }), "call 4 failed, as its script says");
    assert_eq!(message(Fault::TimedOut { call: 5 }), "call 5 was not over within its limit");
}

#[test]
fn a_future_is_driven_from_wait_to_wait() {
    let time = ManualTimer::new();
    let both = async {
        time.sleep(secs(2)).await;
        time.sleep(Duration::ZERO).await;
        time.sleep(secs(3)).await;
        time.now().as_nanos()
    };
    assert_eq!(testing::drive(&time, both), 5_000_000_000);
}

#[test]
fn a_future_that_waits_for_no_time_is_not_driven_for_ever() {
    let time = ManualTimer::new();
    assert_eq!(
        panic_message(|| testing::drive(&time, core::future::pending::<()>())),
        "drive: the future is pending, and nothing waits for the time"
    );
    let _nobody_polls = time.sleep(secs(1));
    assert_eq!(
        panic_message(|| testing::drive(&time, core::future::pending::<()>())),
        "drive: what waits for the time is not polled by this future"
    );
}

/// Pending once, and woken at once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if core::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Awaits both, side by side, each polled whenever either is woken.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none() {
            if let Poll::Ready(output) = one.as_mut().poll(context) {
                first = Some(output);
            }
        }
        if second.is_none() {
            if let Poll::Ready(output) = other.as_mut().poll(context) {
                second = Some(output);
            }
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.unwrap(), second.unwrap())
}

#[test]
fn a_future_that_is_woken_is_polled_before_the_time_is_moved() {
    let time = ManualTimer::new();
    testing::drive(&time, yield_now());
    let yields = async {
        yield_now().await;
        time.now().as_nanos()
    };
    let (yielded_at, ()) = testing::drive(&time, both(yields, time.sleep(secs(3_600))));
    assert_eq!(yielded_at, 0);
    assert_eq!(time.now().as_nanos(), 3_600_000_000_000);
}

#[test]
fn a_place_freed_by_a_sibling_is_taken() {
    let time = ManualTimer::new();
    let config = BulkheadConfig::new(1).queue(1).max_wait(secs(60));
    let bulkhead = Arc::new(Bulkhead::with_config(config));
    let held = bulkhead.try_acquire_owned().unwrap();
    let waits = async {
        let permit = bulkhead.acquire_async(time.clone()).await;
        (permit.is_ok(), time.now().as_nanos())
    };
    let works = async {
        time.sleep(ms(100)).await;
        drop(held);
    };
    let (taken, ()) = testing::drive(&time, both(waits, works));
    assert_eq!(taken, (true, 100_000_000), "and not when its own wait would be over");
}

#[test]
fn a_hang_that_a_sibling_releases_is_no_hang() {
    let bank = following(Script::new().forever(Reply::hang()));
    let releases = async {
        bank.time().sleep(secs(1)).await;
        bank.release();
    };
    let (answer, ()) = testing::drive(bank.time(), both(bank.call_async(), releases));
    assert_eq!((answer, bank.time().now().as_nanos()), (Ok(1), 1_000_000_000));
}

#[test]
fn waits_that_nobody_polls_do_not_stand_in_the_way() {
    let time = ManualTimer::new();
    let _over = time.sleep(Duration::ZERO);
    let _on_the_way = [time.sleep(secs(1)), time.sleep(secs(2))];
    testing::drive(&time, time.sleep(secs(10)));
    assert_eq!(time.now().as_nanos(), 10_000_000_000);
}

#[test]
fn a_future_that_wakes_itself_for_ever_is_not_driven_for_ever() {
    let time = ManualTimer::new();
    let spins = async {
        while time.now().as_nanos() == 0 {
            yield_now().await;
        }
    };
    assert_eq!(
        panic_message(|| testing::drive(&time, spins)),
        "drive: the future was woken 1000000 times and the time did not move"
    );
}

#[test]
fn wakers_that_panic_keep_no_other_hang_from_its_end() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    let bank = following(Script::new().forever(Reply::hang()));
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let wakers = [
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::clone(&woken)),
    ];
    let _calls = wakers.map(|waker| {
        let mut call = Box::pin(bank.call_async());
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        call
    });
    assert_eq!(panic_message(|| bank.release()), "in a waker");
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hang_released_while_a_panic_unwinds_ends_no_process() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    struct Releases<'a>(&'a Dependency<ManualTimer>);
    impl Drop for Releases<'_> {
        fn drop(&mut self) {
            self.0.release();
        }
    }
    let bank = following(Script::new().forever(Reply::hang()));
    let mut call = pin!(bank.call_async());
    let waker = Waker::from(Arc::new(Panics));
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let first = panic_message(|| {
        let _releases = Releases(&bank);
        panic!("the first");
    });
    assert_eq!(first, "the first");
    assert!(poll(call).is_ready(), "it was released all the same");
}

#[test]
fn a_hang_whose_waker_panics_with_it_aborts_nothing() {
    struct PanicsLast;
    impl Wake for PanicsLast {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for PanicsLast {
        fn drop(&mut self) {
            panic!("in a waker");
        }
    }
    let bank = following(Script::new().forever(Reply::hang()));
    let hang = || {
        let mut call = Box::pin(bank.call_async());
        // The call has the last clone.
        let waker = Waker::from(Arc::new(PanicsLast));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        call
    };
    let first = panic_message(|| {
        let _call = hang();
        panic!("the first");
    });
    assert_eq!(first, "the first");
    assert_eq!(panic_message(|| drop(hang())), "in a waker");
    assert_eq!((bank.running(), bank.given_up()), (0, 2));
}

#[test]
fn a_waker_may_be_the_last_owner_of_another_call_that_hangs() {
    type Call = Pin<Box<dyn Future<Output = Result<u64, Fault>> + Send>>;
    struct Holds(#[allow(dead_code)] std::sync::Mutex<Call>);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {}
    }
    let bank = following(Script::new().forever(Reply::hang()));
    let hang = || {
        let bank = bank.clone();
        let mut call: Call = Box::pin(async move { bank.call_async().await });
        assert!(poll(call.as_mut()).is_pending());
        call
    };
    let poll_with_owner = |call: &mut Call| {
        let waker = Waker::from(Arc::new(Holds(std::sync::Mutex::new(hang()))));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    };
    let mut call = hang();
    poll_with_owner(&mut call);
    poll_with_owner(&mut call);
    assert_eq!((bank.running(), bank.given_up()), (2, 1));
    drop(call);
    assert_eq!((bank.running(), bank.given_up()), (0, 3));
}

/// What the clones of [`releasing`] release.
static RELEASED: LazyLock<Dependency> =
    LazyLock::new(|| following(Script::new().forever(Reply::hang())));

/// A waker that releases [`RELEASED`] when it is cloned, as another thread may at that moment.
fn releasing() -> Waker {
    const RELEASING: RawWakerVTable = RawWakerVTable::new(
        |data| {
            RELEASED.release();
            RawWaker::new(data, &RELEASING)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: nothing follows the pointer, and no function of the table does more than release.
    #[allow(unsafe_code)]
    unsafe {
        Waker::new(ptr::null(), &RELEASING)
    }
}

#[test]
fn a_hang_that_is_released_while_its_waker_is_cloned_is_over() {
    let mut call = pin!(RELEASED.call_async());
    // Nobody would wake it any more.
    let poll = call.as_mut().poll(&mut Context::from_waker(&releasing()));
    assert_eq!(poll, Poll::Ready(Ok(1)));
    assert_eq!(RELEASED.hanging(), 0);
}

#[test]
fn a_dependency_is_shown_to_who_looks_at_it_meanwhile() {
    use core::fmt::Write;
    struct Looks<'a>(&'a Dependency);
    impl Write for Looks<'_> {
        fn write_str(&mut self, _: &str) -> core::fmt::Result {
            assert_eq!(self.0.calls(), 0);
            Ok(())
        }
    }
    let bank = following(Script::new());
    write!(Looks(&bank), "{bank:?}").unwrap();
}

#[test]
fn everything_may_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync>() {}
    fn is_send<T: Send>(_: T) {}
    is_shared::<Dependency>();
    is_shared::<Transitions>();
    let bank = following(Script::new());
    is_send(bank.call_async());
}

#[test]
fn a_dropped_hang_whose_waker_panics_in_a_panic_aborts_nothing() {
    /// Panics when it is dropped.
    struct Sticks;
    impl Wake for Sticks {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Sticks {
        fn drop(&mut self) {
            panic!("in the waker's drop");
        }
    }
    let dependency = following(Script::new().forever(Reply::hang()));
    let mut call = Box::pin(dependency.call_async());
    let waker = Waker::from(Arc::new(Sticks));
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let first = panic_message(|| {
        let _call = call;
        panic!("the first");
    });
    assert_eq!((first.as_str(), dependency.running()), ("the first", 0));
}
