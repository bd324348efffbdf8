//! The users: they call, wait for the end of the call, and call again.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use crate::dice::Dice;
use crate::faults::{Call, Fault};

/// A user begins a call this long after the last, or as soon as the last is over if that is later.
const PACE: Duration = Duration::from_millis(100);

/// All is well until then: any window is full of successes.
pub(crate) const FAULT: Duration = Duration::from_secs(40);

/// How long a breaker has to open.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A breaker that is told when each call ends and how.
pub(crate) trait Breaker {
    /// Makes a call that ends at this time. Returns whether it was let through.
    ///
    /// While a circuit is closed it lets everybody through, so that a call may be shown to it in one
    /// piece at its end: calls in flight when it opens were let through as well.
    fn call(&mut self, at: Duration, is_good: bool) -> bool;

    /// Whether it refuses calls now, where it says so.
    fn is_open(&self) -> Option<bool>;
}

/// What a run is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) fault: Fault,
    pub(crate) users: u32,
    pub(crate) seed: u64,
}

/// What is asked of a breaker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    /// When does it open in this run?
    Run(Run),
    /// After so many good calls at one moment, and then only failures: how many of those until it opens?
    AtOnce(u64),
}

impl Question {
    pub(crate) fn ask(self, breaker: &mut impl Breaker) -> Opening {
        match self {
            Self::Run(run) => run.of(breaker),
            Self::AtOnce(good) => {
                for _ in 0..good {
                    assert!(breaker.call(FAULT, true), "it opens while all is well");
                }
                let lost = (0..2 * good).take_while(|_| breaker.call(FAULT, false)).count() as u64;
                Opening { after: (lost < 2 * good).then_some(Duration::ZERO), lost }
            }
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opening {
    /// From the fault on; `None` is not within [`PATIENCE`].
    pub(crate) after: Option<Duration>,
    /// Calls let through after the fault that failed, those included that were in flight.
    pub(crate) lost: u64,
}

/// A call in flight; the first to end is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InFlight {
    end: Duration,
    /// Calls that end at the same time end in the order in which they began.
    number: u64,
    start: Duration,
    is_good: bool,
}

impl Run {
    /// Lets the users call until the breaker opens.
    ///
    /// # Panics
    ///
    /// If it opens while all is well, or lets a call through once it is open.
    fn of(self, breaker: &mut impl Breaker) -> Opening {
        let mut calls =
            Calls { run: self, dice: Dice::new(self.seed), begun: 0, in_flight: BinaryHeap::new() };
        for user in 0..self.users {
            calls.begin(PACE * user / self.users);
        }
        let (mut lost, mut last) = (0, Duration::ZERO);
        while let Some(Reverse(call)) = calls.in_flight.pop() {
            if call.end > FAULT + PATIENCE {
                break;
            }
            let is_refused = !breaker.call(call.end, call.is_good);
            // Who does not say that it is open is found out by its first refusal.
            let opened = if is_refused {
                Some(last)
            } else {
                breaker.is_open().unwrap_or(false).then_some(call.end)
            };
            last = call.end;
            if call.start >= FAULT && !call.is_good {
                lost += u64::from(!is_refused || opened >= Some(call.start));
            }
            if let Some(opened) = opened {
                assert!(opened >= FAULT, "it opens while all is well");
                assert!(!breaker.call(call.end, false), "an open circuit refuses");
                let failing = |it: &&Reverse<InFlight>| {
                    !it.0.is_good && (FAULT..=opened).contains(&it.0.start)
                };
                lost += calls.in_flight.iter().filter(failing).count() as u64;
                return Opening { after: Some(opened - FAULT), lost };
            }
            calls.begin(call.end.max(call.start + PACE));
        }
        Opening { after: None, lost }
    }
}

struct Calls {
    run: Run,
    dice: Dice,
    begun: u64,
    in_flight: BinaryHeap<Reverse<InFlight>>,
}

impl Calls {
    fn begin(&mut self, start: Duration) {
        let Call { takes, is_good } =
            if start < FAULT { Call::GOOD } else { self.run.fault.call(&mut self.dice) };
        self.begun += 1;
        self.in_flight.push(Reverse(InFlight {
            end: start + takes,
            number: self.begun,
            start,
            is_good,
        }));
    }
}
