//! The same numbers under resilience4j's names.

use core::time::Duration;
use std::sync::Arc;

use cutout::metrics::Metrics;
use cutout::{Bulkhead, CircuitBreaker, ManualClock, Outcome, Window};

use crate::page::{Breaker, CONFIG, Page, Scraped, breaker, calls};

fn scraped() -> Scraped {
    Scraped::with(Metrics::builder().resilience4j(true))
}

fn states(page: &Page) -> String {
    let start = "resilience4j_circuitbreaker_state{name=bank,state=";
    let lines = page.lines(start);
    assert_eq!(lines.len(), 6);
    let hot = lines.iter().filter(|line| line.ends_with("} 1"));
    let state = |line: &String| line[start.len()..].trim_end_matches("} 1").to_owned();
    hot.map(state).collect::<Vec<_>>().join(" and ")
}

#[test]
fn nobody_gets_them_unasked() {
    let scraped = Scraped::new();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    assert_eq!(scraped.page().lines("resilience4j"), [""; 0]);
}

#[test]
fn a_breaker_is_published_as_resilience4j_would() {
    let scraped = scraped();
    let config = CONFIG.window(Window::count(100));
    let bank = Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()));
    scraped.metrics.register_breaker("bank", &bank);
    // As often as nothing else.
    bank.force_open();
    calls(&bank, "!!!!!!");
    bank.release();
    for _ in 0..2 {
        bank.settle(bank.admit().unwrap(), Outcome::Ignored);
    }
    for _ in 0..5 {
        bank.cancel(bank.admit().unwrap());
    }
    calls(&bank, "+++-");
    let page = scraped.page();
    let circuit = "resilience4j_circuitbreaker";
    assert_eq!(
        page.lines("resilience4j_"),
        [
            format!("{circuit}_buffered_calls{{name=bank,kind=failed}} 1"),
            format!("{circuit}_buffered_calls{{name=bank,kind=successful}} 3"),
            format!("{circuit}_calls_seconds_count{{name=bank,kind=failed}} 1"),
            format!("{circuit}_calls_seconds_count{{name=bank,kind=ignored}} 2"),
            format!("{circuit}_calls_seconds_count{{name=bank,kind=successful}} 3"),
            format!("{circuit}_calls_total{{name=bank,kind=not_permitted}} 6"),
            format!("{circuit}_failure_rate{{name=bank}} 25"),
            format!("{circuit}_max_buffered_calls{{name=bank}} 100"),
            format!("{circuit}_not_permitted_calls_total{{name=bank,kind=not_permitted}} 6"),
            format!("{circuit}_slow_call_rate{{name=bank}} -1"),
            format!("{circuit}_state{{name=bank,state=closed}} 1"),
            format!("{circuit}_state{{name=bank,state=disabled}} 0"),
            format!("{circuit}_state{{name=bank,state=forced_open}} 0"),
            format!("{circuit}_state{{name=bank,state=half_open}} 0"),
            format!("{circuit}_state{{name=bank,state=metrics_only}} 0"),
            format!("{circuit}_state{{name=bank,state=open}} 0"),
        ]
    );
}

#[test]
fn every_state_and_mode_has_one_of_resilience4js_states() {
    let scraped = scraped();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    assert_eq!(states(&scraped.page()), "closed");
    calls(&bank, "----");
    assert_eq!(states(&scraped.page()), "open");
    bank.clock().advance(Duration::from_secs(30));
    calls(&bank, "+");
    assert_eq!(states(&scraped.page()), "half_open");
    let modes: [(fn(&Breaker), _); 4] = [
        (|bank| bank.force_open(), "forced_open"),
        (|bank| bank.force_closed(), "closed"),
        (|bank| bank.disable(), "disabled"),
        (|bank| bank.shadow(), "metrics_only"),
    ];
    for (set, state) in modes {
        set(&bank);
        assert_eq!(states(&scraped.page()), state);
    }
}

#[test]
fn a_rate_below_the_minimum_is_minus_one() {
    let scraped = scraped();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    calls(&bank, "---");
    let rate = |page: &Page| page.get("resilience4j_circuitbreaker_failure_rate{name=bank}");
    assert_eq!(rate(&scraped.page()), Some(-1.0));
    bank.reset();
    calls(&bank, "+++-");
    assert_eq!(rate(&scraped.page()), Some(25.0));
}

#[test]
fn measured_durations_are_a_histogram_by_outcome() {
    let scraped = scraped();
    let bank = breaker();
    scraped.metrics.register_breaker("bank", &bank);
    let durations = scraped.metrics.durations("bank");
    durations.record(Outcome::Success, Duration::from_millis(200));
    durations.record(Outcome::Success, Duration::from_millis(800));
    durations.record(Outcome::Failure, Duration::from_secs(3));
    (0..3).for_each(|_| durations.record(Outcome::Ignored, Duration::from_secs(4)));
    let page = scraped.page();
    let get = |series: &str| {
        page.get(&format!("resilience4j_circuitbreaker_calls_seconds_{series}")).unwrap()
    };
    assert_eq!(get("count{name=bank,kind=successful}"), 2.0);
    assert_eq!(get("sum{name=bank,kind=successful}"), 1.0);
    assert_eq!(get("bucket{name=bank,kind=successful,le=0.25}"), 1.0);
    assert_eq!(get("bucket{name=bank,kind=successful,le=+Inf}"), 2.0);
    assert_eq!(get("sum{name=bank,kind=failed}"), 3.0);
    assert_eq!(get("count{name=bank,kind=failed}"), 1.0);
    assert_eq!(get("sum{name=bank,kind=ignored}"), 12.0);
    assert_eq!(get("count{name=bank,kind=ignored}"), 3.0);
}

#[test]
fn a_bulkhead_shows_what_is_free() {
    let scraped = scraped();
    let pool = Arc::new(Bulkhead::new(3));
    scraped.metrics.register_bulkhead("bank", &pool);
    let _held = pool.try_acquire().unwrap();
    assert_eq!(
        scraped.page().lines("resilience4j"),
        [
            "resilience4j_bulkhead_available_concurrent_calls{name=bank} 2",
            "resilience4j_bulkhead_max_allowed_concurrent_calls{name=bank} 3",
        ]
    );
}
