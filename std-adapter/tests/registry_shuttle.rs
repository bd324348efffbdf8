//! The registry under shuttle, which tries orders of the threads' steps; run with
//! `RUSTFLAGS="--cfg shuttle" cargo test -p cutout --features registry --test registry_shuttle`.
//!
//! Shuttle switches threads at the registry's lock and between the steps of a look-up and of an
//! eviction. It does not model weak memory: the rules that stand on one word's order of changes do
//! not need it, and the map has tests of its own.
#![cfg(all(shuttle, feature = "registry"))]

mod registry_support;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock, Weak};

use cutout::{Config, Handle, ManualClock, Mode, Registry};
use registry_support::{Census, Member};
use shuttle::{check_random, thread};

type Hosts = Registry<u32, &'static ManualClock, Member>;
type Host = Handle<&'static ManualClock, Member>;

/// How many orders are tried.
const ORDERS: usize = 20_000;

fn hosts(census: &Census, capacity: usize) -> Arc<Hosts> {
    static STILL: ManualClock = ManualClock::new();
    hosts_on(&STILL, census, capacity)
}

fn hosts_on(clock: &'static ManualClock, census: &Census, capacity: usize) -> Arc<Hosts> {
    let census = census.clone();
    let builder = Registry::builder(Config::new())
        .clock(clock)
        .capacity(capacity)
        .idle_time(Duration::from_secs(1))
        .with_observer(move |_: &u32| {
            thread::sleep(Duration::ZERO); // a factory is not one step
            census.member()
        });
    Arc::new(builder.build().unwrap())
}

fn spawn<T: Send + 'static>(
    hosts: &Arc<Hosts>,
    act: impl FnOnce(&Hosts) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let hosts = Arc::clone(hosts);
    thread::spawn(move || act(&hosts))
}

fn same(one: &Host, other: &Host) -> bool {
    Arc::ptr_eq(one.as_arc(), other.as_arc())
}

#[test]
fn r2_threads_that_look_up_one_new_key_make_one_breaker() {
    check_random(
        || {
            let census = Census::default();
            let hosts = hosts(&census, 4);
            let threads: Vec<_> = (0..3).map(|_| spawn(&hosts, |hosts| hosts.get(&1))).collect();
            let handles: Vec<_> = threads.into_iter().map(|each| each.join().unwrap()).collect();
            assert!(handles.iter().all(|one| same(one, &handles[0])));
            assert_eq!((census.made(), census.most(), hosts.counters().created), (1, 1, 1));
        },
        ORDERS,
    );
}

#[test]
fn r2_a_waiter_makes_the_breaker_if_the_factory_panics() {
    check_random(
        || {
            let calls = AtomicUsize::new(0);
            let builder = Registry::<u32>::builder(Config::new()).with_observer(move |_| {
                let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
                thread::sleep(Duration::ZERO);
                if first {
                    // Without the hook, which would end the model.
                    resume_unwind(Box::new("no observer"));
                }
            });
            let hosts = Arc::new(builder.build().unwrap());
            let look_up = || {
                let hosts = Arc::clone(&hosts);
                thread::spawn(move || catch_unwind(AssertUnwindSafe(|| hosts.get(&1))).is_ok())
            };
            let made = [look_up(), look_up()].map(|each| each.join().unwrap());
            assert_eq!(made.iter().filter(|made| **made).count(), 1, "one of the two panicked");
            assert_eq!((hosts.len(), hosts.counters().created), (1, 1));
        },
        ORDERS,
    );
}

#[test]
fn v1_what_a_look_up_has_handed_out_is_not_evicted() {
    check_random(
        || {
            let census = Census::default();
            let hosts = hosts(&census, 1);
            drop(hosts.get(&1));
            let threads: Vec<_> =
                [1, 2].map(|key| (key, spawn(&hosts, move |hosts| hosts.get(&key)))).into();
            let held: Vec<_> =
                threads.into_iter().map(|(key, each)| (key, each.join().unwrap())).collect();
            assert_eq!(hosts.len(), 1);
            let known: Vec<_> = held
                .iter()
                .filter(|(key, handle)| hosts.peek(key).is_some_and(|found| same(&found, handle)))
                .collect();
            assert_eq!(known.len(), 1, "the one that is stored is the one that was handed out");
            assert_eq!(census.living(), 2);
            let counters = hosts.counters();
            assert_eq!(counters.created - counters.evicted, 1);
        },
        ORDERS,
    );
}

#[test]
fn v1_what_a_look_up_has_handed_out_does_not_expire() {
    static CLOCK: ManualClock = ManualClock::new();
    check_random(
        || {
            let census = Census::default();
            let hosts = hosts_on(&CLOCK, &census, 4);
            drop(hosts.get(&1));
            CLOCK.advance(Duration::from_secs(1));
            let looking = spawn(&hosts, |hosts| hosts.get(&1));
            let sweeping = spawn(&hosts, Hosts::evict_idle);
            let handle = looking.join().unwrap();
            let expired = sweeping.join().unwrap();
            assert!(same(&hosts.peek(&1).expect("it is held"), &handle));
            assert_eq!(census.made(), 1 + expired, "a new one only after the old one has gone");
            assert_eq!(census.living(), 1);
        },
        ORDERS,
    );
}

