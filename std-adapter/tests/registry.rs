//! One breaker for each key: how it is made, found, shown, forced and removed.
#![cfg(feature = "registry")]

mod support;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

use cutout::{
    CheckedConfig, Config, ConfigError, Error, Handle, Mode, Registry, RegistryError,
    RegistryEvent, State,
};
use support::fail;

fn hosts() -> Registry<String> {
    Registry::new(Config::new().consecutive_failures(1))
}

fn same(one: &Handle, other: &Handle) -> bool {
    Arc::ptr_eq(one.as_arc(), other.as_arc())
}

#[test]
fn the_first_look_up_makes_the_breaker_and_later_ones_find_it() {
    let hosts = hosts();
    let first = hosts.get("a");
    assert!(same(&first, &hosts.get("a")));
    assert!(!same(&first, &hosts.get("b")), "another key has another breaker");
    assert_eq!((hosts.len(), hosts.counters().created), (2, 2));
}

#[test]
fn a_key_is_found_by_whatever_it_can_be_borrowed_as() {
    let hosts = hosts();
    assert!(same(&hosts.get("a"), &hosts.get(&String::from("a"))));

    let ids: Registry<u64> = Registry::new(Config::new());
    assert!(same(&ids.get(&7), &ids.get(&7)));

    let paths: Registry<Vec<u8>> = Registry::new(Config::new());
    assert!(same(&paths.get(&b"/a"[..]), &paths.get(&b"/a".to_vec())));

    let routes: Registry<(String, u16)> = Registry::new(Config::new());
    assert!(same(&routes.get(&("a".into(), 80)), &routes.get(&("a".into(), 80))));
}

#[test]
fn keys_do_not_share_their_failures() {
    let hosts = hosts();
    fail(&hosts.get("a"));
    assert_eq!(hosts.get("a").state(), State::Open);
    assert_eq!(hosts.get("b").state(), State::Closed);
}

#[test]
fn peeking_makes_nothing() {
    let hosts = hosts();
    assert!(hosts.peek("a").is_none());
    assert!(hosts.is_empty());
    let host = hosts.get("a");
    assert!(same(&hosts.peek("a").unwrap(), &host));
}

#[tokio::test]
async fn a_look_up_and_its_call_are_one_expression_in_a_task() {
    let hosts = Arc::new(hosts());
    let task = {
        let hosts = Arc::clone(&hosts);
        tokio::spawn(async move { hosts.get("a").call_async(async { Err::<(), _>("down") }).await })
    };
    assert_eq!(task.await.unwrap(), Err(Error::Inner("down")));
    assert_eq!(hosts.get("a").state(), State::Open);
}

#[test]
fn a_key_may_have_settings_of_its_own() {
    let patient = CheckedConfig::new(Config::new().consecutive_failures(2)).unwrap();
    let usual = CheckedConfig::new(Config::new().consecutive_failures(1)).unwrap();
    let hosts = Registry::builder(usual.get())
        .with_config(move |host: &String| if host == "slow" { patient } else { usual })
        .build()
        .unwrap();
    for (host, state) in [("slow", State::Closed), ("fast", State::Open)] {
        fail(&hosts.get(host));
        assert_eq!(hosts.get(host).state(), state, "{host} after one failure");
    }
}

#[test]
fn a_setting_out_of_its_range_is_an_error_that_names_it() {
    let builder = || Registry::<String>::builder(Config::new());
    let errors = [
        Registry::<String>::try_new(Config::new().trials(0)).unwrap_err(),
        builder().capacity(0).build().unwrap_err(),
        builder().capacity((1 << 24) + 1).build().unwrap_err(),
        builder().idle_time(Duration::from_micros(999)).build().unwrap_err(),
    ];
    assert_eq!(
        errors.map(|error| error.to_string()),
        [
            "trials: must be 1 to 16",
            "capacity: must be 1 to 16777216",
            "capacity: must be 1 to 16777216",
            "idle_time: must be 1ms or more",
        ]
    );
    assert!(builder().capacity(1 << 24).idle_time(Duration::from_millis(1)).build().is_ok());
    assert_eq!(
        Registry::<String>::try_new(Config::new().trials(0)).unwrap_err(),
        RegistryError::Config(ConfigError::Trials)
    );
    assert_eq!(
        CheckedConfig::try_from(Config::new().trials(0)).unwrap_err(),
        ConfigError::Trials,
        "a setting for one key is refused before there is a key"
    );
}

