//! Code of the user's that a registry runs, and that uses the registry in turn: keys, clocks and
//! factories. Each test runs on a thread of its own; if that waits for ever, the test says so.
#![cfg(feature = "registry")]

mod support;

use core::borrow::Borrow;
use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::thread;

use cutout::{
    CheckedConfig, Clock, Config, Instant, ManualClock, Mode, Observer, Registry, RegistryEvent,
    State, StdClock, Transition,
};
use support::{fail, panics};

/// Longer than any of these takes, however busy the machine is.
const FOR_EVER: Duration = Duration::from_secs(60);

fn must_end<T: Send + 'static>(what: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (ended, end) = channel();
    let thread = thread::spawn(move || ended.send(act()));
    match end.recv_timeout(FOR_EVER) {
        Ok(result) => result,
        Err(_) if thread.is_finished() => panic!("{what}: it panicked"),
        Err(_) => panic!("{what}: it waits for ever"),
    }
}

thread_local! {
    static HOOK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

/// From now on `act` runs on this thread wherever a key or a clock below is used.
fn hook(act: impl Fn() + 'static) {
    HOOK.with(|hook| *hook.borrow_mut() = Some(Box::new(act)));
}

fn run_hook() {
    HOOK.with(|hook| {
        let Ok(mut hook) = hook.try_borrow_mut() else { return };
        if let Some(act) = hook.as_mut() {
            RUNS.with(|runs| runs.set(runs.get() + 1));
            act();
        }
    });
}

fn runs() -> usize {
    RUNS.with(Cell::take)
}

/// The number of a key, which owns itself as a [`Key`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Id(u32);

impl ToOwned for Id {
    type Owned = Key;

    fn to_owned(&self) -> Key {
        run_hook();
        Key(Self(self.0))
    }
}

/// A key that runs the hook in everything but `Hash` and `Eq`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(Id);

impl Borrow<Id> for Key {
    fn borrow(&self) -> &Id {
        run_hook();
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        run_hook();
    }
}

/// A clock that stands still and runs the hook at each reading.
#[derive(Clone, Copy, Debug, Default)]
struct Hooked;

impl Clock for Hooked {
    fn now(&self) -> Instant {
        run_hook();
        Instant::ORIGIN
    }

    fn lane(&self) -> usize {
        run_hook();
        0
    }

    fn lanes(&self) -> usize {
        run_hook();
        1
    }
}

#[test]
fn a_key_may_use_the_registry_in_borrow_clone_and_drop() {
    static HOSTS: OnceLock<Registry<Key>> = OnceLock::new();
    let runs = must_end("a key", || {
        let idle = Duration::from_millis(1);
        let builder = Registry::builder(Config::new()).capacity(2).idle_time(idle);
        let hosts = HOSTS.get_or_init(|| builder.build().unwrap());
        hook(|| assert!(HOSTS.get().unwrap().len() < 3));
        for id in 0..2_000 {
            drop(hosts.get(&Id(id)));
            drop(hosts.get(&Id(id)));
            assert!(hosts.peek(&Id(id)).is_some());
            if id % 3 == 0 {
                assert!(hosts.remove(&Id(id)).is_some() && hosts.remove(&Id(id)).is_none());
            }
        }
        hosts.evict_idle();
        hosts.force_open_all();
        runs()
    });
    assert!(runs > 2_000, "all of this was run: {runs}");
}

#[test]
fn a_clock_may_use_the_registry_during_an_eviction() {
    static HOSTS: OnceLock<Registry<u32, Hooked>> = OnceLock::new();
    let runs = must_end("a clock", || {
        let hosts = HOSTS.get_or_init(|| {
            let idle = Duration::from_secs(1);
            let config = Config::new().consecutive_failures(1);
            let builder = Registry::builder(config).capacity(2).idle_time(idle);
            builder.clock(Hooked).build().unwrap()
        });
        fail(&hosts.get(&0));
        hook(|| assert!(HOSTS.get().unwrap().len() <= 2));
        for id in 0..10 {
            hosts.get(&id);
        }
        hosts.evict_idle();
        runs()
    });
    assert!(runs > 0, "it was read");
}

type Names = Registry<String>;

/// A registry whose factory for each key looks up what `next` says, if anything.
fn chained(
    hosts: &'static OnceLock<Names>,
    next: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
) -> &'static Names {
    let usual = CheckedConfig::new(Config::new()).unwrap();
    let builder = Registry::builder(Config::new()).with_config(move |key: &String| {
        if let Some(next) = next(key) {
            hosts.get().unwrap().get(next);
        }
        usual
    });
    hosts.get_or_init(|| builder.build().unwrap())
}

