//! One admitted call as plain data.

use core::fmt;

use crate::circuit::{GENERATION_BITS, MAX_TRIALS};
use crate::time::Instant;

/// What a call was admitted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its result goes to the window.
    Counted,
    /// Its result is one of those that decide a half-open circuit.
    Trial {
        /// Its place among the trials that are out.
        slot: u32,
        /// Which of the trials on that place it is, modulo 16.
        turn: u32,
    },
    /// It flows past a circuit that is disabled; its result decides nothing.
    Passing,
    /// It flows past a circuit that is shadowed and would have refused it; its result decides
    /// nothing.
    Shadowed,
}

/// One admitted call, to be [settled](crate::CircuitBreaker::settle) on the breaker that gave it
/// out.
///
/// It is plain data with no lifetime, for places where a [`Permit`](crate::Permit) cannot go: an
/// interrupt handler, a queue, the other side of a foreign interface. Nothing happens when it is
/// lost: a lost trial is given up when its timeout ends, any other call is merely missing from the
/// totals.
///
/// It cannot be copied, so that no call is settled twice; as [bits](Self::into_bits), for the other
/// side of a foreign interface, it can.
///
/// ```compile_fail
/// # use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
/// # let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// let ticket = breaker.admit().unwrap();
/// breaker.settle(ticket, Outcome::Success);
/// breaker.settle(ticket, Outcome::Success);
/// ```
#[must_use = "an admitted call is to be settled"]
pub struct Ticket {
    pub(crate) started: Instant,
    /// The generation in the low bits, the role above, and a trial's turn: for a counted call the
    /// generation alone.
    mark: u32,
}

const ROLE: u32 = GENERATION_BITS;
const COUNTED: u32 = 0;
const PASSING: u32 = 1;
/// The first of the trials.
const TRIAL: u32 = 2;
const SHADOWED: u32 = TRIAL + MAX_TRIALS;
/// Above the role.
const TURN: u32 = ROLE + 5;

impl Ticket {
    #[inline]
    pub(crate) const fn new(started: Instant, generation: u32, role: Role) -> Self {
        let role = match role {
            Role::Counted => COUNTED,
            Role::Passing => PASSING,
            Role::Shadowed => SHADOWED,
            Role::Trial { slot, turn } => TRIAL + slot + (turn << (TURN - ROLE)),
        };
        Self { started, mark: generation | (role << ROLE) }
    }

    /// The same ticket as two words, for where a Rust value cannot go, such as through C.
    ///
    /// Words can be copied, and whoever has them must see to it that they are settled once: a
    /// counted call that is settled twice counts twice, and an admission that is taken back twice
    /// is taken off the totals twice, though never below zero. A trial cannot be; its second result
    /// is stale, also where another trial has its place by then. (Places count their trials modulo
    /// 8: after just 8, 16 or so on of the same break, of which none counted, the second result
    /// would be taken for that of the last.)
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome, Ticket};
    ///
    /// static RADIO: CircuitBreaker<ManualClock> =
    ///     CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    ///
    /// /// Admits a call: whether it may run, and if so, what `settle` is to be given.
    /// extern "C" fn radio_admit(bits: &mut [u64; 2]) -> bool {
    ///     RADIO.admit().map(|ticket| *bits = ticket.into_bits()).is_ok()
    /// }
    ///
    /// extern "C" fn radio_settle(bits: &[u64; 2], failed: bool) {
    ///     let outcome = if failed { Outcome::Failure } else { Outcome::Success };
    ///     if let Some(ticket) = Ticket::from_bits(*bits) {
    ///         RADIO.settle(ticket, outcome);
    ///     }
    /// }
    ///
    /// let mut bits = [0; 2];
    /// assert!(radio_admit(&mut bits));
    /// radio_settle(&bits, true);
    /// assert_eq!(RADIO.totals().failures, 1);
    /// ```
    #[must_use = "an admitted call is to be settled"]
    pub const fn into_bits(self) -> [u64; 2] {
        [self.started.as_nanos(), self.mark as u64]
    }

    /// The ticket that was turned into `bits`; `None` if no ticket can have been.
    ///
    /// Bits that were made up are not recognised if they might be a ticket's: they count like one.
    #[must_use]
    pub const fn from_bits(bits: [u64; 2]) -> Option<Self> {
        let [started, mark] = bits;
        if mark >> u32::BITS != 0 {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)] // checked in the lines before
        let mark = mark as u32;
        let ticket = Self { started: Instant::from_nanos(started), mark };
        let role = ticket.role_bits();
        let (has_turn, is_trial) = (mark >> TURN != 0, matches!(ticket.role(), Role::Trial { .. }));
        if role > SHADOWED || (has_turn && !is_trial) { None } else { Some(ticket) }
    }

    pub(crate) const fn generation(&self) -> u32 {
        self.mark & ((1 << ROLE) - 1)
    }

    pub(crate) const fn role(&self) -> Role {
        match self.role_bits() {
            COUNTED => Role::Counted,
            PASSING => Role::Passing,
            SHADOWED => Role::Shadowed,
            trial => Role::Trial { slot: trial - TRIAL, turn: self.mark >> TURN },
        }
    }

    const fn role_bits(&self) -> u32 {
        (self.mark >> ROLE) & ((1 << (TURN - ROLE)) - 1)
    }

    /// Whether it is that of a counted call of `generation`.
    #[inline]
    pub(crate) const fn counts_in(&self, generation: u32) -> bool {
        self.mark == generation
    }

    /// The same ticket, for who lets go of this one.
    #[inline]
    pub(crate) const fn again(&self) -> Self {
        Self { started: self.started, mark: self.mark }
    }

    /// Whether the call is one of those that decide a half-open circuit.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        matches!(self.role(), Role::Trial { .. })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("generation", &self.generation())
            .field("role", &self.role())
            .finish_non_exhaustive()
    }
}
