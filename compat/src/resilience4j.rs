//! resilience4j: the same decisions, but for late results, permits out of nothing, and timers.

mod compare;
mod recipe;
mod slices;
mod unasked;

use cutout_core::{Outcome, State, Tally, Transition};

use self::recipe::{Recipe, waits};
use self::slices::{Counts, Slices};
use self::unasked::{Timer, What};
use crate::flights::{Flights, LEASE};
use crate::rig::{FLAPPED, Rig};
use crate::run::{Compared, Replay};
use crate::score::{Differences, Step, same};
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result counts in whatever state is current (ours: stale, dropped)";
const PLACE: &str =
    "a trial more than configured, after a late result or a returned permit (ours: refused)";
const RETURNED: &str =
    "an ignored late result gives back a permit that it never took (ours: stale, dropped)";
const CUT: &str = "the wait is cut to whole milliseconds at each step (ours: not rounded)";
const APART: &str =
    "ours had opened, or a late slow trial is older than a timeout; until their state changes";
const NO_ATTEMPT: &str =
    "an opening that was not counted as an attempt, so the next wait did not grow (ours: grows)";

/// The engine counts no more than this.
const MOST_REOPENS: u32 = 16_383;

#[derive(Debug)]
pub(crate) struct Resilience4j<'a> {
    trace: &'a Trace,
    recipe: Recipe,
    rig: Rig,
    flights: Flights,
    /// Their state, and how often in a row it opened.
    state: String,
    attempt: u32,
    timers: Vec<Timer>,
    /// Results of this half-open circuit, and how many came from outside or were given back.
    trials: Counts,
    strangers: u64,
    /// The opening before this half-open circuit was none of their attempts.
    uncounted: bool,
    /// What the engine announced that the window held when it tripped.
    tripped: Option<Counts>,
    rejected_before: u64,
    /// Their window, where it is not ours.
    slices: Option<Slices>,
    apart: bool,
    meets_again: bool,
    counted: u64,
    seen: Differences,
}

