//! Many threads that do the same work at the same time.

use core::time::Duration;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::pin;

/// Runs `work` on that many threads at once, each on one core, and says how long a core was busy with the work of
/// one thread.
///
/// That is the time from the first start to the last end; where there are more threads than cores,
/// the share of it that a thread spends waiting for a core is taken off. `work` is told which
/// thread it is on, counted from 0.
///
/// # Panics
///
/// If `work` does, or without threads.
pub fn crowd(threads: u32, work: impl Fn(usize) + Sync) -> Duration {
    let count = threads as usize;
    let (work, barrier) = (&work, &Barrier::new(count));
    let spans: Vec<_> = thread::scope(|scope| {
        let run = |thread| {
            move || {
                pin(thread);
                barrier.wait();
                let start = Instant::now();
                work(thread);
                (start, Instant::now())
            }
        };
        let handles: Vec<_> = (0..count).map(|thread| scope.spawn(run(thread))).collect();
        handles.into_iter().map(|handle| handle.join().expect("the work goes well")).collect()
    });
    let first = spans.iter().map(|span| span.0).min().expect("there are threads");
    let last = spans.iter().map(|span| span.1).max().expect("there are threads");
    (last - first) * cores().min(threads) / threads
}

/// How many threads can run at once.
fn cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}
