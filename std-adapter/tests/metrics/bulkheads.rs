//! Bulkheads: permits, limits, refusals.

use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::Arc;

use cutout::{Bulkhead, BulkheadConfig, ManualTimer};

use crate::page::Scraped;

#[test]
fn a_bulkhead_shows_its_permits_its_limit_and_its_refusals() {
    let scraped = Scraped::new();
    let pool = Arc::new(Bulkhead::new(2));
    scraped.metrics.register_bulkhead("bank", &pool);
    let held = [pool.try_acquire().unwrap(), pool.try_acquire().unwrap()];
    assert!(pool.try_acquire().is_err());
    assert_eq!(
        scraped.page().lines("bulkhead"),
        [
            "bulkhead_in_use{name=bank} 2",
            "bulkhead_limit{name=bank} 2",
            "bulkhead_rejected_total{name=bank} 1",
            "bulkhead_waiting{name=bank} 0",
        ]
    );
    drop(held);
    pool.resize(5).unwrap();
    assert_eq!(
        scraped.page().lines("bulkhead"),
        [
            "bulkhead_in_use{name=bank} 0",
            "bulkhead_limit{name=bank} 5",
            "bulkhead_rejected_total{name=bank} 1",
            "bulkhead_waiting{name=bank} 0",
        ]
    );
}

#[test]
fn a_bulkhead_that_is_gone_has_no_room_and_keeps_its_count() {
    let scraped = Scraped::new();
    let pool = Arc::new(Bulkhead::new(1));
    scraped.metrics.register_bulkhead("bank", &pool);
    let held = pool.try_acquire_owned().unwrap();
    assert!(pool.try_acquire().is_err());
    scraped.page();
    drop((held, pool));
    let page = scraped.page();
    assert_eq!(page.get("bulkhead_limit{name=bank}"), Some(0.0));
    assert_eq!(page.get("bulkhead_rejected_total{name=bank}"), Some(1.0));
}

#[test]
fn a_bulkhead_may_have_the_name_of_a_breaker() {
    let scraped = Scraped::new();
    let (pool, bank) = (Arc::new(Bulkhead::new(3)), crate::page::breaker());
    scraped.metrics.register_bulkhead("bank", &pool);
    scraped.metrics.register_breaker("bank", &bank);
    let page = scraped.page();
    assert_eq!(page.get("bulkhead_limit{name=bank}"), Some(3.0));
    assert_eq!(page.states("bank"), [1.0, 0.0, 0.0]);
}

#[test]
fn bulkheads_of_one_name_are_added_up() {
    let scraped = Scraped::new();
    let config = |limit| BulkheadConfig::new(limit).queue(1).max_wait(Duration::from_secs(1));
    let pools = [5, 1, 3].map(|limit| Arc::new(Bulkhead::with_config(config(limit))));
    let held = [3, 1, 3].into_iter().zip(&pools).map(|(permits, pool)| {
        scraped.metrics.register_bulkhead("bank", pool);
        (0..permits).map(|_| pool.try_acquire().unwrap()).collect::<Vec<_>>()
    });
    let held: Vec<_> = held.collect();
    let mut waits = pin!(pools[1].acquire_async(ManualTimer::new()));
    assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for refused in [1, 1, 1, 2] {
        assert!(pools[refused].try_acquire().is_err());
    }
    assert_eq!(
        scraped.page().lines("bulkhead"),
        [
            "bulkhead_in_use{name=bank} 7",
            "bulkhead_limit{name=bank} 9",
            "bulkhead_rejected_total{name=bank} 4",
            "bulkhead_waiting{name=bank} 1",
        ]
    );
    drop(held);
}
