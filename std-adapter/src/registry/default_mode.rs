//! The mode that an operator has given to all breakers, those to come included.

use cutout_core::{Clock, Mode, Observer};

use crate::breaker::CircuitBreaker;

/// An order to all breakers. A later one has a higher number, also if it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    mode: Mode,
    number: u64,
}

impl Standing {
    pub(super) const fn new() -> Self {
        Self { mode: Mode::Auto, number: 0 }
    }

    pub(super) const fn then(self, mode: Mode) -> Self {
        Self { mode, number: self.number.wrapping_add(1) }
    }

    pub(super) fn give_to<C: Clock, O: Observer>(self, breaker: &CircuitBreaker<C, O>) {
        breaker.set_mode(self.mode);
    }
}
