//! A timeout that follows latencies: strict, bounded, and clear about what it learns from.

mod support;

#[cfg(feature = "std")]
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
#[cfg(feature = "std")]
use std::panic::catch_unwind;

use cutout_core::{
    AdaptiveTimeout, Clock, ConfigError, Instant, Latency, ManualClock, Rate, TimeoutConfig,
};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const FLOOR: Duration = Duration::from_millis(5);
const CEILING: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(60);

type Timeout = AdaptiveTimeout<ManualClock>;

const fn config() -> TimeoutConfig {
    TimeoutConfig::between(FLOOR, CEILING).window(WINDOW)
}

fn timeout(config: TimeoutConfig) -> Timeout {
    AdaptiveTimeout::with_clock(config, ManualClock::new())
}

/// A call that takes `takes`, cut at its limit. Whether it was.
fn call(timeout: &Timeout, takes: Duration) -> bool {
    let clock = timeout.latency().clock();
    let result = timeout.measure(|limit| {
        clock.advance(takes.min(limit));
        if takes < limit { Ok(()) } else { Err("timed out") }
    });
    result.is_err()
}

#[test]
fn a_timeout_that_knows_nothing_is_the_ceiling() {
    let timeout = timeout(config());
    for _ in 0..99 {
        assert_eq!(timeout.timeout(), CEILING);
        assert!(!call(&timeout, 10 * MS));
    }
    assert_eq!(timeout.timeout(), CEILING);
    call(&timeout, 10 * MS);
    assert!(timeout.timeout() < 12 * MS);
}

#[test]
fn after_a_window_without_a_call_nothing_is_known_again() {
    let timeout = timeout(config());
    for _ in 0..200 {
        call(&timeout, 10 * MS);
    }
    assert!(timeout.timeout() < 12 * MS);
    timeout.latency().clock().advance(WINDOW);
    assert_eq!(timeout.timeout(), CEILING);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_limit_is_at_most_an_eighth_above_the_quantile(
        mut all in prop::collection::vec(10_000_000_u64..4_000_000_000, 100..2_000),
        points in 5_000_u32..=9_899,
    ) {
        let share = Rate::try_basis_points(points).unwrap();
        let timeout = timeout(config().quantile(share));
        for nanos in &all {
            timeout.latency().record(Duration::from_nanos(*nanos));
        }
        all.sort_unstable();
        let exact = |points: u32| {
            let rank = (all.len() * points as usize).div_ceil(10_000);
            Duration::from_nanos(all[rank - 1])
        };
        let (quantile, p99, limit) = (exact(points), exact(9_900), timeout.timeout());
        prop_assert_eq!(timeout.timeout(), limit, "what was derived is what is kept");
        prop_assert!(limit > quantile && limit <= quantile * 9 / 8, "{limit:?} for {quantile:?}");
        prop_assert!(limit <= p99 * 9 / 8, "{limit:?} with {p99:?}");
        // Where they are further apart than a bucket is wide, it is strictly below.
        prop_assert!(limit <= p99 || p99 < quantile * 9 / 8);
    }

    #[test]
    fn the_limit_is_never_beyond_its_bounds(
        floor in 1_000_u64..10_000_000_000,
        more in 0_u64..3_000_000_000_000,
        factor in 100_u32..=1_000,
        all in prop::collection::vec(0_u64..u64::MAX, 0..300),
        shift in 0_u32..60,
    ) {
        let (floor, ceiling) = (Duration::from_nanos(floor), Duration::from_nanos(floor + more));
        let config = TimeoutConfig::between(floor, ceiling).multiplier_percent(factor).minimum_samples(1);
        let timeout = timeout(config);
        for nanos in all {
            timeout.latency().record(Duration::from_nanos(nanos >> shift));
            let limit = timeout.timeout();
            prop_assert!(limit >= floor && limit <= ceiling, "{limit:?}");
            timeout.latency().clock().advance(WINDOW / 16);
        }
    }
}

#[test]
fn a_factor_stretches_the_limit_but_not_beyond_p99() {
    let with = |factor| {
        let timeout = timeout(config().quantile(Rate::percent(50)).multiplier_percent(factor));
        for millis in 1..=1_000 {
            timeout.latency().record(millis * MS);
        }
        timeout.timeout().as_millis()
    };
    // The bucket of 500 ms ends at 503 ms, that of 990 ms at 1,006 ms.
    assert_eq!([100, 150, 190, 200, 1_000].map(with), [503, 754, 956, 1_006, 1_006]);
}

