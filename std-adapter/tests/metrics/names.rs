//! So many names get a label of their own, the rest are added up.

use std::collections::BTreeSet;
use std::sync::Arc;

use core::time::Duration;
use cutout::metrics::Metrics;
use cutout::{Bulkhead, Outcome};

use crate::page::{Breaker, Page, Scraped, calls, observed};

/// The names that a page has for series that begin with `start`.
fn names(page: &Page, start: &str) -> BTreeSet<String> {
    let name = |line: &String| {
        let (_, rest) = line.split_once("{name=").expect("all have a name");
        rest.split([',', '}']).next().unwrap().to_owned()
    };
    page.lines(start).iter().map(name).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_first_names_get_a_label_and_the_others_are_added_up() {
    let scraped = Scraped::with(Metrics::builder().most_names(2).resilience4j(true));
    let hosts: Vec<Arc<Breaker<_>>> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| {
            let host = observed(scraped.metrics.observer(name));
            scraped.metrics.breaker(name, &host);
            scraped.metrics.durations(name).record(Outcome::Success, Duration::from_secs(1));
            host
        })
        .collect();
    for host in &hosts {
        calls(host, "++++----");
    }
    let page = scraped.page();
    for start in ["", "circuit_breaker_transitions", "circuit_breaker_call_d", "resilience4j"] {
        assert_eq!(names(&page, start), set(&["a", "b", "other"]), "{start}");
    }
    assert_eq!(page.states("a"), [0.0, 1.0, 0.0]);
    assert_eq!(page.states("other"), [0.0, 3.0, 0.0], "how many are in each state");
    assert_eq!(page.calls("other", "failure"), 12.0);
    let durations = page.get("circuit_breaker_call_duration_seconds_count{name=other}");
    assert_eq!(durations, Some(3.0));
    let changes = page.get(
        "circuit_breaker_transitions_total{name=other,from=closed,to=open,reason=failure_rate}",
    );
    assert_eq!(changes, Some(3.0));
}

#[test]
fn a_name_that_is_known_keeps_its_label_however_many_come() {
    let scraped = Scraped::with(Metrics::builder().most_names(1));
    let host = observed(scraped.metrics.observer("a"));
    let _ = scraped.metrics.observer("b");
    scraped.metrics.breaker("a", &host);
    assert_eq!(names(&scraped.page(), "circuit_breaker_state"), set(&["a"]));
}

#[test]
fn the_name_of_the_rest_takes_no_place() {
    let scraped = Scraped::with(Metrics::builder().most_names(1));
    for name in ["other", "a", "b"] {
        observed(scraped.metrics.observer(name)).reset();
    }
    assert_eq!(names(&scraped.page(), "circuit"), set(&["a", "other"]));
}

#[test]
fn with_room_for_none_all_are_added_up() {
    let scraped = Scraped::with(Metrics::builder().most_names(0));
    let pools: Vec<_> = (1..=3).map(|limit| Arc::new(Bulkhead::new(limit))).collect();
    for (number, pool) in pools.iter().enumerate() {
        scraped.metrics.bulkhead(&number.to_string(), pool);
    }
    let _held = pools[0].try_acquire().unwrap();
    assert!(pools[0].try_acquire().is_err());
    assert_eq!(
        scraped.page().lines("bulkhead"),
        [
            "bulkhead_in_use{name=other} 1",
            "bulkhead_limit{name=other} 6",
            "bulkhead_rejected_total{name=other} 1",
            "bulkhead_waiting{name=other} 0",
        ]
    );
}

#[test]
fn unless_told_otherwise_a_hundred_names_have_a_label() {
    let scraped = Scraped::new();
    for number in 0..1_000 {
        observed(scraped.metrics.observer(&format!("host-{number}"))).reset();
    }
    let names = names(&scraped.page(), "circuit");
    assert_eq!(names.len(), 101);
    assert!(names.contains("other") && names.contains("host-99") && !names.contains("host-100"));
}
