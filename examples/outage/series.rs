//! The series that the picture shows: how much happened in each half of a second.

use core::time::Duration;

use crate::client::Ending;
use crate::run::Run;
use crate::script::Script;

/// Over how much time happenings are counted together.
pub(crate) const BIN: Duration = Duration::from_millis(500);

/// Rates per second, bin by bin.
pub(crate) struct Series {
    pub(crate) good: Vec<f64>,
    pub(crate) stale: Vec<f64>,
    pub(crate) errors: Vec<f64>,
    pub(crate) refused: Vec<f64>,
    pub(crate) load: Vec<f64>,
}

/// The series of a run. Answers count when users have them, load when it reaches the server.
pub(crate) fn all(run: &Run, script: &Script) -> Series {
    let bins = usize::try_from(script.length().as_millis() / BIN.as_millis()).unwrap_or(0);
    let endings = |ending| {
        let ends = run.samples.iter().filter(|it| it.ending == ending).map(|it| it.end());
        rates(ends, bins)
    };
    Series {
        good: endings(Ending::Good),
        stale: endings(Ending::StaleResult),
        errors: endings(Ending::Error),
        refused: endings(Ending::Refused),
        load: growth(&run.server.load, bins),
    }
}

impl Series {
    /// All values of all series.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let all = [&self.good, &self.stale, &self.errors, &self.refused, &self.load];
        all.into_iter().flatten().copied()
    }
}

/// How many of the times fall into each bin, per second.
fn rates(times: impl Iterator<Item = Duration>, bins: usize) -> Vec<f64> {
    let mut rates = vec![0.0; bins];
    for time in times {
        let bin = usize::try_from(time.as_nanos() / BIN.as_nanos()).unwrap_or(usize::MAX);
        if let Some(rate) = rates.get_mut(bin) {
            *rate += 1.0 / BIN.as_secs_f64();
        }
    }
    rates
}

/// How much a total grows in each bin, per second; between its readings it grows evenly.
fn growth(readings: &[(Duration, u64)], bins: usize) -> Vec<f64> {
    let total_at = |time: Duration| {
        let after = readings.partition_point(|(at, _)| *at <= time);
        let before = after.checked_sub(1).and_then(|index| readings.get(index));
        let (t0, n0) = before.copied().unwrap_or_default();
        let Some(&(t1, n1)) = readings.get(after) else { return as_float(n0) };
        let share = (time - t0).div_duration_f64(t1 - t0);
        as_float(n0) + share * as_float(n1 - n0)
    };
    let borders = (0_u32..).map(|index| BIN * index);
    let pairs = borders.clone().zip(borders.skip(1)).take(bins);
    pairs.map(|(start, end)| (total_at(end) - total_at(start)) / BIN.as_secs_f64()).collect()
}

fn as_float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn happenings_count_in_their_bin_and_not_after_the_last() {
        let times = [ms(0), ms(499), ms(500), ms(2_000)];
        assert_eq!(rates(times.into_iter(), 2), [4.0, 2.0]);
    }

    #[test]
    fn a_total_grows_evenly_between_its_readings() {
        let readings = [(ms(250), 10), (ms(750), 30), (ms(1_000), 30)];
        assert_eq!(growth(&readings, 3), [40.0, 20.0, 0.0]);
    }
}
