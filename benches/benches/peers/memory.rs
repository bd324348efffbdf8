//! What a breaker takes of memory: its size, and how often a call allocates.

use std::thread;

use allocation_counter::measure;

use crate::crew::Gate;
use crate::peer::{Configured, Peer, trip};
use crate::work::Load;

/// The calls after which a breaker is weighed, and by how many threads.
const CALLS: u64 = 5_000;
const THREADS: usize = 2;

/// The calls over which allocations are counted.
const SAMPLE: u64 = 1_000;

/// What one breaker takes.
pub(crate) struct Memory {
    /// Bytes of the handle and of the heap behind it.
    pub(crate) fresh: f64,
    /// The same after two threads made calls at the same time.
    pub(crate) used: f64,
    /// Allocations of a call that succeeds, fails, or is refused.
    pub(crate) allocations: [f64; 3],
}

impl Memory {
    pub(crate) fn of<P: Configured>(name: &str) -> Self {
        // What the first breaker of a process allocates for all of them is no breaker's own.
        P::closed().run(Load::Success.batch(2));

        let (peer, built) = build::<P>();
        let mut grown = [(); 3].map(|()| grown(&build::<P>().0));
        // What a library allocates for the whole process, when threads first meet in it, is in one
        // of them at most.
        grown.sort_unstable();
        let grown = grown[1];
        let handle = size_of::<P>() as f64;

        let open = P::about_to_open();
        trip(&open, name);
        let success = allocations(&peer, Load::Success, SAMPLE);
        let half = allocations(&peer, Load::HalfFailing, 2 * SAMPLE);
        let refused = allocations(&open, Load::Refused, SAMPLE);
        let per_call = |allocations| allocations / SAMPLE as f64;
        Self {
            fresh: handle + built as f64,
            used: handle + (built + grown) as f64,
            allocations: [success, half - success, refused].map(per_call),
        }
    }
}

/// A breaker, and the bytes that it takes on the heap.
fn build<P: Configured>() -> (P, i64) {
    let mut peer = None;
    let bytes = measure(|| peer = Some(P::closed())).bytes_current;
    (peer.expect("it was built"), bytes)
}

/// By how many bytes the heap of a breaker grows while threads call it at the same time.
fn grown<P: Configured>(peer: &P) -> i64 {
    let other = P::closed();
    let [warm, start] = [(); 2].map(|()| Gate::new(THREADS));
    let batch = Load::Success.batch(CALLS / THREADS as u64);
    let calls = |thread| {
        cutout_benches::pin(thread);
        // What threads allocate for themselves when they first meet is no breaker's own.
        warm.pass();
        other.run(batch);
        start.pass();
        measure(|| {
            peer.run(batch);
        })
        .bytes_current
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || calls(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("calls do not panic")).sum()
    })
}

fn allocations(peer: &dyn Peer, load: Load, calls: u64) -> f64 {
    let mut done = None;
    let count = measure(|| done = Some(peer.run(load.batch(calls)))).count_total;
    assert_eq!(done, Some(load.expected(calls)));
    count as f64
}
