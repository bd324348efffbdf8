//! No call through a policy allocates, whichever part ends it.
#![cfg(feature = "policy")]

mod support;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::future::{Ready, ready};
use core::pin::pin;
use core::time::Duration;
use std::alloc::System;

use cutout::{
    AsyncTimer, AttemptError, Bulkhead, Clock, Fallback, Instant, ManualTimer, Policy, PolicyError,
    Rate, Retry, RetryBudget, State,
};
use support::{breaker, hang, poll};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator and keeps its contract.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(act: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    act();
    ALLOCATIONS.with(Cell::get) - before
}

/// A timer that is always over.
#[derive(Clone, Copy)]
struct NoWait;

impl AsyncTimer for NoWait {
    type Sleeping = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

impl cutout::BlockingTimer for NoWait {
    fn pause(&self, _: Duration) {}
}

impl Clock for NoWait {
    fn now(&self) -> Instant {
        Instant::ORIGIN
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(core::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn no_call_allocates_whatever_ends_it() {
    let breaker = breaker(&ManualTimer::new());
    let bulkhead = Bulkhead::new(1);
    let budget = RetryBudget::with_clock(Rate::percent(10), 2, NoWait);
    let policy = Policy::new()
        .timer(NoWait)
        .fallback(Fallback::value(0).when(PolicyError::<u32>::is_timeout))
        .retry(Retry::exponential(Duration::from_millis(1)).budget(&budget))
        .breaker(&breaker)
        .bulkhead(&bulkhead)
        .timeout(Duration::ZERO);
    // What a process or a breaker allocates once is no call's own.
    let _ = policy.call_within(|_| Err::<u32, _>(1));
    breaker.reset();
    drop(breaker.try_acquire());
    let count = allocations(|| {
        for _ in 0..100 {
            assert_eq!(policy.call_within(|_| Ok::<_, u32>(1)), Ok(1));
            let mut succeeds = pin!(policy.call_async(|| ready(Ok::<_, u32>(1))));
            assert!(poll(succeeds.as_mut()).is_ready());
        }
        let mut fails = pin!(policy.call_async(|| ready(Err::<u32, _>(1))));
        assert!(poll(fails.as_mut()).is_ready());
        breaker.reset();
        let mut times_out = pin!(policy.call_async(hang::<Result<u32, u32>>));
        assert!(poll(times_out.as_mut()).is_ready());
        breaker.reset();
        let held = bulkhead.try_acquire();
        let error = policy.call_within(|_| Ok::<_, u32>(1)).unwrap_err();
        assert!(matches!(error.failure, AttemptError::BulkheadRejected(_)));
        drop(held);
        breaker.force_open();
        let error = policy.call_within(|_| Ok::<_, u32>(1)).unwrap_err();
        assert!(matches!(error.failure, AttemptError::Rejected(_)));
    });
    assert_eq!((count, breaker.state()), (0, State::Open));
}
