//! Many threads on one breaker: nothing is lost, nothing is counted twice, no crowd gets through.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Barrier;

use cutout::{CircuitBreaker, Config, ManualClock, Observer, Outcome, State, Transition};

/// Counts changes by what they led to.
#[derive(Default)]
struct Log([AtomicU32; 3]);

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        self.0[transition.to as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// The same on every run: each thread draws its outcomes from a sequence of its own.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn every_call_of_many_threads_is_accounted_for() {
    const THREADS: u8 = 4;
    const CALLS: u64 = 50_000;
    let config = Config::new()
        .break_duration(Duration::from_millis(5))
        .slow_call_duration(Duration::from_millis(50))
        .consecutive_failures(20);
    let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Log::default());
    let (admitted, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Barrier::new(usize::from(THREADS));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (breaker, admitted, refused, start) = (&breaker, &admitted, &refused, &start);
            scope.spawn(move || {
                let mut seed = u64::from(thread);
                let mut held = Vec::new();
                start.wait();
                for _ in 0..CALLS {
                    match breaker.try_acquire() {
                        Ok(permit) => {
                            admitted.fetch_add(1, Ordering::Relaxed);
                            held.push(permit);
                        }
                        Err(_) => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if thread == 0 {
                        breaker.clock().advance(Duration::from_micros(100));
                    }
                    let draws = draw(&mut seed);
                    if held.len() > 4 || draws % 3 == 0 {
                        match held.pop() {
                            None => {}
                            Some(permit) if draws % 97 == 0 => drop(permit),
                            Some(permit) if draws % 89 == 0 => permit.settle(Outcome::Ignored),
                            Some(permit) if draws % 16 < 9 => permit.settle(Outcome::Failure),
                            Some(permit) => permit.settle(Outcome::Success),
                        }
                    }
                }
            });
        }
    });
    let totals = breaker.totals();
    assert_eq!(totals.settled(), admitted.into_inner(), "{totals:?}");
    assert_eq!(totals.rejected, refused.into_inner());
    assert_eq!(totals.settled() + totals.rejected, u64::from(THREADS) * CALLS);
    assert_eq!(breaker.snapshot().trials_in_flight, 0);
    let [closed, opened, half_opened] =
        [0, 1, 2].map(|to: usize| breaker.observer().0[to].load(Ordering::Relaxed));
    let last = u32::from(breaker.state() != State::Closed);
    // Each Open leads to HalfOpen, and each HalfOpen to Open or Closed: edges in and out agree.
    assert!(opened > 0, "nothing tripped");
    assert!(
        half_opened <= opened && closed <= half_opened + last,
        "{closed} {opened} {half_opened}"
    );
}

/// Of the failures that reach the condition and come after it, each looks for itself. So every thread
/// has at most one.
#[test]
fn threads_open_at_the_failure_that_meets_the_condition() {
    const THREADS: u8 = 4;
    const MANY: u32 = 8_000; // so many successes, and so many failures open the circuit
    let by_rate = Config::new().without_consecutive_failures();
    for config in [by_rate, by_rate.without_failure_rate().failure_count(MANY)] {
        for _ in 0..200 {
            let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Log::default());
            for _ in 0..MANY {
                breaker.try_acquire().unwrap().settle(Outcome::Success);
            }
            breaker.preallocate();
            let start = Barrier::new(usize::from(THREADS));
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        while let Ok(permit) = breaker.try_acquire() {
                            permit.settle(Outcome::Failure);
                        }
                    });
                }
            });
            assert_eq!(breaker.state(), State::Open);
            let counted = breaker.totals().failures;
            let expected = u64::from(MANY)..u64::from(MANY) + u64::from(THREADS);
            assert!(expected.contains(&counted), "opened after {counted} failures");
        }
    }
}

/// Each thread keeps at most three failures out of the row.
#[test]
fn threads_open_at_a_row_no_shorter_and_hardly_longer() {
    const THREADS: u8 = 4;
    for _ in 0..200 {
        let breaker =
            CircuitBreaker::with_observer(Config::new(), ManualClock::new(), Log::default());
        for _ in 0..1_000 {
            breaker.try_acquire().unwrap().settle(Outcome::Success);
        }
        breaker.preallocate();
        let start = Barrier::new(usize::from(THREADS));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    while let Ok(permit) = breaker.try_acquire() {
                        permit.settle(Outcome::Failure);
                    }
                });
            }
        });
        assert_eq!(breaker.state(), State::Open);
        let counted = breaker.totals().failures;
        let expected = 20..20 + (3 + 1) * u64::from(THREADS);
        assert!(expected.contains(&counted), "opened after {counted} failures");
    }
}

/// One thread's calls all fail, the other's all succeed: there is no row, whatever the lanes count.
#[test]
fn a_row_in_one_thread_is_ended_by_a_success_in_another() {
    let config = Config::new().without_failure_rate();
    let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Log::default());
    breaker.preallocate();
    let turn = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (breaker, turn) = (&breaker, &turn);
            scope.spawn(move || {
                for n in 0..500 {
                    while turn.load(Ordering::Acquire) != 2 * n + thread {
                        std::thread::yield_now();
                    }
                    // 19 failures, then one success.
                    for _ in 0..if thread == 0 { 19 } else { 1 } {
                        let outcome = if thread == 0 { Outcome::Failure } else { Outcome::Success };
                        breaker.try_acquire().unwrap().settle(outcome);
                    }
                    turn.store(2 * n + thread + 1, Ordering::Release);
                }
            });
        }
    });
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.totals().failures, 19 * 500);
}
