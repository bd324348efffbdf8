//! `MetricsObserver`: counts changes, by where from, where to and why; and changes that a forced
//! circuit did not make.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use cutout_core::{Cause, Observer, State, Tally, Transition, TripReason};

use super::labels::Place;
use super::ledger::{BreakerNumbers, STATES};
use crate::support::sync::AtomicU64;

/// The observer that counts changes for [`Metrics`](super::Metrics). Made by
/// [`Metrics::observer`](super::Metrics::observer); clones count together.
#[derive(Clone)]
pub struct MetricsObserver {
    place: Arc<Place<BreakerNumbers>>,
}

impl MetricsObserver {
    pub(super) const fn new(place: Arc<Place<BreakerNumbers>>) -> Self {
        Self { place }
    }
}

impl Observer for MetricsObserver {
    fn on_transition(&self, transition: &Transition) {
        if let Some(counts) = self.place.numbers().counts.get() {
            counts.count(transition);
        }
    }

    fn on_would_trip(&self, reason: TripReason, _: &Tally) {
        if let Some(counts) = self.place.numbers().counts.get() {
            counts.count_would_trip(reason);
        }
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricsObserver").field(&self.place).finish()
    }
}

/// A count for each way that a circuit can change, and for each reason for which it would have.
/// They order nothing, hence Relaxed.
pub(super) struct Counts {
    changes: Box<[AtomicU64]>,
    would_trip: Box<[AtomicU64]>,
}

impl Counts {
    pub(super) fn new() -> Self {
        let zeroes = |length| (0..length).map(|_| AtomicU64::new(0)).collect();
        Self {
            changes: zeroes(STATES.len() * STATES.len() * Cause::ALL.len()),
            would_trip: zeroes(reasons().count()),
        }
    }

    fn count(&self, change: &Transition) {
        if let Some(way) = ways().position(|way| way == (change.from, change.to, change.cause)) {
            self.changes[way].fetch_add(1, Relaxed);
        }
    }

    fn count_would_trip(&self, reason: TripReason) {
        if let Some(at) = reasons().position(|other| other == reason) {
            self.would_trip[at].fetch_add(1, Relaxed);
        }
    }

    /// The ways that were taken and how often, and those that a circuit takes by itself: a counter
    /// that does not begin at 0 hides its first step from a rate.
    pub(super) fn read(&self) -> impl Iterator<Item = ((State, State, Cause), u64)> {
        let counts = self.changes.iter().map(|count| count.load(Relaxed));
        ways().zip(counts).filter(|(way, count)| *count > 0 || is_automatic(*way))
    }

    /// How often a circuit that was forced closed would have opened, by why.
    pub(super) fn read_would_trip(&self) -> impl Iterator<Item = (TripReason, u64)> {
        reasons().zip(self.would_trip.iter().map(|count| count.load(Relaxed)))
    }
}

fn reasons() -> impl Iterator<Item = TripReason> {
    Cause::ALL.iter().filter_map(|cause| match cause {
        Cause::Tripped(reason) => Some(*reason),
        _ => None,
    })
}

fn ways() -> impl Iterator<Item = (State, State, Cause)> {
    STATES.into_iter().flat_map(|from| {
        STATES.into_iter().flat_map(move |to| Cause::ALL.iter().map(move |why| (from, to, *why)))
    })
}

const fn is_automatic((from, to, cause): (State, State, Cause)) -> bool {
    use State::{Closed, HalfOpen, Open};
    matches!(
        (from, to, cause),
        (Closed, Open, Cause::Tripped(_))
            | (Open, HalfOpen, Cause::BreakOver)
            | (HalfOpen, Closed, Cause::TrialsPassed)
            | (HalfOpen, Open, Cause::TrialFailed | Cause::TrialTimedOut)
    )
}
