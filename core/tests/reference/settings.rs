//! The settings of a breaker as plain values, and how they are drawn from bytes.

use core::time::Duration;

use cutout_core::{Backoff, Config, HalfOpenRule, Outcome, Rate, SlowStart, Tally, Window};

/// Over what span results are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Time { length: u64, buckets: u32 },
    Count(u32),
}

/// What a [`Config`] says, readable. All times are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) failure_rate: Option<u32>,
    pub(crate) slow_call_rate: Option<u32>,
    pub(crate) slow_call_duration: Option<u64>,
    pub(crate) minimum_throughput: u32,
    pub(crate) window: Span,
    pub(crate) consecutive_failures: Option<u32>,
    pub(crate) failure_count: Option<u32>,
    pub(crate) trip_when: Option<fn(&Tally) -> bool>,
    pub(crate) evaluate_every_result: bool,
    pub(crate) cancelled_as: Option<Outcome>,
    pub(crate) break_duration: u64,
    /// Percent, and the cap.
    pub(crate) break_backoff: Option<(u32, u64)>,
    /// Percent.
    pub(crate) break_jitter: Option<u32>,
    pub(crate) trials: u32,
    pub(crate) minimum_trials: Option<u32>,
    pub(crate) half_open_rule: HalfOpenRule,
    pub(crate) trial_timeout: u64,
    /// The length of a stage, and the percentages.
    pub(crate) slow_start: Option<(u64, [u32; 3])>,
}

impl Settings {
    /// The same, as the engine takes it.
    pub(crate) fn config(&self) -> Config {
        let nanos = Duration::from_nanos;
        let mut config = Config::new()
            .minimum_throughput(self.minimum_throughput)
            .window(match self.window {
                Span::Time { length, buckets } => Window::time(nanos(length)).in_buckets(buckets),
                Span::Count(results) => Window::count(results),
            })
            .evaluate_every_result(self.evaluate_every_result)
            .break_duration(nanos(self.break_duration))
            .trials(self.trials)
            .half_open_rule(self.half_open_rule)
            .trial_timeout(nanos(self.trial_timeout));
        config = match self.failure_rate {
            Some(points) => config.failure_rate(Rate::try_basis_points(points).unwrap()),
            None => config.without_failure_rate(),
        };
        if let Some(points) = self.slow_call_rate {
            config = config.slow_call_rate(Rate::try_basis_points(points).unwrap());
        }
        if let Some(duration) = self.slow_call_duration {
            config = config.slow_call_duration(nanos(duration));
        }
        config = match self.consecutive_failures {
            Some(failures) => config.consecutive_failures(failures),
            None => config.without_consecutive_failures(),
        };
        if let Some(failures) = self.failure_count {
            config = config.failure_count(failures);
        }
        if let Some(condition) = self.trip_when {
            config = config.trip_when(condition);
        }
        if let Some((stage, shares)) = self.slow_start {
            let slow_start =
                SlowStart::in_stages_of(nanos(stage)).shares(shares.map(Rate::percent));
            config = config.slow_start(slow_start);
        }
        if let Some(trials) = self.minimum_trials {
            config = config.minimum_trials(trials);
        }
        if let Some(outcome) = self.cancelled_as {
            config = config.cancelled_as(outcome);
        }
        if let Some((percent, cap)) = self.break_backoff {
            config = config.break_backoff(Backoff::multiplier_percent(percent, nanos(cap)));
        }
        if let Some(percent) = self.break_jitter {
            config = config.break_jitter(Rate::percent(percent));
        }
        config
    }

    /// Whether any condition looks at the window; if not, none is kept.
    pub(crate) fn needs_window(&self) -> bool {
        self.failure_rate.is_some()
            || self.slow_call_rate.is_some()
            || self.failure_count.is_some()
            || self.trip_when.is_some()
    }

    /// Whether a rate is among the conditions.
    pub(crate) fn has_rate(&self) -> bool {
        self.failure_rate.is_some() || self.slow_call_rate.is_some()
    }

