//! So many names get a label of their own, the rest are added up.

use std::collections::BTreeSet;
use std::sync::Arc;

use core::time::Duration;
use cutout::metrics::{Durations, Metrics, MetricsObserver, Retries};
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
    let scraped = Scraped::with(Metrics::builder().max_names(2).resilience4j(true));
    let hosts: Vec<Arc<Breaker<_>>> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| {
            let host = observed(scraped.metrics.observer(name));
            scraped.metrics.register_breaker(name, &host);
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
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    let host = observed(scraped.metrics.observer("a"));
    let _ = scraped.metrics.observer("b");
    scraped.metrics.register_breaker("a", &host);
    assert_eq!(names(&scraped.page(), "circuit_breaker_state"), set(&["a"]));
}

#[test]
fn the_name_of_the_rest_takes_no_place() {
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    for name in ["other", "a", "b"] {
        observed(scraped.metrics.observer(name)).reset();
    }
    assert_eq!(names(&scraped.page(), "circuit"), set(&["a", "other"]));
}

#[test]
fn with_room_for_none_all_are_added_up() {
    let scraped = Scraped::with(Metrics::builder().max_names(0));
    let pools: Vec<_> = (1..=3).map(|limit| Arc::new(Bulkhead::new(limit))).collect();
    for (number, pool) in pools.iter().enumerate() {
        scraped.metrics.register_bulkhead(&number.to_string(), pool);
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

/// SelectBreaker of these names, which live as long as they are held.
fn watched(scraped: &Scraped, names: &[&str]) -> Vec<Arc<Breaker<MetricsObserver>>> {
    let watch = |name: &&str| {
        let host = observed(scraped.metrics.observer(name));
        scraped.metrics.register_breaker(name, &host);
        calls(&host, "+");
        host
    };
    names.iter().map(watch).collect()
}

#[test]
fn names_that_have_ended_make_room_for_those_that_live() {
    let scraped = Scraped::with(Metrics::builder().max_names(3).resilience4j(true));
    for generation in 0..10 {
        let names = ["x", "y", "z"].map(|name| format!("{name}{generation}"));
        let names = names.each_ref().map(String::as_str);
        let hosts = watched(&scraped, &names);
        let page = scraped.page();
        for name in names {
            assert_eq!(page.states(name), [1.0, 0.0, 0.0], "{name} has a label of its own");
            assert_eq!(page.calls(name, "success"), 1.0);
        }
        if generation > 0 {
            let before = format!("x{}", generation - 1);
            assert_eq!(page.states(&before), [0.0; 3], "the one before has ended");
        }
        drop(hosts);
    }
    assert!(!names(&scraped.page(), "circuit_breaker_state").contains("other"));
}

#[test]
fn living_names_have_labels_after_any_number_of_ended_ones() {
    let scraped = Scraped::new();
    for number in 0..500 {
        let host = watched(&scraped, &[&format!("host-{number}")]);
        if number % 50 == 49 {
            scraped.page();
        }
        drop(host);
    }
    scraped.page();
    let _bank = watched(&scraped, &["bank"]);
    assert_eq!(scraped.page().states("bank"), [1.0, 0.0, 0.0]);
}

#[test]
fn who_came_too_late_has_a_label_of_its_own_once_there_is_room() {
    let scraped = Scraped::with(Metrics::builder().max_names(2));
    let mut hosts = watched(&scraped, &["a", "b", "c", "d"]);
    calls(&hosts[2], "++---");
    let page = scraped.page();
    assert_eq!(names(&page, "circuit_breaker_state"), set(&["a", "b", "other"]));
    assert_eq!(page.calls("other", "success"), 4.0);

    hosts.remove(0);
    let page = scraped.page();
    assert_eq!(page.states("a"), [0.0; 3]);
    assert_eq!(page.states("c"), [0.0, 1.0, 0.0], "c came before d");
    assert_eq!(page.states("other"), [1.0, 0.0, 0.0]);
    assert_eq!(page.calls("c", "success"), 0.0, "what was counted before stays where it was");
    assert_eq!(page.calls("other", "success"), 4.0);

    let c = &hosts[1];
    c.reset();
    calls(c, "+");
    let page = scraped.page();
    assert_eq!((page.calls("c", "success"), page.calls("other", "success")), (1.0, 4.0));
    let resets = |name| {
        page.get(&format!(
            "circuit_breaker_transitions_total{{name={name},from=open,to=closed,reason=reset}}"
        ))
    };
    assert_eq!((resets("c"), resets("other")), (Some(1.0), None), "its observer counts there too");
}

#[test]
fn a_name_that_comes_again_goes_on_counting_where_it_was() {
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    for round in 1..=3_u8 {
        let host = watched(&scraped, &["a"]);
        host[0].reset();
        assert_eq!(scraped.page().calls("a", "success"), f64::from(round));
        drop(host);
        scraped.page();
        drop(watched(&scraped, &["b"]));
        scraped.page();
    }
    let resets = scraped.page().counted("circuit_breaker_transitions");
    assert_eq!(
        resets,
        ["circuit_breaker_transitions_total{name=a,from=closed,to=closed,reason=reset} 3"]
    );
}

#[test]
fn bulkheads_that_are_gone_make_room_too() {
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    for name in ["a", "b", "c"] {
        let pool = Arc::new(Bulkhead::new(3));
        scraped.metrics.register_bulkhead(name, &pool);
        let limit = format!("bulkhead_limit{{name={name}}}");
        assert_eq!(scraped.page().get(&limit), Some(3.0));
        drop(pool);
        assert_eq!(scraped.page().get(&limit), Some(0.0));
    }
}

#[test]
fn ended_durations_and_retries_make_room_too() {
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    for name in ["a", "b", "c"] {
        let measured = scraped.metrics.durations(name);
        let counted = scraped.metrics.retries(name);
        measured.record(Outcome::Success, Duration::from_secs(1));
        counted.record(&Ok::<_, ()>(()), 1);
        let page = scraped.page();
        let durations = format!("circuit_breaker_call_duration_seconds_count{{name={name}}}");
        let retries = format!("retry_calls_total{{name={name},outcome=success,retried=false}}");
        assert_eq!((page.get(&durations), page.get(&retries)), (Some(1.0), Some(1.0)), "{name}");
        drop((measured, counted));
        scraped.page();
    }
}

#[test]
fn late_durations_and_retries_get_their_names_once_room_is() {
    let scraped = Scraped::with(Metrics::builder().max_names(1));
    let [first, late] =
        ["a", "b"].map(|name| (scraped.metrics.durations(name), scraped.metrics.retries(name)));
    let record = |(durations, retries): &(Durations, Retries)| {
        durations.record(Outcome::Success, Duration::from_secs(1));
        retries.record(&Ok::<_, ()>(()), 1);
    };
    record(&late);
    drop(first);
    scraped.page();
    record(&late);
    let page = scraped.page();
    for name in ["b", "other"] {
        let durations = format!("circuit_breaker_call_duration_seconds_count{{name={name}}}");
        let retries = format!("retry_calls_total{{name={name},outcome=success,retried=false}}");
        assert_eq!((page.get(&durations), page.get(&retries)), (Some(1.0), Some(1.0)), "{name}");
    }
}

#[test]
fn ten_times_as_many_ended_names_as_labels_are_remembered() {
    let scraped = Scraped::with(Metrics::builder().max_names(2));
    let end = |name: &str| {
        let retries = scraped.metrics.retries(name);
        retries.record(&Ok::<_, ()>(()), 1);
        scraped.page();
        drop(retries);
        scraped.page();
    };
    end("first");
    (0..20).for_each(|number| end(&number.to_string()));
    let page_of = |name| {
        let _retries = scraped.metrics.retries(name);
        // A recorder that has forgotten all names.
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let series = format!("retry_calls_total{{name={name},outcome=success,retried=false}}");
        scraped.page_of(&recorder).get(&series)
    };
    assert_eq!(page_of("first"), Some(1.0));
    (20..60).for_each(|number| end(&number.to_string()));
    assert_eq!(page_of("first"), Some(0.0), "it begins anew");
    assert_eq!(page_of("59"), Some(1.0));
}
