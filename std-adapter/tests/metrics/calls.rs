//! States, calls and ratios of single breakers.

use core::time::Duration;
use std::sync::Arc;

use allocation_counter::measure;
use cutout::{CircuitBreaker, Config, ManualClock, Outcome, Rate};

use crate::page::{Scraped, breaker, calls};

#[test]
fn a_breaker_is_published_under_the_documented_names_and_no_others() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    calls(&bank, "+++-");
    let page = scraped.page();
    assert_eq!(
        page.lines(""),
        [
            "circuit_breaker_calls_total{name=bank,outcome=cancelled} 0",
            "circuit_breaker_calls_total{name=bank,outcome=failure} 1",
            "circuit_breaker_calls_total{name=bank,outcome=ignored} 0",
            "circuit_breaker_calls_total{name=bank,outcome=rejected} 0",
            "circuit_breaker_calls_total{name=bank,outcome=stale} 0",
            "circuit_breaker_calls_total{name=bank,outcome=success} 3",
            "circuit_breaker_failure_ratio{name=bank} 0.25",
            "circuit_breaker_failure_threshold{name=bank} 0.5",
            "circuit_breaker_mode{name=bank,mode=auto} 1",
            "circuit_breaker_mode{name=bank,mode=disabled} 0",
            "circuit_breaker_mode{name=bank,mode=forced_closed} 0",
            "circuit_breaker_mode{name=bank,mode=forced_open} 0",
            "circuit_breaker_mode{name=bank,mode=shadow} 0",
            "circuit_breaker_state{name=bank,state=closed} 1",
            "circuit_breaker_state{name=bank,state=half_open} 0",
            "circuit_breaker_state{name=bank,state=open} 0",
        ]
    );
    assert!(page.text.contains("# TYPE circuit_breaker_calls_total counter"), "{}", page.text);
    assert!(page.text.contains("# HELP circuit_breaker_state 1 for the state"), "{}", page.text);
}

#[test]
fn the_state_is_one_hot_through_a_whole_outage() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    assert_eq!(scraped.page().states("bank"), [1.0, 0.0, 0.0]);
    calls(&bank, "----");
    assert_eq!(scraped.page().states("bank"), [0.0, 1.0, 0.0]);
    bank.clock().advance(Duration::from_secs(30));
    assert_eq!(scraped.page().states("bank"), [0.0, 1.0, 0.0], "to look is no call");
    calls(&bank, "+");
    assert_eq!(scraped.page().states("bank"), [0.0, 0.0, 1.0]);
    calls(&bank, "++");
    assert_eq!(scraped.page().states("bank"), [1.0, 0.0, 0.0]);
}

#[test]
fn every_call_is_counted_by_what_became_of_it() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    let late = bank.admit().unwrap();
    bank.cancel(bank.admit().unwrap());
    bank.settle(bank.admit().unwrap(), Outcome::Ignored);
    calls(&bank, "+---");
    calls(&bank, "++");
    bank.settle(late, Outcome::Success);
    let page = scraped.page();
    let counts = ["success", "failure", "ignored", "cancelled", "stale", "rejected"]
        .map(|outcome| page.calls("bank", outcome));
    assert_eq!(counts, [1.0, 3.0, 1.0, 1.0, 1.0, 2.0]);
    let again = scraped.page();
    assert_eq!(again.lines("circuit"), page.lines("circuit"), "to look twice counts nothing twice");
}

#[test]
fn a_ratio_is_absent_below_the_minimum_and_no_number_once_it_is_below_again() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    calls(&bank, "++-");
    let ratio = |scraped: &Scraped| scraped.page().get("circuit_breaker_failure_ratio{name=bank}");
    assert_eq!(ratio(&scraped), None);
    calls(&bank, "+");
    assert_eq!(ratio(&scraped), Some(0.25));
    bank.clock().advance(Duration::from_secs(60));
    assert!(ratio(&scraped).expect("a series cannot be taken back").is_nan());
    calls(&bank, "++++");
    assert_eq!(ratio(&scraped), Some(0.0));
}

