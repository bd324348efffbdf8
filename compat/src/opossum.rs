//! opossum: attempts are counted, not results, in a window that outlives the states.

mod recipe;
mod window;

use core::time::Duration;

use cutout_core::{Outcome, State, Tally, Ticket};

use self::recipe::{LEASE_LENGTH, recipe};
use self::window::{Counts, TurnedByTimer};
use crate::flights::{Flights, LEASE};
use crate::rig::Rig;
use crate::run::{Compared, Replay};
use crate::score::{COUNTERS, Differences, Halt, Step, same};
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result counts in whatever state is current (ours: stale, dropped)";
const BULKHEAD: &str = "a full bulkhead counts as a failure (ours: ignored)";
const WARM_UP: &str = "no failure opens while it warms up (ours: the minimum alone holds back)";
const TRIPS: &str = "theirs opens and ours does not: it counts attempts, across states";
const WE_TRIP: &str = "ours opens and theirs does not: it counts attempts, across states";
const ONLY_FAILURES: &str = "a success completes the minimum (theirs: only a failure is asked)";
const OVER_AND_OUT: &str = "enabled again: states had changed meanwhile (ours: stay as they were)";
const APART: &str = "ours had opened; until their state changes";

#[derive(Debug)]
pub(crate) struct Opossum<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    theirs: TurnedByTimer,
    in_flight: u64,
    /// When their wait is over.
    over_at: u64,
    /// Whether the one trial of this half-open circuit is taken, and for a call that has none.
    trial_taken: bool,
    parked: Vec<Ticket>,
    enabled: bool,
    apart: bool,
    counted: u64,
    seen: Differences,
}

