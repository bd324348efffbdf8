//! What surrounds the breaker: a clock moved by hand, and an observer that keeps what it hears.

use core::cell::{Cell, RefCell};

use cutout_core::{
    Clock, Instant, ManualClock, Observer, Outcome, StaleResult, Tally, Transition, TripReason,
};
use tape::{MOST_SAID, Said};

/// A clock that can also pretend that a panic is under way.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) unwinding: Cell<bool>,
}

impl Clock for World {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn unwinding(&self) -> bool {
        self.unwinding.get()
    }
}

/// What was announced in this step.
#[derive(Default)]
pub(crate) struct Log {
    said: RefCell<[Said; MOST_SAID]>,
    many: Cell<usize>,
}

impl Log {
    fn say(&self, said: Said) {
        if let Some(place) = self.said.borrow_mut().get_mut(self.many.get()) {
            *place = said;
        }
        self.many.set(self.many.get() + 1);
    }

    /// Whether it was exactly this; then forgets it.
    pub(crate) fn takes(&self, expected: &[Said]) -> bool {
        let many = self.many.take();
        self.said.borrow().get(..many) == Some(expected)
    }
}

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        let Transition { from, to, mode, cause, at, break_duration, tally, .. } = *transition;
        let length = break_duration.map(|length| u64::try_from(length.as_nanos()).unwrap_or(0));
        self.say(Said::transition((from, to), mode, cause, at.as_nanos(), length, &tally));
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        self.say(Said::would_trip(reason, tally));
    }

    fn on_stale(&self, stale: &StaleResult) {
        let outcome: Option<Outcome> = stale.outcome;
        self.say(Said::stale(outcome));
    }
}
