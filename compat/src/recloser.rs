//! recloser: rings of results, of which the first rate comes one result later than ours.

use core::time::Duration;
use std::collections::VecDeque;

use cutout_core::{Backoff, Config, HalfOpenRule, Outcome, Window};

use crate::flights::{Flights, LEASE};
use crate::rig::{FLAPPED, Rig, without_conditions};
use crate::run::{Compared, Replay};
use crate::score::{Differences, Halt, Step, same};
use crate::share;
use crate::trace::{Line, Op, Trace};

const LATE: &str = "a late result goes into the ring of the current state (ours: stale, dropped)";
const CROWD: &str = "half-open admits everyone (ours: no more than `trials`)";
const FIRST_RATE: &str =
    "the first rate needs one result more than the ring holds (ours: it does not)";
const TRIALS: &str =
    "half-open is decided by the last results and a rate of its own (ours: by all trials)";
const APART: &str = "ours had decided; until their state changes";

const DAY: u64 = 24 * 60 * 60 * 1_000;
const NANO: Duration = Duration::from_nanos(1);
/// No more trials than this are to be had.
const MOST_TRIALS: u64 = 16;

/// Coming from recloser: its configuration in ours.
fn recipe(trace: &Trace) -> Result<Config, &'static str> {
    let small = |value: u64| u32::try_from(value).map_err(|_| "a setting out of range");
    let results = small(trace.number("closed_len"))?;
    let trials = small(trials(trace))?;
    let wait = Duration::from_millis(trace.number("open_wait_ms")) + NANO;
    let config = without_conditions()
        .window(Window::count(results))
        .minimum_throughput(results)
        .failure_rate(share::nearest(trace.config["error_rate_closed"].as_f64().unwrap_or(0.0))?)
        .evaluate_every_result(true)
        .break_duration(wait)
        .half_open_rule(HalfOpenRule::Rate)
        .trials(trials)
        .trial_timeout(Duration::from_millis(DAY));
    let strategy = &trace.config["open_wait_strategy"];
    let (Some(factor), Some(most)) = (strategy["multiplier"].as_u64(), strategy["max_ms"].as_u64())
    else {
        return Ok(config);
    };
    let most = Duration::from_millis(most) + NANO;
    Ok(config.break_backoff(Backoff::multiplier_percent(small(factor * 100)?, most)))
}

fn trials(trace: &Trace) -> u64 {
    (trace.number("half_open_len") + 1).min(MOST_TRIALS)
}

/// Their last results.
#[derive(Debug)]
struct RingOfTheirs {
    length: usize,
    failed: VecDeque<bool>,
}

impl RingOfTheirs {
    fn new(length: u64) -> Self {
        Self { length: usize::try_from(length).unwrap_or(usize::MAX), failed: VecDeque::new() }
    }

    /// The rate, if the ring was full before.
    #[allow(clippy::cast_precision_loss)] // as they do
    fn push(&mut self, failed: bool) -> Option<f32> {
        let was_full = self.failed.len() == self.length;
        if was_full {
            self.failed.pop_front();
        }
        self.failed.push_back(failed);
        let failures = self.failed.iter().filter(|failed| **failed).count();
        was_full.then_some(failures as f32 / self.length as f32)
    }
}

#[derive(Debug)]
pub(crate) struct Recloser<'a> {
    trace: &'a Trace,
    rig: Rig,
    flights: Flights,
    state: String,
    ring: RingOfTheirs,
    flaps: u32,
    /// Results of this half-open circuit that the engine has counted: all, and failures.
    settled: (u64, u64),
    apart: bool,
    seen: Differences,
}