impl<'a> Resilience4j<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let recipe = Recipe::of(trace)?;
        let rig = Rig::new(recipe.config, trace.number("epoch_offset_ms"))
            .map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            recipe,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            attempt: 0,
            timers: Vec::new(),
            trials: Counts::default(),
            strangers: 0,
            uncounted: false,
            tripped: None,
            rejected_before: 0,
            slices: Slices::of(trace),
            apart: false,
            meets_again: false,
            counted: 0,
            seen: Vec::new(),
        })
    }

    fn ours(&self) -> &'static str {
        if self.recipe.by_timer { self.rig.state_by_timer() } else { self.rig.state() }
    }

    /// Compares the states; a new one of theirs starts an era.
    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        if !self.apart {
            same(what, theirs, self.ours())?;
        }
        if self.state != theirs {
            self.enter(theirs);
            if theirs == "open" {
                self.compare_wait()?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        let own = if self.state == "open" { What::OpenWait } else { What::HalfOpenLimit };
        self.timers.retain(|timer| timer.left_armed || timer.what != own);
        self.flights.era += 1;
        self.attempt = match state {
            "open" | "forced_open" => self.attempt + 1,
            "half_open" => self.attempt,
            _ => 0,
        };
        let now = self.rig.now();
        let limit = self.trace.number("max_wait_in_half_open_ms");
        if state == "open" {
            if self.recipe.by_timer {
                let due = now + self.wait();
                self.timers.push(Timer { what: What::OpenWait, due, left_armed: false });
            }
        } else {
            // Only open goes on with the metrics of the state before.
            self.rejected_before = self.rig.rejected();
        }
        if state == "half_open" {
            (self.trials, self.strangers) = (Counts::default(), 0);
            self.uncounted = self.attempt == 0;
            if limit > 0 {
                let due = now + limit;
                self.timers.push(Timer { what: What::HalfOpenLimit, due, left_armed: false });
            }
        }
        if let Some(slices) = self.slices.as_mut().filter(|_| state != "open") {
            slices.begin(now);
        }
        state.clone_into(&mut self.state);
        if core::mem::take(&mut self.apart) {
            self.bring();
            self.meets_again = true;
        }
    }

    /// Brings the engine to a state of theirs that has just begun.
    fn bring(&self) {
        match self.state.as_str() {
            "open" => self.rig.open(self.reopens(), self.over_at()),
            "half_open" => self.rig.half_open(self.reopens()),
            _ => self.rig.close(),
        }
    }

    /// How long their wait of this attempt is, in whole milliseconds.
    fn wait(&self) -> u64 {
        waits(&self.trace.config["wait_in_open"], self.attempt).cut
    }

    /// The first millisecond at which a call is a trial after the wait that starts now.
    fn over_at(&self) -> u64 {
        self.rig.now() + self.wait() + u64::from(!self.recipe.by_timer)
    }

    fn reopens(&self) -> u32 {
        // Where the wait does not grow, it does not matter.
        if self.trace.config["wait_in_open"]["kind"] == "exponential" {
            self.attempt.saturating_sub(1).min(MOST_REOPENS)
        } else {
            0
        }
    }

    /// Whether the break that the engine has just begun is as long as theirs.
    fn compare_wait(&mut self) -> Step<()> {
        let (theirs, ours) = (self.over_at(), self.rig.break_over_at());
        if theirs == ours {
            return Ok(());
        }
        let wait = waits(&self.trace.config["wait_in_open"], self.attempt);
        if wait.was_cut {
            self.seen.push(CUT);
        } else if self.uncounted {
            self.seen.push(NO_ATTEMPT);
        } else if self.rig.flapped() {
            self.seen.push(FLAPPED);
        } else {
            return same("end of the break", theirs, ours);
        }
        self.rig.open(self.reopens(), theirs);
        Ok(())
    }

    /// Whether they admit; compares.
    fn admit(&mut self, line: &Line) -> Step<()> {
        let ticket = if self.apart { None } else { self.rig.admit() };
        if ticket.is_none() && line.admitted && self.strangers > 0 {
            self.seen.push(PLACE);
            self.rejected_before = self.rejected_before.wrapping_add(1);
        } else if !self.apart {
            same("admitted", line.admitted, ticket.is_some())?;
        }
        if !line.admitted {
            return Ok(());
        }
        let state = line.during.as_deref().unwrap_or(&line.after);
        self.meet("state while it runs", state)?;
        self.flights.begin(line.id, line.t, ticket, state);
        Ok(())
    }

    fn outcome(&self, line: &Line) -> Outcome {
        if line.outcome == "success" || self.trace.lists("success_error_outcomes", &line.outcome) {
            Outcome::Success
        } else if self.trace.lists("ignore_outcomes", &line.outcome) {
            Outcome::Ignored
        } else {
            Outcome::Failure
        }
    }

    /// Settles; compares what the engine made of it.
    fn finish(&mut self, line: &Line) -> Step<()> {
        self.renew()?;
        let call = self.flights.end(line.id)?;
        let outcome = self.outcome(line);
        let counts = outcome != Outcome::Ignored;
        let late = call.era != self.flights.era;
        let took = self.rig.now() - call.begin;
        let has_place = call.ticket.is_some();
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            if !self.apart {
                same("whether the result is stale", late, settled.stale)?;
            }
            self.tripped = window_of(settled.moved);
        }
        if counts && matches!(self.state.as_str(), "closed" | "metrics_only") {
            let (now, failed, slow) =
                (self.rig.now(), outcome == Outcome::Failure, self.is_slow(took));
            if let Some(slices) = &mut self.slices {
                slices.record(now, failed, slow);
            }
        }
        match self.state.as_str() {
            "half_open" => {
                if counts {
                    self.trials.add(outcome == Outcome::Failure, self.is_slow(took));
                }
                if (late || !has_place) && !self.apart {
                    self.seen.push(match (late, counts) {
                        (true, true) => LATE,
                        (true, false) => RETURNED,
                        (false, _) => PLACE,
                    });
                    self.strangers += 1;
                    if counts {
                        self.stand_in(took, outcome);
                    }
                }
            }
            "closed" | "metrics_only" if late && counts && !self.apart => {
                self.seen.push(LATE);
                let settled = self.rig.result(took, outcome);
                self.tripped = window_of(settled.and_then(|settled| settled.moved));
            }
            "open" if late && counts => self.seen.push(LATE),
            _ => {}
        }
        self.open_by_result(line)?;
        self.compare_slices(line)
    }

    /// Gives trials that were out for longer than a timeout a new one.
    fn renew(&mut self) -> Step<()> {
        if self.state != "half_open" || self.apart {
            return Ok(());
        }
        let Counts { calls, fail, slow } = self.trials;
        let results: Vec<_> = (0..calls).map(|n| (n < fail, n < slow)).collect();
        let timeout = self.recipe.timeout;
        let threshold = self.trace.number("slow_call_duration_threshold_ms");
        let rejected = self.rig.rejected();
        if self.flights.renew(&self.rig, timeout, threshold, self.reopens(), &results)? {
            self.seen.push(LEASE);
            self.rejected_before =
                self.rejected_before.wrapping_add(self.rig.rejected() - rejected);
        }
        Ok(())
    }

    fn is_slow(&self, took: u64) -> bool {
        took > self.trace.number("slow_call_duration_threshold_ms")
    }

    /// Has a call without a place counted as a trial: another's place is given up for it.
    fn stand_in(&mut self, took: u64, outcome: Outcome) {
        // As long as makes it slow, and no longer: its timeout counts from its start.
        let threshold = self.trace.number("slow_call_duration_threshold_ms");
        let took = if self.is_slow(took) { threshold + 1 } else { 0 };
        let rejected = self.rig.rejected();
        let settled = self.flights.stand_in(&self.rig, took, outcome);
        self.rejected_before = self.rejected_before.wrapping_add(self.rig.rejected() - rejected);
        // A slow result may be older than a timeout can be.
        self.apart = settled.is_none_or(|settled| settled.stale);
    }
}

fn counts(tally: Tally) -> Counts {
    Counts { calls: tally.total(), fail: tally.failures, slow: tally.slow }
}

/// What the window held, if this was a trip.
fn window_of(moved: Option<Transition>) -> Option<Counts> {
    moved.filter(|moved| moved.from == State::Closed).map(|moved| counts(moved.tally))
}

impl Replay for Resilience4j<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
        self.tripped = None;
        self.pass(line, None, line.t)?;
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
                    self.pass(line, Some(line.t), line.end())?;
                    self.finish(line)?;
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
        self.rig.conserves(self.flights.tickets())
    }
}
