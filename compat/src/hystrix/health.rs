//! How Hystrix counts: by snapshots that are published when a bucket closes.

use std::collections::VecDeque;

use crate::trace::Trace;

/// What is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) total: u64,
    pub(crate) errors: u64,
}

impl Health {
    /// The share of errors as they hold it: a 64-bit float cut to an integer.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
    pub(crate) fn percent(self) -> u64 {
        if self.total == 0 { 0 } else { (self.errors as f64 / self.total as f64 * 100.0) as u64 }
    }
}

/// Their stream of buckets.
#[derive(Debug)]
pub(crate) struct Stream {
    interval: u64,
    buckets: usize,
    next_edge: u64,
    closed: VecDeque<Health>,
    current: Health,
    pub(crate) published: Health,
}

impl Stream {
    pub(crate) fn of(trace: &Trace) -> Self {
        let interval = trace.number("metrics_health_snapshot_interval_ms").max(1);
        let buckets = (trace.number("metrics_rolling_window_ms") / interval).max(1);
        Self {
            interval,
            buckets: usize::try_from(buckets).unwrap_or(usize::MAX),
            next_edge: interval,
            closed: VecDeque::new(),
            current: Health::default(),
            published: Health::default(),
        }
    }

    pub(crate) fn buckets(&self) -> (u64, usize) {
        (self.interval, self.buckets)
    }

    /// When the next snapshot is published.
    pub(crate) fn next_edge(&self) -> u64 {
        self.next_edge
    }

    /// Publishes what is due up to and including `now`.
    pub(crate) fn turn(&mut self, now: u64) {
        while self.next_edge <= now {
            self.publish();
            self.next_edge += self.interval;
            if self.closed.iter().all(|bucket| *bucket == Health::default()) {
                // Nothing is left that could change: on to the last edge.
                let idle = now.saturating_sub(self.next_edge) / self.interval;
                self.next_edge += idle * self.interval;
            }
        }
    }

    fn publish(&mut self) {
        self.closed.push_back(core::mem::take(&mut self.current));
        if self.closed.len() > self.buckets {
            self.closed.pop_front();
        }
        self.published = Health::default();
        for bucket in &self.closed {
            self.published.total += bucket.total;
            self.published.errors += bucket.errors;
        }
    }

    pub(crate) fn count(&mut self, failed: bool) {
        self.current.total += 1;
        self.current.errors += u64::from(failed);
    }

    /// A success closes the circuit: the stream starts over, and publishes at once.
    pub(crate) fn restart(&mut self, now: u64) {
        self.closed.clear();
        self.current = Health::default();
        self.count(false);
        self.publish();
        self.next_edge = now + self.interval;
    }
}
