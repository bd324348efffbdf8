//! What does settlement alone cost? Tickets are drawn before the clock starts.
//!
//! Time is told. For each failure and each slow success, a healthy success is settled before the
//! clock starts, so that the window never comes near its limit of 90 %; but in `trip`, where each
//! failure measured is the one that completes the minimum and opens its circuit.

use core::time::Duration;
use std::time::Instant as StdInstant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use cutout::{CircuitBreaker, Instant, ManualClock, Outcome, Rate, State, Ticket};
use cutout_benches::{told, tolerant};

/// Few enough that a batch of failures does not fill the window.
const BATCH: BatchSize = BatchSize::NumIterations(1_000);

/// So many breakers trip in one go.
const BRINKS: usize = 64;

fn success(criterion: &mut Criterion) {
    let breaker = told();
    let mut calls = 0;
    criterion.bench_function("settle/success", |bencher| {
        let admit = || {
            calls += 1;
            breaker.admit().expect("closed")
        };
        bencher.iter_batched(admit, |ticket| breaker.settle(ticket, Outcome::Success), BATCH);
    });
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!((breaker.totals().settled(), breaker.totals().successes), (calls, calls));
}

fn failure(criterion: &mut Criterion) {
    let breaker = told();
    let mut calls = 0;
    criterion.bench_function("settle/failure", |bencher| {
        let admit = || {
            calls += 1;
            breaker.settle(breaker.admit().expect("closed"), Outcome::Success);
            breaker.admit().expect("closed")
        };
        bencher.iter_batched(admit, |ticket| breaker.settle(ticket, Outcome::Failure), BATCH);
    });
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!((breaker.totals().successes, breaker.totals().failures), (calls, calls));
}

fn slow_success(criterion: &mut Criterion) {
    const LATE: Instant = Instant::from_nanos(1_000_000_000);
    let config =
        tolerant().slow_call_duration(Duration::from_millis(10)).slow_call_rate(Rate::percent(90));
    let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
    let mut calls = 0;
    criterion.bench_function("settle/slow success", |bencher| {
        // A ticket drawn at the origin is slow; only what is recorded moves the window.
        let admit = || {
            calls += 1;
            breaker.clock().set(LATE);
            breaker.settle(breaker.admit().expect("closed"), Outcome::Success);
            breaker.clock().set(Instant::ORIGIN);
            let ticket = breaker.admit().expect("closed");
            breaker.clock().set(LATE);
            ticket
        };
        bencher.iter_batched(admit, |ticket| breaker.settle(ticket, Outcome::Success), BATCH);
    });
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!((breaker.totals().successes, breaker.totals().slow), (2 * calls, calls));
}

fn trip(criterion: &mut Criterion) {
    let breakers: [_; BRINKS] = core::array::from_fn(|_| told());
    let mut trips = 0;
    criterion.bench_function("settle/trip", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = usize::try_from(iterations).unwrap_or(usize::MAX);
            while left > 0 {
                let some = &breakers[..left.min(BRINKS)];
                let tickets: Vec<_> = some.iter().map(to_the_brink).collect();
                let start = StdInstant::now();
                for (breaker, ticket) in some.iter().zip(tickets) {
                    breaker.settle(ticket, Outcome::Failure);
                }
                spent += start.elapsed();
                for breaker in some {
                    assert_eq!(breaker.state(), State::Open);
                }
                left -= some.len();
                trips += some.len() as u64;
            }
            spent
        });
    });
    let failures: u64 = breakers.iter().map(|breaker| breaker.totals().failures).sum();
    assert_eq!(failures, 20 * trips, "each trip took the minimum");
}

/// Brings `breaker` to where the failure of the ticket opens it.
fn to_the_brink(breaker: &CircuitBreaker<ManualClock>) -> Ticket {
    breaker.reset();
    for _ in 1..20 {
        breaker.settle(breaker.admit().expect("closed"), Outcome::Failure);
    }
    assert_eq!(breaker.state(), State::Closed);
    breaker.admit().expect("closed")
}

criterion_group!(benches, success, failure, slow_success, trip);
criterion_main!(benches);
