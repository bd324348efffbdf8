//! Races for the permits of a bulkhead. Each name begins with the rule or row that it defends.
#![cfg(loom)]

use core::future::{Future, Pending, Ready, pending, ready};
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use cutout::{
    Bulkhead, BulkheadConfig, BulkheadReason, BulkheadRejected, OwnedBulkheadAcquire,
    OwnedBulkheadPermit, Sleep,
};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread::spawn;
use loom_tests::{long_model, model, model_of_three};

/// A timer that never ends.
struct Never;

impl Sleep for Never {
    type Sleeping = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

/// A timer that has ended before it is looked at.
struct Over;

impl Sleep for Over {
    type Sleeping = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

type Wait = Pin<Box<OwnedBulkheadAcquire<Never>>>;
type Granted = Result<OwnedBulkheadPermit, BulkheadRejected>;

fn bulkhead(limit: u32, queue: u32) -> Arc<Bulkhead> {
    let max_wait = if queue == 0 { Duration::ZERO } else { Duration::from_secs(1) };
    Arc::new(Bulkhead::with_config(BulkheadConfig::new(limit).queue(queue).max_wait(max_wait)))
}

/// A task's bell. It is not part of what loom explores.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Bell {
    fn poll(self: &Arc<Self>, wait: &mut Wait) -> Poll<Granted> {
        wait.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))))
    }

    /// Polls once more after the bell has rung, which by now it must have, unless `polled` has
    /// already ended.
    fn answer(&self, polled: Poll<Granted>, wait: Wait) -> OwnedBulkheadPermit {
        match polled {
            Poll::Ready(granted) => granted.expect("a timer that never ends"),
            Poll::Pending => {
                assert!(self.0.load(Relaxed), "nobody woke who waits");
                turn(wait)
            }
        }
    }
}

fn poll(wait: &mut Wait) -> Poll<Granted> {
    wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Somebody who has come to wait.
fn waiting(bulkhead: &Arc<Bulkhead>) -> Wait {
    let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
    assert!(poll(&mut wait).is_pending());
    wait
}

/// The permit of one whose turn must have come.
fn turn(mut wait: Wait) -> OwnedBulkheadPermit {
    match poll(&mut wait) {
        Poll::Ready(Ok(permit)) => permit,
        other => panic!("its turn has not come: {other:?}"),
    }
}

fn wait(bulkhead: &Arc<Bulkhead>) -> OwnedBulkheadPermit {
    block_on(bulkhead.acquire_owned_async(Never)).expect("a timer that never ends")
}

/// P3, P4: once nothing is under way, nobody waits for a permit that is free.
fn is_settled(bulkhead: &Bulkhead) {
    let (in_use, limit, waiting) = (bulkhead.in_use(), bulkhead.limit(), bulkhead.waiting());
    assert!(waiting == 0 || in_use >= limit, "{waiting} wait, {in_use} of {limit} are out");
}

/// What is shared by those who hold a permit: loom sees to it that no two touch it at once.
struct Shared(UnsafeCell<()>);

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(())))
    }

    fn touch(&self) {
        self.0.with_mut(|_| ());
    }
}

#[test]
fn p1_of_three_that_try_no_more_are_let_in_than_there_are_permits() {
    model_of_three(|| {
        let bulkhead = bulkhead(2, 0);
        let threads = [(); 2].map(|()| {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || bulkhead.try_acquire_owned())
        });
        let mine = bulkhead.try_acquire_owned();
        let [one, other] = threads.map(|thread| thread.join().unwrap());
        let let_in = [&mine, &one, &other].into_iter().filter(|permit| permit.is_ok()).count();
        assert_eq!((let_in, bulkhead.in_use(), bulkhead.rejected()), (2, 2, 1));
    });
}

#[test]
fn p1_a_permit_that_comes_back_is_taken_by_one_of_two_that_try() {
    model_of_three(|| {
        let bulkhead = bulkhead(1, 0);
        let held = bulkhead.try_acquire_owned().unwrap();
        let try_it = |bulkhead: &Arc<Bulkhead>| {
            let bulkhead = Arc::clone(bulkhead);
            spawn(move || bulkhead.try_acquire_owned())
        };
        let (one, other) = (try_it(&bulkhead), try_it(&bulkhead));
        drop(held);
        let permits = [one, other].map(|thread| thread.join().unwrap());
        let let_in = permits.iter().filter(|permit| permit.is_ok()).count();
        assert!(let_in <= 1);
        assert_eq!(bulkhead.in_use() as usize, let_in);
        assert_eq!(bulkhead.rejected() as usize, 2 - let_in);
    });
}

