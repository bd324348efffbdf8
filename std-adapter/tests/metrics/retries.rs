//! Calls that may be tried again, counted by who tries.

use cutout::metrics::Metrics;

use crate::page::Scraped;

const OK: Result<(), ()> = Ok(());
const ERR: Result<(), ()> = Err(());

#[test]
fn a_call_counts_by_its_end_and_its_retries() {
    let scraped = Scraped::with(Metrics::builder().resilience4j(true));
    let retries = scraped.metrics.retries("bank");
    for (result, attempts, times) in [(OK, 1, 1), (OK, 2, 2), (ERR, 1, 3), (ERR, 0, 1), (ERR, 5, 5)]
    {
        (0..times).for_each(|_| retries.clone().record(&result, attempts));
    }
    let page = scraped.page();
    assert_eq!(
        page.lines("retry"),
        [
            "retry_calls_total{name=bank,outcome=failure,retried=false} 4",
            "retry_calls_total{name=bank,outcome=failure,retried=true} 5",
            "retry_calls_total{name=bank,outcome=success,retried=false} 1",
            "retry_calls_total{name=bank,outcome=success,retried=true} 2",
        ]
    );
    assert_eq!(
        page.lines("resilience4j"),
        [
            "resilience4j_retry_calls_total{name=bank,kind=failed_with_retry} 5",
            "resilience4j_retry_calls_total{name=bank,kind=failed_without_retry} 4",
            "resilience4j_retry_calls_total{name=bank,kind=successful_with_retry} 2",
            "resilience4j_retry_calls_total{name=bank,kind=successful_without_retry} 1",
        ]
    );
}

#[cfg(feature = "policy")]
#[test]
fn a_policy_tells_of_each_call_also_of_one_that_succeeded() {
    use core::time::Duration;
    use cutout::{Outcome, Policy, Retried, Retry};

    let scraped = Scraped::new();
    let retries = scraped.metrics.retries("bank");
    let retry = Retry::fixed(Duration::ZERO).at_end(|end: &Retried<'_, u16, &str>| {
        retries.record_end(end);
    });
    let policy = Policy::new().retry(retry);
    let mut answers = [Err("busy"), Ok(200)].into_iter();
    assert_eq!(policy.call(|| answers.next().unwrap()), Ok(200));
    assert_eq!(policy.call(|| Ok(200)), Ok(200));
    assert!(policy.call(|| Err("down")).is_err());
    // By the judgement: a value may be a failure, and an error a success.
    assert_eq!(policy.call_with(|| Ok(503), |_| Outcome::Failure), Ok(503));
    assert!(policy.call_with(|| Err("not found"), |_| Outcome::Success).is_err());
    assert_eq!(
        scraped.page().lines("retry"),
        [
            "retry_calls_total{name=bank,outcome=failure,retried=false} 0",
            "retry_calls_total{name=bank,outcome=failure,retried=true} 2",
            "retry_calls_total{name=bank,outcome=success,retried=false} 2",
            "retry_calls_total{name=bank,outcome=success,retried=true} 1",
        ]
    );
}

#[test]
fn those_who_are_never_asked_for_are_not_published() {
    let scraped = Scraped::new();
    assert_eq!(scraped.page().lines(""), [""; 0]);
}
