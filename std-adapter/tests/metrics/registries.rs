//! The breakers of a registry, which come and go.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::catch_unwind;
use std::sync::Arc;

use cutout::metrics::Metrics;
use cutout::{Bulkhead, Config, Registry};

use crate::page::{Scraped, breaker, calls};

type Hosts = Arc<Registry<String>>;

fn watched(scraped: &Scraped, capacity: usize) -> Hosts {
    let hosts = Registry::builder(Config::new()).capacity(capacity).build().unwrap();
    let hosts = Arc::new(hosts);
    scraped.metrics.registry(&hosts, |host: &String| format!("host/{host}"));
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
fn a_breaker_made_anew_goes_on_counting_where_the_one_before_was_last_seen() {
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
fn hosts_without_end_make_series_with_an_end() {
    let scraped = Scraped::with(Metrics::builder().most_names(5));
    let hosts = watched(&scraped, 20);
    for host in 0..200 {
        succeed(&hosts, &host.to_string(), 1);
        if host % 10 == 0 {
            scraped.page();
        }
    }
    let page = scraped.page();
    assert_eq!(page.lines("circuit_breaker_state").len(), 6 * 3);
    assert_eq!(page.states("other"), [20.0, 0.0, 0.0], "those of the registry");
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
    scraped.metrics.registry(&hosts, String::clone);
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
fn a_collection_that_was_cut_short_by_a_panic_is_not_counted_with_the_next() {
    let scraped = Scraped::new();
    let (first, pool) = (breaker(), Arc::new(Bulkhead::new(3)));
    let hosts = Arc::new(Registry::new(Config::new()));
    scraped.metrics.breaker("bank", &first);
    scraped.metrics.bulkhead("bank", &pool);
    let panics = AtomicBool::new(false);
    scraped.metrics.registry(&hosts, move |host: &String| {
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