#[test]
fn no_call_of_a_dependency_that_always_takes_as_long_is_cut() {
    for nanos in (10..300).map(|n| n * 7_919_317) {
        let timeout = timeout(config());
        for _ in 0..500 {
            assert!(!call(&timeout, Duration::from_nanos(nanos)), "{nanos}");
        }
    }
}

#[test]
fn what_is_longer_than_the_scale_gets_the_ceiling() {
    let timeout: AdaptiveTimeout<_, 64> = AdaptiveTimeout::from_parts(config(), ManualClock::new());
    for _ in 0..200 {
        timeout.latency().record(Duration::from_secs(1));
    }
    assert_eq!(timeout.timeout(), CEILING);
}

#[test]
fn quick_failures_do_not_teach_that_the_dependency_is_fast() {
    let timeout = timeout(config());
    for _ in 0..200 {
        call(&timeout, 80 * MS);
        for _ in 0..99 {
            assert_eq!(timeout.measure(|_| Err::<(), _>("refused")), Err("refused"));
        }
    }
    assert!(timeout.timeout() > 80 * MS);
}

#[test]
fn a_failure_after_the_limit_is_a_call_that_was_cut() {
    let timeout = timeout(config());
    let failed: Result<(), _> = timeout.measure(|limit| {
        timeout.latency().clock().advance(limit + MS);
        Err("it noticed late")
    });
    assert_eq!((failed, timeout.latency().snapshot().count()), (Err("it noticed late"), 1));
}

