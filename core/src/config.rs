//! `Config`: every knob of a breaker.

mod getters;
mod parts;
mod validate;

#[cfg(doc)]
use crate::config_error::ConfigError;
pub use parts::{Backoff, SlowStart, Window};

use core::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use core::time::Duration;

use crate::outcome::Outcome;
use crate::rate::Rate;
use crate::time::nanos;
use crate::window::Tally;
use parts::Span;

const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;
pub(crate) const DAY: u64 = 24 * 60 * 60 * SECOND;

/// How the trials of a half-open circuit decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HalfOpenRule {
    /// The first trial that fails reopens; as many successes as there are trials close. Where
    /// [`slow_call_rate`](Config::slow_call_rate) is set, a trial that is slow has failed.
    FirstFailure,
    /// When all trials are settled, their failure rate and slow-call rate decide as in Closed.
    Rate,
}

/// The settings of a breaker. The value is its own builder.
///
/// Any of the trip conditions opens a closed circuit; [`Config::new`] sets the failure rate and a
/// row of failures.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{CircuitBreaker, Config, ManualClock, Rate, Window};
///
/// const CONFIG: Config = Config::new()
///     .failure_rate(Rate::percent(20))
///     .window(Window::time(Duration::from_secs(10)))
///     .minimum_throughput(50)
///     .break_duration(Duration::from_secs(5));
///
/// static PAYMENTS: CircuitBreaker<ManualClock> =
///     CircuitBreaker::with_clock(CONFIG, ManualClock::new());
/// # assert!(PAYMENTS.call(|| Ok::<_, ()>(())).is_ok());
/// ```
///
/// A setting out of its range is a [`ConfigError`] at run time, and in a `static` it does not
/// compile:
///
/// ```compile_fail
/// # use cutout_core::{CircuitBreaker, Config, ManualClock};
/// static RADIO: CircuitBreaker<ManualClock> =
///     CircuitBreaker::with_clock(Config::new().trials(0), ManualClock::new());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(crate) failure_rate: Option<Rate>,
    pub(crate) slow_call_rate: Option<Rate>,
    pub(crate) slow_call_duration: Option<NonZeroU64>,
    pub(crate) minimum_throughput: u32,
    pub(crate) window: Window,
    pub(crate) consecutive_failures: Option<NonZeroU32>,
    pub(crate) failure_count: Option<NonZeroU32>,
    pub(crate) trip_when: Option<fn(&Tally) -> bool>,
    pub(crate) evaluate_every_result: bool,
    pub(crate) cancelled_as: Option<Outcome>,
    pub(crate) break_duration: u64,
    pub(crate) break_backoff: Option<Backoff>,
    pub(crate) break_jitter: Option<Rate>,
    pub(crate) trials: u8,
    pub(crate) minimum_trials: Option<NonZeroU8>,
    pub(crate) half_open_rule: HalfOpenRule,
    pub(crate) trial_timeout: u64,
    pub(crate) slow_start: Option<SlowStart>,
}

