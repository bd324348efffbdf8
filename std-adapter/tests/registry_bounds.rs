//! How many breakers there are, and which of them go: never what is open, forced or held.
#![cfg(feature = "registry")]

mod registry_support;
mod support;

use core::time::Duration;

use cutout::{Config, Handle, ManualClock, Registry, State};
use registry_support::{Census, Member};

const SECOND: Duration = Duration::from_secs(1);

type Hosts<'a, O = ()> = Registry<u32, &'a ManualClock, O>;

fn config() -> Config {
    Config::new().consecutive_failures(1).break_duration(30 * SECOND).trials(2)
}

fn hosts(clock: &ManualClock, capacity: usize) -> Hosts<'_> {
    Registry::builder(config()).clock(clock).capacity(capacity).build().unwrap()
}

fn idle_hosts(clock: &ManualClock, idle: Duration) -> Hosts<'_> {
    Registry::builder(config()).clock(clock).idle_time(idle).build().unwrap()
}

fn trip(host: &Handle<&ManualClock, impl cutout::Observer>) {
    support::fail(host);
    assert_eq!(host.state(), State::Open);
}

fn there<O: cutout::Observer>(hosts: &Hosts<'_, O>, key: u32) -> bool {
    hosts.peek(&key).is_some()
}

#[test]
fn a_million_keys_evict_no_open_forced_held_or_hot_breaker() {
    const CAPACITY: usize = 1_000;
    let (clock, census) = (ManualClock::new(), Census::default());
    let hosts: Hosts<'_, Member> = {
        let census = census.clone();
        Registry::builder(config())
            .clock(&clock)
            .capacity(CAPACITY)
            .with_observer(move |_: &u32| census.member())
            .build()
            .unwrap()
    };
    let [open, forced, held, hot] = [1, 2, 3, 4];
    trip(&hosts.get(&open));
    hosts.get(&forced).force_closed();
    let handle = hosts.get(&held);
    let _ = hosts.get(&hot).call(|| Ok::<_, ()>(()));

    for key in 1_000..1_001_000 {
        hosts.get(&key);
        if key % 100 == 0 {
            hosts.get(&hot);
        }
    }
    assert_eq!(hosts.len(), CAPACITY);
    assert_eq!(census.most(), CAPACITY + 1, "one is made before another goes");
    assert_eq!((census.living(), census.made()), (CAPACITY, 1_000_004));
    assert_eq!(hosts.get(&open).state(), State::Open);
    assert_eq!(hosts.get(&forced).mode(), cutout::Mode::ForcedClosed);
    assert!(std::sync::Arc::ptr_eq(hosts.get(&held).as_arc(), handle.as_arc()));
    assert_eq!(hosts.get(&hot).totals().successes, 1, "it had a second chance each time");
    let counters = hosts.counters();
    assert_eq!(counters.created - counters.evicted, CAPACITY as u64);
    assert_eq!((counters.created, counters.unstored), (1_000_004, 0));
}

#[test]
fn a_full_registry_evicts_a_closed_breaker_not_seen_again() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 3);
    for key in [1, 2, 3, 1, 3] {
        hosts.get(&key);
    }
    hosts.get(&4);
    assert_eq!([1, 2, 3, 4].map(|key| there(&hosts, key)), [true, false, true, true]);
}

#[test]
fn if_all_were_looked_up_again_one_of_them_goes_all_the_same() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 3);
    for key in [1, 2, 3, 1, 2, 3] {
        hosts.get(&key);
    }
    hosts.get(&4);
    assert!(there(&hosts, 4));
    assert_eq!((hosts.len(), hosts.counters().evicted), (3, 1));
}

#[test]
fn peeking_and_showing_give_no_second_chance() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 2);
    hosts.get(&1);
    hosts.get(&2);
    hosts.get(&2);
    hosts.for_each(|_, _| ());
    assert!(there(&hosts, 1));
    hosts.get(&3);
    assert!(!there(&hosts, 1) && there(&hosts, 2));
}

