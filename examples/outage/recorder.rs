//! The observer: it writes down every change of the breaker's state.

use core::mem;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cutout::{Clock, Instant, Observer, State, StdClock, Transition};

/// The breaker of the demo.
pub(crate) type Breaker = cutout::CircuitBreaker<StdClock, Recorder>;

/// A change of state, at a time since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) at: Duration,
    pub(crate) to: State,
}

/// Keeps the changes since `start`.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    changes: Mutex<Vec<Change>>,
}

impl Recorder {
    /// A recorder whose time begins now.
    pub(crate) fn new() -> Self {
        Self { start: StdClock.now(), changes: Mutex::default() }
    }

    /// Takes the changes out, in order.
    pub(crate) fn take(&self) -> Vec<Change> {
        let mut changes = mem::take(&mut *self.changes());
        // Of two changes close to each other, the later may be announced first.
        changes.sort_by_key(|change| change.at);
        changes
    }

    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn on_transition(&self, transition: &Transition) {
        let at = transition.at.saturating_since(self.start);
        self.changes().push(Change { at, to: transition.to });
    }
}
