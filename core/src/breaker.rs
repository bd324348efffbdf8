//! `CircuitBreaker`: the verbs. It composes what the other files know, and alone knows them all.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::error::{Error, RejectReason, Rejected};
use crate::observe::{Cause, Observer, Stale, Transition, TripReason};
use crate::permit::{Outcome, Permit, Report, Role, Ticket};
use crate::policy::{self, Verdict};
use crate::state::{Change, Circuit, Mode, State, Step, Word};
use crate::streak::Streak;
use crate::sync::{IS_LOCK_FREE, const_fn};
use crate::time::{Clock, Instant};
use crate::totals::{Counters, Totals};
use crate::window::{Counted, Lane, Recorded, Tally};

/// A circuit breaker: stands in front of calls to one dependency.
///
/// It is shared, not cloned: by a `static`, or in `std` by an `Arc`. All methods take `&self`.
///
/// # How a call can end
///
/// | the call | is settled as |
/// | --- | --- |
/// | returns `Ok`, `Err` | success, failure; [`call_with`](Self::call_with) can say otherwise |
/// | panics, or its classifier does | failure |
/// | is dropped unfinished | cancelled: counts for nothing, unless it had already been slow |
/// | is refused | never ran, and is not counted against the dependency |
/// | comes back after the circuit changed | stale: decides nothing |
///
/// # Progress and memory
///
/// Every method is lock-free on targets with 64-bit atomics ([`is_lock_free`](Self::is_lock_free)):
/// a thread that is suspended anywhere holds up nobody. Nothing allocates. A call that sees a state
/// also sees everything that was done before the state came about; results that two threads
/// settle at the same moment may be counted in either order.
///
/// # Type parameters
///
/// `C` tells the time. `O` hears of changes. `BUCKETS` is the room for the window's buckets.
///
/// # Examples
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, Error, ManualClock, State};
///
/// static SENSOR: CircuitBreaker<ManualClock> =
///     CircuitBreaker::with_clock(Config::new().consecutive_failures(2), ManualClock::new());
///
/// fn read() -> Result<u16, Error<&'static str>> {
///     SENSOR.call(|| Err("the bus does not answer"))
/// }
///
/// assert!(matches!(read(), Err(Error::Inner(_))));
/// assert!(matches!(read(), Err(Error::Inner(_))));
/// assert!(matches!(read(), Err(Error::Rejected(_))));
/// assert_eq!(SENSOR.state(), State::Open);
/// ```
pub struct CircuitBreaker<C, O = (), const BUCKETS: usize = 10> {
    circuit: Circuit,
    lane: Lane<BUCKETS>,
    streak: Streak,
    counters: Counters,
    config: Config,
    clock: C,
    observer: O,
}

/// How the life of a ticket ends.
pub(crate) enum Ending {
    Reported(Report),
    Dropped,
    Panicked,
}

/// What an ending amounts to, once cancellation and slowness are judged.
#[derive(Clone, Copy)]
enum Settled {
    Counted(Counted),
    Ignored,
    Cancelled,
}

/// A failure's side of a trip: when, how long the server asked for, what the window held.
struct Trip {
    generation: u32,
    now: Instant,
    retry_after: Option<Duration>,
    tally: Tally,
}

/// How HalfOpen ended, to be announced.
struct HalfOpenEnd {
    cause: Cause,
    at: Instant,
    break_length: Option<u64>,
}

/// A trial whose caller does not have it yet. If an observer panics meanwhile, its place is free
/// again.
struct HeldBack<'a, C: Clock, O: Observer, const BUCKETS: usize> {
    breaker: &'a CircuitBreaker<C, O, BUCKETS>,
    ticket: Option<Ticket>,
}

impl<'a, C: Clock, O: Observer, const BUCKETS: usize> HeldBack<'a, C, O, BUCKETS> {
    const fn new(breaker: &'a CircuitBreaker<C, O, BUCKETS>, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    fn release(mut self) -> Option<Ticket> {
        self.ticket.take()
    }
}

