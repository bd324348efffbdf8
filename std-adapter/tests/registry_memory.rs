//! What a registry takes of memory. `--nocapture` prints the figures.
#![cfg(feature = "registry")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::time::Duration;
use std::alloc::System;

use cutout::{CircuitBreaker, Config, Registry};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(layout: Layout, sign: i64) {
    let size = i64::try_from(layout.size()).unwrap_or(i64::MAX);
    BYTES.with(|bytes| bytes.set(bytes.get() + sign * size));
}

// SAFETY: forwards to the system's allocator and keeps its contract.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count(layout, 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout, -1);
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

/// The bytes by which the heap of this thread has grown.
fn grown(act: impl FnOnce()) -> i64 {
    let before = BYTES.with(Cell::get);
    act();
    BYTES.with(Cell::get) - before
}

fn ids(capacity: usize) -> Registry<u64> {
    Registry::builder(Config::new()).capacity(capacity).build().unwrap()
}

#[test]
fn a_look_up_of_a_key_that_is_there_allocates_nothing() {
    let idle = Duration::from_millis(1); // so that each look-up may be news
    let hosts: Registry<String> = Registry::builder(Config::new()).idle_time(idle).build().unwrap();
    for _ in 0..2 {
        drop(hosts.get("a"));
        drop(hosts.peek("a"));
    }
    let look_up = || {
        for _ in 0..1_000 {
            let _ = hosts.get("a").call(|| Ok::<_, ()>(()));
            drop(hosts.peek("a"));
        }
    };
    assert_eq!(allocations(look_up), 0);
    assert!(allocations(|| drop(hosts.get("b"))) > 0, "the counter counts");
}

#[test]
fn an_entry_takes_little_more_than_its_breaker() {
    const ENTRIES: u64 = 100_000;
    let ids = ids(1 << 20);
    let bytes = grown(|| (0..ENTRIES).for_each(|id| drop(ids.get(&id))));
    let breaker = size_of::<CircuitBreaker>();
    let entry = bytes / i64::try_from(ENTRIES).unwrap();
    println!("{ENTRIES} entries: {bytes} bytes, {entry} each; a breaker alone is {breaker}");
    assert!(entry < i64::try_from(breaker).unwrap() + 256, "{entry} bytes each");
    let left = grown(|| drop(ids));
    assert!(left < -bytes * 99 / 100, "it gives back {left} of {bytes}");
}

#[test]
fn memory_does_not_grow_with_keys_that_come_and_go() {
    const CAPACITY: u64 = 1_000;
    let ids = ids(1_000);
    let full = grown(|| (0..CAPACITY).for_each(|id| drop(ids.get(&id))));
    let (mut now, mut most) = (full, full);
    for round in 1..=200 {
        let keys = round * CAPACITY..(round + 1) * CAPACITY;
        now += grown(|| keys.for_each(|id| drop(ids.get(&id))));
        most = most.max(now);
    }
    println!("{CAPACITY} entries: {full} bytes, {most} at most while 200,000 keys passed by");
    assert!(most < 2 * full, "{most} bytes, from {full}");
}