#[test]
fn what_has_only_a_past_to_lose_goes_when_nothing_else_can() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 2);
    let [past, closed] = [1, 2];
    trip(&hosts.get(&past));
    clock.advance(30 * SECOND);
    for key in 10..20 {
        hosts.get(&key); // each in place of the one before
    }
    assert!(there(&hosts, past), "while there is a closed one, that goes");
    let keeps = hosts.get(&19);
    hosts.get(&closed);
    assert!(!there(&hosts, past) && there(&hosts, closed));
    drop(keeps);
    assert_eq!(hosts.get(&past).state(), State::Closed, "it starts anew");
}

#[test]
fn a_past_is_given_up_only_after_a_full_round() {
    const MANY: u32 = 1_000; // several times what one insertion looks at
    let clock = ManualClock::new();
    let hosts = hosts(&clock, MANY as usize);
    for key in 0..MANY {
        trip(&hosts.get(&key));
    }
    clock.advance(30 * SECOND);
    hosts.get(&(MANY - 1)).reset();
    let before = hosts.counters();
    let mut tries = 0;
    while there(&hosts, MANY - 1) {
        hosts.get(&(MANY + tries));
        tries += 1;
    }
    assert!(tries <= MANY / 128 + 1, "found by {tries} insertions that look at 128 each");
    assert_eq!(hosts.counters().evicted - before.evicted, 1, "the closed one alone");
    assert_eq!(hosts.len(), MANY as usize);
}

#[test]
fn a_half_open_breaker_that_was_evicted_leaves_no_one_stuck() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 1);
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    let permit = hosts.get(&1).as_arc().try_acquire_owned().unwrap();
    assert!(permit.is_trial());
    hosts.get(&2);
    assert!(there(&hosts, 1), "a permit that owns its breaker holds it");
    let ticket = hosts.get(&1).admit().unwrap();
    assert!(ticket.is_trial());
    assert!(hosts.get(&1).admit().is_err(), "both trials are out");
    drop(permit);

    hosts.get(&2);
    assert!(there(&hosts, 2) && !there(&hosts, 1), "a ticket alone does not");
    assert!(hosts.get(&1).call(|| Ok::<_, ()>(())).is_ok(), "the new breaker owes nobody");
    assert_eq!(hosts.get(&1).state(), State::Closed);
}

#[test]
fn a_half_open_breaker_that_was_removed_ends_for_its_holders() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 1);
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    let old = hosts.get(&1);
    let permits = [(); 2].map(|()| old.try_acquire().unwrap());
    hosts.remove(&1);
    assert!(hosts.get(&1).call(|| Ok::<_, ()>(())).is_ok());
    for permit in permits {
        permit.settle(cutout::Outcome::Success);
    }
    assert_eq!(old.state(), State::Closed);
}

#[test]
fn a_recovery_is_given_up_only_when_nothing_else_can_go() {
    let clock = ManualClock::new();
    let ramp = cutout::SlowStart::in_stages_of(20 * SECOND);
    let hosts: Hosts<'_> = Registry::builder(config().trials(1).slow_start(ramp))
        .clock(&clock)
        .capacity(2)
        .build()
        .unwrap();
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    hosts.get(&1).call(|| Ok::<_, ()>(())).unwrap();
    assert!(hosts.get(&1).snapshot().in_slow_start);
    for key in 10..20 {
        hosts.get(&key);
    }
    assert!(there(&hosts, 1));
}

#[test]
fn what_must_stay_stays_and_the_new_breaker_is_not_held() {
    let (clock, census) = (ManualClock::new(), Census::default());
    let hosts: Hosts<'_, Member> = {
        let census = census.clone();
        Registry::builder(config())
            .clock(&clock)
            .capacity(3)
            .with_observer(move |_: &u32| census.member())
            .build()
            .unwrap()
    };
    trip(&hosts.get(&1));
    hosts.get(&2).disable();
    let held = hosts.get(&3);
    for _ in 0..10 {
        let guest = hosts.get(&4);
        trip(&guest); // it works, for as long as it is kept
        assert_eq!((hosts.len(), census.living()), (3, 4));
    }
    assert!([1, 2, 3].into_iter().all(|key| there(&hosts, key)) && !there(&hosts, 4));
    assert_eq!((hosts.counters().unstored, census.living()), (10, 3));

    drop(held);
    trip(&hosts.get(&4));
    assert!(there(&hosts, 4) && !there(&hosts, 3), "what is let go makes room");
    assert_eq!(hosts.get(&4).state(), State::Open);
}