#[test]
fn r1_after_a_removal_a_look_up_finds_a_new_breaker_or_none() {
    check_random(
        || {
            let census = Census::default();
            let hosts = hosts(&census, 4);
            let old = hosts.get(&1);
            let removing = spawn(&hosts, |hosts| {
                let removed = hosts.remove(&1).expect("nobody else removes it");
                (removed, hosts.get(&1))
            });
            let looking = spawn(&hosts, |hosts| hosts.get(&1));
            let (removed, after) = removing.join().unwrap();
            let either = looking.join().unwrap();
            assert!(same(&removed, &old) && !same(&after, &old));
            assert!(same(&either, &old) || same(&either, &after));
            assert!(same(&hosts.peek(&1).unwrap(), &after));
            assert_eq!(census.living(), 2);
        },
        ORDERS,
    );
}

#[test]
fn r3_an_order_reaches_a_breaker_that_is_being_made() {
    check_random(
        || {
            let hosts = hosts(&Census::default(), 4);
            drop(hosts.get(&1));
            let ordering = spawn(&hosts, Hosts::force_open_all);
            let making = spawn(&hosts, |hosts| hosts.get(&2));
            ordering.join().unwrap();
            let made = making.join().unwrap();
            assert_eq!([made.mode(), hosts.get(&1).mode()], [Mode::ForcedOpen; 2]);
        },
        ORDERS,
    );
}

#[test]
fn of_two_orders_one_comes_last_and_holds_for_all() {
    check_random(
        || {
            let hosts = hosts(&Census::default(), 4);
            let held = [1, 2].map(|key| hosts.get(&key));
            let orders = [
                spawn(&hosts, Hosts::force_open_all),
                spawn(&hosts, Hosts::release_all),
                spawn(&hosts, |hosts| drop(hosts.get(&3))),
            ];
            for order in orders {
                order.join().unwrap();
            }
            let last = hosts.get(&4).mode();
            assert!(held.iter().all(|each| each.mode() == last) && hosts.get(&3).mode() == last);
        },
        ORDERS,
    );
}

/// Opens after so many failures in a row.
fn after(failures: u32) -> Config {
    Config::new().consecutive_failures(failures)
}

fn limit(host: &Host) -> Option<u32> {
    host.config().get_consecutive_failures()
}

#[test]
fn r3_new_settings_reach_a_breaker_that_is_being_made() {
    check_random(
        || {
            let hosts = hosts(&Census::default(), 4);
            drop(hosts.get(&1));
            let changing = spawn(&hosts, |hosts| hosts.reconfigure_all(after(2)).unwrap());
            let making = spawn(&hosts, |hosts| hosts.get(&2));
            assert!(changing.join().unwrap().is_complete());
            let made = making.join().unwrap();
            assert_eq!([limit(&made), limit(&hosts.get(&1))], [Some(2); 2]);
        },
        ORDERS,
    );
}

#[test]
fn the_last_of_two_changes_of_settings_holds_for_all() {
    check_random(
        || {
            let hosts = hosts(&Census::default(), 4);
            let held = [1, 2].map(|key| hosts.get(&key));
            let changes = [
                spawn(&hosts, |hosts| assert!(hosts.reconfigure_all(after(2)).is_ok())),
                spawn(&hosts, |hosts| assert!(hosts.reconfigure_all(after(3)).is_ok())),
                spawn(&hosts, |hosts| drop(hosts.get(&3))),
            ];
            for change in changes {
                change.join().unwrap();
            }
            let last = hosts.config().get_consecutive_failures();
            assert!(held.iter().all(|each| limit(each) == last) && limit(&hosts.get(&3)) == last);
        },
        ORDERS,
    );
}

#[test]
fn r2_factories_that_look_each_other_up_are_told_or_done() {
    check_random(
        || {
            let place = Arc::new(OnceLock::<Weak<Registry<u32>>>::new());
            let told = Arc::new(AtomicUsize::new(0));
            let (known, counts) = (Arc::clone(&place), Arc::clone(&told));
            let builder =
                Registry::<u32>::builder(Config::new()).with_observer(move |key: &u32| {
                    thread::sleep(Duration::ZERO);
                    let hosts = known.get().unwrap().upgrade().unwrap();
                    if hosts.try_get(&(1 - *key)).is_err() {
                        counts.fetch_add(1, Ordering::SeqCst);
                    }
                });
            let hosts = Arc::new(builder.build().unwrap());
            place.set(Arc::downgrade(&hosts)).unwrap();
            let look_up = |key| {
                let hosts = Arc::clone(&hosts);
                thread::spawn(move || drop(hosts.get(&key)))
            };
            for thread in [look_up(0), look_up(1)] {
                thread.join().unwrap();
            }
            assert_eq!((hosts.len(), hosts.counters().created), (2, 2));
            assert!(told.load(Ordering::SeqCst) > 0, "one of the two could not have the other");
        },
        ORDERS,
    );
}
