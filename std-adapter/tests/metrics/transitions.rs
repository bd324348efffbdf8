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
            of("closed", "open", "mode", 1),
            of("half_open", "closed", "trials_passed", 2),
            of("half_open", "open", "trial_failed", 2),
            of("open", "half_open", "break_over", 4),
        ]
    );
}

#[test]
fn changes_are_counted_though_the_breaker_is_gone_and_another_has_its_name() {
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
fn what_a_circuit_does_by_itself_begins_at_0_where_an_observer_hears() {
    let scraped = Scraped::new();
    let (deaf, bank) = (crate::page::breaker(), observed(scraped.metrics.observer("bank")));
    scraped.metrics.breaker("deaf", &deaf);
    scraped.metrics.breaker("bank", &bank);
    let lines = scraped.page().lines("circuit_breaker_transitions");
    assert_eq!(lines.len(), 9, "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("{name=bank,") && line.ends_with(" 0")));
}