#[test]
fn a_factory_that_looks_up_its_own_key_is_told_so() {
    static HOSTS: OnceLock<Names> = OnceLock::new();
    let hosts = chained(&HOSTS, |key| (key == "a").then_some("a"));
    assert!(must_end("a look-up of itself", || panics(|| drop(hosts.get("a")))));
    assert!(hosts.is_empty() && hosts.peek("a").is_none());
    assert_eq!(must_end("another", || hosts.get("b").state()), State::Closed);
}

#[test]
fn factories_that_look_each_other_up_on_one_thread_are_told_so() {
    static HOSTS: OnceLock<Names> = OnceLock::new();
    let hosts = chained(&HOSTS, |key| match key {
        "a" => Some("b"),
        "b" => Some("c"),
        "c" => Some("a"),
        _ => None,
    });
    for key in ["a", "b", "c"] {
        assert!(must_end("a circle of three", move || panics(|| drop(hosts.get(key)))), "{key}");
    }
    assert!(hosts.is_empty());
}

#[test]
fn factories_in_a_circle_of_threads_are_told_so() {
    static HOSTS: OnceLock<Names> = OnceLock::new();
    const THREADS: usize = 4;
    const KEYS: [&str; THREADS] = ["a", "b", "c", "d"];
    // Each thread is in the factory of its key before any looks up that of the next thread.
    let (started, entered) = (Barrier::new(THREADS), AtomicUsize::new(0));
    let hosts = chained(&HOSTS, move |key| {
        let at = KEYS.iter().position(|other| *other == key)?;
        if entered.fetch_add(1, Ordering::SeqCst) < THREADS {
            started.wait();
        }
        Some(KEYS[(at + 1) % THREADS])
    });
    let panicked = must_end("a circle of threads", move || {
        let look_up = |key| thread::spawn(move || panics(|| drop(hosts.get(key))));
        KEYS.map(look_up).map(|thread| thread.join().unwrap())
    });
    assert_eq!(panicked, [true; THREADS], "none can be made");
    assert!(hosts.is_empty());
}

#[test]
fn a_circle_through_two_registries_and_two_threads_is_found() {
    static ONE: OnceLock<Names> = OnceLock::new();
    static OTHER: OnceLock<Names> = OnceLock::new();
    let usual = CheckedConfig::new(Config::new()).unwrap();
    let started = Arc::new(Barrier::new(2));
    let entered = Arc::new(AtomicUsize::new(0));
    let build = |other: &'static OnceLock<Names>| {
        let (started, entered) = (Arc::clone(&started), Arc::clone(&entered));
        let builder = Registry::builder(Config::new()).with_config(move |key: &String| {
            if entered.fetch_add(1, Ordering::SeqCst) < 2 {
                started.wait();
            }
            other.get().unwrap().get(key.as_str());
            usual
        });
        builder.build().unwrap()
    };
    let (one, other) = (ONE.get_or_init(|| build(&OTHER)), OTHER.get_or_init(|| build(&ONE)));
    let panicked = must_end("a circle of registries", move || {
        let look_up =
            |names: &'static Names| thread::spawn(move || panics(|| drop(names.get("a"))));
        [one, other].map(look_up).map(|thread| thread.join().unwrap())
    });
    assert_eq!(panicked, [true; 2]);
    assert!(one.is_empty() && other.is_empty());
}

#[test]
fn threads_that_wait_without_a_circle_are_told_of_none() {
    static HOSTS: OnceLock<Names> = OnceLock::new();
    let hosts = chained(&HOSTS, |key| match key {
        "a" | "b" | "c" => Some("d"),
        "d" => Some("e"),
        _ => None,
    });
    for _ in 0..200 {
        let made = must_end("a tree", move || {
            let look_up = |key| thread::spawn(move || panics(|| drop(hosts.get(key))));
            ["a", "b", "c", "d", "e", "d", "c"].map(look_up).map(|thread| thread.join().unwrap())
        });
        assert_eq!(made, [false; 7]);
        assert_eq!(hosts.len(), 5);
        for key in ["a", "b", "c", "d", "e"] {
            hosts.remove(key);
        }
    }
}

