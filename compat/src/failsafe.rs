//! failsafe: the same decisions for failures in a row; its moving average is not our window.

mod policy;

use core::time::Duration;

use cutout_core::{Backoff, Cause, Config, Outcome, TripReason, Window};

use self::policy::{Asked, Policies};
use crate::flights::{Flights, LEASE};
use crate::rig::{FLAPPED, Rig, without_conditions};
use crate::run::{Compared, Replay};
use crate::score::{Differences, Halt, Step, same};
use crate::share;
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result counts in closed and decides half-open (ours: stale, dropped)";
const CROWD: &str = "half-open admits everyone (ours: no more than `trials`)";
const ROW_ENDED: &str =
    "a late success in open ended the row, so the wait did not grow (ours: stale, it grows)";
const THEY_TRIP: &str = "their moving average trips, and our window does not";
const WE_TRIP: &str = "our window trips, and their moving average does not";
const APART: &str = "ours had opened; until their state changes";

const DAY: u64 = 24 * 60 * 60 * 1_000;
const NANO: Duration = Duration::from_nanos(1);

/// Whether a configuration of ours decides the same: failures in a row alone.
pub(crate) fn is_exact(trace: &Trace) -> bool {
    !trace.config["policy"]["success_rate"].is_object()
}

/// Coming from failsafe: its configuration in ours.
fn recipe(trace: &Trace) -> Result<Config, &'static str> {
    let small = |value: u64| u32::try_from(value).map_err(|_| "a setting out of range");
    let (policy, backoff) = (&trace.config["policy"], &trace.config["backoff"]);
    // They let a call through strictly after the wait, ours at the end of the break.
    let millis = |name: &str| Duration::from_millis(backoff[name].as_u64().unwrap_or(0)) + NANO;
    let mut config = without_conditions().trials(1).trial_timeout(Duration::from_millis(DAY));
    config = if backoff["kind"] == "exponential" {
        config.break_duration(millis("start_ms")).break_backoff(Backoff::doubling(millis("max_ms")))
    } else {
        config.break_duration(millis("ms"))
    };
    if let Some(failures) = policy["consecutive_failures"].as_u64() {
        config = config.consecutive_failures(small(failures)?);
    }
    let rate = &policy["success_rate"];
    if rate.is_object() {
        let window = Duration::from_millis(rate["window_ms"].as_u64().unwrap_or(0));
        config = config
            .window(Window::time(window).in_buckets(5))
            .minimum_throughput(small(rate["min_requests"].as_u64().unwrap_or(0).max(1))?);
        // They ask for a share of successes strictly below what is required.
        let required = rate["required"].as_f64().unwrap_or(0.0);
        if let Some(limit) = share::above(1.0 - required) {
            config = config.failure_rate(limit);
        }
    }
    Ok(config)
}

#[derive(Debug)]
pub(crate) struct Failsafe<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    policies: Policies,
    asked: Asked,
    /// Whether the last opening was not asked for by a policy.
    unasked: bool,
    apart: bool,
    /// Why the engine's state changed with the last result.
    tripped: Option<Cause>,
    seen: Differences,
}

