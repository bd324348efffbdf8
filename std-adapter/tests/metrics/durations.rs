//! How long calls take, where that is asked for.

use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::panic::catch_unwind;

use allocation_counter::measure;
use cutout::metrics::Durations;
use cutout::{ManualClock, Outcome};

use crate::page::Scraped;

const SERIES: &str = "circuit_breaker_call_duration_seconds";

fn durations(scraped: &Scraped) -> Durations<&'static ManualClock> {
    scraped.metrics.durations_with_clock("bank", Box::leak(Box::new(ManualClock::new())))
}

fn count(scraped: &Scraped) -> Option<f64> {
    scraped.page().get(&format!("{SERIES}_count{{name=bank}}"))
}

#[test]
fn without_asking_there_are_none() {
    let scraped = Scraped::new();
    let bank = crate::page::breaker();
    scraped.metrics.register_breaker("bank", &bank);
    assert_eq!(count(&scraped), None);
}

#[test]
fn a_bucket_holds_what_took_no_longer_than_its_end() {
    let scraped = Scraped::new();
    let durations = durations(&scraped);
    for (outcome, micros) in [
        (Outcome::Success, 100),
        (Outcome::Failure, 101),
        (Outcome::Ignored, 10_000_000),
        (Outcome::Success, 10_000_001),
    ] {
        durations.record(outcome, Duration::from_micros(micros));
    }
    let page = scraped.page();
    let bucket = |end: &str| page.get(&format!("{SERIES}_bucket{{name=bank,le={end}}}")).unwrap();
    assert_eq!(["0.0001", "0.00025", "5", "10", "+Inf"].map(bucket), [1.0, 2.0, 2.0, 3.0, 4.0]);
    assert_eq!(page.lines(&format!("{SERIES}_bucket")).len(), 17);
    assert_eq!(page.get(&format!("{SERIES}_sum{{name=bank}}")), Some(20.000_202));
    assert_eq!(count(&scraped), Some(4.0));
}

#[test]
fn a_call_is_measured_by_the_clock_until_it_returns() {
    let scraped = Scraped::new();
    let clock: &ManualClock = Box::leak(Box::new(ManualClock::new()));
    let durations = scraped.metrics.durations_with_clock("bank", clock);
    let call = |seconds| {
        clock.advance(Duration::from_secs(seconds));
        if seconds > 1 { Err("late") } else { Ok(()) }
    };
    assert_eq!(durations.measure(|| call(1)), Ok(()));
    assert_eq!(pollster::block_on(durations.measure_async(async { call(2) })), Err("late"));
    let page = scraped.page();
    assert_eq!(page.get(&format!("{SERIES}_sum{{name=bank}}")), Some(3.0));
    assert_eq!(count(&scraped), Some(2.0));
}

#[test]
fn what_panics_or_is_dropped_is_not_measured() {
    let scraped = Scraped::new();
    let durations = durations(&scraped);
    let run = || durations.measure(|| -> Result<(), ()> { panic!("in the call") });
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    {
        let call = pin!(durations.measure_async(core::future::pending::<Result<(), ()>>()));
        assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(count(&scraped), Some(0.0));
}

#[test]
fn those_of_one_name_measure_together_and_allocate_nothing() {
    let scraped = Scraped::new();
    let (one, other) = (durations(&scraped), durations(&scraped));
    let allocations = measure(|| {
        let _ = one.measure(|| Ok::<_, ()>(()));
        let _ = other.clone().measure(|| Err::<(), _>(()));
    });
    assert_eq!((allocations.count_total, count(&scraped)), (0, Some(2.0)));
}

#[test]
fn a_duration_without_end_does_not_lose_the_sum_of_all_others() {
    let scraped = Scraped::new();
    let durations = durations(&scraped);
    let sum = || scraped.page().get(&format!("{SERIES}_sum{{name=bank}}")).unwrap();
    let longest = Duration::from_nanos(u64::MAX).as_secs_f64();
    let mut before = 0.0;
    for outcome in [Outcome::Success, Outcome::Success, Outcome::Failure] {
        durations.record(outcome, Duration::MAX);
        let after = sum();
        assert!(after >= before + longest * 0.99, "{after} after {before}");
        durations.record(outcome, Duration::from_secs(2));
        assert!(sum() >= after, "{} after {after}", sum());
        before = after;
    }
    assert_eq!(count(&scraped), Some(6.0));
}
