//! Threads that look up, make and evict at the same time. What does not need luck is here; every
//! order of their steps is in `registry_shuttle`.
#![cfg(feature = "registry")]

mod registry_support;

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use cutout::{Config, Handle, Registry};
use registry_support::{Census, Member};

const THREADS: usize = 8;

fn hosts(census: &Census, capacity: usize) -> Registry<u64, cutout::StdClock, Member> {
    let census = census.clone();
    Registry::builder(Config::new())
        .capacity(capacity)
        .with_observer(move |_: &u64| census.member())
        .build()
        .unwrap()
}

#[test]
fn threads_that_look_up_one_new_key_at_once_get_one_breaker() {
    for key in 0..200 {
        let (census, start) = (Census::default(), Barrier::new(THREADS));
        let hosts = hosts(&census, 10);
        let handles: Vec<_> = thread::scope(|scope| {
            let look_up = || {
                start.wait();
                hosts.get(&key)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(look_up)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(handles.iter().all(|one| Arc::ptr_eq(one.as_arc(), handles[0].as_arc())));
        assert_eq!((census.made(), hosts.counters().created), (1, 1));
    }
}

#[test]
fn who_waits_for_a_breaker_that_is_being_made_gets_that_one() {
    let (waiting, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hosts = {
        let (waiting, made) = (Arc::clone(&waiting), Arc::clone(&made));
        Registry::builder(Config::new())
            .with_observer(move |_: &u64| {
                made.fetch_add(1, Ordering::SeqCst);
                while waiting.load(Ordering::SeqCst) < THREADS {
                    thread::yield_now(); // until all have come, here or before the look-up
                }
            })
            .build()
            .unwrap()
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                waiting.fetch_add(1, Ordering::SeqCst);
                hosts.get(&1)
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn whatever_threads_do_the_bound_holds_and_the_books_balance() {
    const CAPACITY: usize = 8;
    let census = Census::default();
    let hosts = hosts(&census, CAPACITY);
    let seed = AtomicU64::new(1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut random = seed.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9);
                let mut kept: Vec<Handle<_, _>> = Vec::new();
                for _ in 0..5_000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let key = (random >> 8) % 24;
                    match random % 16 {
                        0 => drop(hosts.remove(&key)),
                        1 => kept.push(hosts.get(&key)),
                        2 => kept.clear(),
                        3 => hosts.get(&key).force_open(),
                        4 => hosts.get(&key).release(),
                        5 => hosts.for_each(|_, breaker| breaker.release()),
                        _ => drop(hosts.get(&key)),
                    }
                    assert!(hosts.len() <= CAPACITY);
                }
            });
        }
    });
    let counters = hosts.counters();
    let left = counters.evicted + counters.expired + counters.removed;
    assert_eq!(counters.created - left, hosts.len() as u64);
    assert!(census.most() > CAPACITY, "it was full and more was asked of it");
    assert_eq!(census.living(), hosts.len(), "nothing keeps a breaker that has left");
    let mut shown = 0;
    hosts.for_each(|key, breaker| {
        let found = hosts.peek(key).expect("what is shown is found");
        assert!(Arc::ptr_eq(found.as_arc(), breaker.as_arc()));
        shown += 1;
    });
    assert_eq!(shown, hosts.len());
    assert_eq!((0..24).filter(|key| hosts.peek(key).is_some()).count(), shown);
}
