//! gobreaker: the same decisions for consecutive failures; its windows are not ours.

mod window;

use core::time::Duration;
use std::collections::BTreeMap;

use cutout_core::{Config, Outcome, State, Tally, Window};

use self::window::{Admission, Counted, Counts, GoWindow};
use crate::flights::{Flights, LEASE};
use crate::rig::{Rig, without_conditions};
use crate::run::{Compared, Replay};
use crate::score::{COUNTERS, Differences, Step, same};
use crate::share;
use crate::trace::{Line, Op, Trace};

const READ: &str = "a read or a late result half-opens (ours: reading changes nothing)";
const TRIPS: &str = "their window trips and ours does not: it holds other results";
const WE_TRIP: &str = "our window trips and theirs does not: it holds other results";
const ONLY_FAILURES: &str = "a success completes the minimum (theirs: only a failure is asked)";
const APART: &str = "ours had opened; until their state changes";

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Whether a configuration of ours decides the same: consecutive failures that are never cleared.
pub(crate) fn is_exact(trace: &Trace) -> bool {
    let kind = trace.config["ready_to_trip"]["kind"].as_str().unwrap_or_default();
    kind.contains("consecutive") && trace.number("interval_ms") == 0
}

/// Coming from gobreaker: its configuration in ours.
fn recipe(trace: &Trace, window: &GoWindow) -> Result<Config, &'static str> {
    let small = |value: u64| u32::try_from(value).map_err(|_| "a setting out of range");
    let rule = &trace.config["ready_to_trip"];
    let n = small(rule["n"].as_u64().unwrap_or(0))?;
    // For ever is not to be had: a day.
    let (length, buckets) = window.shape().unwrap_or((DAY, 1));
    let config = without_conditions()
        .window(Window::time(Duration::from_millis(length)).in_buckets(small(buckets)?))
        .break_duration(Duration::from_millis(trace.number("timeout_ms")) + Duration::from_nanos(1))
        .trials(small(trace.number("max_requests").max(1))?)
        .trial_timeout(Duration::from_millis(DAY));
    Ok(match rule["kind"].as_str() {
        Some("default_consecutive_gt") => config.consecutive_failures(n + 1),
        Some("consecutive_ge") => config.consecutive_failures(n),
        Some("total_failures_ge") => config.failure_count(n),
        Some("ratio") => config
            .failure_rate(share::nearest(rule["ratio"].as_f64().unwrap_or(0.0))?)
            .minimum_throughput(small(rule["min_requests"].as_u64().unwrap_or(0).max(1))?),
        _ => return Err("a condition of their own"),
    })
}

#[derive(Debug)]
pub(crate) struct Gobreaker<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    theirs: GoWindow,
    admissions: BTreeMap<u64, Admission>,
    /// Trials that the engine counted as successes.
    succeeded: usize,
    /// What the engine accepted in this era.
    ours: Counts,
    apart: bool,
    counted: u64,
    seen: Differences,
}