/// Looks up its own key when the circuit is forced, while the registry still makes the breaker.
struct LooksItselfUp(&'static OnceLock<Registry<u32, StdClock, Self>>, Arc<AtomicUsize>);

impl Observer for LooksItselfUp {
    fn on_transition(&self, _: &Transition) {
        let found = self.0.get().unwrap().peek(&1).is_some();
        let got = catch_unwind(AssertUnwindSafe(|| drop(self.0.get().unwrap().get(&1)))).is_ok();
        assert_eq!(found, got, "what is not there yet cannot be waited for");
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_observer_that_looks_up_its_key_does_not_wait() {
    static HOSTS: OnceLock<Registry<u32, StdClock, LooksItselfUp>> = OnceLock::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let builder = Registry::builder(Config::new())
        .with_observer(move |_: &u32| LooksItselfUp(&HOSTS, Arc::clone(&hears)));
    let hosts = HOSTS.get_or_init(|| builder.build().unwrap());
    hosts.force_open_all();
    assert_eq!(must_end("an observer", || hosts.get(&1).state()), State::Open);
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

thread_local! {
    /// Whether what is dropped on this thread panics.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Panics when it is dropped, where that is armed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sticky(u32);

impl Drop for Sticky {
    fn drop(&mut self) {
        assert!(!ARMED.get() || self.0 % 2 == 0, "in the drop of {}", self.0);
    }
}

impl Observer for Sticky {}

#[derive(PartialEq, Eq, Hash)]
struct StickyId(u32);

impl ToOwned for StickyId {
    type Owned = Sticky;

    fn to_owned(&self) -> Sticky {
        run_hook();
        Sticky(self.0)
    }
}

impl Borrow<StickyId> for Sticky {
    fn borrow(&self) -> &StickyId {
        // The keys of these tests are few.
        static IDS: [StickyId; 4] = [StickyId(0), StickyId(1), StickyId(2), StickyId(3)];
        &IDS[self.0 as usize]
    }
}

fn armed(act: impl FnOnce()) -> bool {
    ARMED.set(true);
    let panicked = panics(act);
    ARMED.set(false);
    panicked
}

type Events = Arc<Mutex<Vec<String>>>;

fn noted(events: &Events) -> impl Fn(RegistryEvent<'_, u32>) + Send + Sync + 'static {
    let events = Arc::clone(events);
    move |event: RegistryEvent<'_, u32>| events.lock().unwrap().push(format!("{event:?}"))
}

#[test]
fn an_eviction_is_told_though_the_observer_panics_on_drop() {
    let events = Events::default();
    let builder = Registry::builder(Config::new()).capacity(1);
    let builder = builder.with_observer(|key: &u32| Sticky(*key)).on_event(noted(&events));
    let hosts: Registry<u32, _, Sticky> = builder.build().unwrap();
    hosts.get(&1);
    assert!(armed(|| drop(hosts.get(&2))), "the panic goes on");
    assert_eq!(*events.lock().unwrap(), ["Created(1)", "Evicted(1)", "Created(2)"]);
    assert!(hosts.peek(&1).is_none() && hosts.peek(&2).is_some());
    assert_eq!(hosts.counters().evicted, 1);
}

#[test]
fn idle_breakers_are_told_and_dropped_though_observers_panic() {
    struct Counts(#[allow(dead_code)] Sticky, Arc<AtomicUsize>);
    impl Observer for Counts {}
    impl Drop for Counts {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    static CLOCK: ManualClock = ManualClock::new();
    const HOSTS: u32 = 600; // more than are looked at under one lock
    let (events, dropped) = (Events::default(), Arc::new(AtomicUsize::new(0)));
    let counts = Arc::clone(&dropped);
    let builder = Registry::builder(Config::new()).clock(&CLOCK).idle_time(Duration::from_secs(9));
    let hosts: Registry<u32, _, Counts> = builder
        .with_observer(move |key: &u32| Counts(Sticky(*key), Arc::clone(&counts)))
        .on_event(noted(&events))
        .build()
        .unwrap();
    for host in 0..HOSTS {
        hosts.get(&host);
    }
    events.lock().unwrap().clear();
    CLOCK.advance(Duration::from_secs(9));
    assert!(armed(|| assert_eq!(hosts.evict_idle(), 600)), "the panic goes on");
    let mut events = events.lock().unwrap().clone();
    events.sort();
    let mut expected: Vec<_> = (0..HOSTS).map(|host| format!("Expired({host})")).collect();
    expected.sort();
    assert_eq!(events, expected);
    assert_eq!((dropped.load(Ordering::SeqCst), hosts.len()), (HOSTS as usize, 0));
}

#[test]
fn a_key_that_panics_when_it_is_dropped_hides_no_removal() {
    let removed = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&removed);
    let builder =
        Registry::builder(Config::new()).on_event(move |event: RegistryEvent<'_, Sticky>| {
            if matches!(event, RegistryEvent::Removed(_)) {
                counts.fetch_add(1, Ordering::SeqCst);
            }
        });
    let hosts: Registry<Sticky> = builder.build().unwrap();
    let mut panicked = 0;
    for _ in 0..1_000 {
        hosts.get(&StickyId(1));
        panicked += u32::from(armed(|| drop(hosts.remove(&StickyId(1)))));
        assert!(hosts.is_empty());
    }
    assert!(panicked > 0, "keys that left were dropped by it");
    assert_eq!(removed.load(Ordering::SeqCst), 1_000);
    core::mem::forget(hosts); // the last keys
}

#[test]
fn a_key_that_panics_on_drop_leaves_nobody_waiting() {
    type Hosts = Registry<Sticky>;
    static HOSTS: OnceLock<Hosts> = OnceLock::new();
    static WAITS: AtomicUsize = AtomicUsize::new(0);
    let usual = CheckedConfig::new(Config::new()).unwrap();
    let created = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&created);
    let builder = Registry::builder(Config::new())
        .with_config(move |_: &Sticky| {
            while WAITS.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            // Time to begin to wait; if that is not enough, this round shows nothing.
            (0..200).for_each(|_| thread::yield_now());
            usual
        })
        .on_event(move |event: RegistryEvent<'_, Sticky>| {
            if matches!(event, RegistryEvent::Created(_)) {
                counts.fetch_add(1, Ordering::SeqCst);
            }
        });
    let hosts = HOSTS.get_or_init(|| builder.build().unwrap());
    for round in 1..=20 {
        WAITS.store(0, Ordering::SeqCst);
        let in_factory = Arc::new(Barrier::new(2));
        let begins = Arc::clone(&in_factory);
        let (ended, end) = channel();
        thread::spawn(move || {
            begins.wait();
            hook(|| {
                WAITS.fetch_add(1, Ordering::SeqCst);
            });
            drop(hosts.get(&StickyId(1)));
            ended.send(()).unwrap();
        });
        let made = armed(|| {
            in_factory.wait();
            drop(hosts.get(&StickyId(1)));
        });
        end.recv_timeout(FOR_EVER).expect("the other waits for ever");
        let _ = made; // the key that panics is that of whoever came first
        assert_eq!(created.load(Ordering::SeqCst), round);
        assert!(hosts.remove(&StickyId(1)).is_some());
    }
}

#[test]
fn an_order_reaches_the_others_though_one_clock_panics() {
    /// Stands still, and panics at one reading.
    struct BreaksOnce(AtomicUsize);
    impl Clock for BreaksOnce {
        fn now(&self) -> Instant {
            assert_ne!(self.0.fetch_sub(1, Ordering::SeqCst), 3, "in the clock");
            Instant::ORIGIN
        }
    }
    static CLOCK: BreaksOnce = BreaksOnce(AtomicUsize::new(usize::MAX));
    let hosts: Registry<u32, _> = Registry::builder(Config::new()).clock(&CLOCK).build().unwrap();
    for host in 0..10 {
        hosts.get(&host);
    }
    let of_mode = |mode| {
        let mut count = 0;
        hosts.for_each(|_, breaker| count += u32::from(breaker.mode() == mode));
        count
    };
    CLOCK.0.store(5, Ordering::SeqCst);
    assert!(panics(|| hosts.force_open_all()), "the panic goes on");
    assert!(of_mode(Mode::ForcedOpen) >= 9);
    hosts.force_open_all();
    CLOCK.0.store(5, Ordering::SeqCst);
    assert!(panics(|| hosts.release_all()), "the panic goes on");
    assert!(of_mode(Mode::Auto) >= 9);
}

#[test]
fn settings_reach_the_others_though_one_choice_panics() {
    let changed = CheckedConfig::new(Config::new().trials(7)).unwrap();
    let usual = Config::new().get_trials();
    let hosts: Registry<u32> = Registry::new(Config::new());
    for host in 0..10 {
        hosts.get(&host);
    }
    let sticky = Sticky(1);
    let choose = move |host: &u32| {
        assert!(*host != 5, "in the choice for {host}, beside {sticky:?}");
        changed
    };
    assert!(panics(|| drop(hosts.reconfigure_each(choose))), "the panic goes on");
    hosts.for_each(|host, breaker| {
        let trials = if *host == 5 { usual } else { 7 };
        assert_eq!(breaker.config().get_trials(), trials, "{host}");
    });
    // The one before may panic when it is dropped.
    assert!(armed(|| drop(hosts.reconfigure_each(|_| None))), "the panic goes on");
    hosts.for_each(|host, breaker| assert_eq!(breaker.config().get_trials(), usual, "{host}"));
}