/// # What opens the circuit
impl Config {
    /// The defaults: 50 % failures over 30 s in 10 buckets, at least 20 results, or 20 failures in
    /// a row; a break of 30 s; 3 trials of which the first failure reopens, each given 60 s.
    ///
    /// The row is for a dependency that stops working at once: behind a window full of successes
    /// the rate needs up to half of its length to see that.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            failure_rate: Some(Rate::percent(50)),
            slow_call_rate: None,
            slow_call_duration: None,
            minimum_throughput: 20,
            window: Window(Span::Time { length: 30 * SECOND, buckets: 10 }),
            consecutive_failures: Some(or_one(20)),
            failure_count: None,
            trip_when: None,
            evaluate_every_result: false,
            cancelled_as: None,
            break_duration: 30 * SECOND,
            break_backoff: None,
            break_jitter: None,
            trials: 3,
            minimum_trials: None,
            half_open_rule: HalfOpenRule::FirstFailure,
            trial_timeout: 60 * SECOND,
            slow_start: None,
        }
    }

    /// Opens when at least this share of the results in the window are failures, once there are
    /// [`minimum_throughput`](Self::minimum_throughput) of them.
    ///
    /// Default: 50 %. Allowed: above 0 %, up to 100 %.
    #[must_use]
    pub const fn failure_rate(mut self, rate: Rate) -> Self {
        self.failure_rate = Some(rate);
        self
    }

    /// Leaves the failure rate out of the trip condition.
    #[must_use]
    pub const fn without_failure_rate(mut self) -> Self {
        self.failure_rate = None;
        self
    }

    /// Opens when at least this share of the results in the window are slow, once there are
    /// [`minimum_throughput`](Self::minimum_throughput) of them.
    ///
    /// Default: off. Allowed: above 0 %, up to 100 %; needs
    /// [`slow_call_duration`](Self::slow_call_duration).
    #[must_use]
    pub const fn slow_call_rate(mut self, rate: Rate) -> Self {
        self.slow_call_rate = Some(rate);
        self
    }

    /// A call is slow when it took longer than this, whether it succeeded or failed.
    ///
    /// Measuring it reads the clock at the start of each call too. A call that is dropped after
    /// this time counts as a slow failure, unless [`cancelled_as`](Self::cancelled_as) says
    /// otherwise.
    ///
    /// Default: not measured. Allowed: 1 µs to 1 day.
    #[must_use]
    pub const fn slow_call_duration(mut self, duration: Duration) -> Self {
        self.slow_call_duration = Some(or_one_long(nanos(duration)));
        self
    }

    /// How many results the window must hold before a rate means anything.
    ///
    /// It does not hold back [`consecutive_failures`](Self::consecutive_failures),
    /// [`failure_count`](Self::failure_count) or [`trip_when`](Self::trip_when).
    ///
    /// Default: 20. Allowed: 1 to 8,192.
    #[must_use]
    pub const fn minimum_throughput(mut self, results: u32) -> Self {
        self.minimum_throughput = results;
        self
    }

    /// Over what span results are counted. See [`Window`].
    ///
    /// Each time that the circuit closes, it starts with an empty window.
    ///
    /// Default: 30 s in 10 buckets.
    #[must_use]
    pub const fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Opens after this many failures in a row. A success ends the row, an ignored result does not.
    ///
    /// Where this is the only condition, no window is kept and a healthy call reads no clock.
    ///
    /// A row of six or more may be longer by some failures where threads were seen to contend
    /// (feature `alloc`): each thread then keeps the first failures after a success of its own to
    /// itself, a sixth of the row, three at most. The circuit never opens by a shorter row.
    ///
    /// If 1 % of the calls of a healthy dependency fail, independently of each other, a row of 20
    /// is not to be expected in the age of the universe; if a third fail, it begins with 3 of 10^10
    /// calls.
    ///
    /// Default: 20, as many as the [`minimum_throughput`](Self::minimum_throughput). Allowed: 1 to
    /// 1,000,000.
    #[must_use]
    pub const fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = Some(or_most(failures));
        self
    }

    /// Leaves failures in a row out of the trip condition.
    #[must_use]
    pub const fn without_consecutive_failures(mut self) -> Self {
        self.consecutive_failures = None;
        self
    }

    /// Opens when the window holds this many failures, however many successes it holds.
    ///
    /// A bucket that has counted 16,383 results of a kind halves its counts, so beyond that rate of
    /// traffic this counts low; the rates do not mind.
    ///
    /// Default: off. Allowed: 1 to 8,192.
    #[must_use]
    pub const fn failure_count(mut self, failures: u32) -> Self {
        self.failure_count = Some(or_most(failures));
        self
    }

    /// Opens when this says so of the window. It is asked after each failure and each slow result,
    /// and where [`evaluate_every_result`](Self::evaluate_every_result) is set after each success
    /// as well, with no minimum but its own.
    ///
    /// Default: off.
    ///
    /// # Panics
    ///
    /// A condition that panics opens nothing. The result that it was asked about is counted and
    /// told of, and the panic goes up to whoever settled the call. If that was done by the panic of
    /// the call itself, the panic of the condition stops there: the process does not end (feature
    /// `std`, which `cutout` enables; without it, two panics at once end the program).
    #[must_use]
    pub const fn trip_when(mut self, condition: fn(&Tally) -> bool) -> Self {
        self.trip_when = Some(condition);
        self
    }

    /// Evaluates each success as well, not only failures, slow results, and the success that
    /// completes the minimum.
    ///
    /// A rate also rises when old successes leave the window; by default the next failure notices.
    /// With this, the next result of any kind does, at the price of summing the window on every
    /// call.
    ///
    /// Default: off.
    #[must_use]
    pub const fn evaluate_every_result(mut self, every: bool) -> Self {
        self.evaluate_every_result = every;
        self
    }

    /// What a call that is dropped unfinished counts as, however long it ran.
    ///
    /// [`Outcome::Ignored`] never counts it. By default it counts for nothing, unless slow calls
    /// are measured and it had run longer than [`slow_call_duration`](Self::slow_call_duration):
    /// then a timeout somewhere outside gave up on it, and it is a slow failure.
    #[must_use]
    pub const fn cancelled_as(mut self, outcome: Outcome) -> Self {
        self.cancelled_as = Some(outcome);
        self
    }
}