#[test]
fn p1_a_limit_that_is_lowered_lets_nobody_in_past_it() {
    model_of_three(|| {
        let bulkhead = bulkhead(2, 0);
        let held = bulkhead.try_acquire_owned().unwrap();
        let lower = {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || bulkhead.resize(1).unwrap())
        };
        let back = spawn(move || drop(held));
        let permit = bulkhead.try_acquire_owned();
        lower.join().unwrap();
        back.join().unwrap();
        assert_eq!(bulkhead.in_use(), u32::from(permit.is_ok()));
        let more = bulkhead.try_acquire_owned();
        assert_ne!(permit.is_ok(), more.is_ok(), "one fits, and one only");
    });
}

#[test]
fn p2_who_comes_while_somebody_waits_does_not_get_past() {
    model(|| {
        let bulkhead = bulkhead(1, 1);
        let held = bulkhead.try_acquire_owned().unwrap();
        let first = waiting(&bulkhead);
        let late = {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || assert!(bulkhead.try_acquire().is_err()))
        };
        drop(held);
        late.join().unwrap();
        let _permit = turn(first);
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0));
    });
}

#[test]
fn p2_who_waits_longer_is_first_when_two_permits_come_back_at_once() {
    model(|| {
        let bulkhead = bulkhead(2, 3);
        let (one, other) =
            (bulkhead.try_acquire_owned().unwrap(), bulkhead.try_acquire_owned().unwrap());
        let (first, second, mut third) =
            (waiting(&bulkhead), waiting(&bulkhead), waiting(&bulkhead));
        let back = spawn(move || drop(one));
        drop(other);
        back.join().unwrap();
        let permits = (turn(first), turn(second));
        assert!(poll(&mut third).is_pending());
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (2, 1));
        drop(permits);
        drop(turn(third));
    });
}

#[test]
fn p3_two_that_come_to_the_last_place_in_the_queue_do_not_both_get_it() {
    model(|| {
        let bulkhead = bulkhead(1, 1);
        let _held = bulkhead.try_acquire_owned().unwrap();
        let come = |bulkhead: &Arc<Bulkhead>| {
            let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
            let refused = match poll(&mut wait) {
                Poll::Pending => None,
                Poll::Ready(granted) => Some(granted.unwrap_err().reason()),
            };
            (wait, refused)
        };
        let other = {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || come(&bulkhead))
        };
        let (_mine, my_refusal) = come(&bulkhead);
        let (_other, other_refusal) = other.join().unwrap();
        let refusals: Vec<_> = [my_refusal, other_refusal].into_iter().flatten().collect();
        assert_eq!(refusals, [BulkheadReason::Full]);
        assert_eq!((bulkhead.waiting(), bulkhead.rejected()), (1, 1));
    });
}

#[test]
fn p4_a_permit_that_comes_back_wakes_the_task_that_comes_to_wait_for_it() {
    model(|| {
        let (bulkhead, bell) = (bulkhead(1, 1), Arc::new(Bell::default()));
        let held = bulkhead.try_acquire_owned().unwrap();
        let back = spawn(move || drop(held));
        let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
        let polled = bell.poll(&mut wait);
        back.join().unwrap();
        drop(bell.answer(polled, wait));
        assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
    });
}

#[test]
fn p4_a_permit_that_comes_back_wakes_the_thread_that_comes_to_wait_for_it() {
    model(|| {
        let bulkhead = bulkhead(1, 1);
        let held = bulkhead.try_acquire_owned().unwrap();
        let back = spawn(move || drop(held));
        drop(bulkhead.acquire().unwrap());
        back.join().unwrap();
        assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
    });
}

#[test]
fn p4_a_permit_goes_round_three_that_want_it() {
    model_of_three(|| {
        let bulkhead = bulkhead(1, 2);
        let others = [(); 2].map(|()| {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || drop(wait(&bulkhead)))
        });
        drop(wait(&bulkhead));
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
    });
}

#[test]
fn p4_a_task_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (bulkhead, bell) = (bulkhead(1, 1), Arc::new(Bell::default()));
        let held = bulkhead.try_acquire_owned().unwrap();
        let mut wait = waiting(&bulkhead);
        let back = spawn(move || drop(held));
        let polled = bell.poll(&mut wait);
        back.join().unwrap();
        drop(bell.answer(polled, wait));
    });
}

#[test]
fn p4_a_limit_that_is_raised_wakes_who_comes_to_wait() {
    model(|| {
        let (bulkhead, bell) = (bulkhead(1, 1), Arc::new(Bell::default()));
        let _held = bulkhead.try_acquire_owned().unwrap();
        let raise = {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || bulkhead.resize(2).unwrap())
        };
        let mut wait = Box::pin(bulkhead.acquire_owned_async(Never));
        let polled = bell.poll(&mut wait);
        raise.join().unwrap();
        let _mine = bell.answer(polled, wait);
        assert_eq!((bulkhead.in_use(), bulkhead.limit()), (2, 2));
    });
}