#[test]
#[should_panic(expected = "trials: must be 1 to 16")]
fn a_registry_from_a_literal_says_what_is_wrong_with_it() {
    let _ = Registry::<String>::new(Config::new().trials(0));
}

#[test]
fn a_removed_key_starts_anew_and_old_handles_live_on() {
    let hosts = hosts();
    let old = hosts.get("a");
    fail(&old);
    let removed = hosts.remove("a").expect("it was there");
    assert!(same(&removed, &old));
    assert!(hosts.remove("a").is_none() && hosts.peek("a").is_none());

    let new = hosts.get("a");
    assert_eq!((old.state(), new.state()), (State::Open, State::Closed));
    hosts.force_open_all();
    hosts.release_all();
    assert_eq!(old.snapshot().generation, removed.snapshot().generation);
    assert_eq!(old.totals().failures, 1, "the old one goes on for its holders");
    assert_eq!((hosts.len(), hosts.counters().created, hosts.counters().removed), (1, 2, 1));
}

#[test]
fn removing_one_leaves_all_others_where_they_are_found() {
    let ids: Registry<u32> = Registry::new(Config::new());
    let handles: Vec<_> = (0..100).map(|id| ids.get(&id)).collect();
    for id in (0..100).step_by(3) {
        assert!(same(&ids.remove(&id).unwrap(), &handles[id as usize]));
    }
    for id in 0..100 {
        let there = ids.peek(&id).is_some_and(|found| same(&found, &handles[id as usize]));
        assert_eq!(there, id % 3 != 0, "{id}");
    }
    assert_eq!(ids.len(), 66);
}

#[test]
fn a_handle_outlives_its_registry() {
    let hosts = hosts();
    let host = hosts.get("a");
    drop(hosts);
    assert!(host.call(|| Ok::<_, ()>(())).is_ok());
    assert_eq!(host.totals().successes, 1);
}

#[test]
fn all_are_shown_once_and_showing_them_holds_nothing() {
    let hosts = hosts();
    hosts.get("a").force_open();
    hosts.get("b");
    let mut seen = Vec::new();
    hosts.for_each(|host, breaker| {
        seen.push((host.clone(), breaker.state()));
        hosts.remove(host); // the registry may be used meanwhile
        hosts.get("made while the others are shown");
    });
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(seen, [("a".into(), State::Open), ("b".into(), State::Closed)]);
    assert_eq!(hosts.snapshots().len(), 1);
}

#[test]
fn one_order_reaches_all_breakers_and_those_to_come() {
    let hosts = hosts();
    hosts.get("a");
    let mode = |host: &str| hosts.get(host).mode();
    hosts.force_open_all();
    assert_eq!((mode("a"), mode("b")), (Mode::ForcedOpen, Mode::ForcedOpen));
    hosts.force_closed_all();
    assert_eq!((mode("a"), mode("c")), (Mode::ForcedClosed, Mode::ForcedClosed));
    hosts.disable_all();
    assert_eq!((mode("a"), mode("d")), (Mode::Disabled, Mode::Disabled));
    hosts.shadow_all();
    assert_eq!((mode("a"), mode("e")), (Mode::Shadow, Mode::Shadow));
    hosts.get("a").force_open();
    hosts.release_all();
    assert_eq!((mode("a"), mode("f")), (Mode::Auto, Mode::Auto));
}