impl<C: Clock, O: Observer, const BUCKETS: usize> Drop for HeldBack<'_, C, O, BUCKETS> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.finish(ticket, Ending::Dropped);
        }
    }
}

/// A breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state as calls meet it: a forced mode hides the one underneath.
    pub state: State,
    /// Who decides.
    pub mode: Mode,
    /// How often the state or the mode has changed, modulo 2^23 and with rare gaps.
    pub generation: u32,
    /// What the window holds.
    pub tally: Tally,
    /// Failures in a row, where [`Config::consecutive_failures`] is set.
    pub consecutive_failures: u64,
    /// Trials that are out.
    pub trials_in_flight: u32,
    /// Whether a closed circuit still takes up its load ([`Config::recovery`]).
    pub recovering: bool,
    /// While [`State::Open`] by itself, how long until the next trial may start.
    pub retry_after: Option<Duration>,
    /// What became of all calls.
    pub totals: Totals,
}

/// # Constructing
impl<C: Clock> CircuitBreaker<C> {
    const_fn! {
        /// A closed breaker that reads `clock`.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error. The message
        /// names the setting.
        #[must_use]
        pub fn with_clock(config: Config, clock: C) -> Self {
            Self::from_parts(config, clock, ())
        }
    }

    /// A closed breaker that reads `clock`, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_clock(config: Config, clock: C) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, clock, ())
    }
}

/// # Constructing with an observer
impl<C: Clock, O: Observer> CircuitBreaker<C, O> {
    const_fn! {
        /// A closed breaker that reads `clock` and announces to `observer`.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        #[must_use]
        pub fn with_observer(config: Config, clock: C, observer: O) -> Self {
            Self::from_parts(config, clock, observer)
        }
    }

    /// A closed breaker that reads `clock` and announces to `observer`, for settings that come as
    /// input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_with_observer(config: Config, clock: C, observer: O) -> Result<Self, ConfigError> {
        Self::try_from_parts(config, clock, observer)
    }
}

/// # Constructing with room for another number of buckets
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    const_fn! {
        /// A closed breaker with room for `BUCKETS` buckets.
        ///
        /// # Panics
        ///
        /// If a setting is out of its range; in a `static` that is a compile error.
        ///
        /// # Examples
        ///
        /// ```
        /// use core::time::Duration;
        /// use cutout_core::{CircuitBreaker, Config, ManualClock, Window};
        ///
        /// let minute = Window::time(Duration::from_secs(60)).in_buckets(60);
        /// let config = Config::new().window(minute);
        /// let breaker = CircuitBreaker::<_, _, 60>::from_parts(config, ManualClock::new(), ());
        /// # assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
        /// ```
        #[must_use]
        pub fn from_parts(config: Config, clock: C, observer: O) -> Self {
            if let Err(error) = config.validate(BUCKETS) {
                panic!("{}", error.message());
            }
            Self {
                circuit: Circuit::new(),
                lane: Lane::new(),
                streak: Streak::new(),
                counters: Counters::new(),
                config,
                clock,
                observer,
            }
        }
    }

    /// A closed breaker with room for `BUCKETS` buckets, for settings that come as input.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn try_from_parts(config: Config, clock: C, observer: O) -> Result<Self, ConfigError> {
        config.validate(BUCKETS)?;
        Ok(Self::from_parts(config, clock, observer))
    }
}

