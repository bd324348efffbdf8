//! Measuring: every case of a panel in turn, round after round, so that what disturbs the machine
//! for a while disturbs them all alike; then the median of the rounds and the quartiles around it.

use core::time::Duration;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long each case runs in each round.
    pub(crate) span: Duration,
}

impl Plan {
    pub(crate) const FULL: Self = Self { rounds: 15, span: Duration::from_millis(20) };

    /// Enough to see that everything works.
    pub(crate) const GLANCE: Self = Self { rounds: 1, span: Duration::from_micros(1) };
}

/// One thing that is measured: a curve and a place on the axis.
pub(crate) struct Case {
    curve: usize,
    place: usize,
    /// How long so many calls take.
    time: Box<dyn FnMut(u64) -> Duration>,
}

impl Case {
    pub(crate) fn new(
        curve: usize,
        place: usize,
        time: impl FnMut(u64) -> Duration + 'static,
    ) -> Self {
        Self { curve, place, time: Box::new(time) }
    }
}

/// Nanoseconds of a call: the median of the rounds, and the quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

/// One question, and what was found.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// What the places on the axis are.
    pub(crate) axis: &'static str,
    pub(crate) places: Vec<String>,
    /// A line about how it was measured.
    pub(crate) note: String,
    pub(crate) curves: Vec<Curve>,
}

pub(crate) struct Curve {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// One for each place.
    pub(crate) costs: Vec<Cost>,
}

/// What a curve shows, in whichever panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Success,
    Failure,
    HalfFailing,
    Refused,
    Floor,
    SharedFloor,
}

/// The costs of all cases, by curve and place.
pub(crate) fn measure<const CURVES: usize>(
    plan: Plan,
    places: usize,
    mut cases: Vec<Case>,
) -> [Vec<Cost>; CURVES] {
    assert_eq!(cases.len(), CURVES * places, "every curve has every place");
    let calls: Vec<u64> =
        cases.iter_mut().map(|case| calls_in(plan.span, &mut case.time)).collect();
    let mut rounds = vec![Vec::new(); cases.len()];
    for _ in 0..plan.rounds {
        for ((case, &calls), rounds) in cases.iter_mut().zip(&calls).zip(&mut rounds) {
            rounds.push((case.time)(calls).as_secs_f64() * 1e9 / count(calls));
        }
    }
    let mut costs = [(); CURVES].map(|()| vec![None; places]);
    for (case, rounds) in cases.iter().zip(rounds) {
        costs[case.curve][case.place] = Some(Cost::of(rounds));
    }
    costs.map(|curve| curve.into_iter().map(|cost| cost.expect("each place once")).collect())
}

/// How many calls fill the span, found by doubling.
fn calls_in(span: Duration, time: &mut dyn FnMut(u64) -> Duration) -> u64 {
    let mut calls = 64;
    while time(calls) < span {
        calls *= 2;
    }
    calls
}

impl Cost {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let last = rounds.len() - 1;
        Self { low: rounds[last / 4], median: rounds[last / 2], high: rounds[last - last / 4] }
    }
}

/// A count that is small enough to be exact.
pub(crate) fn count(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