#[test]
fn each_mode_can_be_set_for_all_and_twice_is_one_change() {
    let hosts = hosts();
    let first = hosts.get("a");
    let modes = [Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow, Mode::Auto];
    for (later, mode) in ["b", "c", "d", "e", "f"].into_iter().zip(modes) {
        let before = first.snapshot().generation;
        hosts.set_mode_all(mode);
        hosts.set_mode_all(mode);
        assert_eq!(first.mode(), mode);
        assert_eq!(first.snapshot().generation, before + 1, "{mode:?}");
        assert_eq!(hosts.get(later).mode(), mode, "a breaker that is made later");
    }
}

#[test]
fn one_hand_forces_several_of_the_breakers() {
    let hosts = hosts();
    for host in ["eu.1", "eu.2", "us.1"] {
        hosts.get(host);
    }
    hosts.for_each(|host, breaker| {
        if host.starts_with("eu.") {
            breaker.force_open();
        }
    });
    let state = |host: &str| hosts.get(host).state();
    assert_eq!(
        [state("eu.1"), state("eu.2"), state("us.1")].map(|it| it == State::Open),
        [true, true, false]
    );
}

#[test]
fn a_factory_that_panics_leaves_the_key_to_the_next_look_up() {
    static BROKEN: AtomicBool = AtomicBool::new(true);
    let hosts = Registry::builder(Config::new())
        .with_observer(|_: &String| assert!(!BROKEN.load(Ordering::SeqCst), "no observer"))
        .build()
        .unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| hosts.get("a"))).is_err());
    assert_eq!((hosts.len(), hosts.counters().created), (0, 0));
    BROKEN.store(false, Ordering::SeqCst);
    assert_eq!(hosts.get("a").state(), State::Closed);
}

#[test]
fn a_factory_may_look_up_other_keys() {
    static OTHERS: std::sync::OnceLock<Registry<String>> = std::sync::OnceLock::new();
    let usual = CheckedConfig::new(Config::new()).unwrap();
    let hosts = Registry::builder(Config::new()).with_config(move |host: &String| {
        if host == "a" {
            OTHERS.get().unwrap().get("b");
        }
        usual
    });
    let hosts = OTHERS.get_or_init(|| hosts.build().unwrap());
    hosts.get("a");
    assert_eq!(hosts.len(), 2);
}

#[test]
fn a_panicking_listener_hears_of_the_past_and_breaks_nothing() {
    type Log = Arc<Mutex<Vec<String>>>;
    let log = Log::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let hosts = {
        let (log, calls) = (Arc::clone(&log), Arc::clone(&calls));
        Registry::<String>::builder(Config::new())
            .capacity(1)
            .on_event(move |event: RegistryEvent<'_, String>| {
                calls.fetch_add(1, Ordering::SeqCst);
                log.lock().unwrap().push(format!("{event:?}"));
                if event == RegistryEvent::Created(&"b".into()) {
                    panic!("in a listener");
                }
            })
            .build()
            .unwrap()
    };
    hosts.get("a");
    let b = hosts.get("b");
    hosts.get("c");
    drop(b);
    hosts.remove("b");
    assert_eq!(
        *log.lock().unwrap_or_else(|log| log.into_inner()),
        [
            r#"Created("a")"#,
            r#"Evicted("a")"#,
            r#"Created("b")"#,
            r#"Unstored("c")"#,
            r#"Removed("b")"#,
        ]
    );
    assert_eq!(calls.load(Ordering::SeqCst), 5);
}

#[test]
fn a_listener_whose_payload_panics_breaks_no_look_up() {
    /// Panics when dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "in what a panic carried");
        }
    }

    let hosts = Registry::<String>::builder(Config::new())
        .on_event(|_| std::panic::panic_any(Bomb))
        .build()
        .unwrap();
    assert_eq!(hosts.get("a").state(), State::Closed);
    assert!(hosts.remove("a").is_some());
}
