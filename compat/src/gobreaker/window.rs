//! How gobreaker counts, to say why its window and ours hold different results.

use std::collections::VecDeque;

use crate::trace::{Line, Trace};

/// Their counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) excluded: u64,
    pub(crate) successes_in_a_row: u64,
    pub(crate) failures_in_a_row: u64,
}

impl Counts {
    /// As a line of a trace shows them.
    pub(crate) fn of(line: &Line) -> Self {
        Self {
            requests: line.count("req"),
            successes: line.count("succ"),
            failures: line.count("fail"),
            excluded: line.count("excl"),
            successes_in_a_row: line.count("csucc"),
            failures_in_a_row: line.count("cfail"),
        }
    }

    fn count(&mut self, result: Counted) {
        match result {
            Counted::Success => {
                self.successes += 1;
                self.successes_in_a_row += 1;
                self.failures_in_a_row = 0;
            }
            Counted::Failure => {
                self.failures += 1;
                self.failures_in_a_row += 1;
                self.successes_in_a_row = 0;
            }
            Counted::Excluded => self.excluded += 1,
        }
    }
}

/// What they make of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Success,
    Failure,
    Excluded,
}

/// Which generation and which bucket admitted a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    generation: u64,
    age: u64,
}

/// Their window: for ever, fixed, or rolling.
#[derive(Debug)]
pub(crate) struct GoWindow {
    interval: u64,
    period: u64,
    buckets: u64,
    generation: u64,
    start: u64,
    age: u64,
    ring: VecDeque<Counts>,
    pub(crate) total: Counts,
}

impl GoWindow {
    pub(crate) fn of(trace: &Trace) -> Self {
        let (mut interval, period) =
            (trace.number("interval_ms"), trace.number("bucket_period_ms"));
        let mut buckets = 0;
        if interval > 0 && period > 0 {
            interval = interval.next_multiple_of(period);
            buckets = interval / period;
        }
        Self {
            interval,
            period,
            buckets,
            generation: 0,
            start: 0,
            age: 0,
            ring: VecDeque::from([Counts::default()]),
            total: Counts::default(),
        }
    }

    fn is_rolling(&self) -> bool {
        self.buckets >= 2
    }

    /// How long the window is and in how many buckets; `None` for one that is never cleared.
    pub(crate) fn shape(&self) -> Option<(u64, u64)> {
        (self.interval > 0).then_some((self.interval, self.buckets.max(1)))
    }

    /// A new state, or a new interval.
    pub(crate) fn begin(&mut self, now: u64) {
        self.generation += 1;
        (self.start, self.age) = (now, 0);
        self.ring = VecDeque::from([Counts::default()]);
        self.total = Counts::default();
    }

    /// Brings a closed breaker's window up to date.
    pub(crate) fn touch(&mut self, now: u64) {
        if !self.is_rolling() {
            if self.interval > 0 && now > self.start + self.interval {
                self.begin(now);
            }
            return;
        }
        let age = (now - self.start) / self.period;
        if age - self.age >= self.buckets {
            self.ring = VecDeque::from([Counts::default()]);
            self.total = Counts::default();
        } else {
            for _ in self.age..age {
                self.ring.push_back(Counts::default());
                if self.ring.len() as u64 > self.buckets {
                    self.drop_oldest();
                }
            }
        }
        self.age = age;
    }

    fn drop_oldest(&mut self) {
        let Some(old) = self.ring.pop_front() else { return };
        let (mut successes, mut failures) = (0, 0);
        for other in &self.ring {
            successes += other.successes;
            failures += other.failures;
        }
        let total = &mut self.total;
        if total.successes_in_a_row == old.successes_in_a_row + successes {
            total.successes_in_a_row -= old.successes_in_a_row;
        }
        if total.failures_in_a_row == old.failures_in_a_row + failures {
            total.failures_in_a_row -= old.failures_in_a_row;
        }
        total.requests -= old.requests;
        total.successes -= old.successes;
        total.failures -= old.failures;
        total.excluded -= old.excluded;
    }

    pub(crate) fn admit(&mut self) -> Admission {
        self.total.requests += 1;
        if let Some(bucket) = self.ring.back_mut() {
            bucket.requests += 1;
        }
        Admission { generation: self.generation, age: self.age }
    }

    /// Whether a result of that admission still belongs to this generation.
    pub(crate) fn is_current(&self, admission: Admission) -> bool {
        self.generation == admission.generation
    }

    pub(crate) fn settle(&mut self, admission: Admission, result: Counted) {
        if !self.is_current(admission) {
            return;
        }
        let back = self.age - admission.age;
        let held = self.ring.len() as u64;
        if self.is_rolling() {
            if back >= self.buckets {
                return;
            }
            if back < held {
                let at = usize::try_from(held - 1 - back).unwrap_or(0);
                self.ring[at].count(result);
            } else {
                // Its bucket was cleared with all others, and is new.
                for _ in held..=back {
                    self.ring.push_front(Counts::default());
                }
                self.ring[0].count(result);
            }
        }
        self.total.count(result);
    }
}
