//! Hystrix: judged by snapshots, and by requests that find one sick.

mod health;

use core::time::Duration;

use cutout_core::{Config, Outcome, Rate, Ticket, Window};

use self::health::{Health, Stream};
use crate::flights::{Call, Flights};
use crate::rig::{Rig, without_conditions};
use crate::run::{Compared, Replay};
use crate::score::{COUNTERS, Differences, Halt, Step, same};
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result counts, and a late success closes (ours: stale, dropped)";
const TRIPS: &str = "a published snapshot trips it, ours holds other results";
const NO_RESULT: &str = "a snapshot or a request trips it (ours: the next result)";
const WE_TRIP: &str = "the result opens ours at once, theirs has not published it yet";
const FROM_START: &str =
    "the next trial is counted from the start of the last (ours: from its failure)";
const NEXT_WINDOW: &str =
    "an ignored, cancelled or refused trial waits or reopens (ours: its place is free again)";
const HANGING: &str =
    "a trial hangs, and theirs sends another after a sleep window (ours: a timeout)";
const DEFECT: &str = "a refused request reopens half-open (their defect; ours: it is refused)";
const APART: &str = "ours had opened; until their state changes";

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Coming from Hystrix: its configuration in ours.
fn recipe(trace: &Trace, stream: &Stream) -> Result<Config, &'static str> {
    let small = |value: u64| u32::try_from(value).map_err(|_| "a setting out of range");
    let (interval, buckets) = stream.buckets();
    let length = Duration::from_millis(interval * buckets as u64);
    let percent = small(trace.number("error_threshold_percentage"))?;
    let rate = Rate::try_percent(percent).map_err(|_| "a threshold out of our range")?;
    Ok(without_conditions()
        .failure_rate(rate)
        .minimum_throughput(small(trace.number("request_volume_threshold").max(1))?)
        .window(Window::time(length).in_buckets(small(buckets as u64)?))
        .break_duration(
            Duration::from_millis(trace.number("sleep_window_ms")) + Duration::from_nanos(1),
        )
        .trials(1)
        .trial_timeout(Duration::from_millis(DAY)))
}

#[derive(Debug)]
pub(crate) struct Hystrix<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    stream: Stream,
    /// 1.5.13: half-open is a state of its own, and a snapshot trips.
    is_rewrite: bool,
    /// When it opened, or when the last trial began.
    stamp: u64,
    in_flight: u64,
    apart: bool,
    counted: u64,
    seen: Differences,
}

impl<'a> Hystrix<'a> {
    pub(crate) fn new(trace: &'a Trace, is_rewrite: bool) -> Result<Self, &'static str> {
        let stream = Stream::of(trace);
        let rig = Rig::new(recipe(trace, &stream)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            stream,
            is_rewrite,
            stamp: 0,
            in_flight: 0,
            apart: false,
            counted: 0,
            seen: Vec::new(),
        })
    }

