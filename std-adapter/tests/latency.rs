//! Latencies of many threads, and limits that are learned where calls are made.

mod support;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Barrier};

use cutout::{
    AdaptiveTimeout, AsyncTimer, CircuitBreaker, Config, Error, Latency, ManualClock, ManualTimer,
    Rate, State, StdClock, TimeoutConfig,
};
use support::ms;

const WINDOW: Duration = Duration::from_secs(60);

fn on_threads(threads: u64, run: impl Fn(u64) + Sync) {
    let start = Barrier::new(usize::try_from(threads).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (run, start) = (&run, &start);
            scope.spawn(move || {
                start.wait();
                run(thread);
            });
        }
    });
}

#[test]
fn no_latency_of_many_threads_is_lost_while_an_era_begins() {
    for _ in 0..20 {
        let latency = Latency::from_parts(WINDOW, 1, ManualClock::new());
        let latency: &Latency<_> = &latency;
        on_threads(4, |thread| {
            for call in 0..1_000 {
                if thread == 0 && call == 500 {
                    latency.clock().advance(WINDOW / 2);
                }
                // All in one bucket, and so in one word.
                latency.record(ms(100));
            }
        });
        assert_eq!(latency.snapshot().count(), 4_000);
    }
}

#[test]
fn many_threads_that_turn_the_window_bring_nothing_old_back() {
    let latency: Latency<_> = Latency::from_parts(WINDOW, 1, ManualClock::new());
    for round in 1..=200_u64 {
        on_threads(2, |_| {
            for _ in 0..10 {
                latency.record(ms(2 * round));
            }
        });
        assert_eq!(latency.snapshot().count(), 20, "round {round}");
        let [least, most] = [0, 100].map(|share| latency.quantile(Rate::percent(share)));
        assert_eq!(least, most, "round {round}");
        latency.clock().advance(WINDOW * u32::try_from(round % 3 + 1).unwrap());
    }
}

#[test]
fn more_than_a_bucket_holds_from_many_threads_keeps_the_newest() {
    let latency: Latency<_> = Latency::from_parts(WINDOW, 1, ManualClock::new());
    on_threads(4, |_| {
        for _ in 0..10_000 {
            latency.record(ms(100));
            let count = latency.snapshot().count();
            assert!(count <= 2 * 4_095, "{count}");
        }
    });
    assert!(latency.snapshot().count() >= 4_095);
}

#[test]
fn a_limit_shared_by_threads_stays_in_its_bounds() {
    let limits = TimeoutConfig::between(ms(20), ms(500));
    let timeout = AdaptiveTimeout::with_clock(limits, ManualClock::new());
    on_threads(4, |thread| {
        for call in 0..2_000 {
            let latency = ms((thread + 1) * 10 + call % 40);
            timeout.latency().record(latency);
            timeout.latency().clock().advance(ms(1));
            let limit = timeout.timeout();
            assert!(limit >= ms(20) && limit <= ms(500), "{limit:?}");
        }
    });
    timeout.latency().clock().advance(WINDOW / 16);
    let limit = timeout.timeout();
    assert!(limit > ms(60) && limit < ms(90), "{limit:?}");
}

#[test]
fn both_fit_a_static_on_the_clock_of_the_system() {
    static LATENCY: Latency<StdClock> = Latency::with_clock(StdClock);
    static TIMEOUT: AdaptiveTimeout<StdClock> =
        AdaptiveTimeout::with_clock(TimeoutConfig::between(ms(10), ms(900)), StdClock);
    LATENCY.record(ms(3));
    assert_eq!(LATENCY.snapshot().count(), 1);
    assert_eq!(TIMEOUT.timeout(), ms(900));
    assert_eq!(TIMEOUT.measure(Ok::<_, ()>), Ok(ms(900)));
    assert_eq!(TIMEOUT.latency().snapshot().count(), 1);
}

/// What `call` returns, if it does within `limit`; polled whenever a wait is over.
fn limited<T>(
    time: &ManualTimer,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Result<T, &'static str> {
    let (mut call, mut over) = (pin!(call), pin!(time.sleep(limit)));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = call.as_mut().poll(&mut context) {
            return Ok(output);
        }
        if over.as_mut().poll(&mut context).is_ready() {
            return Err("timed out");
        }
        time.advance(time.next().unwrap());
    }
}

