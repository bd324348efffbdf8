//! Tasks that wait for a permit: in turn, no longer than they may, and gone when they are dropped.

mod support;

use core::time::Duration;
use std::sync::Arc;

use cutout::{AsyncTimer, Bulkhead, BulkheadConfig, BulkheadReason, OwnedBulkheadPermit};
use support::task::{Task, Timer};

const MAX_WAIT: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn bulkhead(limit: u32, queue: u32) -> Arc<Bulkhead> {
    Arc::new(Bulkhead::with_config(BulkheadConfig::new(limit).queue(queue).max_wait(MAX_WAIT)))
}

/// All permits of the bulkhead.
fn fill(bulkhead: &Arc<Bulkhead>) -> Vec<OwnedBulkheadPermit> {
    (0..bulkhead.limit()).map(|_| bulkhead.try_acquire_owned().unwrap()).collect()
}

type Waiting = Task<cutout::OwnedBulkheadAcquire<Timer>>;

/// A task that has come to wait.
fn wait(bulkhead: &Arc<Bulkhead>, timer: &Timer) -> Waiting {
    let mut task = Task::new(bulkhead.acquire_owned_async(timer.clone()));
    assert!(task.poll().is_pending());
    task
}

/// The permit of a task that was woken for it.
fn turn(mut task: Waiting) -> OwnedBulkheadPermit {
    assert!(task.was_woken(), "nobody woke it");
    task.ready().expect("its turn has come")
}

#[test]
fn permits_go_to_waiters_in_their_order() {
    let (bulkhead, timer) = (bulkhead(1, 5), Timer::default());
    let mut held = fill(&bulkhead);
    let mut waiting: Vec<_> = (0..5).map(|_| wait(&bulkhead, &timer)).collect();
    while !waiting.is_empty() {
        assert!(waiting.iter().all(|task| !task.was_woken()));
        held.pop();
        let first = waiting.remove(0);
        assert!(waiting.iter_mut().all(|task| !task.was_woken() && task.poll().is_pending()));
        held.push(turn(first));
        assert_eq!((bulkhead.in_use(), bulkhead.waiting() as usize), (1, waiting.len()));
    }
}

#[test]
fn who_comes_first_is_who_is_polled_first() {
    let (bulkhead, timer) = (bulkhead(1, 2), Timer::default());
    let held = fill(&bulkhead);
    let mut late = Task::new(bulkhead.acquire_owned_async(timer.clone()));
    assert_eq!(bulkhead.waiting(), 0, "nothing happens before the first poll");
    let first = wait(&bulkhead, &timer);
    assert!(late.poll().is_pending());
    drop(held);
    let permit = turn(first);
    assert!(late.poll().is_pending());
    drop(permit);
    drop(turn(late));
}

#[test]
fn nobody_gets_past_who_waits() {
    let (bulkhead, timer) = (bulkhead(1, 1), Timer::default());
    let held = fill(&bulkhead);
    let waits = wait(&bulkhead, &timer);
    drop(held);
    // Its turn has come, whether or not it has looked: the permit is its own.
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (1, 0));
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason(), BulkheadReason::Full);
    let late = wait(&bulkhead, &timer);
    let permit = turn(waits);
    assert!(!late.was_woken());
    drop(permit);
    drop(turn(late));
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (bulkhead, timer) = (bulkhead(1, 2), Timer::default());
    let held = fill(&bulkhead);
    let waiting = [wait(&bulkhead, &timer), wait(&bulkhead, &timer)];
    let mut late = Task::new(bulkhead.acquire_owned_async(timer.clone()));
    assert_eq!(late.ready().unwrap_err().reason(), BulkheadReason::Full);
    assert_eq!((bulkhead.waiting(), bulkhead.rejected(), timer.made()), (2, 1, 2));
    assert_eq!(
        bulkhead.acquire().unwrap_err().reason(),
        BulkheadReason::Full,
        "nor does a thread wait"
    );
    drop(held);
    let [first, second] = waiting;
    drop(turn(first));
    drop(turn(second));
}

