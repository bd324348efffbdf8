//! How failsafe's policies judge, to say why its moving average and our window differ.

use serde_json::Value;

use crate::trace::Trace;

/// Waits, each taken once.
#[derive(Debug)]
struct Waits {
    first: u64,
    most: u64,
    taken: u32,
}

impl Waits {
    fn of(backoff: &Value) -> Self {
        let number = |name: &str| backoff[name].as_u64().unwrap_or(0);
        if backoff["kind"] == "exponential" {
            Self { first: number("start_ms"), most: number("max_ms"), taken: 0 }
        } else {
            Self { first: number("ms"), most: number("ms"), taken: 0 }
        }
    }

    fn take(&mut self) -> Asked {
        let factor = 1_u64.checked_shl(self.taken).unwrap_or(u64::MAX);
        self.taken += 1;
        Asked { wait: self.first.saturating_mul(factor).min(self.most), step: self.taken }
    }
}

/// A wait that was asked for, and which one in a row of its policy it was, from 1 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) wait: u64,
    pub(crate) step: u32,
}

/// The share of successes, as a moving average, and a count of requests in five cells.
#[derive(Debug)]
struct Average {
    required: f64,
    minimum: u64,
    window: u64,
    revived: u64,
    share: f64,
    previous: u64,
    cells: [u64; 5],
    current: usize,
    anchor: u64,
    waits: Waits,
}

impl Average {
    fn revive(&mut self, now: u64) {
        (self.revived, self.share, self.previous) = (now, 0.0, 0);
        (self.cells, self.current, self.anchor) = ([0; 5], 0, now);
        self.waits.taken = 0;
    }

    #[allow(clippy::cast_precision_loss)] // as they do
    fn note(&mut self, now: u64, result: f64) {
        let t = now - self.revived;
        if self.previous == 0 {
            self.share = result;
        } else {
            let time_constant = (self.window / 1_000 * 1_000) as f64;
            let weight = (-((t - self.previous) as f64) / time_constant).exp();
            self.share = result * (1.0 - weight) + self.share * weight;
        }
        self.previous = t;
    }

    fn turn(&mut self, now: u64) {
        let cell = self.window / 5;
        let passed = now - self.anchor;
        if passed >= cell {
            for _ in 0..(passed / cell - 1).min(5) {
                self.current = (self.current + 1) % 5;
                self.cells[self.current] = 0;
            }
            self.current = (self.current + 1) % 5;
            self.cells[self.current] = 0;
            self.anchor = now;
        }
    }

    fn count(&mut self, now: u64) {
        self.turn(now);
        self.cells[self.current] += 1;
    }

    fn asks(&mut self, now: u64) -> bool {
        self.turn(now);
        now - self.revived >= self.window / 1_000 * 1_000
            && self.share < self.required
            && self.cells.iter().sum::<u64>() >= self.minimum
    }
}

/// Failures in a row.
#[derive(Debug)]
struct Row {
    limit: u64,
    failures: u64,
    waits: Waits,
}

/// The policies of one breaker of theirs.
#[derive(Debug)]
pub(crate) struct Policies {
    row: Option<Row>,
    average: Option<Average>,
}

impl Policies {
    pub(crate) fn of(trace: &Trace) -> Self {
        let (policy, backoff) = (&trace.config["policy"], &trace.config["backoff"]);
        let row = policy["consecutive_failures"].as_u64();
        let row = row.map(|limit| Row { limit, failures: 0, waits: Waits::of(backoff) });
        let rate = &policy["success_rate"];
        let average = rate.is_object().then(|| Average {
            required: rate["required"].as_f64().unwrap_or(0.0),
            minimum: rate["min_requests"].as_u64().unwrap_or(0),
            window: rate["window_ms"].as_u64().unwrap_or(0),
            revived: 0,
            share: 0.0,
            previous: 0,
            cells: [0; 5],
            current: 0,
            anchor: 0,
            waits: Waits::of(backoff),
        });
        Self { row, average }
    }

    /// The circuit closed.
    pub(crate) fn revive(&mut self, now: u64) {
        if let Some(row) = &mut self.row {
            (row.failures, row.waits.taken) = (0, 0);
        }
        if let Some(average) = &mut self.average {
            average.revive(now);
        }
    }

    pub(crate) fn succeed(&mut self, now: u64) {
        if let Some(row) = &mut self.row {
            row.failures = 0;
        }
        if let Some(average) = &mut self.average {
            average.note(now, 1.0);
            average.count(now);
        }
    }

    /// Whether there are as many failures in a row as it takes.
    pub(crate) fn is_row_full(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.failures >= row.limit)
    }

    /// Notes a failure; the wait that it asks for, if it does.
    pub(crate) fn fail(&mut self, now: u64) -> Option<Asked> {
        let by_average = self.average.as_mut().and_then(|average| {
            average.count(now);
            average.note(now, 0.0);
            average.asks(now).then(|| average.waits.take())
        });
        let by_row = self.row.as_mut().and_then(|row| {
            row.failures += 1;
            (row.failures >= row.limit).then(|| row.waits.take())
        });
        by_average.max(by_row)
    }
}