/// # Calling
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Runs `call` if the circuit admits it; `Err` is a failure.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the circuit refused, [`Error::Inner`] with the error of `call`.
    ///
    /// # Panics
    ///
    /// If `call` panics, that counts as a failure and goes on.
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        self.call_with(call, by_result)
    }

    /// Runs `call` if the circuit admits it, and lets `classify` judge the result.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); what `classify` says does not change what is returned.
    ///
    /// # Panics
    ///
    /// If `call` or `classify` panics, that counts as a failure and goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// let not_found = breaker.call_with(
    ///     || Err::<(), u16>(404),
    ///     |result| match result {
    ///         Err(500..) => Outcome::Failure,
    ///         _ => Outcome::Success,
    ///     },
    /// );
    /// assert!(not_found.is_err());
    /// assert_eq!(breaker.snapshot().tally.successes, 1);
    /// ```
    pub fn call_with<T, E, R: Into<Report>>(
        &self,
        call: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> R,
    ) -> Result<T, Error<E>> {
        let mut permit = self.try_acquire().map_err(Error::Rejected)?;
        permit.in_call = true;
        let result = call();
        let report = classify(&result);
        permit.settle(report);
        result.map_err(Error::Inner)
    }

    /// Awaits `call` if the circuit admits it; `Err` is a failure.
    ///
    /// The circuit decides when the future is first polled. Put the timeout *inside*: a timeout
    /// outside drops the call, which is a cancellation.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, the call is cancelled. Nothing is held across an await but a permit.
    ///
    /// # Panics
    ///
    /// If `call` panics, that counts as a failure and goes on.
    pub async fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error<E>> {
        self.call_async_with(call, by_result).await
    }

    /// Awaits `call` if the circuit admits it, and lets `classify` judge the result.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancellation
    ///
    /// As [`call_async`](Self::call_async).
    ///
    /// # Panics
    ///
    /// If `call` or `classify` panics, that counts as a failure and goes on.
    pub async fn call_async_with<T, E, R: Into<Report>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl FnOnce(&Result<T, E>) -> R,
    ) -> Result<T, Error<E>> {
        let mut permit = self.try_acquire().map_err(Error::Rejected)?;
        let mut call = pin!(call);
        let result = poll_fn(|context| {
            // Left standing by a panic, and only by one.
            permit.in_call = true;
            let poll = call.as_mut().poll(context);
            permit.in_call = false;
            poll
        })
        .await;
        permit.in_call = true;
        let report = classify(&result);
        permit.settle(report);
        result.map_err(Error::Inner)
    }
}

/// # Two steps
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Admits a call, to be settled by the permit.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    pub fn try_acquire(&self) -> Result<Permit<'_, C, O, BUCKETS>, Rejected> {
        self.admit().map(|ticket| Permit::new(self, ticket))
    }

    /// Admits a call, to be [settled](Self::settle) by whoever then has the ticket.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Outcome};
    ///
    /// let radio = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// let ticket = radio.admit()?; // where the transfer is started
    /// radio.settle(ticket, Outcome::Success); // in the interrupt that ends it
    /// # Ok::<_, cutout_core::Rejected>(())
    /// ```
    #[inline]
    pub fn admit(&self) -> Result<Ticket, Rejected> {
        let word = self.circuit.load();
        if word.is_plainly_closed() {
            Ok(self.ticket(word, Role::Counted))
        } else {
            self.admit_by_state()
        }
    }

    /// Ends the call of `ticket` with its outcome.
    ///
    /// A ticket of another breaker is not recognised as such: it counts here as if it were ours.
    pub fn settle(&self, ticket: Ticket, report: impl Into<Report>) {
        let mut permit = Permit::new(self, ticket);
        permit.in_call = true;
        permit.settle(report);
    }

    /// Ends the call of `ticket` as one that was given up, as a dropped [`Permit`] does.
    pub fn cancel(&self, ticket: Ticket) {
        self.finish(ticket, Ending::Dropped);
    }
}

