//! The numbers of a run: what the table shows, from what was measured.

use core::ops::Range;
use core::time::Duration;

use cutout::State;

use crate::child::Seen;
use crate::client::{Ending, Sample};
use crate::recorder::Change;
use crate::run::Run;
use crate::script::{Phase, Script};

/// What there is to say of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) calls: u64,
    pub(crate) good: u64,
    pub(crate) stale: u64,
    pub(crate) errors: u64,
    pub(crate) refused: u64,
    /// Calls whose users had to wait for longer than [`LONG`].
    pub(crate) long: u64,
    pub(crate) all: Latency,
    pub(crate) of_good: Latency,
    pub(crate) most_in_flight: u32,
    pub(crate) load: Seen,
    /// From the start of `Weak`; `None` if it did not happen.
    pub(crate) recovery: Option<Duration>,
    pub(crate) breaker: Option<BreakerNumbers>,
    pub(crate) bulkhead: Option<BulkheadNumbers>,
}

/// What there is to say only where there was a breaker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BreakerNumbers {
    pub(crate) refused: u64,
    /// From the start of `Hanging`; `None` if it did not happen.
    pub(crate) trip: Option<Duration>,
    pub(crate) trials: u64,
    pub(crate) openings: usize,
}

/// What there is to say only where there was a bulkhead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BulkheadNumbers {
    pub(crate) limit: u32,
    pub(crate) refused: u64,
}

/// No user should have to wait for longer; less than any timeout, more than the slowest answer.
const LONG: Duration = Duration::from_millis(500);

/// Percentiles; `None` of nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

impl Numbers {
    pub(crate) fn of(run: &Run, script: &Script) -> Self {
        let outage = script.outage();
        let weak = script.span(Phase::Weak).start;
        Self {
            calls: run.samples.len() as u64,
            good: run.count(Ending::Good),
            stale: run.count(Ending::StaleResult),
            errors: run.count(Ending::Error),
            refused: run.count(Ending::Refused),
            long: run.samples.iter().filter(|sample| sample.latency > LONG).count() as u64,
            all: Latency::of(&run.samples, |_| true),
            of_good: Latency::of(&run.samples, |sample| sample.ending == Ending::Good),
            most_in_flight: run.most_in_flight,
            load: run.server.in_outage(),
            recovery: time_to_recover(&run.samples, weak..script.length()),
            breaker: run.breaker.as_ref().map(|account| BreakerNumbers {
                refused: account.totals.rejected,
                trip: time_to_trip(&account.changes, outage.start),
                trials: account.totals.trials,
                openings: account.changes.iter().filter(|change| change.to == State::Open).count(),
            }),
            bulkhead: run
                .bulkhead
                .as_ref()
                .map(|account| BulkheadNumbers { limit: account.limit, refused: account.rejected }),
        }
    }
}

impl Latency {
    fn of(samples: &[Sample], wanted: impl Fn(&Sample) -> bool) -> Self {
        let mut latencies: Vec<_> =
            samples.iter().filter(|sample| wanted(sample)).map(|sample| sample.latency).collect();
        latencies.sort_unstable();
        Self { p50: percentile(&latencies, 50), p99: percentile(&latencies, 99) }
    }
}

/// The smallest of the sorted values that at least `percent` of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// From `start` to the first opening after it.
fn time_to_trip(changes: &[Change], start: Duration) -> Option<Duration> {
    let opens = |change: &&Change| change.to == State::Open && change.at >= start;
    changes.iter().find(opens).map(|change| change.at - start)
}

/// Over how much time answers are looked at together, and in which steps.
const WINDOW: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(100);

/// From the start of the span to the first window of 500 ms with at least 90 % good answers that
/// only such windows follow.
///
/// `samples` are sorted by their ends. A window without answers is not good.
fn time_to_recover(samples: &[Sample], span: Range<Duration>) -> Option<Duration> {
    let mut good_since = None;
    let mut start = span.start;
    while start + WINDOW <= span.end {
        let first = samples.partition_point(|sample| sample.end() < start);
        let last = samples.partition_point(|sample| sample.end() < start + WINDOW);
        let answers = &samples[first..last];
        let good = answers.iter().filter(|sample| sample.ending == Ending::Good).count();
        if !answers.is_empty() && good * 10 >= answers.len() * 9 {
            good_since = good_since.or(Some(start - span.start));
        } else {
            good_since = None;
        }
        start += STEP;
    }
    good_since
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<_> = (1..=100).map(ms).collect();
        assert_eq!(percentile(&hundred, 50), Some(ms(50)));
        assert_eq!(percentile(&hundred, 99), Some(ms(99)));
        assert_eq!(percentile(&[ms(7)], 99), Some(ms(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    /// An answer every 10 ms from 0 on; `ending` says how each ended.
    fn answers(until: u64, ending: impl Fn(u64) -> Ending) -> Vec<Sample> {
        let sample = |at| Sample { start: ms(at), latency: Duration::ZERO, ending: ending(at) };
        (0..until).step_by(10).map(sample).collect()
    }

    #[test]
    fn recovery_is_when_good_answers_have_come_to_stay() {
        let relapse = answers(5_000, |at| match at {
            1_000..2_000 | 3_000.. => Ending::Good,
            2_000..2_500 => Ending::Error,
            _ => Ending::Refused,
        });
        assert_eq!(time_to_recover(&relapse, ms(1_000)..ms(5_000)), Some(ms(2_000)));
        assert_eq!(time_to_recover(&relapse, ms(1_000)..ms(2_500)), None);
        assert_eq!(time_to_recover(&answers(900, |_| Ending::Good), ms(0)..ms(5_000)), None);
    }

    #[test]
    fn openings_before_the_outage_are_no_trip() {
        let change = |at, to| Change { at: ms(at), to };
        let changes =
            [change(10, State::Open), change(20, State::Closed), change(150, State::Open)];
        assert_eq!(time_to_trip(&changes, ms(100)), Some(ms(50)));
        assert_eq!(time_to_trip(&changes, ms(200)), None);
    }
}
