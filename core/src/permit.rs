//! One admitted call: how it may end, and the two forms in which it is held.

use core::fmt;
use core::mem;
use core::time::Duration;

use crate::breaker::{CircuitBreaker, Ending};
use crate::circuit::MAX_TRIALS;
use crate::observe::Observer;
use crate::time::{Clock, Instant};
use crate::unwind::sheltered;

/// How a call ended, in the caller's judgement.
///
/// Slowness is not an outcome: it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The dependency did its work.
    Success,
    /// The dependency failed.
    Failure,
    /// Says nothing about the dependency, such as a request that it rightly refused.
    Ignored,
}

impl Outcome {
    /// This outcome, with the time that the server asked for before the next try.
    ///
    /// If this result opens the circuit, the break is at least that long, up to the cap of
    /// [`Config::break_backoff`](crate::Config::break_backoff).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let config = Config::new().consecutive_failures(1).break_duration(Duration::from_secs(1));
    /// let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
    /// let permit = breaker.try_acquire()?;
    /// permit.settle(Outcome::Failure.retry_after(Duration::from_secs(20)));
    /// assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(20)));
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[must_use]
    pub const fn retry_after(self, duration: Duration) -> Report {
        Report::of(self).retry_after(duration)
    }

    /// This outcome, left out of the failures in a row: where the dependency refused one call and is
    /// not down for it, as one that asks its callers to slow down.
    ///
    /// A failure counts in the window and fails a trial as always, but neither adds to the row of
    /// [`Config::consecutive_failures`](crate::Config::consecutive_failures) nor ends it. Other
    /// outcomes stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let breaker =
    ///     CircuitBreaker::with_clock(Config::new().consecutive_failures(2), ManualClock::new());
    /// breaker.try_acquire()?.settle(Outcome::Failure);
    /// breaker.try_acquire()?.settle(Outcome::Failure.not_consecutive());
    /// let snapshot = breaker.snapshot();
    /// assert_eq!((snapshot.tally.failures, snapshot.consecutive_failures), (2, 1));
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[must_use]
    pub const fn not_consecutive(self) -> Report {
        Report::of(self).not_consecutive()
    }
}

/// An [`Outcome`] and what else the caller knows. Any outcome is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) retry_after: Option<Duration>,
    /// Whether a failure is one in a row.
    pub(crate) consecutive: bool,
}

impl Report {
    const fn of(outcome: Outcome) -> Self {
        Self { outcome, retry_after: None, consecutive: true }
    }

    /// The same, with the time that the server asked for: see [`Outcome::retry_after`].
    #[must_use]
    pub const fn retry_after(self, duration: Duration) -> Self {
        Self { retry_after: Some(duration), ..self }
    }

    /// The same, left out of the failures in a row: see [`Outcome::not_consecutive`].
    #[must_use]
    pub const fn not_consecutive(self) -> Self {
        Self { consecutive: false, ..self }
    }

    /// The outcome.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The time that the server asked for before the next try.
    #[must_use]
    pub const fn asks_to_wait(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<Outcome> for Report {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        Self::of(outcome)
    }
}

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
    /// It flows past a circuit that is shadowed and would have refused it; its result decides nothing.
    Shadowed,
}

/// One admitted call, to be [settled](CircuitBreaker::settle) on the breaker that gave it out.
///
/// It is plain data with no lifetime, for places where a [`Permit`] cannot go: an interrupt
/// handler, a queue, the other side of a foreign interface. Nothing happens when it is lost: a
/// lost trial is given up when its lease ends, any other call is merely missing from the totals.
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

/// As many bits as a generation has (`state`).
const ROLE: u32 = 23;
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
    /// Words can be copied, and whoever has them must see to it that they are settled once: a counted
    /// call that is settled twice counts twice, and an admission that is taken back twice is taken off the
    /// totals twice, though never below zero. A trial cannot be; its second result is stale, also where
    /// another trial has its place by then. (Places count their trials modulo 8: after just 8, 16 or so on
    /// of the same break, of which none counted, the second result would be taken for that of the last.)
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

/// One admitted call, held by who makes it.
///
/// # Cancellation
///
/// Dropped without [`settle`](Self::settle), it is a cancelled call: a trial's place is free
/// again and nothing is counted, unless
/// [`cancelled_as`](crate::Config::cancelled_as) or its default says otherwise.
///
/// Dropped while its thread unwinds from a panic, it is a failure, where the clock can tell
/// ([`Clock::unwinding`]): a permit cannot know whether its own call panicked. A future that holds a
/// permit may be dropped by the panic of another future, which is no failure of this call. There,
/// use [`call_async`](CircuitBreaker::call_async), which knows the difference.
///
/// # Examples
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
///
/// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
///
/// let permit = breaker.try_acquire()?;
/// permit.settle(Outcome::Failure);
/// assert_eq!(breaker.snapshot().tally.failures, 1);
///
/// drop(breaker.try_acquire()?);
/// assert_eq!(breaker.snapshot().totals.cancelled, 1);
/// # Ok::<_, cutout_core::Rejected>(())
/// ```
#[must_use = "a permit that is dropped cancels its call"]
pub struct Permit<'a, C: Clock, O: Observer = (), const BUCKETS: usize = 10, const LANES: usize = 1>
{
    breaker: &'a CircuitBreaker<C, O, BUCKETS, LANES>,
    ticket: Ticket,
    pub(crate) watch: Watch,
}

/// What is known of a call when its permit is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nothing. If the thread unwinds then, the call is taken for what panicked.
    Off,
    /// No code of the call is running: whatever unwinds, it is not the call.
    Outside,
    /// Code of the call is running, which ends early only by a panic.
    Inside,
}

impl<'a, C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    Permit<'a, C, O, BUCKETS, LANES>
{
    #[inline]
    pub(crate) const fn new(
        breaker: &'a CircuitBreaker<C, O, BUCKETS, LANES>,
        ticket: Ticket,
    ) -> Self {
        Self { breaker, ticket, watch: Watch::Off }
    }

    /// Ends the call with its outcome.
    #[inline]
    pub fn settle(self, report: impl Into<Report>) {
        // Conversion is the caller's code; if it panics, the permit is still there to be dropped.
        let report = report.into();
        let (breaker, ticket) = (self.breaker, self.ticket.again());
        mem::forget(self);
        breaker.finish(&ticket, Ending::Reported(report));
    }

    /// Takes the admission back: the call did not run. See [`CircuitBreaker::take_back`].
    pub fn take_back(self) {
        let (breaker, ticket) = (self.breaker, self.ticket.again());
        mem::forget(self);
        breaker.take_back(ticket);
    }

    /// Whether the call is one of those that decide a half-open circuit.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.ticket.is_trial()
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize> Drop
    for Permit<'_, C, O, BUCKETS, LANES>
{
    fn drop(&mut self) {
        // Whoever settles a permit forgets it.
        let panicked = match self.watch {
            Watch::Off => self.breaker.clock().unwinding(),
            Watch::Outside => false,
            Watch::Inside => true,
        };
        let ending = if panicked { Ending::Panicked } else { Ending::Dropped };
        sheltered(|| self.breaker.finish_unsettled(&self.ticket, ending));
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize> fmt::Debug
    for Permit<'_, C, O, BUCKETS, LANES>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
