//! A permit that is free costs no allocation, nor does a refusal.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::future::{Future, Pending, pending};
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::alloc::System;
use std::sync::Arc;

use cutout::{AsyncTimer, Bulkhead, BulkheadConfig};

struct Counting;

std::thread_local! {
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

struct Never;

impl AsyncTimer for Never {
    type Sleeping = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

#[test]
fn only_who_waits_allocates() {
    let config = BulkheadConfig::new(1).queue(1).max_wait(Duration::from_secs(1));
    let bulkhead = Arc::new(Bulkhead::with_config(config));
    let context = &mut Context::from_waker(Waker::noop());
    let free = allocations(|| {
        drop(bulkhead.try_acquire().unwrap());
        drop(bulkhead.acquire().unwrap());
        drop(bulkhead.try_acquire_owned().unwrap());
        drop(bulkhead.acquire_owned().unwrap());
        assert!(pin!(bulkhead.acquire_async(Never)).poll(context).is_ready());
        assert!(pin!(bulkhead.acquire_owned_async(Never)).poll(context).is_ready());
        bulkhead.resize(2).unwrap();
        bulkhead.resize(1).unwrap();
    });
    let held = bulkhead.try_acquire().unwrap();
    let mut waits = pin!(bulkhead.acquire_async(Never));
    let waiting = allocations(|| assert!(waits.as_mut().poll(context).is_pending()));
    let refused = allocations(|| {
        assert!(bulkhead.try_acquire().is_err());
        assert!(bulkhead.acquire().is_err());
        assert!(pin!(bulkhead.acquire_async(Never)).poll(context).is_ready());
    });
    assert_eq!((free, refused, bulkhead.rejected()), (0, 0, 3));
    assert!(waiting > 0, "the counter counts");
    drop(held);
    assert!(waits.poll(context).is_ready());
}