impl<'a> Opossum<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let theirs = TurnedByTimer::of(trace);
        let rig =
            Rig::new(recipe(trace, theirs.width)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            theirs,
            in_flight: 0,
            over_at: 0,
            trial_taken: false,
            parked: Vec::new(),
            enabled: true,
            apart: false,
            counted: 0,
            seen: Vec::new(),
        })
    }

    fn is_comparable(&self) -> bool {
        self.enabled && !self.apart
    }

    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        if self.is_comparable() {
            same(what, theirs, self.rig.state_by_timer())?;
        }
        if self.state != theirs {
            self.enter(theirs);
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        self.flights.era += 1;
        self.trial_taken = false;
        if state == "open" {
            self.over_at = self.rig.now() + self.trace.number("reset_timeout_ms");
        }
        state.clone_into(&mut self.state);
        if self.enabled && core::mem::take(&mut self.apart) {
            self.bring();
        }
    }

    /// Brings the engine to the state of the trace.
    fn bring(&mut self) {
        match self.state.as_str() {
            "open" => self.rig.open(0, self.over_at),
            "half_open" => {
                self.rig.half_open(0);
                if self.trial_taken {
                    self.parked.extend(self.rig.admit());
                }
            }
            _ => self.rig.close(),
        }
    }

    /// Lets timers fire, up to and including `to`.
    fn pass(&mut self, line: &Line, after: Option<u64>, to: u64) -> Step<()> {
        for event in &line.events {
            if after.is_some_and(|after| event.t <= after) || event.t > to {
                continue;
            }
            self.rig.at(event.t);
            match (event.what.as_str(), event.id) {
                ("reset_timeout_elapsed", _) => {
                    same("when the wait is over", event.t, self.over_at)?;
                    if self.is_comparable() {
                        same("whether the break is over", true, self.rig.is_break_over())?;
                        self.rig.look_for_the_end_of_the_break();
                    }
                }
                ("call_timeout", Some(id)) => {
                    let begin = self.flights.begun(id).unwrap_or(event.t);
                    self.theirs.turn_beside_timeout(event.t, begin);
                    self.theirs.newest().timeouts += 1;
                    self.finish(id, Outcome::Failure, &event.to)?;
                }
                (other, _) => return Err(Halt::Unexplained(format!("an event {other}"))),
            }
            self.meet("state after the timer", &event.to)?;
        }
        self.rig.at(to);
        self.theirs.turn(to);
        Ok(())
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        self.theirs.newest().fires += 1;
        if line.reject == "open" {
            self.theirs.newest().rejects += 1;
        }
        let ticket = if self.apart { None } else { self.rig.admit() };
        if line.reject == "semaphore" {
            return self.bulkhead(line, ticket);
        }
        if self.is_comparable() {
            same("admitted", line.admitted, ticket.is_some())?;
        }
        if !line.admitted {
            self.parked.extend(ticket);
            return Ok(());
        }
        let state = line.during.as_deref().unwrap_or(&line.after);
        self.meet("state while it runs", state)?;
        self.trial_taken |= self.enabled && self.state == "half_open";
        self.in_flight += u64::from(self.enabled);
        // The results of calls that begin while disabled are nobody's.
        let state = if self.enabled { state } else { "disabled" };
        self.flights.begin(line.id, line.t, ticket, state);
        Ok(())
    }

    /// A call that the breaker admits and the bulkhead refuses: ours is settled as ignored.
    fn bulkhead(&mut self, line: &Line, ticket: Option<Ticket>) -> Step<()> {
        let capacity = self.trace.number("capacity");
        same("whether the bulkhead is full", true, self.in_flight >= capacity)?;
        self.theirs.newest().semaphore += 1;
        self.trial_taken |= self.state == "half_open";
        if self.is_comparable() {
            same("admitted by the breaker", true, ticket.is_some())?;
            self.seen.push(BULKHEAD);
        }
        if let Some(ticket) = ticket {
            self.rig.settle(ticket, Outcome::Ignored);
        }
        self.theirs.newest().failures += 1;
        let tally = self.rig.tally();
        self.judge(Outcome::Failure, &line.after, &tally)
    }

    fn finish(&mut self, id: u64, outcome: Outcome, after: &str) -> Step<()> {
        self.renew()?;
        let Ok(call) = self.flights.end(id) else {
            // It timed out before.
            return Ok(());
        };
        let late = call.era != self.flights.era;
        let mut tally = self.rig.tally();
        let mut moved = None;
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            if self.is_comparable() && call.state != "disabled" {
                same("whether the result is stale", late, settled.stale)?;
            }
            moved = settled.moved;
        }
        if call.state == "disabled" {
            return Ok(());
        }
        self.in_flight -= 1;
        let newest = self.theirs.newest();
        if outcome == Outcome::Success {
            newest.successes += 1;
        } else {
            newest.failures += 1;
        }
        if late && !self.apart {
            self.seen.push(LATE);
            if self.enabled && self.state == "half_open" && !self.is_warming_up() {
                for ticket in self.parked.drain(..) {
                    self.rig.settle(ticket, Outcome::Ignored);
                }
                self.stand_in(outcome)?;
            } else if self.enabled && self.state == "closed" {
                moved = self.rig.result(0, outcome).and_then(|settled| settled.moved);
            }
        }
        tally = match moved.filter(|moved| moved.from == State::Closed) {
            Some(trip) => trip.tally,
            None if self.apart => tally,
            None => self.rig.tally(),
        };
        self.judge(outcome, after, &tally)
    }

    fn stand_in(&mut self, outcome: Outcome) -> Step<()> {
        if self.flights.stand_in(&self.rig, 0, outcome).is_none() {
            // The trial's own call is gone: another half-open circuit, for this result.
            self.rig.half_open(0);
            let settled = self.rig.result(0, outcome);
            same("whether a trial has a place", true, settled.is_some())?;
        }
        Ok(())
    }

    fn is_warming_up(&self) -> bool {
        self.trace.config["allow_warm_up"] == true
            && self.rig.now() < self.trace.number("rolling_count_timeout_ms")
    }

    /// Judges by their rules, sees that they give what the trace shows, and compares.
    #[allow(clippy::cast_precision_loss)] // as they do
    fn judge(&mut self, outcome: Outcome, after: &str, tally: &Tally) -> Step<()> {
        let sum = self.theirs.sum();
        let percent = self.trace.config["error_threshold_percentage"].as_f64().unwrap_or(0.0);
        let is_over = sum.fires >= self.trace.number("volume_threshold")
            && sum.failures as f64 / sum.fires as f64 * 100.0 > percent;
        let failed = outcome == Outcome::Failure;
        let to = match self.state.as_str() {
            "half_open" if !failed => "closed",
            "half_open" if !self.is_warming_up() => "open",
            "closed" if failed && is_over && !self.is_warming_up() => "open",
            state => state,
        }
        .to_owned();
        same("what their rules say of the trace", after, &to)?;
        let ours = self.rig.state_by_timer();
        if !self.is_comparable() || ours == to {
            return Ok(());
        }
        let by_the_same = (sum.failures, sum.fires) == (tally.failures, tally.total());
        let class = match (self.state.as_str(), to.as_str(), ours) {
            _ if self.is_warming_up() => WARM_UP,
            ("closed", "open", "closed") if !by_the_same => TRIPS,
            ("closed", "closed", "open") if !by_the_same => WE_TRIP,
            ("closed", "closed", "open") if !failed => ONLY_FAILURES,
            ("half_open", "open", "half_open") if self.seen.contains(&BULKHEAD) => BULKHEAD,
            _ => return same("state after, by the same counts", to.as_str(), ours),
        };
        if !self.seen.contains(&class) {
            self.seen.push(class);
        }
        if to == "closed" {
            self.apart = true;
        } else if to == self.state {
            self.bring();
        } else {
            self.enter(&to);
            self.bring();
        }
        Ok(())
    }

    fn renew(&mut self) -> Step<()> {
        let is_trial = self.state == "half_open" && self.is_comparable();
        if is_trial && self.flights.renew(&self.rig, LEASE_LENGTH, 0, 0, &[])? {
            self.seen.push(LEASE);
        }
        Ok(())
    }

    fn control(&mut self, line: &Line) -> Step<()> {
        match line.action.as_str() {
            "open" if self.state != "open" => {
                self.apart = false;
                self.enter("open");
                let wait = self.trace.number("reset_timeout_ms");
                self.rig.open_by_hand(Duration::from_millis(wait));
            }
            "close" if self.state != "closed" => {
                self.apart = false;
                self.enter("closed");
                if self.enabled {
                    self.bring();
                }
            }
            "disable" if self.enabled => {
                self.enabled = false;
                self.rig.breaker().disable();
            }
            "enable" if !self.enabled => {
                self.enabled = true;
                self.rig.breaker().release();
                self.flights.era += 1;
                if !self.apart && (self.rig.state_by_timer() != self.state || self.trial_taken) {
                    self.seen.push(OVER_AND_OUT);
                    self.bring();
                }
            }
            "open" | "close" | "disable" | "enable" => {}
            other => return Err(Halt::Unexplained(format!("a change to {other}"))),
        }
        Ok(())
    }

    fn compare_counts(&mut self, line: &Line) -> Step<()> {
        let theirs = Counts::of(line);
        same("their counters by their rules", theirs, self.theirs.sum())?;
        if !self.is_comparable() || self.state != "closed" {
            return Ok(());
        }
        self.counted += 1;
        let tally = self.rig.tally();
        let ours = (tally.failures, tally.successes, tally.total());
        if (theirs.failures, theirs.successes, theirs.fires) != ours {
            self.seen.push(COUNTERS);
        }
        Ok(())
    }

    fn outcome(&self, line: &Line) -> Outcome {
        let is_success =
            line.outcome == "success" || self.trace.lists("error_filter", &line.outcome);
        if is_success { Outcome::Success } else { Outcome::Failure }
    }
}

impl Replay for Opossum<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
        self.pass(line, None, line.t)?;
        self.renew()?;
        self.meet("state before", &line.before)?;
        match line.op {
            Op::Probe => {}
            Op::Control => self.control(line)?,
            Op::Begin => self.admit(line)?,
            Op::End => self.finish(line.id, self.outcome(line), &line.after)?,
            Op::Call => {
                self.admit(line)?;
                if line.admitted {
                    self.pass(line, Some(line.t), line.end())?;
                    self.finish(line.id, self.outcome(line), &line.after)?;
                }
            }
        }
        self.meet("state after", &line.after)?;
        self.compare_counts(line)?;
        let seen = core::mem::take(&mut self.seen);
        Ok(if was_apart { Compared::No(APART) } else { Compared::Yes(seen) })
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    fn conserves(&self) -> bool {
        self.rig.conserves(self.flights.tickets() + self.parked.len())
    }
}
