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
    pub(super) const fn new(label: Arc<BreakerLabel>) -> Self {
        Self { label }
    }
}

impl Observer for MetricsObserver {
    fn on_transition(&self, transition: &Transition) {
        self.label.transitions.count(transition);
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
    pub(super) fn new() -> Self {
        let ways = STATES.len() * STATES.len() * Cause::ALL.len();
        Self((0..ways).map(|_| AtomicU64::new(0)).collect())
    }

    fn count(&self, change: &Transition) {
        if let Some(way) = ways().position(|way| way == (change.from, change.to, change.cause)) {
            self.0[way].fetch_add(1, Relaxed);
        }
    }

    /// The ways that were taken, and how often.
    pub(super) fn taken(&self) -> impl Iterator<Item = ((State, State, Cause), u64)> {
        ways().zip(self.0.iter().map(|count| count.load(Relaxed))).filter(|(_, count)| *count > 0)
    }
}

fn ways() -> impl Iterator<Item = (State, State, Cause)> {
    STATES.into_iter().flat_map(|from| {
        STATES.into_iter().flat_map(move |to| Cause::ALL.iter().map(move |why| (from, to, *why)))
    })
}