impl<'a> Recloser<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Result<Self, &'static str> {
        let rig = Rig::new(recipe(trace)?, 0).map_err(|_| "a setting out of our range")?;
        Ok(Self {
            trace,
            rig,
            flights: Flights::default(),
            state: "closed".to_owned(),
            ring: RingOfTheirs::new(trace.number("closed_len")),
            flaps: 0,
            settled: (0, 0),
            apart: false,
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
        self.settled = (0, 0);
        match state {
            "open" if self.state == "closed" => self.flaps = 1,
            "open" => self.flaps += 1,
            "half_open" => self.ring = RingOfTheirs::new(self.trace.number("half_open_len")),
            _ => self.ring = RingOfTheirs::new(self.trace.number("closed_len")),
        }
        state.clone_into(&mut self.state);
        if core::mem::take(&mut self.apart) {
            match state {
                "open" => self.open(),
                "half_open" => self.rig.half_open(self.flaps.saturating_sub(1)),
                _ => self.rig.close(),
            }
        }
        if state == "open" {
            let (theirs, ours) = (self.over_at(), self.rig.break_over_at());
            if theirs != ours && self.rig.flapped() {
                self.seen.push(FLAPPED);
                self.open();
            } else {
                same("end of the break", theirs, ours)?;
            }
        }
        Ok(())
    }

    /// The first millisecond after their wait, which the flaps before this one have grown.
    fn over_at(&self) -> u64 {
        let (first, strategy) =
            (self.trace.number("open_wait_ms"), &self.trace.config["open_wait_strategy"]);
        let (factor, most) = (strategy["multiplier"].as_u64(), strategy["max_ms"].as_u64());
        let wait = match (factor, most) {
            (Some(factor), Some(most)) if self.flaps > 1 => {
                first.saturating_mul(factor.saturating_pow(self.flaps - 1)).min(most)
            }
            _ => first,
        };
        self.rig.now() + wait + 1
    }

    fn open(&self) {
        self.rig.open(self.flaps.saturating_sub(1), self.over_at());
    }

    fn admit(&mut self, line: &Line) -> Step<()> {
        let ticket = if self.apart { None } else { self.rig.admit() };
        if ticket.is_none() && line.admitted && self.state == "half_open" && !self.apart {
            let taken = self.settled.0 + self.flights.of_this_era();
            same("whether all trials are taken", true, taken >= trials(self.trace))?;
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
        let call = self.flights.end(line.id)?;
        let failed = line.outcome == "failure";
        let outcome = if failed { Outcome::Failure } else { Outcome::Success };
        let late = call.era != self.flights.era;
        let has_place = call.ticket.is_some();
        if let Some(ticket) = call.ticket {
            let settled = self.rig.settle(ticket, outcome);
            if !self.apart {
                same("whether the result is stale", late, settled.stale)?;
            }
        }
        if self.state == "half_open" {
            self.settled.0 += 1;
            self.settled.1 += u64::from(failed);
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
                    self.rig.result(0, outcome);
                }
                _ => {}
            }
        }
        self.judge(line, failed)
    }

    /// Has their ring judge, sees that it says what the trace shows, and compares.
    #[allow(clippy::cast_possible_truncation)] // as they do
    fn judge(&mut self, line: &Line, failed: bool) -> Step<()> {
        if self.state == "open" {
            return Ok(());
        }
        let limit = |name: &str| self.trace.config[name].as_f64().unwrap_or(0.0) as f32;
        let rate = self.ring.push(failed);
        let to = match (self.state.as_str(), rate) {
            ("closed", Some(rate)) if rate >= limit("error_rate_closed") => "open",
            ("half_open", Some(rate)) if !failed && rate <= limit("error_rate_half_open") => {
                "closed"
            }
            ("half_open", Some(rate)) if failed && rate >= limit("error_rate_half_open") => "open",
            (state, _) => state,
        };
        same("what their ring says of the trace", line.after.as_str(), to)?;
        let ours = self.rig.state();
        if self.apart || ours == to {
            return Ok(());
        }
        let by_trials = self.state == "half_open";
        let threshold = self.trace.config["error_rate_closed"].as_f64().unwrap_or(0.0);
        self.seen.push(match rate {
            _ if by_trials => TRIALS,
            None => FIRST_RATE,
            Some(_) if !share::is_exact(threshold) => share::FINER,
            Some(_) => return same("state after, by the same results", to, ours),
        });
        if to == self.state {
            self.apart = true;
            return Ok(());
        }
        // They are in a new state, where nothing is counted.
        if to == "closed" {
            self.rig.close();
        } else {
            let flaps = if by_trials { self.flaps + 1 } else { 1 };
            let before = core::mem::replace(&mut self.flaps, flaps);
            self.open();
            self.flaps = before;
        }
        Ok(())
    }

    fn renew(&mut self) -> Step<()> {
        if self.state == "half_open" && !self.apart {
            let (all, failures) = self.settled;
            let results: Vec<_> = (0..all).map(|n| (n < failures, false)).collect();
            let reopens = self.flaps.saturating_sub(1);
            if self.flights.renew(&self.rig, DAY, 0, reopens, &results)? {
                self.seen.push(LEASE);
            }
        }
        Ok(())
    }
}

impl Replay for Recloser<'_> {
    fn line(&mut self, line: &Line) -> Step<Compared> {
        let was_apart = self.apart;
        self.rig.at(line.t);
        self.renew()?;
        self.meet("state before", &line.before)?;
        match line.op {
            Op::Probe | Op::Control => {}
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
