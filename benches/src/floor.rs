//! The floor: what no breaker that decides and counts can go below.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use crate::crowd;

/// Something that has its cache lines to itself: two of them, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

/// For each call a load of a word that nobody writes, and an addition to one that nobody reads.
#[derive(Debug)]
pub struct Floor {
    state: Padded<AtomicU64>,
    lanes: Vec<Padded<AtomicU64>>,
    calls: u64,
}

impl Floor {
    /// A floor where thread `n` adds to word `n` modulo `lanes`.
    ///
    /// # Panics
    ///
    /// Without lanes.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        assert!(lanes > 0, "a floor has a lane");
        let lanes = (0..lanes).map(|_| Padded::default()).collect();
        Self { state: Padded::default(), lanes, calls: 0 }
    }

    /// How long `calls` of them take.
    ///
    /// # Panics
    ///
    /// If not every addition was counted.
    pub fn time(&mut self, calls: u64) -> Duration {
        let start = Instant::now();
        self.run(0, calls);
        let spent = start.elapsed();
        self.check(calls);
        spent
    }

    /// How long a core is busy with the `calls` of one thread, where `threads` make as many each.
    ///
    /// # Panics
    ///
    /// If not every addition was counted.
    pub fn time_crowd(&mut self, threads: u32, calls: u64) -> Duration {
        let spent = crowd(threads, |thread| self.run(thread, calls));
        self.check(u64::from(threads) * calls);
        spent
    }

    fn run(&self, thread: usize, calls: u64) {
        let lane = &self.lanes[thread % self.lanes.len()].0;
        for _ in 0..calls {
            if self.state.0.load(Ordering::Acquire) != 0 {
                return; // open, if it were a breaker
            }
            lane.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn check(&mut self, calls: u64) {
        self.calls += calls;
        let counted: u64 = self.lanes.iter().map(|lane| lane.0.load(Ordering::Relaxed)).sum();
        assert_eq!(counted, self.calls, "every addition counts");
    }
}