/// # Forcing
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Refuses every call until released.
    ///
    /// Like every change of the mode, this starts a generation: calls in flight come back stale,
    /// and a window starts empty. The state underneath stays, and so does the end of its break.
    pub fn force_open(&self) {
        self.set_mode(Mode::ForcedOpen);
    }

    /// Admits and counts every call until released, and trips on none.
    pub fn force_closed(&self) {
        self.set_mode(Mode::ForcedClosed);
    }

    /// Admits every call until released, and counts every result as ignored.
    pub fn disable(&self) {
        self.set_mode(Mode::Disabled);
    }

    /// Decides as always until released, but refuses nobody.
    pub fn shadow(&self) {
        self.set_mode(Mode::Shadow);
    }

    /// Lets the circuit decide for itself again, from the state that it was in.
    pub fn release(&self) {
        self.set_mode(Mode::Auto);
    }

    /// Closes the circuit, releases it, and forgets window, streak and backoff. The totals stay.
    pub fn reset(&self) {
        let change = self.circuit.change(|word| {
            let next = self.next_generation(word);
            Step::To(word.closed(next).with_mode(Mode::Auto, next))
        });
        if let Some(change) = change {
            self.announce(change, Cause::Reset, self.clock.now(), None, Tally::default());
        }
    }
}

/// # Observing
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// The state as calls meet it: a forced mode hides the one underneath.
    ///
    /// Reading changes nothing, so an open circuit whose break is over still reads Open until a
    /// call comes.
    #[must_use]
    pub fn state(&self) -> State {
        self.circuit.load().effective_state()
    }

    /// Who decides.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.circuit.load().mode()
    }

    /// Everything there is to see. It reads counters while others write them, so its parts agree
    /// with each other exactly only when all is quiet.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let word = self.circuit.load();
        let now = self.clock.now();
        let generation = word.generation();
        let is_open = word.state() == State::Open && word.effective_state() == State::Open;
        let break_left = self.circuit.until().saturating_since(now);
        Snapshot {
            state: word.effective_state(),
            mode: word.mode(),
            generation,
            tally: self.lane.tally(self.config.shape(), generation, now),
            consecutive_failures: self.streak.length(generation),
            trials_in_flight: word.trials_out(),
            recovering: word.is_ramping() && matches!(word.mode(), Mode::Auto | Mode::Shadow),
            retry_after: (is_open && word.mode() != Mode::ForcedOpen).then_some(break_left),
            totals: self.totals(),
        }
    }

    /// What became of all calls.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let results = self.lane.totals(self.config.shape());
        Totals {
            successes: results.successes,
            failures: results.failures,
            ignored: self.counters.ignored.get(),
            cancelled: self.counters.cancelled.get(),
            stale: self.counters.stale.get(),
            slow: results.slow,
            rejected: self.counters.rejected.get(),
            would_reject: self.counters.would_reject.get(),
            trials: self.counters.trials.get(),
        }
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// Whether the target has 64-bit atomics. Where it has not, each access to a word masks
    /// interrupts for a few instructions (feature `critical-section`).
    #[must_use]
    pub const fn is_lock_free() -> bool {
        IS_LOCK_FREE
    }
}

/// For the fuzzer alone.
#[cfg(fuzzing)]
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Puts any 64 bits in place of the state word.
    #[doc(hidden)]
    pub fn set_word(&self, bits: u64) {
        let _ = self.circuit.change(|_| Step::To(Word::from_bits(bits)));
    }
}

