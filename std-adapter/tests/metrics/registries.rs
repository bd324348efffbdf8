//! The breakers of a registry, which come and go.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use cutout::metrics::Metrics;
use cutout::{Bulkhead, Config, Error, ManualClock, Observer, Registry};
use metrics::NoopRecorder;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::page::{Scraped, breaker, calls};

type Hosts = Arc<Registry<String>>;

fn watched(scraped: &Scraped, capacity: usize) -> Hosts {
    let hosts = Registry::builder(Config::new()).capacity(capacity).build().unwrap();
    let hosts = Arc::new(hosts);
    scraped.metrics.register_registry(&hosts, |host: &String| format!("host/{host}"));
    hosts
}

fn succeed(hosts: &Hosts, host: &str, times: u32) {
    for _ in 0..times {
        hosts.get(host).call(|| Ok::<_, ()>(())).unwrap();
    }
}

#[test]
fn each_breaker_is_published_under_the_name_made_of_its_key() {
    let scraped = Scraped::new();
    let hosts = watched(&scraped, 10);
    assert_eq!(scraped.page().lines("circuit"), [""; 0], "to look makes none");
    succeed(&hosts, "a", 2);
    hosts.get("b").force_open();
    let page = scraped.page();
    assert_eq!(page.states("host/a"), [1.0, 0.0, 0.0]);
    assert_eq!(page.states("host/b"), [0.0, 1.0, 0.0]);
    assert_eq!(page.calls("host/a", "success"), 2.0);
    assert_eq!(hosts.len(), 2);
}

#[test]
fn a_remade_breaker_counts_on_from_the_last_seen() {
    let scraped = Scraped::new();
    let hosts = watched(&scraped, 10);
    succeed(&hosts, "a", 5);
    scraped.page();
    succeed(&hosts, "a", 1); // nobody sees it
    hosts.remove("a");
    succeed(&hosts, "a", 3);
    let page = scraped.page();
    assert_eq!(page.calls("host/a", "success"), 8.0);
    assert_eq!(page.states("host/a"), [1.0, 0.0, 0.0]);
    succeed(&hosts, "a", 7);
    assert_eq!(scraped.page().calls("host/a", "success"), 15.0);
}

#[test]
fn a_breaker_that_was_evicted_is_in_no_state_and_was_not_kept() {
    let scraped = Scraped::new();
    let hosts = watched(&scraped, 1);
    succeed(&hosts, "a", 1);
    let breaker = Arc::downgrade(hosts.get("a").as_arc());
    scraped.page();
    succeed(&hosts, "b", 1);
    assert!(breaker.upgrade().is_none(), "who watches does not keep it from eviction");
    let page = scraped.page();
    assert_eq!(page.states("host/a"), [0.0; 3]);
    assert_eq!(page.states("host/b"), [1.0, 0.0, 0.0]);
}

#[test]
fn endless_hosts_make_a_bounded_number_of_series() {
    let scraped = Scraped::with(Metrics::builder().max_names(5));
    let hosts = watched(&scraped, 20);
    for host in 0..200 {
        succeed(&hosts, &host.to_string(), 1);
        if host % 10 == 9 {
            // A recorder that forgets what it is not told of. Five names that live, those of before that
            // have ended, and the rest.
            let recorder = PrometheusBuilder::new().build_recorder();
            let lines = scraped.page_of(&recorder).lines("circuit_breaker_state").len();
            assert!(lines <= 11 * 3, "{lines} lines after {host}");
        }
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = scraped.page_of(&recorder);
    let living = (180..200).filter(|host| {
        page.get(&format!("circuit_breaker_state{{name=host/{host},state=closed}}")) == Some(1.0)
    });
    assert_eq!(living.count(), 5, "of those that the registry holds");
    assert_eq!(page.states("other"), [15.0, 0.0, 0.0], "the others of the registry");
}

#[test]
fn hosts_that_left_give_their_names_to_those_that_are_there() {
    let scraped = Scraped::with(Metrics::builder().max_names(2));
    let hosts = watched(&scraped, 10);
    for host in ["a", "b", "c"] {
        succeed(&hosts, host, 1);
    }
    assert_eq!(scraped.page().states("other"), [1.0, 0.0, 0.0]);
    hosts.remove("a");
    succeed(&hosts, "c", 2);
    let page = scraped.page();
    assert_eq!(page.states("host/c"), [1.0, 0.0, 0.0]);
    assert_eq!((page.calls("host/c", "success"), page.calls("other", "success")), (2.0, 1.0));
    assert_eq!(page.states("other"), [0.0; 3]);
}

#[test]
fn a_breaker_expired_after_its_break_no_longer_shows_open() {
    let scraped = Scraped::new();
    let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::new()));
    let config = Config::new().consecutive_failures(1);
    let idle = Duration::from_secs(60);
    let hosts = Registry::builder(config).clock(clock).idle_time(idle).build().unwrap();
    let hosts = Arc::new(hosts);
    scraped.metrics.register_registry(&hosts, String::clone);
    assert_eq!(hosts.get("a").call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
    assert_eq!(scraped.page().states("a"), [0.0, 1.0, 0.0]);
    clock.advance(idle);
    let page = scraped.page();
    assert_eq!(page.get("circuit_breaker_due{name=a}"), Some(1.0));
    hosts.evict_idle();
    let page = scraped.page();
    assert_eq!(page.states("a"), [0.0; 3]);
    assert_eq!(page.get("circuit_breaker_due{name=a}"), Some(0.0));
}

