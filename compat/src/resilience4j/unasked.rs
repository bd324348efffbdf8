//! What changes the state without a call: timers, an operator, and one result on its own.

use core::time::Duration;

use super::{Resilience4j, counts};
use crate::score::{Halt, Step, same};
use crate::trace::Line;

const LIMIT: &str = "the limit of half-open ended it (ours: a timeout for each trial)";
const LEFT_ARMED: &str = "a timer that `reset` left armed changed the state (ours: no timers)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    OpenWait,
    HalfOpenLimit,
}

/// A timer of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) what: What,
    pub(super) due: u64,
    pub(super) left_armed: bool,
}

/// Timers.
impl Resilience4j<'_> {
    /// Lets the timers of the trace fire, up to and including `to`.
    pub(super) fn pass(&mut self, line: &Line, after: Option<u64>, to: u64) -> Step<()> {
        for event in &line.events {
            if after.is_some_and(|after| event.t <= after) || event.t > to {
                continue;
            }
            let what = match event.what.as_str() {
                "open_wait_elapsed" => What::OpenWait,
                "half_open_wait_elapsed" => What::HalfOpenLimit,
                other => return Err(Halt::Unexplained(format!("an event {other}"))),
            };
            let fired = |timer: &Timer| timer.what == what && timer.due == event.t;
            let Some(at) = self.timers.iter().position(fired) else {
                return Err(Halt::Unexplained(format!("{} fired, and was not armed", event.what)));
            };
            let timer = self.timers.remove(at);
            // One that was left armed enters a state anew even if it is the current one.
            if event.refused || (event.from == event.to && !timer.left_armed) {
                continue;
            }
            self.rig.at(event.t - 1);
            if !self.apart {
                same("state before the timer", event.from.as_str(), self.ours())?;
            }
            self.rig.at(event.t);
            if !timer.left_armed && what == What::OpenWait {
                same("whether the break is over", true, self.rig.is_break_over())?;
                self.rig.look_for_the_end_of_the_break();
                self.enter("half_open");
                continue;
            }
            self.seen.push(if timer.left_armed { LEFT_ARMED } else { LIMIT });
            self.enter(&event.to);
            self.bring();
        }
        self.rig.at(to);
        Ok(())
    }
}

/// Changes by hand, and by one result.
impl Resilience4j<'_> {
    /// `transition_on_result`: a failure of this kind opens a circuit that is still closed. Whoever
    /// settles it opens ours.
    pub(super) fn open_by_result(&mut self, line: &Line) -> Step<()> {
        let rule = &self.trace.config["transition_on_result"];
        if rule["outcome"] != line.outcome.as_str() || self.apart {
            return Ok(());
        }
        if self.ours() != "closed" || line.after != "open" {
            return Ok(());
        }
        if self.state == "half_open" {
            // It has just closed the circuit, and opens it.
            self.enter("closed");
        }
        self.tripped = Some(counts(self.rig.tally()));
        let wait = rule["wait_ms"].as_u64().unwrap_or(0);
        self.enter("open");
        self.attempt -= 1;
        for timer in &mut self.timers {
            if timer.what == What::OpenWait && !timer.left_armed {
                timer.due = self.rig.now() + wait;
            }
        }
        self.rig.open_by_hand(Duration::from_millis(wait) + self.recipe.after);
        Ok(())
    }

    /// A change by hand.
    pub(super) fn control(&mut self, line: &Line) -> Step<()> {
        if line.refused {
            let refused = matches!(
                (self.state.as_str(), line.action.as_str()),
                ("closed", "half_open") | ("metrics_only", "open" | "half_open")
            );
            return same("whether the change is refused", true, refused);
        }
        if line.action == "reset" {
            for timer in &mut self.timers {
                timer.left_armed = true;
            }
        }
        let to = if line.action == "reset" { "closed" } else { line.action.as_str() };
        self.tripped = None;
        self.apart = false;
        self.enter(to);
        let breaker = self.rig.breaker();
        // A change to the same mode changes nothing of ours, so it is left first.
        match to {
            "closed" => self.rig.close(),
            "open" => {
                breaker.release();
                let wait = Duration::from_millis(self.wait());
                self.rig.open_by_hand(wait + self.recipe.after);
            }
            "half_open" => {
                breaker.release();
                self.rig.half_open_by_hand();
            }
            "forced_open" => breaker.force_open(),
            "disabled" => {
                breaker.release();
                breaker.disable();
            }
            "metrics_only" => {
                breaker.release();
                breaker.force_closed();
            }
            other => return Err(Halt::Unexplained(format!("a change to {other}"))),
        }
        if to != "open" {
            self.rejected_before = self.rig.rejected();
        }
        Ok(())
    }
}
