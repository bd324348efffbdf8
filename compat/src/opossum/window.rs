//! How opossum counts, to say why its window and ours hold different results.

use std::collections::VecDeque;

use crate::trace::{Line, Trace};

/// Their counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) fires: u64,
    pub(crate) failures: u64,
    pub(crate) successes: u64,
    pub(crate) rejects: u64,
    pub(crate) timeouts: u64,
    pub(crate) semaphore: u64,
}

impl Counts {
    /// As a line of a trace shows them.
    pub(crate) fn of(line: &Line) -> Self {
        Self {
            fires: line.count("fires"),
            failures: line.count("fail"),
            successes: line.count("succ"),
            rejects: line.count("rej"),
            timeouts: line.count("tmo"),
            semaphore: line.count("sem"),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            fires: self.fires + other.fires,
            failures: self.failures + other.failures,
            successes: self.successes + other.successes,
            rejects: self.rejects + other.rejects,
            timeouts: self.timeouts + other.timeouts,
            semaphore: self.semaphore + other.semaphore,
        }
    }
}

/// Their window: buckets that a timer turns.
#[derive(Debug)]
pub(crate) struct TurnedByTimer {
    pub(crate) width: u64,
    buckets: usize,
    turned: u64,
    ring: VecDeque<Counts>,
}

impl TurnedByTimer {
    pub(crate) fn of(trace: &Trace) -> Self {
        let buckets = trace.number("rolling_count_buckets").max(1);
        Self {
            width: (trace.number("rolling_count_timeout_ms") / buckets).max(1),
            buckets: usize::try_from(buckets).unwrap_or(usize::MAX),
            turned: 0,
            ring: VecDeque::from([Counts::default()]),
        }
    }

    /// Lets the timer fire up to and including `now`.
    pub(crate) fn turn(&mut self, now: u64) {
        let due = now / self.width;
        for _ in self.turned..due.min(self.turned + self.buckets as u64 + 1) {
            self.ring.push_back(Counts::default());
            if self.ring.len() > self.buckets {
                self.ring.pop_front();
            }
        }
        self.turned = due.max(self.turned);
    }

    /// Lets the timer fire up to `now`, where the timeout of a call that began at `begin` fires:
    /// of two timers that are due together, the one that was armed first goes first.
    pub(crate) fn turn_beside_timeout(&mut self, now: u64, begin: u64) {
        let beats = now % self.width == 0 && begin + self.width < now;
        self.turn(if beats { now - 1 } else { now });
    }

    pub(crate) fn newest(&mut self) -> &mut Counts {
        if self.ring.is_empty() {
            self.ring.push_back(Counts::default());
        }
        let last = self.ring.len() - 1;
        &mut self.ring[last]
    }

    pub(crate) fn sum(&self) -> Counts {
        self.ring.iter().copied().fold(Counts::default(), Counts::plus)
    }
}
