//! What does a call cost when many threads make it on one breaker at once?
//!
//! The time is what a core spends on one call of one thread; what a thread waits for a core, where
//! they are more than there are cores, is left out. The floors do no more than a breaker has to: a
//! load of a word that nobody writes, and an addition, to a word of the thread's own or to one that
//! all share.

use core::ops::Deref;
use core::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main,
};
use cutout::{CircuitBreaker, Clock, Observer};
use cutout_benches::{Floor, Load, Scene, Still, tolerant};
use cutout_core::CircuitBreaker as Engine;

const THREADS: [u32; 4] = [1, 2, 4, 8];

fn contention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contention");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for threads in THREADS {
        for (name, lanes) in [("floor: own word", threads as usize), ("floor: shared word", 1)] {
            let mut floor = Floor::new(lanes);
            group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                bencher.iter_custom(|calls| floor.time_crowd(threads, calls));
            });
        }
        on(&mut group, threads, "time told", || CircuitBreaker::with_clock(tolerant(), Still));
        on(&mut group, threads, "std clock", || CircuitBreaker::new(tolerant()));
    }
    group.finish();
}

fn on<B, C, O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    threads: u32,
    name: &str,
    breaker: impl Fn() -> B,
) where
    B: Deref<Target = Engine<C, O, 10>> + Sync,
    C: Clock + Sync,
    O: Observer + Sync,
{
    for load in [Load::Success, Load::HalfFailing, Load::Refused] {
        let mut scene = Scene::new(load, breaker());
        let name = format!("{}, {name}", load.name());
        group.bench_function(BenchmarkId::new(name, threads), |bencher| {
            bencher.iter_custom(|calls| scene.time_crowd(threads, calls));
        });
    }
}

criterion_group!(benches, contention);
criterion_main!(benches);