/// Admission.
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// The ticket of a call that starts now, if when it starts matters.
    fn ticket(&self, word: Word, role: Role) -> Ticket {
        let started = match self.config.slow_call_duration {
            Some(_) => self.clock.now(),
            None => Instant::ORIGIN,
        };
        Ticket { started, generation: word.generation(), role }
    }

    #[cold]
    fn admit_by_state(&self) -> Result<Ticket, Rejected> {
        loop {
            let word = self.circuit.load();
            let admitted = match (word.mode(), word.state()) {
                (Mode::ForcedOpen, _) => Some(Err(self.refuse(RejectReason::ForcedOpen, None))),
                (Mode::Disabled, _) => Some(Ok(self.ticket(word, Role::Passing))),
                (Mode::ForcedClosed, _) => Some(Ok(self.ticket(word, Role::Counted))),
                (_, State::Closed) if word.is_ramping() => self.admit_ramping(word),
                (_, State::Closed) => Some(Ok(self.ticket(word, Role::Counted))),
                (_, State::Open) => self.admit_open(word),
                (_, State::HalfOpen) => self.admit_half_open(word),
            };
            if let Some(admitted) = admitted {
                return admitted;
            }
        }
    }

    /// `None`: the word has moved, look again.
    fn admit_open(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let now = self.clock.now();
        let left = self.circuit.until().saturating_since(now);
        if left.is_zero() {
            let mut now = now;
            let change = self.circuit.change(|seen| {
                if seen != word {
                    return Step::Leave;
                }
                now = self.clock.now();
                if !self.circuit.propose_lease_end(0, self.lease_end(now), seen) {
                    return Step::Again;
                }
                Step::To(seen.half_open(self.next_generation(seen)).with_trial_out(0))
            })?;
            let held = HeldBack::new(self, self.trial(change.after, 0, now));
            self.announce(change, Cause::BreakOver, now, None, Tally::default());
            return held.release().map(Ok);
        }
        // The end of the break was read after the word; only together do they say no.
        if self.circuit.load() != word {
            return None;
        }
        Some(self.refuse_unless_shadowed(word, RejectReason::Open, Some(left)))
    }

    /// `None`: the word has moved, look again.
    fn admit_ramping(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let now = self.clock.now();
        let left = self.circuit.until().since(now);
        if self.circuit.load() != word {
            return None;
        }
        let Some(recovery) = self.config.recovery.filter(|_| left > 0) else {
            let change = self.circuit.change(|seen| {
                if seen == word {
                    Step::To(seen.closed(self.next_generation(seen)))
                } else {
                    Step::Leave
                }
            })?;
            self.announce(change, Cause::RecoveryOver, now, None, Tally::default());
            return None;
        };
        // Whenever the whole calls in `share` of so many grow by one, that one is admitted.
        let share = u64::from(recovery.share(left).basis_points());
        let so_many = self.counters.ramped.count() % 10_000;
        if (so_many + 1) * share / 10_000 > so_many * share / 10_000 {
            Some(Ok(self.ticket(word, Role::Counted)))
        } else {
            Some(self.refuse_unless_shadowed(word, RejectReason::Ramping, None))
        }
    }

    /// `None`: the word has moved, look again.
    fn admit_half_open(&self, word: Word) -> Option<Result<Ticket, Rejected>> {
        let now = self.clock.now();
        let lapsed = self.circuit.lapsed(word, now);
        let trials = word.trials();
        if let Some(cause) = policy::judge_trials(&self.config, trials, lapsed) {
            self.end_half_open(word, cause);
            return None;
        }
        if trials.succeeded + trials.failed + word.trials_out() >= self.config.trials {
            return Some(self.refuse_unless_shadowed(word, RejectReason::HalfOpenFull, None));
        }
        let slot = word.free_slot();
        let mut now = now;
        let change = self.circuit.change(|seen| {
            if seen != word {
                return Step::Leave;
            }
            now = self.clock.now();
            if !self.circuit.propose_lease_end(slot, self.lease_end(now), seen) {
                return Step::Again;
            }
            Step::To(seen.with_trial_out(slot))
        })?;
        Some(Ok(self.trial(change.after, slot, now)))
    }

    #[allow(clippy::cast_possible_truncation)] // a slot is below MAX_TRIALS
    fn trial(&self, word: Word, slot: u32, now: Instant) -> Ticket {
        self.counters.trials.count();
        let role = Role::Trial { slot: slot as u8 };
        Ticket { started: now, generation: word.generation(), role }
    }

    const fn lease_end(&self, now: Instant) -> Instant {
        now.plus(self.config.trial_timeout)
    }

    fn refuse(&self, reason: RejectReason, retry_after: Option<Duration>) -> Rejected {
        self.counters.rejected.count();
        Rejected::new(reason, retry_after)
    }

    fn refuse_unless_shadowed(
        &self,
        word: Word,
        reason: RejectReason,
        retry_after: Option<Duration>,
    ) -> Result<Ticket, Rejected> {
        if word.mode() == Mode::Shadow {
            self.counters.would_reject.count();
            Ok(self.ticket(word, Role::Passing))
        } else {
            Err(self.refuse(reason, retry_after))
        }
    }
}

