//! What does a whole call cost that does nothing: admitted, run, settled? On each clock, against
//! the floor in the same run.
//!
//! The floor is what no breaker that counts can go below: a load of a word that nobody writes, and
//! an addition to one that nobody else writes.

use criterion::{Criterion, criterion_group, criterion_main};
use cutout::{CircuitBreaker, Clock, QuantaClock, StdClock};
use cutout_benches::{Floor, Load, Scene, late, tolerant};

fn call(criterion: &mut Criterion) {
    let mut floor = Floor::new(1);
    criterion.bench_function("call/floor: load and add", |bencher| {
        bencher.iter_custom(|calls| floor.time(calls));
    });
    on(criterion, "time told", late);
    on(criterion, "default clock", || StdClock);
    on(criterion, "quanta", || QuantaClock);
}

/// The calls on one clock, and the reading of it that these settings take.
fn on<C: Clock>(criterion: &mut Criterion, name: &str, clock: impl Fn() -> C) {
    let alone = clock();
    criterion.bench_function(&format!("call/floor: {name}"), |bencher| {
        bencher.iter(|| alone.now_coarse());
    });
    for load in [Load::Success, Load::HalfFailing] {
        let mut scene = Scene::new(load, CircuitBreaker::with_clock(tolerant(), clock()));
        criterion.bench_function(&format!("call/{}, {name}", load.name()), |bencher| {
            bencher.iter_custom(|calls| scene.time(calls));
        });
    }
}

criterion_group!(benches, call);
criterion_main!(benches);
