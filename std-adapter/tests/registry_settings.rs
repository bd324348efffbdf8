//! The settings of all breakers of a registry, and how they change while it runs.
#![cfg(feature = "registry")]

mod support;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use cutout::{CheckedConfig, Config, ConfigError, Registry, State, Window};

fn checked(config: Config) -> CheckedConfig {
    CheckedConfig::new(config).unwrap()
}

/// Opens after so many failures in a row.
fn after(failures: u32) -> Config {
    Config::new().consecutive_failures(failures)
}

fn limit(hosts: &Registry<String>, host: &str) -> u32 {
    hosts.get(host).config().get_consecutive_failures().unwrap()
}

fn fail(hosts: &Registry<String>, host: &str) -> State {
    support::fail(&hosts.get(host));
    hosts.get(host).state()
}

#[test]
fn new_settings_hold_for_all_breakers_and_those_to_come() {
    let hosts: Registry<String> = Registry::new(after(5));
    let held = hosts.get("a");
    fail(&hosts, "a");
    let done = hosts.reconfigure_all(after(2)).unwrap();
    assert_eq!((done.changed, done.own, done.refused.len()), (1, 0, 0));
    assert!(Arc::ptr_eq(held.as_arc(), hosts.get("a").as_arc()), "it is the same breaker");
    assert_eq!(held.totals().failures, 1, "and remembers what it counted");
    assert_eq!(fail(&hosts, "a"), State::Open, "the second failure in a row");
    assert_eq!(fail(&hosts, "b"), State::Closed);
    assert_eq!(fail(&hosts, "b"), State::Open);
    assert_eq!(hosts.config().get_consecutive_failures(), Some(2));
}

#[test]
fn a_change_that_no_breaker_could_follow_changes_nothing() {
    let hosts: Registry<String> = Registry::new(after(5));
    hosts.get("a");
    for (config, error) in [
        (after(2).trials(0), ConfigError::Trials),
        (after(2).window(Window::count(20)), ConfigError::FixedWindow),
        (after(2).trip_when(|_| true), ConfigError::FixedTripWhen),
    ] {
        assert_eq!(hosts.reconfigure_all(config), Err(error));
        assert_eq!((limit(&hosts, "a"), limit(&hosts, &format!("after {error}"))), (5, 5));
    }
}

#[test]
fn the_settings_that_a_registry_has_can_be_put_in_force_again() {
    let millisecond = Window::time(Duration::from_millis(1)).in_buckets(3);
    for config in [after(5), after(5).window(millisecond), after(5).window(Window::count(70))] {
        let hosts: Registry<String> = Registry::new(config);
        hosts.get("a");
        assert!(hosts.reconfigure_all(hosts.config()).unwrap().is_complete());
    }
}

#[test]
fn keys_with_settings_of_their_own_keep_them_and_are_counted() {
    let slow = checked(after(50));
    let hosts = Registry::builder(after(5))
        .with_config(move |host: &String| host.starts_with("slow").then_some(slow))
        .build()
        .unwrap();
    for host in ["a", "b", "slow.a"] {
        hosts.get(host);
    }
    let done = hosts.reconfigure_all(after(2)).unwrap();
    assert_eq!((done.changed, done.own, done.refused.len()), (2, 1, 0));
    assert_eq!(done.to_string(), "2 changed, 1 with settings of their own, 0 refused");
    let limits = ["a", "c", "slow.a", "slow.b"].map(|host| limit(&hosts, host));
    assert_eq!(limits, [2, 2, 50, 50]);
}

#[test]
fn what_chooses_the_settings_of_each_key_can_be_replaced() {
    let (slow, slower) = (checked(after(50)), checked(after(60)));
    let hosts = Registry::builder(after(5))
        .with_config(move |host: &String| host.starts_with("slow").then_some(slow))
        .build()
        .unwrap();
    for host in ["a", "b", "slow.a"] {
        hosts.get(host);
    }
    let done = hosts.reconfigure_each(move |host| host.ends_with('a').then_some(slower));
    assert_eq!((done.changed, done.own, done.refused.len()), (3, 0, 0));
    let limits = ["a", "b", "slow.a", "slow.b", "aa"].map(|host| limit(&hosts, host));
    assert_eq!(limits, [60, 5, 60, 5, 60]);

    let done = hosts.reconfigure_all(after(7)).unwrap();
    assert_eq!((done.changed, done.own), (2, 3), "own is who has settings of its own now");
    let limits = ["a", "b", "slow.a", "slow.b", "aa"].map(|host| limit(&hosts, host));
    assert_eq!(limits, [60, 7, 60, 7, 60]);
}

