//! What does admission alone cost: a ticket that is never settled, or a refusal that is counted?
//!
//! Time is told. A ticket of a closed circuit that gets lost leaves no trace, so the breaker is to
//! be afterwards what it was before.

use criterion::{Criterion, criterion_group, criterion_main};
use cutout::{RejectReason, State};
use cutout_benches::{fill_trials, told, trip};

fn closed(criterion: &mut Criterion) {
    let breaker = told();
    let before = breaker.snapshot();
    assert_eq!(before.state, State::Closed);
    criterion.bench_function("admit/closed", |bencher| bencher.iter(|| breaker.admit()));
    assert!(breaker.admit().is_ok());
    assert_eq!(breaker.snapshot(), before);
}

fn open(criterion: &mut Criterion) {
    let breaker = told();
    trip(&breaker);
    let before = breaker.snapshot();
    let mut calls = 0;
    criterion.bench_function("admit/open", |bencher| {
        bencher.iter(|| {
            calls += 1;
            breaker.admit()
        });
    });
    let mut expected = before;
    expected.totals.rejected += calls;
    assert_eq!(breaker.snapshot(), expected);
    assert_eq!(breaker.admit().expect_err("open").reason(), RejectReason::Open);
}

fn half_open_full(criterion: &mut Criterion) {
    let breaker = told();
    let _out = fill_trials(&breaker);
    let before = breaker.snapshot();
    let mut calls = 0;
    criterion.bench_function("admit/half_open_full", |bencher| {
        bencher.iter(|| {
            calls += 1;
            breaker.admit()
        });
    });
    let mut expected = before;
    expected.totals.rejected += calls;
    assert_eq!(breaker.snapshot(), expected);
    assert_eq!(breaker.admit().expect_err("full").reason(), RejectReason::HalfOpenFull);
}

criterion_group!(benches, closed, open, half_open_full);
criterion_main!(benches);
