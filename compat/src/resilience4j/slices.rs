//! How resilience4j's lock-free time window counts, to say why it and ours hold other results.

use std::collections::VecDeque;

use crate::trace::Trace;

/// Results that a window or a half-open circuit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) fail: u64,
    pub(crate) slow: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, failed: bool, slow: bool) {
        self.calls += 1;
        self.fail += u64::from(failed);
        self.slow += u64::from(slow);
    }
}

const SLICE: u64 = 1_000;

/// Slices of a second, counted from when their state began.
#[derive(Debug)]
pub(crate) struct Slices {
    size: u64,
    start: u64,
    ring: VecDeque<Counts>,
}

impl Slices {
    /// The window of `trace`, if it is of that kind.
    pub(crate) fn of(trace: &Trace) -> Option<Self> {
        let is_such = trace.config["sliding_window_type"] == "TIME_BASED"
            && trace.config["window_synchronization"] == "LOCK_FREE";
        is_such.then(|| Self {
            size: trace.number("sliding_window_size"),
            start: 0,
            ring: VecDeque::from([Counts::default()]),
        })
    }

    /// Another state begins.
    pub(crate) fn begin(&mut self, now: u64) {
        self.start = now;
        self.ring = VecDeque::from([Counts::default()]);
    }

    /// Moves on; after a long time it starts over, in another phase.
    fn touch(&mut self, now: u64) {
        let moved = (now - self.start) / SLICE;
        if moved > self.size {
            self.begin(now);
            return;
        }
        self.start += moved * SLICE;
        for _ in 0..moved {
            self.ring.push_back(Counts::default());
            if self.ring.len() as u64 > self.size {
                self.ring.pop_front();
            }
        }
    }

    pub(crate) fn record(&mut self, now: u64, failed: bool, slow: bool) {
        self.touch(now);
        if let Some(newest) = self.ring.back_mut() {
            newest.add(failed, slow);
        }
    }

    pub(crate) fn sum(&mut self, now: u64) -> Counts {
        self.touch(now);
        let mut sum = Counts::default();
        for slice in &self.ring {
            sum.calls += slice.calls;
            sum.fail += slice.fail;
            sum.slow += slice.slow;
        }
        sum
    }
}