#[test]
fn p4_a_limit_that_moves_while_a_permit_comes_back_leaves_nobody_waiting_for_a_free_one() {
    model_of_three(|| {
        let bulkhead = bulkhead(2, 2);
        let (one, other) =
            (bulkhead.try_acquire_owned().unwrap(), bulkhead.try_acquire_owned().unwrap());
        let (first, second) = (waiting(&bulkhead), waiting(&bulkhead));
        let back = spawn(move || drop(one));
        let lower = {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || bulkhead.resize(1).unwrap())
        };
        bulkhead.resize(3).unwrap();
        back.join().unwrap();
        lower.join().unwrap();
        is_settled(&bulkhead);
        bulkhead.resize(1).unwrap();
        drop(other);
        drop(turn(first));
        drop(turn(second));
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
    });
}

#[test]
fn p5_who_stops_waiting_hands_on_the_permit_that_comes_to_it() {
    model(|| {
        let bulkhead = bulkhead(1, 2);
        let held = bulkhead.try_acquire_owned().unwrap();
        let (first, second) = (waiting(&bulkhead), waiting(&bulkhead));
        let back = spawn(move || drop(held));
        drop(first);
        back.join().unwrap();
        is_settled(&bulkhead);
        drop(turn(second));
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
    });
}

#[test]
fn p5_who_waits_alone_and_stops_leaves_the_permit_free() {
    model(|| {
        let bulkhead = bulkhead(1, 1);
        let held = bulkhead.try_acquire_owned().unwrap();
        let only = waiting(&bulkhead);
        let back = spawn(move || drop(held));
        drop(only);
        back.join().unwrap();
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
    });
}

#[test]
fn p5_when_the_time_is_over_a_caller_has_the_permit_or_is_refused_and_not_both() {
    model(|| {
        let bulkhead = bulkhead(1, 2);
        let held = bulkhead.try_acquire_owned().unwrap();
        let back = spawn(move || drop(held));
        let granted = block_on(bulkhead.acquire_owned_async(Over));
        back.join().unwrap();
        let (in_use, rejected) = (bulkhead.in_use(), bulkhead.rejected());
        match granted {
            Ok(_permit) => assert_eq!((in_use, rejected), (1, 0)),
            Err(late) => {
                assert_eq!(late.reason(), BulkheadReason::TimedOut);
                assert_eq!((in_use, rejected), (0, 1));
            }
        }
        assert_eq!(bulkhead.waiting(), 0);
    });
}

#[test]
fn p5_two_that_stop_waiting_while_a_permit_comes_back_lose_nothing() {
    model_of_three(|| {
        let bulkhead = bulkhead(1, 3);
        let held = bulkhead.try_acquire_owned().unwrap();
        let (first, second, third) = (waiting(&bulkhead), waiting(&bulkhead), waiting(&bulkhead));
        let back = spawn(move || drop(held));
        let stop = spawn(move || drop(first));
        drop(second);
        back.join().unwrap();
        stop.join().unwrap();
        drop(turn(third));
        assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
    });
}

#[test]
fn q2_who_takes_a_permit_sees_what_was_done_under_the_last_one() {
    model(|| {
        let (bulkhead, shared) = (bulkhead(1, 0), Shared::new());
        let run = |bulkhead: &Bulkhead, shared: &Shared| {
            if let Ok(_permit) = bulkhead.try_acquire() {
                shared.touch();
            }
        };
        let other = {
            let (bulkhead, shared) = (Arc::clone(&bulkhead), Arc::clone(&shared));
            spawn(move || run(&bulkhead, &shared))
        };
        run(&bulkhead, &shared);
        other.join().unwrap();
    });
}

#[test]
fn q2_who_finds_a_permit_when_about_to_wait_sees_what_was_done_under_the_last_one() {
    long_model(|| {
        let (bulkhead, shared) = (bulkhead(1, 1), Shared::new());
        let run = |bulkhead: &Arc<Bulkhead>, shared: &Shared| {
            let _permit = wait(bulkhead);
            shared.touch();
        };
        let other = {
            let (bulkhead, shared) = (Arc::clone(&bulkhead), Arc::clone(&shared));
            spawn(move || run(&bulkhead, &shared))
        };
        run(&bulkhead, &shared);
        other.join().unwrap();
    });
}

#[test]
fn q3_who_is_given_a_permit_sees_what_was_done_under_the_last_one() {
    model_of_three(|| {
        let bulkhead = bulkhead(2, 1);
        let shared = [Shared::new(), Shared::new()];
        let permits = [(); 2].map(|()| bulkhead.try_acquire_owned().unwrap());
        bulkhead.resize(1).unwrap();
        let wait = waiting(&bulkhead);
        let [one, other] = permits;
        let work = |permit: OwnedBulkheadPermit, shared: &Arc<Shared>| {
            let shared = Arc::clone(shared);
            spawn(move || {
                shared.touch();
                drop(permit);
            })
        };
        let threads = [work(one, &shared[0]), work(other, &shared[1])];
        let permit = block_on(wait).unwrap();
        for shared in &shared {
            shared.touch();
        }
        drop(permit);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