#[test]
fn only_a_wait_makes_a_timer_and_drops_it_at_its_end() {
    let (bulkhead, timer) = (bulkhead(1, 2), Timer::default());
    let mut task = Task::new(bulkhead.acquire_owned_async(timer.clone()));
    let held = task.ready().unwrap();
    assert_eq!(timer.made(), 0);
    let mut waits = wait(&bulkhead, &timer);
    let gives_up = wait(&bulkhead, &timer);
    assert_eq!((timer.made(), timer.running()), (2, 2));
    drop(gives_up);
    assert_eq!(timer.running(), 1);
    drop(held);
    let _permit = waits.ready().unwrap();
    assert_eq!((timer.made(), timer.running()), (2, 0), "though the task is still there");
}

#[test]
fn a_wait_is_over_when_the_maximum_is_reached_and_not_before() {
    let (bulkhead, timer) = (bulkhead(1, 2), Timer::default());
    let held = fill(&bulkhead);
    let mut early = wait(&bulkhead, &timer);
    timer.advance(MAX_WAIT - NANOSECOND);
    assert!(early.poll().is_pending());
    let mut later = wait(&bulkhead, &timer);
    timer.advance(NANOSECOND);
    assert!(early.was_woken());
    assert_eq!(early.ready().unwrap_err().reason(), BulkheadReason::TimedOut);
    assert_eq!((bulkhead.waiting(), bulkhead.rejected(), timer.running()), (1, 1, 1));
    assert!(later.poll().is_pending());
    drop(held);
    drop(turn(later));
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 1));
}

#[test]
fn a_permit_granted_before_the_poll_is_had_after_the_time() {
    let (bulkhead, timer) = (bulkhead(1, 1), Timer::default());
    let held = fill(&bulkhead);
    let waits = wait(&bulkhead, &timer);
    drop(held);
    timer.advance(MAX_WAIT);
    drop(turn(waits));
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 0));
}

#[test]
fn who_goes_away_before_its_turn_leaves_its_place() {
    let (bulkhead, timer) = (bulkhead(1, 3), Timer::default());
    let held = fill(&bulkhead);
    let mut waiting: Vec<_> = (0..3).map(|_| wait(&bulkhead, &timer)).collect();
    drop(waiting.remove(1));
    assert_eq!(bulkhead.waiting(), 2);
    waiting.push(wait(&bulkhead, &timer)); // the place is free
    drop(waiting.remove(0));
    drop(held);
    for task in waiting {
        drop(turn(task));
    }
    assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
}

#[test]
fn who_goes_away_when_its_turn_has_come_hands_the_permit_on() {
    let (bulkhead, timer) = (bulkhead(1, 3), Timer::default());
    let held = fill(&bulkhead);
    let [first, second, third] = [(); 3].map(|()| wait(&bulkhead, &timer));
    drop(held);
    assert!(first.was_woken());
    drop(first);
    assert!(second.was_woken());
    drop(second);
    drop(turn(third));
    assert_eq!(bulkhead.in_use(), 0);
}

#[test]
fn a_waiter_that_leaves_at_its_turn_frees_the_permit() {
    let (bulkhead, timer) = (bulkhead(1, 1), Timer::default());
    let held = fill(&bulkhead);
    let waits = wait(&bulkhead, &timer);
    drop(held);
    assert_eq!(bulkhead.in_use(), 1);
    drop(waits);
    assert_eq!(bulkhead.in_use(), 0);
    assert!(bulkhead.try_acquire().is_ok());
}