    /// Other settings for a breaker that runs: all but what cannot change.
    pub(crate) fn changed_by(&self, drawn: &Drawn) -> Self {
        let other = Self::from_bytes(&mut Bytes(&drawn.0));
        let mut other = Self { window: self.window, trip_when: self.trip_when, ..other };
        if let Span::Count(results) = self.window {
            other.minimum_throughput = other.minimum_throughput.min(results);
        }
        other
    }

    /// Valid settings from any bytes. The scale is small, so that a few operations reach an edge.
    pub(crate) fn from_bytes(bytes: &mut Bytes<'_>) -> Self {
        const MS: u64 = 1_000_000;
        let slow_call_duration = bytes.maybe().then(|| bytes.pick(&[MS, 5 * MS, 1_000]));
        let slow_call_rate = if slow_call_duration.is_some() && bytes.maybe() {
            Some(bytes.pick(&[2_500, 5_000, 10_000]))
        } else {
            None
        };
        let failure_rate = if bytes.once_in(4) {
            None
        } else {
            Some(bytes.pick(&[5_000, 2_000, 3_333, 10_000, 1]))
        };
        let break_duration = bytes.pick(&[10 * MS, MS, 7 * MS + 1, 1_000 * MS]);
        let has_rate = failure_rate.is_some() || slow_call_rate.is_some();
        let minimum_throughput = bytes.pick(&[4, 1, 2, 3, 6, 10]);
        let window = if bytes.once_in(3) {
            let results = bytes.pick(&[10, 1, 3, 20, 21, 45, 200]);
            Span::Count(if has_rate { minimum_throughput.max(results) } else { results })
        } else {
            Span::Time {
                length: bytes.pick(&[20 * MS, 10 * MS, 10 * MS + 7, 1_000 * MS]),
                buckets: bytes.pick(&[10, 1, 2, 3, 4, 7]),
            }
        };
        let trials = bytes.pick(&[3, 1, 2, 5, 16]);
        Self {
            failure_rate,
            slow_call_rate,
            slow_call_duration,
            minimum_throughput,
            window,
            evaluate_every_result: bytes.once_in(4),
            consecutive_failures: bytes.once_in(3).then(|| bytes.pick(&[2, 1, 3, 5, 7, 12, 20])),
            failure_count: bytes.once_in(4).then(|| bytes.pick(&[3, 1, 7])),
            trip_when: bytes
                .once_in(4)
                .then_some((|tally| tally.slow >= 2 && tally.successes == 3) as fn(&Tally) -> bool),
            cancelled_as: bytes
                .once_in(4)
                .then(|| bytes.pick(&[Outcome::Failure, Outcome::Success, Outcome::Ignored])),
            break_duration,
            break_backoff: bytes.maybe().then(|| {
                let percent = bytes.pick(&[200, 150, 100, 300, 101, 110]);
                (percent, break_duration * bytes.pick(&[8, 1, 100]))
            }),
            break_jitter: bytes.once_in(4).then(|| bytes.pick(&[20, 50, 0])),
            trials,
            minimum_trials: bytes.once_in(3).then(|| 1 + u32::from(bytes.next()) % trials),
            half_open_rule: if has_rate && bytes.maybe() {
                HalfOpenRule::Rate
            } else {
                HalfOpenRule::FirstFailure
            },
            trial_timeout: bytes.pick(&[15 * MS, MS, 40 * MS]),
            slow_start: bytes.once_in(3).then(|| {
                (bytes.pick(&[10 * MS, MS]), bytes.pick(&[[10, 25, 50], [34, 50, 100], [1, 1, 99]]))
            }),
        }
    }
}

/// Bytes that settings are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn(pub(crate) [u8; 40]);

impl Drawn {
    /// The next of `bytes`.
    pub(crate) fn from(bytes: &mut Bytes<'_>) -> Self {
        Self(core::array::from_fn(|_| bytes.next()))
    }
}

/// Choices drawn from bytes; past their end, every choice is the first.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn next(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.next()))
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.next()) % choices.len()]
    }

    pub(crate) fn maybe(&mut self) -> bool {
        self.next() % 2 == 1
    }

    pub(crate) fn once_in(&mut self, many: u8) -> bool {
        self.next() % many == many - 1
    }
}