#[test]
fn trials_after_an_outage_get_the_ceiling_and_close() {
    let time = ManualTimer::new();
    let config = Config::new().consecutive_failures(5).break_duration(WINDOW).trials(1);
    let breaker = CircuitBreaker::with_clock(config, time.clone());
    let timeout =
        AdaptiveTimeout::with_clock(TimeoutConfig::between(ms(10), ms(2_000)), time.clone());
    let call = |takes| {
        breaker.call(|| {
            let limit = timeout.timeout();
            let work = timeout.measure_async(|_| async {
                time.sleep(takes).await;
                Ok::<_, &str>(limit)
            });
            limited(&time, limit, work)?
        })
    };
    for _ in 0..300 {
        assert!(call(ms(50)).is_ok());
    }
    assert!(timeout.timeout() < ms(60));
    while breaker.state() == State::Closed {
        assert_eq!(call(ms(1_500)), Err(Error::Inner("timed out")));
    }
    time.advance(WINDOW);
    assert_eq!(call(ms(1_500)), Ok(ms(2_000)));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_half_open_circuit_is_not_stuck_by_a_trial_that_is_cut() {
    let time = ManualTimer::new();
    let config =
        Config::new().consecutive_failures(1).trials(1).break_duration(Duration::from_secs(1));
    let breaker = Arc::new(CircuitBreaker::with_clock(config, time.clone()));
    let timeout =
        AdaptiveTimeout::with_clock(TimeoutConfig::between(ms(10), ms(200)), time.clone());
    let hang = || {
        breaker.call(|| {
            let work = timeout.measure_async(|_| core::future::pending::<Result<(), ()>>());
            limited(&time, timeout.timeout(), work)
        })
    };
    for opened in 1..=3 {
        assert!(hang().is_err(), "cut number {opened}");
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(timeout.latency().snapshot().count(), opened);
        time.advance(breaker.snapshot().retry_after.unwrap());
    }
    assert_eq!(breaker.call(|| Ok::<_, ()>("back")), Ok("back"));
    assert_eq!(breaker.state(), State::Closed);
}

#[cfg(feature = "policy")]
mod in_a_policy {
    use super::*;
    use cutout::{AttemptError, Policy};

    #[test]
    fn a_policy_cuts_at_the_learned_limit_and_teaches_it() {
        let time = ManualTimer::new();
        let limits = TimeoutConfig::between(ms(10), ms(1_000)).minimum_samples(10);
        let timeout = AdaptiveTimeout::with_clock(limits, time.clone());
        let policy = Policy::new().timer(time.clone()).timeout(|| timeout.timeout());
        let call = |takes| {
            let call = policy.call_async(|| {
                timeout.measure_async(|_| async {
                    time.sleep(takes).await;
                    Ok::<_, ()>("answer")
                })
            });
            support::drive(&time, call)
        };
        for _ in 0..10 {
            assert!(call(ms(100)).is_ok());
        }
        let learned = timeout.timeout();
        assert!(learned > ms(100) && learned < ms(113), "{learned:?}");
        let AttemptError::TimedOut(cut) = call(ms(5_000)).unwrap_err().failure else {
            panic!("it takes longer than its limit")
        };
        assert_eq!(cut.limit(), learned);
        assert_eq!(timeout.latency().snapshot().count(), 11);
        let longest = timeout.latency().quantile(Rate::percent(100)).unwrap();
        assert!(longest > learned * 5 / 4 && longest < learned * 3 / 2, "{longest:?}");
    }
}

#[cfg(feature = "tokio")]
mod under_tokio {
    use super::*;
    use cutout::TokioTimer;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_a_timer_of_tokio_drops_teaches_the_limit() {
        let limits = TimeoutConfig::between(ms(10), ms(1_000)).minimum_samples(10);
        let timeout = AdaptiveTimeout::with_clock(limits, TokioTimer);
        let call = |takes| {
            timeout.measure_async(move |limit| async move {
                let work = tokio::time::sleep(takes);
                tokio::time::timeout(limit, work).await
            })
        };
        for _ in 0..10 {
            assert!(call(ms(100)).await.is_ok());
        }
        let learned = timeout.timeout();
        assert!(learned > ms(100) && learned < ms(120), "{learned:?}");
        assert!(call(ms(5_000)).await.is_err());
        let outside = timeout.measure_async(|_| core::future::pending::<Result<(), ()>>());
        assert!(tokio::time::timeout(ms(200), outside).await.is_err());
        assert_eq!(timeout.latency().snapshot().count(), 12, "cut inside and outside");
    }
}