/// Settlement.
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    pub(crate) fn finish(&self, ticket: Ticket, ending: Ending) {
        let word = self.circuit.load();
        let counts = word.generation() == ticket.generation // R2
            && match ticket.role {
                Role::Counted => self.finish_counted(word, &ticket, &ending),
                Role::Trial { slot } => self.finish_trial(u32::from(slot), &ticket, &ending),
                Role::Passing => self.finish_passing(word, &ticket, &ending),
            };
        if !counts {
            self.counters.stale.count();
            let outcome = match ending {
                Ending::Reported(report) => Some(report.outcome),
                Ending::Panicked => Some(Outcome::Failure),
                Ending::Dropped => None,
            };
            self.observer.on_stale(&Stale { generation: ticket.generation, outcome });
        }
    }

    /// Whether the result counted; if not, its generation was over.
    fn finish_counted(&self, word: Word, ticket: &Ticket, ending: &Ending) -> bool {
        // The only clock read of a call, and none where nothing needs it.
        let now = if self.config.needs_time() { self.clock.now() } else { Instant::ORIGIN };
        let result = match self.judge_ending(ticket, ending, now) {
            Settled::Counted(result) => result,
            other => {
                self.count_aside(other);
                return true;
            }
        };
        let generation = ticket.generation;
        let streak = self.streak_after(generation, result);
        if !self.config.needs_window() {
            self.lane.add_to_totals(result.tally());
            if result.failed {
                let verdict = policy::judge(&self.config, 0, &Tally::default(), streak);
                if let Verdict::Trip(reason) = verdict {
                    let tally = Tally::default();
                    self.trip(
                        reason,
                        &Trip { generation, now, retry_after: ending.retry_after(), tally },
                    );
                }
            }
            return true;
        }
        let is_live = || self.is_live(generation);
        let shape = self.config.shape();
        match self.lane.record(shape, generation, now, result, is_live) {
            Recorded::Overtaken => false,
            Recorded::In { stayed } => {
                let must_look = result.failed || result.slow || self.config.evaluate_every_result;
                if must_look || (self.config.has_rate() && (word.is_armed() || stayed.is_some())) {
                    let tally = self.lane.tally(shape, generation, now);
                    let trip = Trip { generation, now, retry_after: ending.retry_after(), tally };
                    self.evaluate(word, must_look, streak, stayed, trip);
                }
                true
            }
        }
    }

    fn streak_after(&self, generation: u32, result: Counted) -> u64 {
        if self.config.consecutive_failures.is_none() {
            0
        } else if result.failed {
            self.streak.fail(generation, || self.is_live(generation))
        } else {
            self.streak.succeed(generation);
            0
        }
    }

    /// Trips if the condition holds, and keeps the armed bit true to the window.
    #[cold]
    fn evaluate(
        &self,
        word: Word,
        must_look: bool,
        streak: u64,
        stayed: Option<u64>,
        mut trip: Trip,
    ) {
        let minimum = self.config.minimum(word.is_ramping());
        let mut verdict = if must_look {
            policy::judge(&self.config, minimum, &trip.tally, streak)
        } else {
            policy::judge_rates(&self.config, minimum, &trip.tally)
        };
        // A success trips only by completing the minimum. If armed, it may be one of several that
        // do so at once; else it came to look because older results have left, and what stayed says
        // whether there were too few.
        let completes = stayed.is_some_and(|stayed| stayed < minimum);
        if matches!(verdict, Verdict::Trip(_)) && !must_look && !word.is_armed() && !completes {
            return;
        }
        loop {
            let armed = match verdict {
                Verdict::Trip(reason) => return self.trip(reason, &trip),
                Verdict::TooFew => true,
                Verdict::Healthy => false,
            };
            let changed = self.circuit.change(|seen| {
                if seen.generation() != trip.generation || seen.is_armed() == armed {
                    Step::Leave
                } else {
                    Step::To(seen.with_armed(armed))
                }
            });
            if changed.is_none() {
                return;
            }
            // Who recorded before this change and saw the bit as it was relies on this look.
            trip.tally = self.lane.tally(self.config.shape(), trip.generation, trip.now);
            verdict = policy::judge_rates(&self.config, minimum, &trip.tally);
        }
    }

    #[cold]
    fn trip(&self, reason: TripReason, trip: &Trip) {
        let (mut now, mut length) = (trip.now, 0);
        let change = self.circuit.change(|word| {
            if word.generation() != trip.generation {
                return Step::Leave;
            }
            match (word.mode(), word.state()) {
                (Mode::ForcedClosed, _) if word.was_told() => Step::Leave,
                (Mode::ForcedClosed, _) => Step::To(word.with_told().with_armed(false)),
                (Mode::Auto | Mode::Shadow, State::Closed) => {
                    now = self.clock.now(); // R4
                    length = self.break_length(word, now, trip.retry_after);
                    if self.circuit.propose_until(now.plus(length), word) {
                        Step::To(word.open(self.next_generation(word)))
                    } else {
                        Step::Again
                    }
                }
                _ => Step::Leave,
            }
        });
        match change {
            Some(change) if change.after.generation() == trip.generation => {
                self.observer.on_would_trip(reason, &trip.tally);
            }
            Some(change) => {
                self.announce(change, Cause::Tripped(reason), now, Some(length), trip.tally);
            }
            None => {}
        }
    }

    /// Whether the result counted; if not, its generation or its lease was over.
    fn finish_trial(&self, slot: u32, ticket: &Ticket, ending: &Ending) -> bool {
        let now = self.clock.now();
        let settled = self.judge_ending(ticket, ending, now);
        let mut counts = false;
        let mut end = None;
        let change = self.circuit.change(|word| {
            (counts, end) = (false, None);
            if word.generation() != ticket.generation || !word.is_trial_out(slot) {
                return Step::Leave;
            }
            // Leases that are over have failed before this result came (R5).
            let lapsed = self.circuit.lapsed(word, now);
            if let Some(cause) = policy::judge_trials(&self.config, word.trials(), lapsed) {
                return self.half_open_end(word, cause, None, &mut end);
            }
            if self.circuit.lease_end(slot) <= now {
                return Step::Leave;
            }
            counts = true;
            let mut trials = word.trials();
            if let Settled::Counted(result) = settled {
                *(if result.failed { &mut trials.failed } else { &mut trials.succeeded }) += 1;
                trials.slow += u32::from(result.slow);
            }
            match policy::judge_trials(&self.config, trials, lapsed) {
                Some(cause) => self.half_open_end(word, cause, ending.retry_after(), &mut end),
                None => Step::To(word.with_trial_back(slot, trials)),
            }
        });
        if counts {
            self.count_aside(settled);
        }
        if let (Some(change), Some(end)) = (change, end) {
            self.announce(change, end.cause, end.at, end.break_length, Tally::default());
        }
        counts
    }

    /// Ends HalfOpen for a reason that was seen on `word`.
    fn end_half_open(&self, word: Word, cause: Cause) {
        let mut end = None;
        let change = self.circuit.change(|seen| {
            end = None;
            if seen == word { self.half_open_end(seen, cause, None, &mut end) } else { Step::Leave }
        });
        if let (Some(change), Some(end)) = (change, end) {
            self.announce(change, end.cause, end.at, end.break_length, Tally::default());
        }
    }

    /// The step out of HalfOpen, and what to announce if it is won.
    fn half_open_end(
        &self,
        word: Word,
        cause: Cause,
        retry_after: Option<Duration>,
        end: &mut Option<HalfOpenEnd>,
    ) -> Step {
        let (next, now) = (self.next_generation(word), self.clock.now()); // R4
        if cause == Cause::TrialsPassed {
            *end = Some(HalfOpenEnd { cause, at: now, break_length: None });
            return match self.config.recovery {
                None => Step::To(word.closed(next)),
                Some(recovery) if self.circuit.propose_until(now.plus(recovery.length()), word) => {
                    Step::To(word.ramping(next))
                }
                Some(_) => Step::Again,
            };
        }
        let length = self.break_length(word, now, retry_after);
        if !self.circuit.propose_until(now.plus(length), word) {
            return Step::Again;
        }
        *end = Some(HalfOpenEnd { cause, at: now, break_length: Some(length) });
        Step::To(word.open(next))
    }

    /// Counts what decides nothing.
    fn finish_passing(&self, word: Word, ticket: &Ticket, ending: &Ending) -> bool {
        let settled = if word.mode() == Mode::Disabled {
            Settled::Ignored
        } else {
            let needs_time = self.config.slow_call_duration.is_some();
            let now = if needs_time { self.clock.now() } else { Instant::ORIGIN };
            self.judge_ending(ticket, ending, now)
        };
        self.count_aside(settled);
        true
    }

    /// Counts a result in the totals without a window.
    fn count_aside(&self, settled: Settled) {
        match settled {
            Settled::Counted(result) => self.lane.add_to_totals(result.tally()),
            Settled::Ignored => {
                self.counters.ignored.count();
            }
            Settled::Cancelled => {
                self.counters.cancelled.count();
            }
        }
    }

    fn judge_ending(&self, ticket: &Ticket, ending: &Ending, now: Instant) -> Settled {
        let slow =
            self.config.slow_call_duration.is_some_and(|limit| now.since(ticket.started) > limit);
        let outcome = match (ending, self.config.cancelled_as) {
            (Ending::Reported(report), _) => report.outcome,
            (Ending::Panicked, _) => Outcome::Failure,
            (Ending::Dropped, Some(Outcome::Ignored)) => return Settled::Cancelled,
            (Ending::Dropped, Some(outcome)) => outcome,
            (Ending::Dropped, None) if slow => Outcome::Failure,
            (Ending::Dropped, None) => return Settled::Cancelled,
        };
        match outcome {
            Outcome::Success => Settled::Counted(Counted { failed: false, slow }),
            Outcome::Failure => Settled::Counted(Counted { failed: true, slow }),
            Outcome::Ignored => Settled::Ignored,
        }
    }
}