#[test]
fn a_full_registry_of_forced_breakers_forces_new_keys() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 1);
    hosts.get(&1);
    hosts.force_open_all();
    assert_eq!(hosts.get(&2).state(), State::Open);
    assert_eq!((hosts.len(), hosts.counters().unstored), (1, 1));
    hosts.release_all();
    assert_eq!(hosts.get(&2).state(), State::Closed);
    assert!(there(&hosts, 2));
}

#[test]
fn a_key_that_was_evicted_remembers_nothing() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 1);
    hosts.get(&1).call(|| Ok::<_, ()>(())).unwrap();
    hosts.get(&2);
    assert_eq!(hosts.get(&1).totals().settled(), 0);
}

#[test]
fn a_key_expires_when_it_was_not_looked_up_for_the_idle_time() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 256 * SECOND);
    hosts.get(&1);
    hosts.get(&2);
    clock.advance(200 * SECOND);
    hosts.get(&2);
    clock.advance(55 * SECOND);
    assert_eq!(hosts.evict_idle(), 0, "a second is missing");
    clock.advance(SECOND);
    assert_eq!(hosts.evict_idle(), 1);
    assert!(!there(&hosts, 1) && there(&hosts, 2));
    clock.advance(200 * SECOND);
    assert_eq!((hosts.evict_idle(), hosts.len(), hosts.counters().expired), (1, 0, 2));
}

#[test]
fn idle_time_is_measured_to_within_a_256th() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 256 * SECOND);
    hosts.get(&1);
    clock.advance(SECOND + Duration::from_nanos(1));
    hosts.get(&1);
    clock.advance(255 * SECOND);
    assert_eq!(hosts.evict_idle(), 0, "it was looked up more than a grain after it was made");
    clock.advance(SECOND);
    assert_eq!(hosts.evict_idle(), 1);
}

#[test]
fn what_is_open_forced_tried_or_held_does_not_expire() {
    let clock = ManualClock::new();
    let hosts: Hosts<'_> = Registry::builder(config().trial_timeout(3_600 * SECOND))
        .clock(&clock)
        .idle_time(60 * SECOND)
        .build()
        .unwrap();
    hosts.get(&1).open_for(3_600 * SECOND);
    hosts.get(&2).force_closed();
    let held = hosts.get(&3);
    trip(&hosts.get(&4));
    clock.advance(30 * SECOND);
    let _trial = hosts.get(&4).admit().unwrap();
    assert_eq!(hosts.get(&4).state(), State::HalfOpen);
    clock.advance(3_000 * SECOND);
    assert_eq!((hosts.evict_idle(), hosts.len()), (0, 4));

    drop(held);
    clock.advance(59 * SECOND);
    assert_eq!(hosts.evict_idle(), 0, "it is idle since it was last seen to be held");
    clock.advance(SECOND);
    assert_eq!(hosts.evict_idle(), 1);
    assert!(!there(&hosts, 3));
    assert_eq!(hosts.counters().due, 0);
}

#[test]
fn an_unused_open_breaker_expires_after_its_break() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 10 * SECOND);
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND - Duration::from_nanos(1));
    assert_eq!(hosts.evict_idle(), 0, "a nanosecond of its break is left");
    clock.advance(Duration::from_nanos(1));
    assert_eq!((hosts.evict_idle(), hosts.len()), (1, 0));
    let counters = hosts.counters();
    assert_eq!((counters.expired, counters.due), (1, 1), "it is counted as one that was due");
    assert_eq!(hosts.get(&1).state(), State::Closed, "it starts anew");
}

