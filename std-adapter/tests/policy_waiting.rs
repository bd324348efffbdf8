//! Calls that wait for their place in the bulkhead, and what the breaker sees of it.
#![cfg(feature = "policy")]

mod support;

use core::cell::RefCell;
use core::future::ready;
use core::pin::pin;

use cutout::{
    AttemptError, Bulkhead, BulkheadConfig, BulkheadReason, CircuitBreaker, Clock, Config,
    ManualTimer, Policy, Rate, Refused,
};
use support::{breaker, drive, ends, ms, poll, secs};

fn fine() -> Result<u32, &'static str> {
    Ok(1)
}

#[test]
fn a_wait_for_a_place_is_not_slowness() {
    let time = ManualTimer::new();
    let config = Config::new().slow_call_duration(ms(100)).slow_call_rate(Rate::percent(50));
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(call.as_mut()).is_pending());
    time.advance(secs(30));
    drop(held);
    assert_eq!(drive(&time, call), Ok(1));
    assert_eq!((breaker.totals().successes, breaker.totals().slow), (1, 0));
}

#[test]
fn a_circuit_that_opens_meanwhile_refuses_the_waiter() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(60));
    let bulkhead = Bulkhead::with_config(config);
    let held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let mut call = pin!(policy.call_async(|| ready(fine())));
    assert!(poll(call.as_mut()).is_pending());
    breaker.force_open();
    drop(held);
    let error = drive(&time, call).unwrap_err();
    assert!(matches!(error.failure, AttemptError::Rejected(_)));
    assert_eq!(bulkhead.in_use(), 0, "and gives the place back");
}

#[test]
fn a_call_that_waits_too_long_for_its_place_is_refused() {
    let time = ManualTimer::new();
    let breaker = breaker(&time);
    let config = BulkheadConfig::new(1).queue(5).max_wait(secs(2));
    let bulkhead = Bulkhead::with_config(config);
    let _held = bulkhead.try_acquire();
    let policy = Policy::new().timer(time.clone()).breaker(&breaker).bulkhead(&bulkhead);
    let error = drive(&time, policy.call_async(|| ready(fine()))).unwrap_err();
    let Some(Refused::BulkheadRejected(rejected)) = error.refused() else { panic!("{error:?}") };
    assert_eq!(rejected.reason(), BulkheadReason::TimedOut);
    assert_eq!(time.now().as_nanos(), 2_000_000_000);
    assert_eq!((ends(breaker.totals()), bulkhead.rejected()), ([0; 4], 1));
}

#[test]
fn a_blocking_call_waits_for_its_place_too() {
    let bulkhead = Bulkhead::with_config(BulkheadConfig::new(1).queue(1).max_wait(secs(600)));
    let breaker = CircuitBreaker::new(Config::new());
    let held = RefCell::new(bulkhead.try_acquire().ok());
    let policy = Policy::new().breaker(&breaker).bulkhead(&bulkhead);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| policy.call(fine));
        while bulkhead.waiting() == 0 {
            std::thread::yield_now();
        }
        held.take();
        assert_eq!(waits.join().unwrap(), Ok(1));
    });
    assert_eq!((breaker.totals().successes, bulkhead.in_use()), (1, 0));
}
