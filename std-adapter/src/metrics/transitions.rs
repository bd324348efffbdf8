//! `MetricsObserver`: counts changes, by where from, where to and why.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use cutout_core::{Cause, Observer, State, Transition};

use super::labels::BreakerLabel;
use super::ledger::STATES;
use crate::sync::AtomicU64;

/// The observer that counts changes for [`Metrics`](super::Metrics). Made by
/// [`Metrics::observer`](super::Metrics::observer); clones count together.
#[derive(Clone)]
pub struct MetricsObserver {
    label: Arc<BreakerLabel>,
}

impl MetricsObserver {
    pub(super) fn new(label: Arc<BreakerLabel>) -> Self {
        label.transitions.get_or_init(Counts::new);
        Self { label }
    }
}

impl Observer for MetricsObserver {
    fn on_transition(&self, transition: &Transition) {
        if let Some(counts) = self.label.transitions.get() {
            counts.count(transition);
        }
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricsObserver").field(&self.label.name).finish()
    }
}

/// A count for each way that a circuit can change. They order nothing, hence Relaxed.
pub(super) struct Counts(Box<[AtomicU64]>);

impl Counts {
    fn new() -> Self {
        let ways = STATES.len() * STATES.len() * Cause::ALL.len();
        Self((0..ways).map(|_| AtomicU64::new(0)).collect())
    }

    fn count(&self, change: &Transition) {
        if let Some(way) = ways().position(|way| way == (change.from, change.to, change.cause)) {
            self.0[way].fetch_add(1, Relaxed);
        }
    }

    /// The ways that were taken and how often, and those that a circuit takes by itself: a counter
    /// that does not begin at 0 hides its first step from a rate.
    pub(super) fn read(&self) -> impl Iterator<Item = ((State, State, Cause), u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        ways().zip(counts).filter(|(way, count)| *count > 0 || is_automatic(*way))
    }
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
