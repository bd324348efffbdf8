//! pybreaker: the same decisions, but for late results and the crowd of half-open.

use core::time::Duration;

use cutout_core::{Config, Outcome};

use crate::flights::{Flights, LEASE};
use crate::rig::{Rig, without_conditions};
use crate::run::{Compared, Replay};
use crate::score::{Differences, Halt, Step, same};
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result acts by the state that admitted it (ours: stale, dropped)";
const CROWD: &str = "half-open admits everyone (ours: no more than `trials`)";

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Coming from pybreaker: its configuration in ours.
fn recipe(trace: &Trace) -> Result<Config, &'static str> {
    let small = |name| u32::try_from(trace.number(name)).map_err(|_| "a setting out of range");
    Ok(without_conditions()
        .consecutive_failures(small("fail_max")?)
        .break_duration(Duration::from_millis(trace.number("reset_timeout_ms")))
        .trials(small("success_threshold")?)
        .trial_timeout(Duration::from_millis(DAY)))
}

#[derive(Debug)]
pub(crate) struct Pybreaker<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    /// Their counters, which all states share.
    fail: u64,
    succ: u64,
    /// Trials of this half-open circuit that the engine counted as successes.
    succeeded: u64,
    counted: u64,
    seen: Differences,
}

impl<'a> Pybreaker<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let rig = Rig::new(recipe(trace)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            fail: 0,
            succ: 0,
            succeeded: 0,
            counted: 0,
            seen: Vec::new(),
        })
    }

    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        same(what, theirs, self.rig.state())?;
        if self.state != theirs {
            self.enter(theirs);
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        self.flights.era += 1;
        (self.succ, self.succeeded) = (0, 0);
        if state == "closed" {
            self.fail = 0;
        }
        state.clone_into(&mut self.state);
    }

    /// Brings the engine to Open as theirs is from now on.
    fn open(&mut self) {
        self.enter("open");
        self.rig.open(0, self.rig.now() + self.trace.number("reset_timeout_ms"));
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        let ticket = self.rig.admit();
        if ticket.is_none() && line.admitted && self.state == "half_open" {
            let taken = self.succ + self.flights.of_this_era();
            let is_full = taken >= self.trace.number("success_threshold");
            same("whether all trials are taken", true, is_full)?;
            self.seen.push(CROWD);
        } else {
            same("admitted", line.admitted, ticket.is_some())?;
        }
        if line.admitted {
            let state = line.during.as_deref().unwrap_or(&line.after);
            self.meet("state while it runs", state)?;
            self.flights.begin(line.id, line.t, ticket, state);
        }
        Ok(())
    }

    fn finish(&mut self, line: &Line) -> Step<()> {
        self.renew()?;
        let call = self.flights.end(line.id)?;
        let is_success = line.outcome == "success" || self.trace.lists("exclude", &line.outcome);
        let outcome = if is_success { Outcome::Success } else { Outcome::Failure };
        let late = call.era != self.flights.era;
        let has_place = call.ticket.is_some();
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            same("whether the result is stale", late, settled.stale)?;
        }
        if late {
            return self.late(&call.state, outcome);
        }
        let is_trial = self.state == "half_open";
        if is_trial && !has_place {
            self.seen.push(CROWD);
            self.stand_in(outcome)?;
        }
        if is_success {
            self.fail = 0;
            self.succ += u64::from(is_trial);
            self.succeeded += u64::from(is_trial);
        } else {
            self.fail += 1;
        }
        Ok(())
    }

    /// A result acts by the state that admitted it, on counters and state of now.
    fn late(&mut self, admitted_in: &str, outcome: Outcome) -> Step<()> {
        let before = (self.fail, self.succ, self.flights.era);
        let is_trial = admitted_in == "half_open";
        let fail_max = self.trace.number("fail_max");
        if outcome == Outcome::Failure {
            self.fail += 1;
            if self.state == "closed" && !is_trial {
                self.rig.result(0, outcome);
            } else if is_trial || self.fail >= fail_max {
                self.open();
            }
        } else {
            self.fail = 0;
            self.succ += u64::from(is_trial);
            if is_trial && self.succ >= self.trace.number("success_threshold") {
                self.enter("closed");
                self.rig.close();
            } else if self.state == "closed" {
                self.rig.result(0, outcome);
            } else if is_trial && self.state == "half_open" {
                self.succeeded += 1;
                self.stand_in(outcome)?;
            }
        }
        if before != (self.fail, self.succ, self.flights.era) {
            self.seen.push(LATE);
        }
        Ok(())
    }

    fn stand_in(&mut self, outcome: Outcome) -> Step<()> {
        match self.flights.stand_in(&self.rig, 0, outcome) {
            Some(settled) if !settled.stale => Ok(()),
            _ => Err(Halt::Unexplained("no place for a trial of theirs".to_owned())),
        }
    }

    fn renew(&mut self) -> Step<()> {
        if self.state == "half_open" {
            let results = vec![(false, false); usize::try_from(self.succeeded).unwrap_or(0)];
            if self.flights.renew(&self.rig, DAY, 0, 0, &results)? {
                self.seen.push(LEASE);
            }
        }
        Ok(())
    }

    fn control(&mut self, line: &Line) -> Step<()> {
        match line.action.as_str() {
            "close" => {
                self.enter("closed");
                self.rig.close();
            }
            "open" => {
                self.enter("open");
                let wait = self.trace.number("reset_timeout_ms");
                self.rig.open_by_hand(Duration::from_millis(wait));
            }
            "half_open" => {
                self.enter("half_open");
                self.rig.half_open_by_hand();
            }
            other => return Err(Halt::Unexplained(format!("a change to {other}"))),
        }
        Ok(())
    }

    fn compare_counts(&mut self, line: &Line) -> Step<()> {
        same("their failures", line.count("fail"), self.fail)?;
        same("their successes", line.count("succ"), self.succ)?;
        match self.state.as_str() {
            "closed" => {
                let ours = self.rig.breaker().snapshot().consecutive_failures;
                same("failures in a row", line.count("fail"), ours)?;
            }
            "half_open" => same("successful trials", line.count("succ"), self.succeeded)?,
            _ => return Ok(()),
        }
        self.counted += 1;
        Ok(())
    }
}

impl Replay for Pybreaker<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        self.rig.at(line.t);
        self.renew()?;
        self.meet("state before", &line.before)?;
        match line.op {
            Op::Probe => {}
            Op::Control => self.control(line)?,
            Op::Begin => self.admit(line)?,
            Op::End => self.finish(line)?,
            Op::Call => {
                self.admit(line)?;
                if line.admitted {
                    self.rig.at(line.end());
                    self.finish(line)?;
                }
            }
        }
        self.meet("state after", &line.after)?;
        self.compare_counts(line)?;
        Ok(Compared::Yes(core::mem::take(&mut self.seen)))
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    fn conserves(&self) -> bool {
        self.rig.conserves(self.flights.tickets())
    }
}
