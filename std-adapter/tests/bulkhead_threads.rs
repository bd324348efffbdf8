//! Threads that wait for a permit.

mod support;

use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use cutout::{Bulkhead, BulkheadConfig, BulkheadReason};
use support::task::{Task, Timer};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const fn bulkhead(limit: u32, queue: u32) -> Bulkhead {
    Bulkhead::with_config(BulkheadConfig::new(limit).queue(queue).max_wait(DAY))
}

/// Goes on once so many callers wait.
fn until_waiting(bulkhead: &Bulkhead, callers: u32) {
    while bulkhead.waiting() != callers {
        thread::yield_now();
    }
}

#[test]
fn a_thread_waits_until_a_permit_comes_back() {
    static BULKHEAD: Bulkhead = bulkhead(1, 1);
    let held = BULKHEAD.acquire().unwrap();
    let waits = thread::spawn(|| BULKHEAD.acquire().map(|_| BULKHEAD.in_use()));
    until_waiting(&BULKHEAD, 1);
    assert_eq!(BULKHEAD.in_use(), 1);
    drop(held);
    assert_eq!(waits.join().unwrap(), Ok(1));
    assert_eq!((BULKHEAD.in_use(), BULKHEAD.waiting(), BULKHEAD.rejected()), (0, 0, 0));
}

#[test]
fn threads_have_their_turns_in_the_order_in_which_they_came() {
    const THREADS: u32 = 6;
    let (bulkhead, order) = (Arc::new(bulkhead(1, THREADS)), Mutex::new(Vec::new()));
    let held = bulkhead.acquire_owned().unwrap();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (bulkhead, order) = (&bulkhead, &order);
            scope.spawn(move || {
                let _permit = bulkhead.acquire_owned().unwrap();
                order.lock().unwrap().push(number);
            });
            until_waiting(bulkhead, number + 1);
        }
        drop(held);
    });
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn threads_and_tasks_wait_in_one_queue() {
    let (bulkhead, timer) = (bulkhead(1, 3), Timer::default());
    let held = bulkhead.acquire().unwrap();
    let task = || {
        let mut task = Task::new(bulkhead.acquire_async(timer.clone()));
        assert!(task.poll().is_pending());
        task
    };
    thread::scope(|scope| {
        let mut first = task();
        let second = scope.spawn(|| bulkhead.acquire().unwrap());
        until_waiting(&bulkhead, 2);
        let mut third = task();
        drop(held);
        let permit = first.ready().unwrap();
        assert!(third.poll().is_pending());
        assert_eq!(bulkhead.waiting(), 2);
        drop(permit);
        let permit = second.join().unwrap();
        assert!(third.poll().is_pending());
        drop(permit);
        assert!(third.was_woken());
        drop(third.ready().unwrap());
    });
}

#[test]
fn a_thread_waits_as_long_as_it_may_and_is_then_refused() {
    const MAX_WAIT: Duration = Duration::from_millis(2);
    let config = BulkheadConfig::new(1).queue(1).max_wait(MAX_WAIT);
    let bulkhead = Bulkhead::with_config(config);
    let _held = bulkhead.acquire().unwrap();
    let since = Instant::now();
    assert_eq!(bulkhead.acquire().unwrap_err().reason(), BulkheadReason::TimedOut);
    assert!(since.elapsed() >= MAX_WAIT);
    assert_eq!((bulkhead.waiting(), bulkhead.rejected()), (0, 1));
}

#[test]
fn a_thread_that_finds_the_queue_full_does_not_wait() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.acquire().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| drop(bulkhead.acquire().unwrap()));
        until_waiting(&bulkhead, 1);
        assert_eq!(bulkhead.acquire().unwrap_err().reason(), BulkheadReason::Full);
        drop(held);
    });
    assert_eq!((bulkhead.in_use(), bulkhead.rejected()), (0, 1));
}

#[test]
fn a_thread_that_waits_is_let_in_when_the_limit_is_raised() {
    let bulkhead = bulkhead(1, 1);
    let _held = bulkhead.acquire().unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| bulkhead.acquire().is_ok());
        until_waiting(&bulkhead, 1);
        bulkhead.resize(2).unwrap();
        assert!(waits.join().unwrap());
    });
}

#[test]
fn threads_inside_never_exceed_the_limit() {
    const THREADS: u32 = 8;
    const LIMIT: u32 = 3;
    let (bulkhead, inside) = (bulkhead(LIMIT, THREADS), AtomicU32::new(0));
    let work = |number: u32| {
        assert!(inside.fetch_add(1, SeqCst) < LIMIT, "too many at once");
        if number % 7 == 0 {
            thread::yield_now();
        }
        inside.fetch_sub(1, SeqCst);
    };
    let (mut let_in, mut refused) = (0, 0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (bulkhead, work) = (&bulkhead, &work);
                scope.spawn(move || {
                    let mut counts = (0_u64, 0_u64);
                    for number in 0..5_000 {
                        let granted = if (number + thread) % 3 == 0 {
                            bulkhead.try_acquire()
                        } else {
                            bulkhead.acquire()
                        };
                        match granted {
                            Ok(_permit) => {
                                work(number);
                                counts.0 += 1;
                            }
                            Err(refusal) => {
                                assert_eq!(refusal.reason(), BulkheadReason::Full);
                                counts.1 += 1;
                            }
                        }
                    }
                    counts
                })
            })
            .collect();
        for thread in threads {
            let counts = thread.join().unwrap();
            let_in += counts.0;
            refused += counts.1;
        }
    });
    assert_eq!(let_in + refused, u64::from(THREADS) * 5_000);
    assert_eq!(bulkhead.rejected(), refused);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}

#[test]
fn nobody_is_left_behind_while_the_limit_goes_up_and_down() {
    const THREADS: u32 = 6;
    let (bulkhead, inside, done) = (bulkhead(2, THREADS), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let _permit = bulkhead.acquire().unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < 4, "more than it ever was");
                    inside.fetch_sub(1, SeqCst);
                }
                done.fetch_add(1, SeqCst);
            });
        }
        scope.spawn(|| {
            for limit in [1, 3, 2, 4].iter().cycle() {
                if done.load(SeqCst) == THREADS {
                    break;
                }
                bulkhead.resize(*limit).unwrap();
            }
        });
    });
    assert_eq!((bulkhead.in_use(), bulkhead.waiting(), bulkhead.rejected()), (0, 0, 0));
}
