//! A scene: one breaker in one state under one load. It checks before and after each measurement
//! that this is so and that every call was counted as what it was.

use core::fmt;
use core::hint::black_box;
use core::ops::Deref;
use core::time::Duration;
use std::time::Instant;

use cutout::{CircuitBreaker, Clock, Config, ManualClock, Observer, Rate, State, Ticket, Totals};
use cutout_core::CircuitBreaker as Engine;

use crate::{crowd, late};

/// So many calls are timed in one go; between them the window is looked after.
const BATCH: u64 = 4_096;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The defaults, but a break that outlasts any benchmark.
#[must_use]
pub const fn config() -> Config {
    Config::new().break_duration(DAY)
}

/// The same, but only 90 % of failures open the circuit, so that half of the calls may fail, and a row
/// that is longer than any benchmark makes it: it is counted all the same.
#[must_use]
pub const fn tolerant() -> Config {
    config().failure_rate(Rate::percent(90)).consecutive_failures(1_000_000)
}

/// A closed, tolerant breaker that is told the time, so that no clock is part of what is measured.
#[must_use]
pub fn told() -> CircuitBreaker<ManualClock> {
    CircuitBreaker::with_clock(tolerant(), late())
}

/// Brings `breaker` to Open by failures alone.
///
/// # Panics
///
/// If it does not open.
pub fn trip<C: Clock, O: Observer, const BUCKETS: usize>(breaker: &Engine<C, O, BUCKETS>) {
    for _ in 0..20 {
        let _ = breaker.call(|| Err::<(), _>(()));
    }
    assert_eq!(breaker.state(), State::Open);
}

/// Brings `breaker` to HalfOpen with all its trials out; they are out as long as time stands still.
///
/// # Panics
///
/// If it comes to anything else.
pub fn fill_trials(breaker: &CircuitBreaker<ManualClock>) -> [Ticket; 3] {
    trip(breaker);
    breaker.clock().advance(DAY);
    let trials = [(); 3].map(|()| breaker.admit().expect("the break is over"));
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(breaker.snapshot().trials_in_flight, 3);
    trials
}

/// What becomes of the calls of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// All go well.
    Success,
    /// Every other one fails, and the circuit bears it.
    HalfFailing,
    /// All fail. The circuit bears it, as between the measurements there are as many successes.
    Failure,
    /// The circuit is open.
    Refused,
}

impl Load {
    /// What it is called in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::HalfFailing => "half failing",
            Self::Failure => "failure",
            Self::Refused => "refused while open",
        }
    }

    /// Makes `calls`.
    ///
    /// The answers come from outside of the loop, and nothing in it is put in memory for show:
    /// before an atomic operation the processor waits for what was written.
    ///
    /// # Panics
    ///
    /// If they are not answered as they should be.
    pub fn run<C: Clock, O: Observer, const BUCKETS: usize>(
        self,
        breaker: &Engine<C, O, BUCKETS>,
        calls: u64,
    ) {
        let (good, bad) = black_box((Ok::<u32, u32>(7), Err::<u32, u32>(7)));
        let call = |answer| u64::from(breaker.call(|| answer).is_ok());
        let answered: u64 = match self {
            Self::Success | Self::Refused => (0..calls).map(|_| call(good)).sum(),
            Self::HalfFailing => {
                (0..calls).map(|number| call(if number % 2 == 0 { good } else { bad })).sum()
            }
            Self::Failure => (0..calls).map(|_| call(bad)).sum(),
        };
        let expected = match self {
            Self::Success => calls,
            Self::HalfFailing => calls.div_ceil(2),
            Self::Failure | Self::Refused => 0,
        };
        assert_eq!(answered, expected, "good answers under {self:?}");
    }

    const fn state(self) -> State {
        match self {
            Self::Refused => State::Open,
            Self::Success | Self::HalfFailing | Self::Failure => State::Closed,
        }
    }

    /// Adds to `totals` what `calls` of this load are counted as.
    const fn count(self, totals: &mut Totals, calls: u64) {
        match self {
            Self::Success => totals.successes += calls,
            Self::HalfFailing => {
                totals.successes += calls.div_ceil(2);
                totals.failures += calls / 2;
            }
            Self::Failure => totals.failures += calls,
            Self::Refused => totals.rejected += calls,
        }
    }
}

/// One breaker under one load.
pub struct Scene<B> {
    breaker: B,
    load: Load,
    /// What the breaker's totals have to be.
    totals: Totals,
}

impl<B, C, O, const BUCKETS: usize> Scene<B>
where
    B: Deref<Target = Engine<C, O, BUCKETS>>,
    C: Clock,
    O: Observer,
{
    /// Brings `breaker`, which is closed, to where it meets `load`.
    ///
    /// # Panics
    ///
    /// If it does not come there.
    #[must_use]
    pub fn new(load: Load, breaker: B) -> Self {
        assert_eq!(breaker.state(), State::Closed);
        if load == Load::Refused {
            trip(&breaker);
        } else {
            // Past the minimum, below which a success looks twice.
            Load::Success.run(&breaker, 100);
        }
        let totals = breaker.totals();
        let scene = Self { breaker, load, totals };
        scene.check();
        scene
    }

    /// How long `calls` take, one after the other.
    ///
    /// # Panics
    ///
    /// If the breaker is or comes to be in another state, or counts anything else.
    pub fn time(&mut self, calls: u64) -> Duration {
        self.check();
        let mut spent = Duration::ZERO;
        let mut left = calls;
        while left > 0 {
            let some = left.min(BATCH);
            self.make_up_for(some);
            let start = Instant::now();
            self.load.run(&self.breaker, some);
            spent += start.elapsed();
            self.load.count(&mut self.totals, some);
            left -= some;
        }
        self.check();
        spent
    }

    /// For each failure to come, a success.
    fn make_up_for(&mut self, calls: u64) {
        if self.load == Load::Failure {
            Load::Success.run(&self.breaker, calls);
            Load::Success.count(&mut self.totals, calls);
        }
    }

    fn check(&self) {
        assert_eq!(self.breaker.state(), self.load.state(), "under {:?}", self.load);
        assert_eq!(self.breaker.totals(), self.totals, "under {:?}", self.load);
    }
}

impl<B, C, O, const BUCKETS: usize> Scene<B>
where
    B: Deref<Target = Engine<C, O, BUCKETS>> + Sync,
    C: Clock + Sync,
    O: Observer + Sync,
{
    /// How long a core is busy with the `calls` of one thread, where `threads` make as many each.
    ///
    /// # Panics
    ///
    /// As [`time`](Self::time); or for a load of failures alone, which no crowd could bear.
    pub fn time_crowd(&mut self, threads: u32, calls: u64) -> Duration {
        assert_ne!(self.load, Load::Failure, "nobody makes up for the failures of a crowd");
        self.check();
        let spent = crowd(threads, |_| self.load.run(&self.breaker, calls));
        for _ in 0..threads {
            self.load.count(&mut self.totals, calls);
        }
        self.check();
        spent
    }
}

impl<B> fmt::Debug for Scene<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("load", &self.load).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_what_it_says() {
        for load in [Load::Success, Load::HalfFailing, Load::Failure, Load::Refused] {
            let mut scene = Scene::new(load, told());
            scene.time(3 * BATCH + 1);
            scene.time(2);
        }
    }

    #[test]
    #[should_panic(expected = "under HalfFailing")]
    fn a_circuit_that_opens_while_it_is_measured_is_found_out() {
        let config = config().failure_rate(Rate::percent(40));
        let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
        Scene::new(Load::HalfFailing, breaker).time(1_000);
    }
}
