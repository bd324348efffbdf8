//! A breaker on embassy's time, which its mock driver moves by hand. The driver is one for the
//! whole program, so this file has one test.

use core::future::{Future, pending};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use clocks::EmbassyClock;
use cutout_core::{CircuitBreaker, Clock, Config, Error, Instant, State};
use embassy_time::{Duration, MockDriver, TimeoutError, with_timeout};

static SENSOR: CircuitBreaker<EmbassyClock> = CircuitBreaker::with_clock(
    Config::new()
        .without_failure_rate()
        .consecutive_failures(2)
        .break_duration(core::time::Duration::from_secs(1))
        .trials(1),
    EmbassyClock,
);

/// Reads the sensor, which does not answer, for 25 ms at most. The timeout is inside the call: then
/// it is a failure, and not a cancellation.
async fn read() -> Result<u16, Error<TimeoutError>> {
    SENSOR.call_async(with_timeout(Duration::from_millis(25), pending())).await
}

#[test]
fn a_breaker_on_the_time_of_embassy_opens_after_timeouts_and_closes_after_its_break() {
    let time = MockDriver::get();
    let mut context = Context::from_waker(Waker::noop());
    time.advance(Duration::from_millis(7));
    assert_eq!(EmbassyClock.now(), Instant::from_nanos(7_000_000));

    for _ in 0..2 {
        let mut read = pin!(read());
        assert!(read.as_mut().poll(&mut context).is_pending());
        time.advance(Duration::from_millis(24));
        assert!(read.as_mut().poll(&mut context).is_pending());
        time.advance(Duration::from_millis(1));
        assert_eq!(read.as_mut().poll(&mut context), Poll::Ready(Err(Error::Inner(TimeoutError))));
    }
    assert_eq!(SENSOR.state(), State::Open);

    time.advance(Duration::from_millis(999));
    assert!(SENSOR.call(|| Ok::<_, ()>(())).is_err(), "the break is not over");
    time.advance(Duration::from_millis(1));
    assert!(SENSOR.call(|| Ok::<_, ()>(())).is_ok());
    assert_eq!(SENSOR.state(), State::Closed);
}
