//! The last step of a call's end, and of every change: the observer is told.

use core::time::Duration;

use super::CircuitBreaker;
use super::change::Opened;
use super::evaluate::Trip;
use super::settle::Settled;
use crate::circuit::Change;
use crate::observe::{CallEvent, Cause, Observer, Transition};
use crate::time::{Clock, Instant};
use crate::unwind::sheltered;
use crate::window::{Counted, Tally};

/// A result that is counted and not told of yet. If [`Config::trip_when`](crate::Config::trip_when)
/// panics over it, it is told of all the same.
pub(super) struct Untold<'a, C: Clock, O: Observer, const BUCKETS: usize> {
    breaker: &'a CircuitBreaker<C, O, BUCKETS>,
    result: Counted,
}

impl<'a, C: Clock, O: Observer, const BUCKETS: usize> Untold<'a, C, O, BUCKETS> {
    pub(super) const fn new(breaker: &'a CircuitBreaker<C, O, BUCKETS>, result: Counted) -> Self {
        Self { breaker, result }
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Drop for Untold<'_, C, O, BUCKETS> {
    fn drop(&mut self) {
        sheltered(|| self.breaker.tell_of_result(self.result));
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Tells of a call that was counted or refused, if the observer wants to hear of calls.
    #[inline]
    pub(super) fn tell_of_call(&self, event: impl FnOnce() -> CallEvent) {
        if self.observer.wants_call_events() {
            self.observer.on_call(&event());
        }
    }

    /// Tells of a call that counted as `result`.
    #[inline]
    pub(super) fn tell_of_result(&self, result: Counted) {
        self.tell_of_call(|| Settled::Counted(result).event());
    }

    /// Tells of what a trip has done: it opened the circuit, or would have done so, or came too
    /// late.
    pub(super) fn announce_trip(&self, trip: &Trip, opened: Option<Opened>) {
        match opened {
            Some(Opened { change, .. }) if change.after.generation() == trip.generation => {
                self.observer.on_would_trip(trip.reason, &trip.tally);
            }
            Some(Opened { change, at, length }) => {
                self.announce(change, Cause::Tripped(trip.reason), at, Some(length), trip.tally);
            }
            None => {}
        }
    }

    /// Tells of a transition.
    pub(super) fn announce(
        &self,
        change: Change,
        cause: Cause,
        at: Instant,
        break_length: Option<u64>,
        tally: Tally,
    ) {
        self.observer.on_transition(&Transition {
            from: change.before.effective_state(),
            to: change.after.effective_state(),
            mode: change.after.mode(),
            cause,
            generation: change.after.generation(),
            at,
            break_duration: break_length.map(Duration::from_nanos),
            tally,
        });
    }
}
