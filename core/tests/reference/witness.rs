//! Who looks on while a timeline runs, and can then tell it to somebody who has neither the bytes
//! that drew it nor the model.

use cutout_core::{Mode, RejectReason};

use super::model::{Ending, Event, Model, Time};
use super::settings::Drawn;

/// What is done to the breaker, with nothing left to work out.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // read by who records timelines
pub(crate) enum Act {
    /// The clock is set.
    GoTo(Time),
    /// A call is admitted under this number, or refused.
    Admit {
        id: u64,
        refusal: Option<Refusal>,
    },
    /// The call of this number ends.
    Settle {
        id: u64,
        ending: Ending,
    },
    /// A function is wrapped that ends at this time, if it is admitted at all.
    Call {
        until: Time,
        ending: Ending,
        refusal: Option<Refusal>,
    },
    SetMode(Mode),
    Reset,
    /// The circuit is opened for this long.
    OpenFor(u64),
    /// Other settings, drawn from these bytes.
    Reconfigure(Drawn),
    /// Somebody asks whether a call would be refused, and is told.
    Look(Option<Refusal>),
}

/// Why a call is refused, and for how long.
pub(crate) type Refusal = (RejectReason, Option<u64>);

pub(crate) trait Witness {
    /// This is done next.
    fn acts(&mut self, act: Act);

    /// What the model makes of it, and what it announced. Some steps do nothing: then this comes
    /// alone.
    fn sees(&mut self, model: &Model, now: Time, events: &[Event]);
}

/// Nobody looks on.
impl Witness for () {
    fn acts(&mut self, _: Act) {}

    fn sees(&mut self, _: &Model, _: Time, _: &[Event]) {}
}