#[test]
fn a_breaker_that_refuses_settings_is_named_and_made_anew() {
    let hosts: Registry<String> = Registry::new(after(5));
    for host in ["a", "b"] {
        hosts.get(host);
    }
    let last_20 = checked(after(2).window(Window::count(20)));
    let usual = checked(after(3));
    let done = hosts.reconfigure_each(move |host| if host == "a" { last_20 } else { usual });
    assert_eq!(done.refused, [("a".into(), ConfigError::FixedWindow)]);
    assert!(!done.is_complete() && done.changed == 1);
    assert_eq!((limit(&hosts, "a"), limit(&hosts, "b")), (5, 3));
    assert_eq!(hosts.get("a").config().get_window(), Config::new().get_window());

    hosts.remove("a");
    assert_eq!(limit(&hosts, "a"), 2);
    assert_eq!(hosts.get("a").config().get_window(), Window::count(20));
}

/// A registry in whose factory for the key `made` a change is made, once.
fn changed_while_made(
    hosts: &'static OnceLock<Registry<String>>,
    change: impl Fn(&Registry<String>) + Send + Sync + 'static,
) -> (&'static Registry<String>, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let (count, changed) = (Arc::clone(&made), AtomicBool::new(false));
    let builder = Registry::builder(after(5)).with_observer(move |host: &String| {
        count.fetch_add(1, Ordering::SeqCst);
        if host == "made" && !changed.swap(true, Ordering::SeqCst) {
            change(hosts.get().unwrap());
        }
    });
    (hosts.get_or_init(|| builder.build().unwrap()), made)
}

#[test]
fn a_breaker_in_the_making_gets_the_new_settings() {
    static HOSTS: OnceLock<Registry<String>> = OnceLock::new();
    let (hosts, made) = changed_while_made(&HOSTS, |hosts| {
        assert_eq!(hosts.reconfigure_all(after(2)).unwrap().changed, 0, "it is not there yet");
    });
    assert_eq!((limit(hosts, "made"), made.load(Ordering::SeqCst)), (2, 1));
    assert_eq!(hosts.reconfigure_all(after(3)).unwrap().changed, 1);
    assert_eq!(limit(hosts, "made"), 3);
}

#[test]
fn a_breaker_that_cannot_get_the_settings_is_made_again() {
    static HOSTS: OnceLock<Registry<String>> = OnceLock::new();
    let (hosts, made) = changed_while_made(&HOSTS, |hosts| {
        let last_20 = checked(after(2).window(Window::count(20)));
        assert!(hosts.reconfigure_each(move |_| last_20).is_complete());
    });
    assert_eq!(limit(hosts, "made"), 2);
    assert_eq!(hosts.get("made").config().get_window(), Window::count(20));
    assert_eq!((made.load(Ordering::SeqCst), hosts.counters().created), (2, 1));
    let done = hosts.reconfigure_all(after(3)).unwrap();
    assert_eq!((done.changed, done.own), (0, 1), "they are its own");
}

#[test]
fn the_choice_of_settings_may_use_the_registry() {
    static HOSTS: OnceLock<Registry<String>> = OnceLock::new();
    let (ended, end) = channel();
    thread::spawn(move || {
        let hosts = HOSTS.get_or_init(|| Registry::new(after(5)));
        hosts.get("a");
        let again = AtomicBool::new(true);
        let done = hosts.reconfigure_each(move |host| {
            let hosts = HOSTS.get().unwrap();
            assert!(hosts.peek(host).is_some() && hosts.len() == 1);
            if again.swap(false, Ordering::SeqCst) {
                assert!(hosts.reconfigure_all(after(2)).unwrap().is_complete());
            }
            None
        });
        ended.send((done.changed, limit(hosts, "a"))).unwrap();
    });
    let done = end.recv_timeout(Duration::from_secs(60)).expect("it waits for ever");
    assert_eq!(done, (1, 2), "the last change holds");
}

#[test]
fn a_replaced_choice_of_settings_is_dropped_unlocked() {
    /// Looks at the registry when it is dropped.
    struct Looks(&'static OnceLock<Registry<String>>, Arc<Mutex<Vec<usize>>>);

    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0.get().unwrap().len());
        }
    }

    static HOSTS: OnceLock<Registry<String>> = OnceLock::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let looks = Looks(&HOSTS, Arc::clone(&seen));
    let builder = Registry::builder(after(5)).with_config(move |_: &String| {
        let _ = &looks;
        None
    });
    let (ended, end) = channel();
    thread::spawn(move || {
        let hosts = HOSTS.get_or_init(|| builder.build().unwrap());
        hosts.get("a");
        let _ = hosts.reconfigure_each(|_| None);
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("it waits for ever");
    assert_eq!(*seen.lock().unwrap(), [1]);
}

#[test]
fn of_two_changes_at_once_one_comes_last_and_holds_for_all() {
    for _ in 0..50 {
        let hosts: Registry<String> = Registry::new(after(5));
        let names: Vec<_> = (0..20).map(|number| format!("{number}")).collect();
        thread::scope(|scope| {
            for change in [2, 3] {
                let hosts = &hosts;
                scope.spawn(move || assert!(hosts.reconfigure_all(after(change)).is_ok()));
            }
            names.iter().for_each(|name| drop(hosts.get(name)));
        });
        let last = hosts.config().get_consecutive_failures();
        hosts.for_each(|name, host| {
            assert_eq!(host.config().get_consecutive_failures(), last, "{name}");
        });
    }
}