#[test]
fn a_limit_that_is_raised_lets_in_as_many_as_fit_in_order() {
    let (bulkhead, timer) = (bulkhead(1, 5), Timer::default());
    let _held = fill(&bulkhead);
    let mut waiting: Vec<_> = (0..5).map(|_| wait(&bulkhead, &timer)).collect();
    bulkhead.resize(4).unwrap();
    let late = waiting.split_off(3);
    let _permits: Vec<_> = waiting.into_iter().map(turn).collect();
    assert!(late.iter().all(|task| !task.was_woken()));
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (4, 2));
}

#[test]
fn a_lowered_limit_admits_a_waiter_once_enough_have_left() {
    let (bulkhead, timer) = (bulkhead(3, 2), Timer::default());
    let mut held = fill(&bulkhead);
    let (first, second) = (wait(&bulkhead, &timer), wait(&bulkhead, &timer));
    bulkhead.resize(1).unwrap();
    for _ in 0..2 {
        held.pop();
        assert!(!first.was_woken());
    }
    held.pop();
    let permit = turn(first);
    assert!(!second.was_woken());
    assert_eq!((bulkhead.in_use(), bulkhead.limit()), (1, 1));
    drop(permit);
    drop(turn(second));
}

#[test]
fn a_lowered_limit_takes_no_permit_from_a_waiter_at_its_turn() {
    let (bulkhead, timer) = (bulkhead(2, 2), Timer::default());
    let mut held = fill(&bulkhead);
    let (first, second) = (wait(&bulkhead, &timer), wait(&bulkhead, &timer));
    held.pop();
    bulkhead.resize(1).unwrap(); // before the first has looked
    let permit = turn(first);
    assert_eq!((bulkhead.in_use(), bulkhead.limit()), (2, 1));
    drop(permit);
    assert!(!second.was_woken());
    drop(held);
    drop(turn(second));
}

#[test]
fn a_task_that_moves_is_woken_where_it_was_polled_last() {
    let (bulkhead, timer) = (bulkhead(1, 1), Timer::default());
    let held = fill(&bulkhead);
    let mut task = wait(&bulkhead, &timer);
    let old = task.new_bell();
    assert!(task.poll().is_pending());
    drop(held);
    assert!(!old.has_rung());
    drop(turn(task));
}

#[test]
fn a_wait_outlives_other_handles_and_may_change_threads() {
    let (bulkhead, timer) = (bulkhead(1, 1), Timer::default());
    let mut held = fill(&bulkhead);
    let waits = wait(&bulkhead, &timer);
    drop(bulkhead);
    let permit = std::thread::spawn(move || {
        held.clear();
        turn(waits)
    });
    assert_eq!(permit.join().unwrap().bulkhead().in_use(), 1);
}

#[test]
fn a_borrowed_wait_has_its_turn_among_the_others() {
    let (bulkhead, timer) = (bulkhead(1, 2), Timer::default());
    let held = fill(&bulkhead);
    let mut borrowed = Task::new(bulkhead.acquire_async(timer.clone()));
    assert!(borrowed.poll().is_pending());
    let owned = wait(&bulkhead, &timer);
    drop(held);
    assert!(borrowed.was_woken() && !owned.was_woken());
    drop(borrowed.ready().unwrap());
    drop(turn(owned));
}

#[test]
fn tasks_of_a_runtime_never_exceed_the_limit() {
    use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

    struct Tokio;

    impl AsyncTimer for Tokio {
        type Sleeping = tokio::time::Sleep;

        fn sleep(&self, duration: Duration) -> tokio::time::Sleep {
            tokio::time::sleep(duration)
        }
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let config = BulkheadConfig::new(3).queue(1_000).max_wait(DAY);
    let bulkhead = Arc::new(Bulkhead::with_config(config));
    let inside = Arc::new(AtomicU32::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (bulkhead, inside) = (Arc::clone(&bulkhead), Arc::clone(&inside));
                tokio::spawn(async move {
                    for _ in 0..20 {
                        let _permit = bulkhead.acquire_owned_async(Tokio).await.unwrap();
                        assert!(inside.fetch_add(1, SeqCst) < 3, "more than three at once");
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
}