impl<'a> Failsafe<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let rig = Rig::new(recipe(trace)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            policies: Policies::of(trace),
            asked: Asked::default(),
            unasked: false,
            apart: false,
            tripped: None,
            seen: Vec::new(),
        })
    }

    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        if !self.apart {
            same(what, theirs, self.rig.state())?;
        }
        if self.state != theirs {
            self.enter(theirs)?;
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) -> Step<()> {
        self.flights.era += 1;
        state.clone_into(&mut self.state);
        if core::mem::take(&mut self.apart) {
            match state {
                "open" => self.open(),
                "half_open" => self.rig.half_open(self.asked.step.saturating_sub(1)),
                _ => self.rig.close(),
            }
        }
        if state == "open" {
            let (theirs, ours) = (self.over_at(), self.rig.break_over_at());
            if theirs != ours && self.unasked {
                self.seen.push(ROW_ENDED);
                self.open();
            } else if theirs != ours && self.rig.flapped() {
                self.seen.push(FLAPPED);
                self.open();
            } else {
                same("end of the break", theirs, ours)?;
            }
        }
        Ok(())
    }

    fn over_at(&self) -> u64 {
        self.rig.now() + self.asked.wait + 1
    }

    fn open(&self) {
        self.rig.open(self.asked.step.saturating_sub(1), self.over_at());
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        let ticket = if self.apart { None } else { self.rig.admit() };
        if ticket.is_none() && line.admitted && self.state == "half_open" && !self.apart {
            let is_full = self.flights.of_this_era() > 0;
            same("whether all trials are taken", true, is_full)?;
            self.seen.push(CROWD);
        } else if !self.apart {
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
        self.tripped = None;
        let call = self.flights.end(line.id)?;
        let is_success = line.outcome != "failure";
        let outcome = if is_success { Outcome::Success } else { Outcome::Failure };
        let late = call.era != self.flights.era;
        let has_place = call.ticket.is_some();
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            if !self.apart {
                same("whether the result is stale", late, settled.stale)?;
            }
            self.tripped = settled.moved.map(|moved| moved.cause);
        }
        if !self.apart {
            match self.state.as_str() {
                "half_open" if late || !has_place => {
                    self.seen.push(if late { LATE } else { CROWD });
                    if self.flights.stand_in(&self.rig, 0, outcome).is_none() {
                        return Err(Halt::Unexplained("no place for a trial".to_owned()));
                    }
                }
                "closed" if late => {
                    self.seen.push(LATE);
                    let settled = self.rig.result(0, outcome);
                    self.tripped =
                        settled.and_then(|settled| settled.moved).map(|moved| moved.cause);
                }
                _ => {}
            }
        }
        self.judge(line, is_success)
    }

    /// Has their policies judge, sees that they say what the trace shows, and compares.
    fn judge(&mut self, line: &Line, is_success: bool) -> Step<()> {
        let now = self.rig.now();
        if is_success {
            if self.state == "half_open" {
                self.policies.revive(now);
            }
            self.policies.succeed(now);
        } else if self.state != "open" {
            let asked = self.policies.fail(now);
            self.unasked = asked.is_none();
            self.asked = asked.unwrap_or(self.asked);
            let opens = self.state == "half_open" || asked.is_some();
            let what = "what their policies say of the trace";
            same(what, line.after == "open", opens)?;
        }
        let (theirs, ours) = (line.after.as_str(), self.rig.state());
        if self.apart || theirs == ours || is_exact(self.trace) {
            return Ok(());
        }
        match (self.state.as_str(), theirs, ours) {
            ("closed", "open", "closed") => {
                same("whether the row is full", self.policies.is_row_full(), false)?;
                self.seen.push(THEY_TRIP);
                self.open();
            }
            ("closed", "closed", "open") => {
                let by_row = self.tripped == Some(Cause::Tripped(TripReason::ConsecutiveFailures));
                same("whether the row is full", self.policies.is_row_full(), by_row)?;
                self.seen.push(WE_TRIP);
                self.apart = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn renew(&mut self) -> Step<()> {
        if self.state == "half_open" && !self.apart {
            let reopens = self.asked.step.saturating_sub(1);
            if self.flights.renew(&self.rig, DAY, 0, reopens, &[])? {
                self.seen.push(LEASE);
            }
        }
        Ok(())
    }

    fn control(&mut self, line: &Line) -> Step<()> {
        same("the change", "reset", line.action.as_str())?;
        if self.state != "closed" {
            self.policies.revive(self.rig.now());
            self.rig.close();
            self.enter("closed")?;
        }
        Ok(())
    }
}

impl Replay for Failsafe<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
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
        let seen = core::mem::take(&mut self.seen);
        Ok(if was_apart { Compared::No(APART) } else { Compared::Yes(seen) })
    }

    fn counted(&self) -> u64 {
        0
    }

    fn conserves(&self) -> bool {
        self.rig.conserves(self.flights.tickets())
    }
}