/// # What happens then
impl Config {
    /// How long an open circuit refuses calls. The first call at the end of it is a trial.
    ///
    /// Default: 30 s. Allowed: 1 ms to 365 days.
    #[must_use]
    pub const fn break_duration(mut self, duration: Duration) -> Self {
        self.break_duration = nanos(duration);
        self
    }

    /// Lengthens the break on each reopening in a row.
    ///
    /// A circuit reopens if a trial fails or its timeout ends, if it opens during its
    /// [`slow_start`](Self::slow_start), and if it opens before it was closed for as long as its
    /// last break was. So flapping grows the break, and a circuit that holds starts over.
    ///
    /// The cap also bounds what a server's `retry_after` may ask for. Without a backoff that bound
    /// is 5 minutes, or the break's own length if that is more.
    ///
    /// Default: every break the same. Allowed: a multiplier of 100 % to 10,000 %, a cap from the
    /// length of the break to 365 days.
    #[must_use]
    pub const fn break_backoff(mut self, backoff: Backoff) -> Self {
        self.break_backoff = Some(backoff);
        self
    }

    /// Shortens each break by a random share of up to this much, so that many clients of one
    /// server do not all come back at once. A break that a server's `retry_after` has set is not
    /// shortened but lengthened by such a share, also where that takes it above the cap.
    ///
    /// Default: off. Allowed: up to 50 %.
    #[must_use]
    pub const fn break_jitter(mut self, share: Rate) -> Self {
        self.break_jitter = Some(share);
        self
    }

    /// How many calls a half-open circuit admits to judge by.
    ///
    /// Default: 3. Allowed: 1 to 16.
    #[must_use]
    pub const fn trials(mut self, trials: u32) -> Self {
        self.trials = short(trials);
        self
    }

    /// How the trials decide.
    ///
    /// [`HalfOpenRule::Rate`] needs a failure rate or a slow-call rate to decide by.
    ///
    /// Default: [`HalfOpenRule::FirstFailure`].
    #[must_use]
    pub const fn half_open_rule(mut self, rule: HalfOpenRule) -> Self {
        self.half_open_rule = rule;
        self
    }

    /// Decides by rate as soon as this many trials are settled, without waiting for the others.
    ///
    /// It has a meaning under [`HalfOpenRule::Rate`] only.
    ///
    /// Default: as many as there are [`trials`](Self::trials). Allowed: 1 to that many.
    #[must_use]
    pub const fn minimum_trials(mut self, trials: u32) -> Self {
        self.minimum_trials = match NonZeroU8::new(short(trials)) {
            Some(trials) => Some(trials),
            None => Some(NonZeroU8::MAX),
        };
        self
    }

    /// How long a trial may take. One that is not settled by then counts as failed, so a trial that
    /// never comes back cannot keep the circuit half-open.
    ///
    /// It should be longer than the timeout of the calls.
    ///
    /// Default: 60 s. Allowed: 1 ms to 1 day.
    #[must_use]
    pub const fn trial_timeout(mut self, timeout: Duration) -> Self {
        self.trial_timeout = nanos(timeout);
        self
    }

    /// Takes up the load in stages after closing, instead of all at once. See [`SlowStart`].
    ///
    /// Default: off.
    #[must_use]
    pub const fn slow_start(mut self, slow_start: SlowStart) -> Self {
        self.slow_start = Some(slow_start);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

// The settings are kept in as few bytes as they need: 0 and what does not fit become another number
// that `validate` refuses in the same words.

const fn or_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

const fn or_one_long(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

const fn or_most(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MAX,
    }
}

#[allow(clippy::cast_possible_truncation)] // bounded in the same line
const fn short(number: u32) -> u8 {
    if number < u8::MAX as u32 { number as u8 } else { u8::MAX }
}