    /// Our state in their words: the older one calls a trial open as well.
    fn ours(&self) -> &'static str {
        match self.rig.state() {
            "half_open" if !self.is_rewrite => "open",
            state => state,
        }
    }

    fn meet(&mut self, what: &str, theirs: &str) -> Step<()> {
        if !self.apart {
            same(what, theirs, self.ours())?;
        }
        if self.state != theirs {
            self.enter(theirs);
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        self.flights.era += 1;
        if state == "open" {
            self.stamp = self.rig.now();
        }
        state.clone_into(&mut self.state);
        if core::mem::take(&mut self.apart) {
            match state {
                "open" => self.open(),
                "half_open" => self.rig.half_open(0),
                _ => self.rig.close(),
            }
        }
    }

    /// Brings the engine to Open, as theirs is since its stamp.
    fn open(&mut self) {
        self.flights.era += 1;
        self.rig.open(0, self.over_at());
    }

    fn over_at(&self) -> u64 {
        self.stamp + self.trace.number("sleep_window_ms") + 1
    }

    fn is_sick(&self) -> bool {
        let Health { total, .. } = self.stream.published;
        total >= self.trace.number("request_volume_threshold")
            && self.stream.published.percent() >= self.trace.number("error_threshold_percentage")
    }

    /// Theirs trips by a snapshot, and ours has not by a result.
    fn trip(&mut self) -> Step<()> {
        if !self.apart {
            same("ours before the trip", "closed", self.ours())?;
            let tally = self.rig.tally();
            let ours = Health { total: tally.total(), errors: tally.failures };
            self.seen.push(if ours == self.stream.published { NO_RESULT } else { TRIPS });
        }
        self.enter("open");
        self.open();
        Ok(())
    }

    /// Lets timers fire, up to and including `to`.
    fn pass(&mut self, line: &Line, after: Option<u64>, to: u64) -> Step<()> {
        let mut tripped = line
            .events
            .iter()
            .filter(|event| after.is_none_or(|after| event.t > after) && event.t <= to);
        if self.is_rewrite {
            while self.stream.next_edge() <= to && self.state == "closed" {
                let edge = self.stream.next_edge();
                self.rig.at(edge);
                self.stream.turn(edge);
                if self.is_sick() {
                    same("when a snapshot trips", tripped.next().map(|event| event.t), Some(edge))?;
                    self.trip()?;
                } else if self.stream.published == Health::default() {
                    self.stream.turn(to);
                }
            }
        }
        self.rig.at(to);
        self.stream.turn(to);
        same("trips by snapshots", tripped.next().map(|event| event.t), None)
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        let now = self.rig.now();
        if self.state == "closed" && !self.is_rewrite && self.is_sick() {
            same("admitted by a sick breaker", line.admitted, false)?;
            return self.trip();
        }
        let may_try = now >= self.over_at();
        let is_trial = self.state == "open" && may_try;
        let admits = self.state == "closed" || is_trial;
        let is_full = self.in_flight >= self.trace.number("semaphore_max_concurrent");
        same("what their rules say of the trace", line.admitted, admits && !is_full)?;
        let mut ticket = if self.apart { None } else { self.rig.admit() };
        if !self.apart && admits != ticket.is_some() {
            if is_trial && self.rig.state() == "half_open" {
                self.seen.push(HANGING);
                self.rig.half_open(0);
                ticket = self.rig.admit();
            } else {
                // Only a circuit that we hold half-open, with a place that theirs has not.
                same("state", self.state.as_str(), "half_open")?;
                self.seen.push(NEXT_WINDOW);
            }
        }
        if is_trial {
            self.stamp = now;
            if !self.is_rewrite {
                self.flights.era += 1;
            }
        }
        if !admits || is_full {
            return self.refused(line, ticket, is_trial, admits);
        }
        if self.is_rewrite {
            let state = line.during.as_deref().unwrap_or(&line.after);
            self.meet("state while it runs", state)?;
        }
        self.in_flight += 1;
        let state = self.state.clone();
        self.flights.begin(line.id, line.t, ticket, &state);
        Ok(())
    }

    /// A call that the breaker or the bulkhead refused.
    fn refused(
        &mut self,
        line: &Line,
        ticket: Option<Ticket>,
        is_trial: bool,
        admits: bool,
    ) -> Step<()> {
        if let Some(ticket) = ticket {
            self.rig.settle(ticket, Outcome::Ignored);
        }
        if admits {
            self.stream.count(true);
        }
        if is_trial && !self.apart {
            self.seen.push(NEXT_WINDOW);
            self.open();
        } else if self.state == "half_open" && line.after == "open" && !self.apart {
            self.seen.push(DEFECT);
            self.enter("open");
            self.open();
        }
        if is_trial && self.is_rewrite && line.after == "half_open" && !self.apart {
            self.enter("half_open");
            self.rig.half_open(0);
        }
        Ok(())
    }

    fn finish(&mut self, line: &Line) -> Step<()> {
        let Call { era, ticket, .. } = self.flights.end(line.id)?;
        let late = era != self.flights.era;
        self.in_flight -= 1;
        let outcome = match line.outcome.as_str() {
            "success" => Outcome::Success,
            "failure" => Outcome::Failure,
            _ => Outcome::Ignored,
        };
        if let Some(ticket) = ticket {
            let settled = if line.outcome == "cancelled" {
                self.rig.cancel(ticket)
            } else {
                self.rig.settle(ticket, outcome)
            };
            if !self.apart {
                same("whether the result is stale", late, settled.stale)?;
            }
        }
        let is_open = self.state == "half_open" || (self.state == "open" && !self.is_rewrite);
        let closes = is_open && outcome == Outcome::Success;
        let reopens = self.state == "half_open" && !closes;
        let to = if closes {
            "closed"
        } else if reopens {
            "open"
        } else {
            self.state.as_str()
        }
        .to_owned();
        same("what their rules say of the trace", line.after.as_str(), to.as_str())?;
        if closes {
            self.stream.restart(self.rig.now());
        } else if outcome != Outcome::Ignored {
            self.stream.count(outcome == Outcome::Failure);
        }
        if !self.apart {
            self.follow(&to, late, outcome);
        }
        Ok(())
    }

    /// Brings the engine to where the result brought theirs, if it is not there.
    fn follow(&mut self, to: &str, late: bool, outcome: Outcome) {
        if late && self.state == "closed" && outcome != Outcome::Ignored {
            self.seen.push(LATE);
            self.rig.result(0, outcome);
        }
        match (self.state.as_str(), to) {
            ("closed", _) if self.ours() == "open" => {
                self.seen.push(WE_TRIP);
                self.apart = true;
            }
            ("closed", _) => {}
            (_, "closed") if late => {
                self.seen.push(LATE);
                self.enter("closed");
                self.rig.close();
            }
            ("half_open", "open") if late || outcome == Outcome::Ignored => {
                self.seen.push(if late { LATE } else { NEXT_WINDOW });
                self.enter("open");
                self.open();
            }
            ("open", "open") if !late && outcome == Outcome::Ignored => {
                self.seen.push(NEXT_WINDOW);
                self.open();
            }
            ("open", "open") if !late && self.over_at() != self.rig.break_over_at() => {
                self.seen.push(FROM_START);
                self.open();
            }
            ("open", "open") if !late => self.flights.era += 1,
            _ => {}
        }
    }

    fn compare_counts(&mut self, line: &Line) -> Step<()> {
        let theirs = Health { total: line.count("total"), errors: line.count("errors") };
        same("their health by their rules", theirs, self.stream.published)?;
        same("their percentage", line.count("pct"), theirs.percent())?;
        same("in flight", line.count("in_flight"), self.in_flight)?;
        if self.apart || self.state != "closed" {
            return Ok(());
        }
        self.counted += 1;
        let tally = self.rig.tally();
        if theirs != (Health { total: tally.total(), errors: tally.failures }) {
            self.seen.push(COUNTERS);
        }
        Ok(())
    }
}

impl Replay for Hystrix<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
        self.pass(line, None, line.t)?;
        self.meet("state before", &line.before)?;
        match line.op {
            Op::Probe if self.state == "closed" && !self.is_rewrite && self.is_sick() => {
                self.trip()?;
            }
            Op::Probe => {}
            Op::Control => return Err(Halt::Unexplained("a change by hand".to_owned())),
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