#[test]
fn what_names_the_keys_may_use_the_metrics_and_the_registry() {
    let (ended, end) = channel();
    thread::spawn(move || {
        let scraped = Scraped::new();
        let hosts = Arc::new(Registry::<String>::new(Config::new()));
        let (metrics, known) = (scraped.metrics.clone(), Arc::clone(&hosts));
        scraped.metrics.register_registry(&hosts, move |host: &String| {
            metrics.register_bulkhead("by the name", &Arc::new(Bulkhead::new(1)));
            format!("{host}/{}", known.len())
        });
        succeed(&hosts, "a", 1);
        ended.send(scraped.page().states("a/1")).unwrap();
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok([1.0, 0.0, 0.0]));
}

#[test]
fn a_registry_owned_by_a_collection_is_dropped_unlocked() {
    /// Registers a bulkhead when it is dropped.
    struct Registers(Metrics);

    impl Observer for Registers {}

    impl Drop for Registers {
        fn drop(&mut self) {
            self.0.register_bulkhead("by the drop", &Arc::new(Bulkhead::new(1)));
        }
    }

    let (ended, end) = channel();
    thread::spawn(move || {
        let metrics = Metrics::new();
        let (observers, share) = (metrics.clone(), Arc::new(Mutex::new(None)));
        let hosts = Registry::builder(Config::new())
            .with_observer(move |_: &String| Registers(observers.clone()))
            .build()
            .unwrap();
        let hosts = Arc::new(hosts);
        let given_up = Arc::clone(&share);
        metrics.register_registry(&hosts, move |host: &String| {
            drop(given_up.lock().unwrap().take());
            host.clone()
        });
        drop(hosts.get("a"));
        *share.lock().unwrap() = Some(hosts);
        metrics.collect_into(&NoopRecorder);
        ended.send(()).unwrap();
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok(()));
}

#[test]
fn collections_at_the_same_time_count_nothing_twice() {
    const CALLS: u32 = 20_000;
    let metrics = Metrics::new();
    let hosts = Arc::new(Registry::builder(Config::new()).capacity(1_000).build().unwrap());
    metrics.register_registry(&hosts, |_: &u32| "all".into());
    let recorder = PrometheusBuilder::new().build_recorder();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    metrics.collect_into(&recorder);
                }
            });
        }
        for call in 0..CALLS {
            hosts.get(&(call % 50)).call(|| Ok::<_, ()>(())).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    });
    metrics.collect_into(&recorder);
    let page = recorder.handle().render();
    let counted =
        format!("circuit_breaker_calls_total{{name=\"all\",outcome=\"success\"}} {CALLS}");
    assert!(page.lines().any(|line| line == counted), "{counted} in\n{page}");
}

#[test]
fn a_registry_that_is_gone_leaves_no_breaker_behind() {
    let scraped = Scraped::new();
    let hosts = watched(&scraped, 10);
    succeed(&hosts, "a", 4);
    scraped.page();
    let breaker = Arc::downgrade(hosts.get("a").as_arc());
    drop(hosts);
    assert!(breaker.upgrade().is_none());
    let page = scraped.page();
    assert_eq!(page.states("host/a"), [0.0; 3]);
    assert_eq!(page.calls("host/a", "success"), 4.0);
}

#[test]
fn observers_of_a_registry_count_under_the_same_name() {
    let scraped = Scraped::new();
    let metrics = scraped.metrics.clone();
    let hosts = Registry::builder(Config::new())
        .with_observer(move |host: &String| metrics.observer(host))
        .build()
        .unwrap();
    let hosts = Arc::new(hosts);
    scraped.metrics.register_registry(&hosts, String::clone);
    hosts.get("a").force_open();
    let page = scraped.page();
    assert_eq!(
        page.counted("circuit_breaker_transitions"),
        ["circuit_breaker_transitions_total{name=a,from=closed,to=open,reason=mode} 1"]
    );
    assert_eq!(page.states("a"), [0.0, 1.0, 0.0]);
}

#[test]
fn a_breaker_that_left_is_let_go_by_the_next_collection() {
    let scraped = Scraped::new();
    let hosts = watched(&scraped, 10);
    let breaker = Arc::clone(hosts.get("a").as_arc());
    scraped.page();
    hosts.remove("a");
    let known = Arc::weak_count(&breaker);
    scraped.page();
    assert_eq!(Arc::weak_count(&breaker), known - 1);
}

#[test]
fn a_collection_cut_short_by_a_panic_is_not_counted_later() {
    let scraped = Scraped::new();
    let (first, pool) = (breaker(), Arc::new(Bulkhead::new(3)));
    let hosts = Arc::new(Registry::new(Config::new()));
    scraped.metrics.register_breaker("bank", &first);
    scraped.metrics.register_bulkhead("bank", &pool);
    let panics = AtomicBool::new(false);
    scraped.metrics.register_registry(&hosts, move |host: &String| {
        assert!(panics.swap(true, Ordering::Relaxed), "the first name of all");
        host.clone()
    });
    calls(&first, "+++-");
    succeed(&hosts, "a", 2);
    let cut_short = catch_unwind(AssertUnwindSafe(|| scraped.page()));
    assert!(cut_short.is_err());
    let page = scraped.page();
    assert_eq!(page.states("bank"), [1.0, 0.0, 0.0], "one breaker is in one state");
    assert_eq!(page.states("a"), [1.0, 0.0, 0.0]);
    assert_eq!(page.get("bulkhead_limit{name=bank}"), Some(3.0));
    assert_eq!((page.calls("bank", "success"), page.calls("a", "success")), (3.0, 2.0));
}