#[test]
fn slow_calls_have_a_ratio_a_threshold_and_a_count_where_they_are_measured() {
    let scraped = Scraped::new();
    let second = Duration::from_secs(1);
    let config = Config::new()
        .minimum_throughput(4)
        .slow_call_duration(second)
        .slow_call_rate(Rate::percent(60));
    let bank = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    scraped.metrics.breaker("bank", &bank);
    for length in [0, 0, 2, 2] {
        let _ = bank.call(|| {
            bank.clock().advance(second * length);
            Ok::<_, ()>(())
        });
    }
    let page = scraped.page();
    assert_eq!(
        page.lines("circuit_breaker_slow"),
        [
            "circuit_breaker_slow_calls_total{name=bank} 2",
            "circuit_breaker_slow_ratio{name=bank} 0.5",
            "circuit_breaker_slow_threshold{name=bank} 0.6",
        ]
    );
}

#[test]
fn a_forced_breaker_shows_its_mode_and_a_shadowed_one_what_it_let_through() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    bank.force_open();
    let page = scraped.page();
    assert_eq!(page.states("bank"), [0.0, 1.0, 0.0]);
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=forced_open}"), Some(1.0));
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=auto}"), Some(0.0));
    assert_eq!(page.lines("circuit_breaker_would"), [""; 0]);
    bank.shadow();
    calls(&bank, "----++");
    let page = scraped.page();
    assert_eq!(page.get("circuit_breaker_mode{name=bank,mode=shadow}"), Some(1.0));
    assert_eq!(
        page.lines("circuit_breaker_would"),
        ["circuit_breaker_would_reject_total{name=bank} 2"]
    );
}

#[test]
fn a_breaker_that_is_gone_is_in_no_state_and_keeps_its_counts() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    calls(&bank, "+++-");
    scraped.page();
    let weak = Arc::downgrade(&bank);
    drop(bank);
    assert!(weak.upgrade().is_none(), "who watches does not keep alive");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [0.0; 3]);
    assert!(page.get("circuit_breaker_failure_ratio{name=bank}").unwrap().is_nan());
    assert_eq!(page.calls("bank", "success"), 3.0);

    let next = breaker();
    scraped.metrics.breaker("bank", &next);
    calls(&next, "++");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [1.0, 0.0, 0.0]);
    assert_eq!(page.calls("bank", "success"), 5.0, "a counter never goes back");
}

#[test]
fn a_series_that_is_no_longer_touched_is_dropped_by_a_recorder_that_does_so() {
    use cutout::metrics::Metrics;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
    use std::sync::Mutex;

    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Touched(Mutex<Vec<String>>);

    impl metrics::Recorder for Touched {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.0.lock().unwrap().push(key.name().to_owned());
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.0.lock().unwrap().push(key.name().to_owned());
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            unreachable!("there are none")
        }
    }

    let metrics = Metrics::new();
    let bank = breaker();
    metrics.breaker("bank", &bank);
    let touched = || {
        let recorder = Touched::default();
        metrics.collect_into(&recorder);
        recorder.0.into_inner().unwrap().len()
    };
    assert!(touched() > 0);
    drop(bank);
    assert!(touched() > 0, "once more, to say that it is gone");
    assert_eq!(touched(), 0);
}

#[test]
fn a_static_breaker_is_watched_by_reference() {
    static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
    let scraped = Scraped::new();
    scraped.metrics.breaker("bank", &BANK);
    let _ = BANK.call(|| Ok::<_, ()>(()));
    assert_eq!(scraped.page().calls("bank", "success"), 1.0);
}

#[test]
fn breakers_of_one_name_are_added_up() {
    let scraped = Scraped::new();
    let (one, other) = (breaker(), breaker());
    scraped.metrics.breaker("bank", &one);
    scraped.metrics.breaker("bank", &other);
    calls(&one, "----");
    calls(&other, "+++-");
    let page = scraped.page();
    assert_eq!(page.states("bank"), [1.0, 1.0, 0.0]);
    assert_eq!(page.calls("bank", "failure"), 5.0);
    let ratio = page.get("circuit_breaker_failure_ratio{name=bank}");
    assert_eq!(ratio, Some(0.25), "an open circuit has no results");
}

#[test]
fn a_call_and_a_change_do_nothing_for_it() {
    let scraped = Scraped::new();
    let bank = crate::page::observed(scraped.metrics.observer("bank"));
    scraped.metrics.breaker("bank", &bank);
    scraped.page();
    let allocations = measure(|| {
        calls(&bank, "++++----");
        bank.reset();
    });
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn what_is_installed_is_published_to() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.breaker("bank", &bank);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || scraped.metrics.collect());
    let page = recorder.handle().render();
    assert!(page.contains("circuit_breaker_state{name=\"bank\",state=\"closed\"} 1"), "{page}");
}
