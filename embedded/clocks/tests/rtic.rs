//! Breakers on RTIC's time, of monotonics that are moved by hand.

use core::future::{Future, pending};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use clocks::{RticClock, RticClock32};
use cutout_core::{CircuitBreaker, Clock, Config, State};
use fugit::{
    MonotonicTimerInstantU32, MonotonicTimerInstantU64, TimerDurationU32, TimerDurationU64,
};
use rtic_time::{Timebase, TimeoutError};

static NOW: AtomicU64 = AtomicU64::new(0);
static NOW_32: AtomicU32 = AtomicU32::new(0);

/// At 32,768 ticks a second.
struct Rtc;
/// At 1,000.
struct SysTick;

macro_rules! timebase {
    ($name:ty, $instant:ty, $duration:ty, $now:expr) => {
        impl Timebase for $name {
            type Instant = $instant;
            type Duration = $duration;

            fn now() -> $instant {
                <$instant>::from_ticks($now.load(Relaxed))
            }

            async fn delay(_: $duration) {
                pending().await
            }

            async fn delay_until(_: $instant) {
                pending().await
            }

            async fn timeout_at<F: Future>(_: $instant, f: F) -> Result<F::Output, TimeoutError> {
                Ok(f.await)
            }

            async fn timeout_after<F: Future>(
                _: $duration,
                f: F,
            ) -> Result<F::Output, TimeoutError> {
                Ok(f.await)
            }
        }
    };
}

timebase!(Rtc, MonotonicTimerInstantU64<32_768>, TimerDurationU64<32_768>, NOW);
timebase!(SysTick, MonotonicTimerInstantU32<1_000>, TimerDurationU32<1_000>, NOW_32);

#[test]
fn a_breaker_on_a_monotonic_of_64_bits_half_opens_after_its_break() {
    static RADIO: CircuitBreaker<RticClock<Rtc>> =
        CircuitBreaker::with_clock(Config::new().consecutive_failures(1), RticClock::new());
    NOW.store(1 << 40, Relaxed);
    let _ = RADIO.call(|| Err::<(), _>(()));
    NOW.store((1 << 40) + 30 * 32_768 - 1, Relaxed);
    assert!(RADIO.call(|| Ok::<_, ()>(())).is_err());
    NOW.store((1 << 40) + 30 * 32_768, Relaxed);
    assert!(RADIO.call(|| Ok::<_, ()>(())).is_ok());
    assert_eq!(RADIO.state(), State::HalfOpen);
}

#[test]
fn a_monotonic_of_32_bits_that_wraps_does_not_keep_a_circuit_open() {
    static CLOCK: RticClock32<SysTick> = RticClock32::new();
    static RADIO: CircuitBreaker<&RticClock32<SysTick>> =
        CircuitBreaker::with_clock(Config::new().consecutive_failures(1), &CLOCK);
    for later in [1 << 31, u32::MAX - 9_999] {
        NOW_32.store(later, Relaxed);
        CLOCK.update();
    }
    let _ = RADIO.call(|| Err::<(), _>(()));
    let opened = CLOCK.now();
    NOW_32.store(20_000, Relaxed); // 30 s later
    assert_eq!(CLOCK.now().saturating_since(opened).as_secs(), 30);
    assert!(RADIO.call(|| Ok::<_, ()>(())).is_ok());
    assert_eq!(RADIO.state(), State::HalfOpen);
}
