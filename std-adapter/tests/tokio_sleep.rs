//! Tokio's time is one for each runtime, and a breaker is told the time of the runtime it runs in.
#![cfg(feature = "tokio")]

mod support;

use core::time::Duration;
use std::thread;

use cutout::{AsyncTimer, CircuitBreaker, Clock, Config, TokioTimer};
use tokio::runtime::{Builder, Runtime};
use tokio::time::advance;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A runtime whose time stands still until a test moves it.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

async fn the_time_goes_on() {
    let begun = TokioTimer.now();
    advance(secs(30)).await;
    assert_eq!(TokioTimer.now().saturating_since(begun), secs(30));
    TokioTimer.sleep(secs(5)).await;
    assert_eq!(TokioTimer.now().saturating_since(begun), secs(35));
}

#[test]
fn a_runtime_that_is_behind_another_has_its_own_time() {
    // The first reading of the process is far ahead of all that follow.
    paused().block_on(async {
        advance(secs(100 * 365 * 24 * 3_600)).await;
        the_time_goes_on().await;
    });
    for _ in 0..3 {
        paused().block_on(the_time_goes_on());
    }
    thread::spawn(|| paused().block_on(the_time_goes_on())).join().unwrap();

    // Outside of a runtime it is the system's.
    let before = TokioTimer.now();
    let started = std::time::Instant::now();
    while started.elapsed().is_zero() {}
    assert!(TokioTimer.now() > before);

    // Also behind all of them: a paused runtime stands where the system's time was.
    let behind = paused();
    let ahead = TokioTimer.now();
    behind.block_on(async {
        assert!(TokioTimer.now() <= ahead);
        the_time_goes_on().await;
    });
}

#[test]
fn a_break_ends_on_the_time_of_the_runtime() {
    async fn a_break_ends_after_30_s() {
        let breaker = CircuitBreaker::with_clock(Config::new().consecutive_failures(1), TokioTimer);
        support::fail(&breaker);
        advance(secs(29)).await;
        assert!(breaker.call(|| Ok::<_, &str>(())).is_err());
        advance(secs(1)).await;
        assert!(breaker.call(|| Ok::<_, &str>(())).is_ok());
    }
    paused().block_on(async {
        advance(secs(3_600)).await;
        a_break_ends_after_30_s().await;
    });
    paused().block_on(a_break_ends_after_30_s());
}
