//! `CircuitBreaker`: the verbs. It composes what the other files know, and alone knows them all.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::error::{Error, Rejected};
use crate::observe::{Cause, Observer};
use crate::permit::{Outcome, Permit, Report, Role, Ticket};
use crate::seldom::Seldom;
use crate::settings::{Plan, Settings};
#[cfg(fuzzing)]
use crate::state::Word;
use crate::state::{Circuit, Mode, State, Step};
use crate::streak::Streak;
use crate::sync::const_fn;
use crate::time::{Clock, Instant, nanos};
use crate::totals::Totals;
use crate::window::{Lanes, Tally};

mod admission;
mod change;
mod observing;
mod reconfigure;
mod saving;
mod settlement;

pub(crate) use settlement::Ending;

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
/// a thread that is suspended anywhere holds up nobody. Without the feature `alloc` nothing allocates;
/// with it two things do, once in a breaker's life each: lanes that grow, and the place of what few
/// breakers need, which the first trial makes, or the first call that is ignored, cancelled, stale or
/// slow. A call that sees a state also sees everything that was done before the
/// state came about; results that two threads settle at the same moment may be counted in either
/// order.
///
/// # Type parameters
///
/// `C` tells the time. `O` hears of changes. `BUCKETS` is the room for the window's buckets. `LANES`
/// is how many copies of the counters there are, so that calls that end at the same time, on
/// different cores, do not wait for each other's cache line; [`Clock::lane`] says who uses which.
/// Lanes lie side by side: room for four buckets more than the window has keeps those of two lanes
/// a cache line of 64 bytes apart. A type without a lane does not compile.
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
#[repr(C)] // what every call reads comes first, far from what it writes
pub struct CircuitBreaker<C, O = (), const BUCKETS: usize = 10, const LANES: usize = 1> {
    circuit: Circuit,
    settings: Settings,
    clock: C,
    observer: O,
    streak: Streak,
    seldom: Seldom,
    lanes: Lanes<BUCKETS, LANES>,
}

/// A breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
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
            const {
                assert!(LANES > 0, "LANES: a breaker has at least one lane");
                assert!(BUCKETS < 1 << 26, "BUCKETS: a breaker has room for less than 2^26");
            }
            if let Err(error) = config.validate(BUCKETS) {
                panic!("{}", error.message());
            }
            Self {
                circuit: Circuit::new(),
                lanes: Lanes::new(),
                streak: Streak::new(),
                seldom: Seldom::new(),
                settings: Settings::new(&config),
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
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Runs `call` if the circuit admits it; `Err` is a failure.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the circuit refused, [`Error::Inner`] with the error of `call`.
    ///
    /// # Panics
    ///
    /// If `call` panics, that counts as a failure and goes on.
    #[inline]
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
    #[inline]
    pub fn call_with<T, E, R: Into<Report>>(
        &self,
        call: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> R,
    ) -> Result<T, Error<E>> {
        let ticket = match self.admit() {
            Ok(ticket) => ticket,
            Err(rejected) => return Err(Error::Rejected(rejected)),
        };
        let mut permit = Permit::new(self, ticket);
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
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Admits a call, to be settled by the permit.
    ///
    /// # Errors
    ///
    /// If the circuit refuses.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, C, O, BUCKETS, LANES>, Rejected> {
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
        if word.is_plainly_closed() && !self.settings.plan().measures() {
            Ok(Ticket::new(UNTIMED, word.generation(), Role::Counted))
        } else {
            self.admit_by_state(word)
        }
    }

    /// Ends the call of `ticket` with its outcome.
    ///
    /// A ticket of another breaker is not recognised as such: it counts here as if it were ours.
    #[inline]
    pub fn settle(&self, ticket: Ticket, report: impl Into<Report>) {
        let mut permit = Permit::new(self, ticket);
        permit.in_call = true;
        permit.settle(report);
    }

    /// Ends the call of `ticket` as one that was given up, as a dropped [`Permit`] does.
    pub fn cancel(&self, ticket: Ticket) {
        self.finish_unsettled(&ticket, Ending::Dropped);
    }
}

/// # Forcing
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
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

    /// Opens the circuit for `duration`, or for 365 days if that is less; then trials decide, as after
    /// any break.
    ///
    /// For a dependency that is known to be down until some time, as during its maintenance. It is no
    /// reopening, and an open circuit is opened anew. The mode stays: a circuit that is forced closed
    /// or disabled flows until it is released.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, ManualClock};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// breaker.open_for(Duration::from_secs(600));
    /// let refusal = breaker.try_acquire().unwrap_err();
    /// assert_eq!(refusal.retry_after(), Some(Duration::from_secs(600)));
    /// breaker.clock().advance(Duration::from_secs(600));
    /// assert!(breaker.try_acquire().unwrap().is_trial());
    /// ```
    pub fn open_for(&self, duration: Duration) {
        const LONGEST: u64 = 365 * 24 * 60 * 60 * 1_000_000_000;
        let length = nanos(duration).min(LONGEST);
        let mut now = Instant::ORIGIN;
        let change = self.circuit.change(|word| {
            now = self.now(); // R4
            if self.circuit.propose_until(now.plus(length), word) {
                Step::To(word.opened(self.next_generation(word)))
            } else {
                Step::Again
            }
        });
        if let Some(change) = change {
            self.announce(change, Cause::Opened, now, Some(length), Tally::default());
        }
    }

    /// Closes the circuit, releases it, and forgets window, streak and backoff. The totals stay.
    pub fn reset(&self) {
        let change = self.circuit.change(|word| {
            let next = self.next_generation(word);
            Step::To(word.closed(next).with_mode(Mode::Auto, next))
        });
        if let Some(change) = change {
            self.announce(change, Cause::Reset, self.now(), None, Tally::default());
        }
    }
}

/// For the fuzzer alone.
#[cfg(fuzzing)]
impl<C: Clock, O: Observer, const BUCKETS: usize, const LANES: usize>
    CircuitBreaker<C, O, BUCKETS, LANES>
{
    /// Puts any 64 bits in place of the state word.
    #[doc(hidden)]
    pub fn set_word(&self, bits: u64) {
        let _ = self.circuit.change(|_| Step::To(Word::from_bits(bits)));
    }
}

impl<C: Clock, O, const BUCKETS: usize, const LANES: usize> CircuitBreaker<C, O, BUCKETS, LANES> {
    /// The time, as finely as the settings need it.
    fn now(&self) -> Instant {
        self.read_clock(self.settings.plan())
    }

    /// The time, as finely as `plan` needs it. All that this breaker is told comes from here.
    #[inline]
    fn read_clock(&self, plan: Plan) -> Instant {
        if plan.is_coarse() { self.clock.now_coarse() } else { self.clock.now() }
    }
}

/// When a call starts whose length nobody asks for: so late that it is never slow.
const UNTIMED: Instant = Instant::from_nanos(u64::MAX);

#[inline]
fn by_result<T, E>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

impl<C, O, const BUCKETS: usize, const LANES: usize> fmt::Debug
    for CircuitBreaker<C, O, BUCKETS, LANES>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.circuit.load();
        f.debug_struct("CircuitBreaker")
            .field("state", &word.effective_state())
            .field("mode", &word.mode())
            .finish_non_exhaustive()
    }
}
