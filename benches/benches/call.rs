//! What does a healthy call cost, what a refused one, and how far is each from the floor?
//!
//! The floor is what no breaker that counts can go below: a load of a word that nobody writes, and
//! an addition to one that nobody else writes.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use cutout::{CircuitBreaker, Clock, State, StdClock};
use cutout_benches::{config, told, trip};

fn floor(criterion: &mut Criterion) {
    let (shared, own) = (AtomicU64::new(0), AtomicU64::new(0));
    criterion.bench_function("floor/load and add", |bencher| {
        bencher.iter(|| {
            black_box(shared.load(Ordering::Acquire));
            own.fetch_add(1, Ordering::Relaxed);
        });
    });
    criterion.bench_function("floor/std clock", |bencher| bencher.iter(|| StdClock.now()));
}

fn closed(criterion: &mut Criterion) {
    let breaker = told();
    let mut calls = 0_u64;
    criterion.bench_function("closed/success, time told", |bencher| {
        bencher.iter(|| {
            calls += 1;
            breaker.call(|| Ok::<_, ()>(black_box(7)))
        });
    });
    assert_eq!((breaker.state(), breaker.totals().successes), (State::Closed, calls));

    let breaker = CircuitBreaker::new(config());
    let mut calls = 0_u64;
    criterion.bench_function("closed/success, std clock", |bencher| {
        bencher.iter(|| {
            calls += 1;
            breaker.call(|| Ok::<_, ()>(black_box(7)))
        });
    });
    assert_eq!((breaker.state(), breaker.totals().successes), (State::Closed, calls));
}

fn open(criterion: &mut Criterion) {
    let breaker = told();
    trip(&breaker);
    let mut calls = 0_u64;
    criterion.bench_function("open/refused, time told", |bencher| {
        bencher.iter(|| {
            calls += 1;
            breaker.call(|| Ok::<_, ()>(black_box(7)))
        });
    });
    assert_eq!((breaker.state(), breaker.totals().rejected), (State::Open, calls));
}

criterion_group!(benches, floor, closed, open);
criterion_main!(benches);
