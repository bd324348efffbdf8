//! Changes, counted by the observer.

use core::time::Duration;

use crate::page::{Scraped, calls, observed};

#[test]
fn each_change_is_counted_by_where_from_where_to_and_why() {
    let scraped = Scraped::new();
    let bank = observed(scraped.metrics.observer("bank"));
    for _ in 0..2 {
        calls(&bank, "----");
        bank.clock().advance(Duration::from_secs(30));
        calls(&bank, "-");
        bank.clock().advance(Duration::from_secs(30));
        calls(&bank, "+++");
    }
    bank.open_for(Duration::from_secs(9));
    bank.force_open();
    let of = |from, to, reason, count| {
        format!(
            "circuit_breaker_transitions_total{{name=bank,from={from},to={to},reason={reason}}} {count}"
        )
    };
    assert_eq!(
        scraped.page().counted("circuit_breaker_transitions"),
        [
            of("closed", "open", "failure_rate", 2),
            of("closed", "open", "opened", 1),
            of("half_open", "closed", "trials_passed", 2),
            of("half_open", "open", "trial_failed", 2),
            of("open", "half_open", "break_over", 4),
            of("open", "open", "mode", 1),
        ]
    );
}

#[test]
fn changes_count_though_another_breaker_took_the_name() {
    let scraped = Scraped::new();
    for _ in 0..3 {
        observed(scraped.metrics.observer("bank")).reset();
    }
    let lines = scraped.page().counted("circuit_breaker_transitions");
    assert_eq!(
        lines,
        ["circuit_breaker_transitions_total{name=bank,from=closed,to=closed,reason=reset} 3"]
    );
}

#[test]
fn changes_of_an_observed_circuit_begin_at_0() {
    let scraped = Scraped::new();
    let (deaf, bank) = (crate::page::breaker(), observed(scraped.metrics.observer("bank")));
    scraped.metrics.register_breaker("deaf", &deaf);
    scraped.metrics.register_breaker("bank", &bank);
    let lines = scraped.page().lines("circuit_breaker_transitions");
    assert_eq!(lines.len(), 9, "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("{name=bank,") && line.ends_with(" 0")));
}

#[test]
fn would_be_trips_of_a_forced_circuit_count_by_reason() {
    let scraped = Scraped::new();
    let (bank, mail) =
        (observed(scraped.metrics.observer("bank")), observed(scraped.metrics.observer("mail")));
    for _ in 0..2 {
        bank.force_closed();
        calls(&bank, "--------");
        bank.release();
    }
    mail.force_open();
    let page = scraped.page();
    assert_eq!(
        page.counted("circuit_breaker_would_trip"),
        ["circuit_breaker_would_trip_total{name=bank,reason=failure_rate} 2"]
    );
    assert_eq!(page.lines("circuit_breaker_would_trip").len(), 2 * 5, "the others begin at 0");
    assert!(page.text.contains("# TYPE circuit_breaker_would_trip_total counter"));
}

#[test]
fn would_be_trips_beyond_the_limit_on_names_are_summed() {
    let scraped = Scraped::with(cutout::metrics::Metrics::builder().max_names(0));
    for name in ["a", "b"] {
        let host = observed(scraped.metrics.observer(name));
        host.force_closed();
        calls(&host, "----");
    }
    assert_eq!(
        scraped.page().counted("circuit_breaker_would_trip"),
        ["circuit_breaker_would_trip_total{name=other,reason=failure_rate} 2"]
    );
}