/// Changes.
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    fn set_mode(&self, mode: Mode) {
        let change = self.circuit.change(|word| {
            if word.mode() == mode {
                Step::Leave
            } else {
                Step::To(word.with_mode(mode, self.next_generation(word)))
            }
        });
        if let Some(change) = change {
            self.announce(change, Cause::Mode, self.clock.now(), None, Tally::default());
        }
    }

    fn is_live(&self, generation: u32) -> bool {
        self.circuit.load().generation() == generation
    }

    /// The next number that neither the window nor the streak still uses (R6).
    ///
    /// Between this look and the swap they can only come to hold results of `word`'s own
    /// generation, so the number stays free.
    fn next_generation(&self, word: Word) -> u32 {
        let mut next = Word::generation_after(word.generation());
        while self.lane.holds(next) || self.streak.holds(next) {
            next = Word::generation_after(next);
        }
        next
    }

    fn break_length(&self, word: Word, now: Instant, retry_after: Option<Duration>) -> u64 {
        let chance = policy::chance(now, word.generation(), core::ptr::from_ref(self).addr());
        policy::break_length(&self.config, word.reopens_if_opened(), retry_after, chance)
    }

    fn announce(
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

impl Ending {
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Reported(Report { outcome: Outcome::Failure, retry_after }) => *retry_after,
            _ => None,
        }
    }
}

fn by_result<T, E>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

impl<C, O, const BUCKETS: usize> fmt::Debug for CircuitBreaker<C, O, BUCKETS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.circuit.load();
        f.debug_struct("CircuitBreaker")
            .field("state", &word.effective_state())
            .field("mode", &word.mode())
            .finish_non_exhaustive()
    }
}