impl<'a> Gobreaker<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let theirs = GoWindow::of(trace);
        let rig = Rig::new(recipe(trace, &theirs)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            theirs,
            admissions: BTreeMap::new(),
            succeeded: 0,
            ours: Counts::default(),
            apart: false,
            counted: 0,
            seen: Vec::new(),
        })
    }

    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        if !self.apart {
            if theirs == "half_open" && self.rig.is_break_over() {
                self.seen.push(READ);
                self.rig.look_for_the_end_of_the_break();
            }
            same(what, theirs, self.rig.state())?;
        }
        if self.state != theirs {
            self.enter(theirs);
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        self.flights.era += 1;
        self.succeeded = 0;
        self.ours = Counts::default();
        self.theirs.begin(self.rig.now());
        state.clone_into(&mut self.state);
        if core::mem::take(&mut self.apart) {
            // Each of their states begins with nothing counted, as ours does.
            match state {
                "open" => self.open(),
                "half_open" => self.rig.half_open(0),
                _ => self.rig.close(),
            }
        }
    }

    fn open(&self) {
        self.rig.open(0, self.rig.now() + self.trace.number("timeout_ms") + 1);
    }

    fn touch(&mut self) {
        if self.state == "closed" {
            self.theirs.touch(self.rig.now());
        }
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        let ticket = if self.apart { None } else { self.rig.admit() };
        if !self.apart {
            same("admitted", line.admitted, ticket.is_some())?;
        }
        if line.admitted {
            let state = line.during.as_deref().unwrap_or(&line.after);
            self.meet("state while it runs", state)?;
            self.ours.requests += u64::from(ticket.is_some());
            self.flights.begin(line.id, line.t, ticket, state);
            self.admissions.insert(line.id, self.theirs.admit());
        }
        Ok(())
    }

    fn counted_as(&self, outcome: &str) -> Counted {
        let config = &self.trace.config;
        match outcome {
            "success" => Counted::Success,
            "benign" if config["is_successful"] == "nil_or_benign" => Counted::Success,
            "ignored" if config["is_excluded"] == "ignored" => Counted::Excluded,
            _ => Counted::Failure,
        }
    }

    fn finish(&mut self, line: &Line) -> Step<()> {
        self.renew()?;
        let call = self.flights.end(line.id)?;
        let result = self.counted_as(&line.outcome);
        let outcome = match result {
            Counted::Success => Outcome::Success,
            Counted::Failure => Outcome::Failure,
            Counted::Excluded => Outcome::Ignored,
        };
        let late = call.era != self.flights.era;
        let mut tally = self.rig.tally();
        let mut in_a_row = self.rig.breaker().snapshot().consecutive_failures;
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            if !self.apart {
                same("whether the result is stale", late, settled.stale)?;
            }
            if !settled.stale {
                self.accept(outcome);
            }
            in_a_row += u64::from(outcome == Outcome::Failure && !settled.stale);
            let trip = settled.moved.filter(|moved| moved.from == State::Closed);
            tally = trip.map_or_else(|| self.rig.tally(), |trip| trip.tally);
        }
        let current = self.admissions.remove(&line.id).is_some_and(|admission| {
            self.theirs.settle(admission, result);
            self.theirs.is_current(admission)
        });
        if self.state == "closed" {
            let asked = current && result == Counted::Failure;
            let trips = asked && self.trips();
            same("what their rule says of the trace", line.after == "open", trips)?;
            self.compare_trips(line, &tally, in_a_row, outcome)?;
        }
        Ok(())
    }

    fn accept(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Success => {
                self.ours.successes += 1;
                self.succeeded += usize::from(self.state == "half_open");
            }
            Outcome::Failure => self.ours.failures += 1,
            Outcome::Ignored => self.ours.excluded += 1,
        }
    }

    /// Their condition on their counters.
    #[allow(clippy::cast_precision_loss)] // as they do
    fn trips(&self) -> bool {
        let rule = &self.trace.config["ready_to_trip"];
        let n = rule["n"].as_u64().unwrap_or(0);
        let total = self.theirs.total;
        match rule["kind"].as_str() {
            Some("default_consecutive_gt") => total.failures_in_a_row > n,
            Some("consecutive_ge") => total.failures_in_a_row >= n,
            Some("total_failures_ge") => total.failures >= n,
            _ => {
                total.requests >= rule["min_requests"].as_u64().unwrap_or(0)
                    && total.failures as f64 / total.requests as f64
                        >= rule["ratio"].as_f64().unwrap_or(0.0)
            }
        }
    }

    /// Where one opens and the other does not, looks for a difference in what they judged by.
    fn compare_trips(
        &mut self,
        line: &Line,
        tally: &Tally,
        in_a_row: u64,
        outcome: Outcome,
    ) -> Step<()> {
        let (theirs, ours) = (line.after.as_str(), self.rig.state());
        if self.apart || theirs == ours {
            return Ok(());
        }
        let total = self.theirs.total;
        let by_the_same = match self.trace.config["ready_to_trip"]["kind"].as_str() {
            Some("ratio") => (total.failures, total.requests) == (tally.failures, tally.total()),
            Some("total_failures_ge") => total.failures == tally.failures,
            _ => total.failures_in_a_row == in_a_row,
        };
        match (theirs, ours) {
            ("open", "closed") if !by_the_same => {
                self.seen.push(TRIPS);
                self.open();
            }
            ("closed", "open") if !by_the_same => {
                self.seen.push(WE_TRIP);
                self.apart = true;
            }
            ("closed", "open") if outcome == Outcome::Success => {
                self.seen.push(ONLY_FAILURES);
                self.apart = true;
            }
            _ if !self.is_threshold_exact() => {
                self.seen.push(share::FINER);
                if theirs == "open" {
                    self.open();
                } else {
                    self.apart = true;
                }
            }
            _ => return same("state after, by the same counts", theirs, ours),
        }
        Ok(())
    }

    fn renew(&mut self) -> Step<()> {
        if self.state == "half_open" && !self.apart {
            let results = vec![(false, false); self.succeeded];
            if self.flights.renew(&self.rig, DAY, 0, 0, &results)? {
                self.seen.push(LEASE);
            }
        }
        Ok(())
    }

    fn compare_counts(&mut self, line: &Line) -> Step<()> {
        let theirs = Counts::of(line);
        same("their counters by their rules", theirs, self.theirs.total)?;
        if self.apart {
            return Ok(());
        }
        self.counted += 1;
        let in_a_row = self.rig.breaker().snapshot().consecutive_failures;
        let mut ours = self.ours;
        if self.state == "closed" {
            ours.failures_in_a_row = in_a_row;
            if !self.is_streak() {
                let tally = self.rig.tally();
                ours = Counts {
                    failures: tally.failures,
                    successes: tally.successes,
                    requests: tally.total(),
                    ..theirs
                };
            }
        } else {
            ours.failures_in_a_row = theirs.failures_in_a_row;
        }
        // Nothing of ours depends on how many successes came in a row.
        ours.successes_in_a_row = theirs.successes_in_a_row;
        if is_exact(self.trace) {
            return same("counts", theirs, ours);
        }
        if theirs != ours {
            self.seen.push(COUNTERS);
        }
        Ok(())
    }

    fn is_threshold_exact(&self) -> bool {
        self.trace.config["ready_to_trip"]["ratio"].as_f64().is_none_or(share::is_exact)
    }

    fn is_streak(&self) -> bool {
        let kind = self.trace.config["ready_to_trip"]["kind"].as_str().unwrap_or_default();
        kind.contains("consecutive")
    }
}

impl Replay for Gobreaker<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
        self.rig.at(line.t);
        self.renew()?;
        // What they store, before they bring it up to date.
        if !self.apart {
            same("state before", line.before.as_str(), self.rig.state())?;
        }
        self.touch();
        match line.op {
            Op::Probe | Op::Control => {}
            Op::Begin => self.admit(line)?,
            Op::End => self.finish(line)?,
            Op::Call => {
                self.admit(line)?;
                if line.admitted {
                    self.rig.at(line.end());
                    self.touch();
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
