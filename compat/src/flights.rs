//! The calls in flight, and how the engine's trials stand in for theirs.

use std::collections::BTreeMap;

use cutout_core::{Outcome, Ticket};

use crate::rig::{Rig, Settled};
use crate::score::{Halt, Step, same};

/// A trial of ours is a timeout; theirs may stay out for ever.
pub(crate) const LEASE: &str = "a trial is out longer than a timeout (ours: it has failed)";

/// A call in flight.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) begin: u64,
    /// The era of the trace that admitted it: eras are counted at its changes of state.
    pub(crate) era: u64,
    /// What the engine gave; `None` where it refused and the trace did not.
    pub(crate) ticket: Option<Ticket>,
    /// The state that admitted it.
    pub(crate) state: String,
    leased: u64,
}

/// All calls in flight.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    calls: BTreeMap<u64, Call>,
    pub(crate) era: u64,
}

impl Flights {
    pub(crate) fn begin(&mut self, id: u64, begin: u64, ticket: Option<Ticket>, state: &str) {
        let call = Call { begin, era: self.era, ticket, state: state.to_owned(), leased: begin };
        self.calls.insert(id, call);
    }

    pub(crate) fn end(&mut self, id: u64) -> Step<Call> {
        let call = self.calls.remove(&id);
        call.ok_or_else(|| Halt::Unexplained("it ends and never began".to_owned()))
    }

    /// When a call in flight began.
    pub(crate) fn begun(&self, id: u64) -> Option<u64> {
        self.calls.get(&id).map(|call| call.begin)
    }

    /// How many are in flight that this era admitted.
    pub(crate) fn of_this_era(&self) -> u64 {
        self.calls.values().filter(|call| call.era == self.era).count() as u64
    }

    /// How many tickets are out.
    pub(crate) fn tickets(&self) -> usize {
        self.calls.values().filter(|call| call.ticket.is_some()).count()
    }

    /// Has a result counted as a trial that the engine gave no place: another's is given up for it.
    pub(crate) fn stand_in(&mut self, rig: &Rig, took: u64, outcome: Outcome) -> Option<Settled> {
        let era = self.era;
        let other = |call: &&mut Call| call.era == era && call.ticket.is_some();
        let ticket = self.calls.values_mut().find(other).and_then(|call| call.ticket.take());
        if let Some(ticket) = ticket {
            rig.settle(ticket, Outcome::Ignored);
        }
        rig.result(took, outcome)
    }

    /// Whether a trial's timeout is over. If so, sees that the engine has given the trial up, and
    /// brings it back to half-open with `results` settled, failed or slow, and the rest out anew.
    ///
    /// A call that took longer than `slow` is slow.
    pub(crate) fn renew(
        &mut self,
        rig: &Rig,
        timeout: u64,
        slow: u64,
        reopens: u32,
        results: &[(bool, bool)],
    ) -> Step<bool> {
        let (now, era) = (rig.now(), self.era);
        let mut lapsed = false;
        for call in self.calls.values_mut().filter(|call| call.era == era) {
            if now - call.leased >= timeout {
                if let Some(ticket) = call.ticket.take() {
                    lapsed = true;
                    same(
                        "whether it was given up",
                        true,
                        rig.settle(ticket, Outcome::Success).stale,
                    )?;
                }
            }
        }
        if !lapsed {
            return Ok(false);
        }
        for call in self.calls.values_mut().filter(|call| call.era == era) {
            // Given up with the half-open circuit that it belonged to.
            if let Some(ticket) = call.ticket.take() {
                rig.settle(ticket, Outcome::Ignored);
            }
        }
        rig.half_open(reopens);
        for &(failed, is_slow) in results {
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            rig.result(if is_slow { slow + 1 } else { 0 }, outcome);
        }
        for call in self.calls.values_mut().filter(|call| call.era == era) {
            call.leased = now - (now - call.begin).min(slow.saturating_add(1));
            if now - call.leased >= timeout {
                return Err(Halt::Apart("a trial is out longer than a timeout, and not yet slow"));
            }
            rig.at(call.leased);
            call.ticket = rig.admit();
        }
        rig.at(now);
        Ok(true)
    }
}
