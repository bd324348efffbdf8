//! What several test files share: calls whose time is moved by hand, and breakers for them.
#![allow(dead_code)] // each test file uses its share of this

pub(crate) mod task;

use core::future::{Future, pending};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;

use cutout::{CircuitBreaker, Clock, Config, Error, ManualTimer, Observer, State, Totals};

pub(crate) type Breaker = CircuitBreaker<ManualTimer>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Polls once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end, and moves the time from wait to wait.
pub(crate) fn drive<F: Future>(time: &ManualTimer, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        time.advance(time.next().expect("what is pending waits for the time"));
    }
}

/// The results of a blocking and of an asynchronous call, one after the other.
#[macro_export]
macro_rules! both {
    ($time:expr, $policy:expr, $call:expr) => {{
        let call = $call;
        let blocking = $policy.call(&call);
        [
            blocking,
            $crate::support::drive(&$time, $policy.call_async(|| core::future::ready(call()))),
        ]
    }};
    ($time:expr, $policy:expr, $call:expr, $classify:expr) => {{
        let call = $call;
        let blocking = $policy.call_with(&call, $classify);
        let asynchronous = $policy.call_async_with(|| core::future::ready(call()), $classify);
        [blocking, $crate::support::drive(&$time, asynchronous)]
    }};
}

/// Returns whether `act` panics.
pub(crate) fn panics<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

/// Returns the message that `act` panics with.
pub(crate) fn panic_message<T>(act: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).err().expect("it should panic");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().expect("a message")).to_owned(),
    }
}

/// Makes a call that is admitted and fails. Panics if the breaker refuses the call.
pub(crate) fn fail<C: Clock, O: Observer>(breaker: &CircuitBreaker<C, O>) {
    assert_eq!(breaker.call(|| Err::<(), _>("down")), Err(Error::Inner("down")));
}

pub(crate) fn hang<T>() -> impl Future<Output = T> {
    pending()
}

/// Opens after two failures in a row; a break of ten seconds; one trial closes it.
pub(crate) fn breaker(time: &ManualTimer) -> Breaker {
    let config = Config::new().consecutive_failures(2).break_duration(secs(10)).trials(1);
    CircuitBreaker::with_clock(config, time.clone())
}

/// The same, open with its break over: the next call is the trial.
pub(crate) fn about_to_try(time: &ManualTimer) -> Breaker {
    let breaker = opened(time);
    time.advance(secs(10));
    breaker
}

pub(crate) fn opened(time: &ManualTimer) -> Breaker {
    let breaker = breaker(time);
    for _ in 0..2 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Open);
    breaker
}

/// How the calls that ended were settled: successes, failures, ignored, cancelled.
pub(crate) const fn ends(totals: Totals) -> [u64; 4] {
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}