#[test]
fn a_dropped_call_counts_only_after_its_limit() {
    let timeout = timeout(config());
    let dropped_after = |waits: Duration| {
        let mut call = pin!(timeout.measure_async(|_| core::future::pending::<Result<(), ()>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        timeout.latency().clock().advance(waits);
    };
    dropped_after(CEILING - MS);
    assert_eq!(timeout.latency().snapshot().count(), 0);
    dropped_after(CEILING);
    assert_eq!(timeout.latency().snapshot().count(), 1);
}

// Without the feature, nothing in core can tell that a panic is under way.
#[cfg(feature = "std")]
mod while_a_panic_is_under_way {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A clock that panics once it is told to.
    #[derive(Debug, Default)]
    struct BreaksDown(AtomicBool);

    impl Clock for BreaksDown {
        fn now(&self) -> Instant {
            assert!(!self.0.load(Ordering::Relaxed), "in the clock");
            Instant::ORIGIN
        }
    }

    #[test]
    fn a_clock_that_panics_in_a_panic_aborts_nothing() {
        let timeout: AdaptiveTimeout<_> =
            AdaptiveTimeout::with_clock(config(), BreaksDown::default());
        let panics = || {
            let _ = timeout.measure(|_| -> Result<(), ()> {
                timeout.latency().clock().0.store(true, Ordering::Relaxed);
                panic!("in the call")
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"in the call"));
    }
}

#[test]
fn a_call_that_panics_within_its_limit_counts_for_nothing() {
    let timeout = timeout(config());
    assert!(support::panics(|| timeout.measure(|_| -> Result<(), ()> { panic!("in the call") })));
    assert_eq!(timeout.latency().snapshot().count(), 0);
}

#[test]
fn an_asynchronous_call_is_told_its_limit_and_measured() {
    let timeout = timeout(config().minimum_samples(1));
    let call = timeout.measure_async(|limit| {
        assert_eq!(limit, CEILING);
        timeout.latency().clock().advance(20 * MS);
        core::future::ready(Ok::<_, ()>("answer"))
    });
    let done = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    assert!(done.is_ready());
    assert!(timeout.timeout() >= 20 * MS && timeout.timeout() < 23 * MS);
}

#[test]
fn the_limit_is_derived_anew_in_each_sixteenth_of_the_window() {
    let timeout = timeout(config().minimum_samples(1));
    timeout.latency().record(20 * MS);
    let first = timeout.timeout();
    timeout.latency().record(200 * MS);
    timeout.latency().clock().advance(WINDOW / 16 - MS);
    assert_eq!(timeout.timeout(), first);
    timeout.latency().clock().advance(MS);
    assert!(timeout.timeout() >= 200 * MS);
    timeout.latency().record(2_000 * MS);
    timeout.latency().clock().advance(WINDOW / 16 - MS);
    assert!(timeout.timeout() < 230 * MS, "not at each look");
    timeout.latency().clock().set(Instant::ORIGIN);
    assert!(timeout.timeout() >= 200 * MS, "no older limit comes back with the clock");
}

#[test]
fn a_clock_that_is_set_back_does_not_freeze_the_limit() {
    for healthy in [200, 10_000] {
        for back in [WINDOW / 2, WINDOW, 60 * WINDOW] {
            let timeout = timeout(config());
            timeout.latency().clock().advance(100 * WINDOW);
            for _ in 0..healthy {
                timeout.latency().record(10 * MS);
            }
            assert!(timeout.timeout() < 12 * MS);
            let clock = timeout.latency().clock();
            clock.set(Instant::ORIGIN.saturating_add(100 * WINDOW - back));

            // The dependency takes longer now. What was before has left after a window and a half, and
            // the limit grows tenfold in half a window.
            let follows = clock.now().saturating_add(2 * WINDOW);
            while clock.now() < follows {
                call(&timeout, 100 * MS);
                clock.advance(100 * MS);
            }
            let limit = timeout.timeout();
            assert!(limit >= 100 * MS, "{limit:?}, {healthy} calls, {back:?} back");
            assert!(!call(&timeout, 100 * MS), "{healthy} calls, {back:?} back");
        }
    }
}

#[test]
fn an_empty_window_gives_the_ceiling_after_a_set_back() {
    for back in [WINDOW / 2, WINDOW, 60 * WINDOW] {
        let timeout = timeout(config());
        let clock = timeout.latency().clock();
        clock.advance(100 * WINDOW);
        for _ in 0..200 {
            timeout.latency().record(10 * MS);
        }
        assert!(timeout.timeout() < 12 * MS);
        clock.set(Instant::ORIGIN.saturating_add(100 * WINDOW - back));
        assert!(timeout.timeout() < 12 * MS, "{back:?}: what is known is not a window old");
        clock.advance(WINDOW + WINDOW / 2);
        assert_eq!(timeout.timeout(), CEILING, "{back:?}");
    }
}

#[test]
fn a_call_over_which_the_clock_is_set_back_counts_for_nothing() {
    let timeout = timeout(config());
    let clock = timeout.latency().clock();
    clock.advance(WINDOW);
    let (finished, dropped) = (timeout.start(), timeout.start());
    clock.set(Instant::ORIGIN.saturating_add(WINDOW - MS));
    finished.finish();
    drop(dropped);
    assert_eq!(timeout.latency().snapshot().count(), 0, "nobody knows how long it took");
    timeout.start().finish();
    assert_eq!(timeout.latency().snapshot().count(), 1);
}

#[test]
fn settings_out_of_their_range_are_named() {
    let check = |config| AdaptiveTimeout::try_with_clock(config, ManualClock::new()).map(drop);
    let hour = Duration::from_secs(3_600);
    for (config, error, message) in [
        (
            TimeoutConfig::between(MS, hour + MS),
            ConfigError::TimeoutCeiling,
            "ceiling: must be 1 µs to 1 hour",
        ),
        (
            TimeoutConfig::between(2 * MS, MS),
            ConfigError::TimeoutFloor,
            "floor: must be 1 µs to the ceiling",
        ),
        (
            TimeoutConfig::between(Duration::ZERO, MS),
            ConfigError::TimeoutFloor,
            "floor: must be 1 µs to the ceiling",
        ),
        (
            config().quantile(Rate::percent(99)),
            ConfigError::TimeoutQuantile,
            "quantile: must be 50 % to 98.99 %",
        ),
        (
            config().quantile(Rate::percent(49)),
            ConfigError::TimeoutQuantile,
            "quantile: must be 50 % to 98.99 %",
        ),
        (
            config().multiplier_percent(99),
            ConfigError::TimeoutMultiplier,
            "multiplier_percent: must be 100 % to 1000 %",
        ),
        (
            config().multiplier_percent(1_001),
            ConfigError::TimeoutMultiplier,
            "multiplier_percent: must be 100 % to 1000 %",
        ),
        (
            config().window(MS),
            ConfigError::LatencyWindow,
            "window: that of latencies must be 10 ms to 1 day long",
        ),
        (
            config().minimum_samples(0),
            ConfigError::MinimumSamples,
            "minimum_samples: must be 1 to 4095",
        ),
    ] {
        assert_eq!(check(config), Err(error), "{config:?}");
        assert_eq!(error.to_string(), message);
    }
    let widest = TimeoutConfig::between(Duration::from_micros(1), hour);
    assert_eq!(check(widest.multiplier_percent(1_000).quantile(Rate::percent(50))), Ok(()));
    assert_eq!(check(config().quantile(Rate::try_basis_points(9_899).unwrap())), Ok(()));
}

#[test]
fn a_timeout_is_as_small_as_it_says() {
    let more = size_of::<Timeout>() - size_of::<Latency<ManualClock>>();
    assert_eq!(more, 56);
}