#[test]
fn a_first_look_up_sweeps_out_what_is_due_as_well() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 60 * SECOND);
    trip(&hosts.get(&1));
    clock.advance(60 * SECOND);
    hosts.get(&2);
    assert!(!there(&hosts, 1));
    assert_eq!((hosts.counters().expired, hosts.counters().due), (1, 1));
}

#[test]
fn a_due_breaker_that_makes_room_for_another_is_counted() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 1);
    trip(&hosts.get(&1));
    hosts.get(&2);
    assert_eq!((hosts.counters().unstored, hosts.counters().due), (1, 0), "its break still runs");
    clock.advance(30 * SECOND);
    hosts.get(&2);
    let counters = hosts.counters();
    assert_eq!((counters.evicted, counters.expired, counters.due), (1, 0, 1));
    hosts.get(&3);
    assert_eq!((hosts.counters().evicted, hosts.counters().due), (2, 1), "that was a closed one");
}

#[test]
fn a_half_open_breaker_that_nobody_calls_any_more_expires_too() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 60 * SECOND);
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    hosts.get(&1).call(|| Ok::<_, ()>(())).unwrap();
    assert_eq!(hosts.get(&1).state(), State::HalfOpen, "one of two trials");
    clock.advance(60 * SECOND);
    assert_eq!((hosts.evict_idle(), hosts.len()), (1, 0));
}

#[test]
fn an_unsettled_trial_keeps_its_breaker_for_its_timeout() {
    let clock = ManualClock::new();
    let hosts: Hosts<'_> = Registry::builder(config().trial_timeout(600 * SECOND))
        .clock(&clock)
        .idle_time(60 * SECOND)
        .build()
        .unwrap();
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    let _forgotten = hosts.get(&1).admit().unwrap();
    clock.advance(599 * SECOND);
    assert_eq!(hosts.evict_idle(), 0);
    clock.advance(SECOND);
    assert_eq!((hosts.evict_idle(), hosts.len()), (1, 0));
}

#[test]
fn a_recovery_that_nobody_pursues_expires_too() {
    let clock = ManualClock::new();
    let ramp = cutout::SlowStart::in_stages_of(20 * SECOND);
    let hosts: Hosts<'_> = Registry::builder(config().trials(1).slow_start(ramp))
        .clock(&clock)
        .idle_time(60 * SECOND)
        .build()
        .unwrap();
    trip(&hosts.get(&1));
    clock.advance(30 * SECOND);
    hosts.get(&1).call(|| Ok::<_, ()>(())).unwrap();
    assert!(hosts.get(&1).snapshot().in_slow_start);
    clock.advance(60 * SECOND);
    assert_eq!((hosts.evict_idle(), hosts.len()), (1, 0));
}

#[test]
fn first_look_ups_sweep_faster_than_the_registry_grows() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 60 * SECOND);
    for key in 0..1_000 {
        hosts.get(&key);
    }
    clock.advance(60 * SECOND);
    for key in 1_000..2_000 {
        hosts.get(&key);
    }
    assert_eq!((hosts.len(), hosts.counters().expired), (1_000, 1_000));
}

#[test]
fn what_stays_when_others_expire_can_still_be_removed() {
    let clock = ManualClock::new();
    let hosts = idle_hosts(&clock, 60 * SECOND);
    let look_up = |step| (0..100).step_by(step).for_each(|key| drop(hosts.get(&key)));
    look_up(1);
    clock.advance(60 * SECOND);
    look_up(3);
    assert_eq!(hosts.evict_idle(), 66);
    for key in 0..100 {
        let removed = hosts.remove(&key).is_some();
        assert_eq!((removed, there(&hosts, key)), (key % 3 == 0, false), "{key}");
    }
    assert!(hosts.is_empty());
}

#[test]
fn without_an_idle_time_nothing_expires() {
    let clock = ManualClock::new();
    let hosts = hosts(&clock, 10);
    hosts.get(&1);
    clock.advance(Duration::from_secs(1 << 40));
    assert_eq!((hosts.evict_idle(), hosts.len()), (0, 1));
}
