//! `Config`: every knob of a breaker, checked in one place.

use core::fmt;
use core::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use core::time::Duration;

use crate::permit::Outcome;
use crate::rate::Rate;
use crate::state::MAX_TRIALS;
use crate::time::nanos;
use crate::window::{Grid, MAX_RESULTS_A_WORD, Ring, Shape, Tally};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const DAY: u64 = 24 * 60 * 60 * SECOND;

/// The narrowest bucket; `window` relies on it (W5).
const MIN_BUCKET: u64 = MILLISECOND / 10;

/// As many results as a bucket is sure to hold after it halved.
const MAX_COUNT: u32 = 8_192;

/// Over what span results are counted.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Config, Window};
///
/// let by_time = Config::new().window(Window::time(Duration::from_secs(10)).in_buckets(5));
/// let by_count = Config::new().window(Window::count(100));
/// # let _ = (by_time, by_count);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Window(Span);

#[derive(Clone, Copy, Debug)]
enum Span {
    Time { length: u64, buckets: u32 },
    Count { results: u32 },
}

impl Window {
    /// A window over the last `length` of time, in 10 buckets.
    ///
    /// Buckets lie on a fixed grid, and the one in progress belongs to the window: it covers
    /// between nine tenths and all of `length`. Allowed are 1 ms to 1 day.
    #[must_use]
    pub const fn time(length: Duration) -> Self {
        Self(Span::Time { length: nanos(length), buckets: 10 })
    }

    /// A window over the last `results` results, exactly, however old they are.
    ///
    /// A healthy call then reads no clock. Allowed are 1 to 20 for each bucket that the breaker has
    /// room for: 200 unless its type says otherwise. It should hold no fewer than
    /// [`minimum_throughput`](Config::minimum_throughput), or no rate would ever count.
    #[must_use]
    pub const fn count(results: u32) -> Self {
        Self(Span::Count { results })
    }

    /// The same window over time in `buckets` buckets: 1 to as many as the breaker has room for, 10
    /// unless its type says otherwise, and none narrower than 100 µs. A window over a count of
    /// results has no buckets, and is left as it is.
    ///
    /// More buckets make the edge of the window finer; a breaker's size and the price of a failure
    /// grow with them. With a single bucket the window does not slide: it starts over whenever
    /// its length has passed.
    #[must_use]
    pub const fn in_buckets(self, buckets: u32) -> Self {
        match self.0 {
            Span::Time { length, .. } => Self(Span::Time { length, buckets }),
            Span::Count { .. } => self,
        }
    }
}

/// How a break grows each time that a circuit reopens.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Backoff, Config};
///
/// // 1 s, 2 s, 4 s and so on, but never above a minute.
/// let config = Config::new()
///     .break_duration(Duration::from_secs(1))
///     .break_backoff(Backoff::doubling(Duration::from_secs(60)));
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    pub(crate) percent: NonZeroU32,
    pub(crate) cap: u64,
}

impl Backoff {
    /// Each break twice as long as the last, up to `cap`.
    #[must_use]
    pub const fn doubling(cap: Duration) -> Self {
        Self::percent(200, cap)
    }

    /// Each break `percent` hundredths of the last, up to `cap`: 150 grows it by half.
    ///
    /// Allowed are 100 to 10,000.
    #[must_use]
    pub const fn percent(percent: u32, cap: Duration) -> Self {
        Self { percent: or_one(percent), cap: nanos(cap) }
    }
}

/// How a circuit that has just closed takes up its load again.
///
/// In three stages of equal length it admits a growing share of the calls, evenly spread; then
/// all. Meanwhile the rates count from as many results on as there are
/// [`trials`](Config::trials), so that it reopens at once if the dependency cannot carry the load,
/// and that counts as reopening in a row. The end of the last stage starts a generation.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{Config, Rate, Recovery};
///
/// let config = Config::new().recovery(
///     Recovery::in_stages_of(Duration::from_secs(2))
///         .shares([Rate::percent(5), Rate::percent(20), Rate::percent(60)]),
/// );
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    pub(crate) stage: NonZeroU64,
    pub(crate) shares: [Rate; 3],
}

impl Recovery {
    /// Three stages, each this long, of 10 %, 25 % and 50 %. Allowed are 1 ms to 1 day.
    #[must_use]
    pub const fn in_stages_of(stage: Duration) -> Self {
        Self {
            stage: or_one_long(nanos(stage)),
            shares: [Rate::percent(10), Rate::percent(25), Rate::percent(50)],
        }
    }

    /// The same stages with other shares: above 0 %, and none below the one before.
    #[must_use]
    pub const fn shares(mut self, shares: [Rate; 3]) -> Self {
        self.shares = shares;
        self
    }

    /// How long all stages take together.
    pub(crate) const fn length(self) -> u64 {
        self.stage.get() * self.shares.len() as u64
    }

    /// The share that is admitted `left` nanoseconds before the end.
    #[allow(clippy::cast_possible_truncation)] // at most as many as there are shares
    pub(crate) const fn share(self, left: u64) -> Rate {
        let stages_left = left.div_ceil(self.stage.get()) as usize;
        self.shares[self.shares.len().saturating_sub(stages_left)]
    }
}

/// How the trials of a half-open circuit decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HalfOpenRule {
    /// The first trial that fails reopens; as many successes as there are trials close.
    FirstFailure,
    /// When all trials are settled, their failure rate and slow-call rate decide as in Closed.
    Rate,
}

/// The settings of a breaker. The value is its own builder.
///
/// Any of the trip conditions opens a closed circuit; [`Config::new`] sets the failure rate alone.
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
    pub(crate) recovery: Option<Recovery>,
}

/// # What opens the circuit
impl Config {
    /// The defaults: 50 % failures over 30 s in 10 buckets, at least 20 results; a break of 30 s;
    /// 3 trials of which the first failure reopens, each given 60 s.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            failure_rate: Some(Rate::percent(50)),
            slow_call_rate: None,
            slow_call_duration: None,
            minimum_throughput: 20,
            window: Window(Span::Time { length: 30 * SECOND, buckets: 10 }),
            consecutive_failures: None,
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
            recovery: None,
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
    /// Default: off. Allowed: 1 to 1,000,000.
    #[must_use]
    pub const fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = Some(or_most(failures));
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
    /// with no minimum but its own.
    ///
    /// Default: off.
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

    /// Lengthens the break on each reopening in a row; closing starts over.
    ///
    /// The cap also bounds what a server's `retry_after` may ask for. Without a backoff that bound
    /// is 5 minutes, or the break's own length if that is more.
    ///
    /// Default: every break the same. Allowed: a factor of 100 % to 10,000 %, a cap from the length
    /// of the break to 365 days.
    #[must_use]
    pub const fn break_backoff(mut self, backoff: Backoff) -> Self {
        self.break_backoff = Some(backoff);
        self
    }

    /// Shortens each break by a random share of up to this much, so that many clients of one
    /// server do not all come back at once. What a server asked for by `retry_after` is kept.
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

    /// Takes up the load in stages after closing, instead of all at once. See [`Recovery`].
    ///
    /// Default: off.
    #[must_use]
    pub const fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// Checks every setting; `room` is how many buckets the breaker has.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub(crate) const fn validate(&self, room: usize) -> Result<(), ConfigError> {
        if is_out(self.failure_rate) {
            return Err(ConfigError::FailureRate);
        }
        if is_out(self.slow_call_rate) {
            return Err(ConfigError::SlowCallRate);
        }
        match self.slow_call_duration {
            Some(duration) if duration.get() < 1_000 || duration.get() > DAY => {
                return Err(ConfigError::SlowCallDuration);
            }
            None if self.slow_call_rate.is_some() => {
                return Err(ConfigError::SlowCallRateWithoutDuration);
            }
            _ => {}
        }
        if self.minimum_throughput < 1 || self.minimum_throughput > MAX_COUNT {
            return Err(ConfigError::MinimumThroughput);
        }
        match self.window.0 {
            Span::Time { length, .. } if length < MILLISECOND || length > DAY => {
                return Err(ConfigError::Window);
            }
            Span::Time { length, buckets }
                if buckets < 1
                    || buckets as usize > room
                    || length / (buckets as u64) < MIN_BUCKET =>
            {
                return Err(ConfigError::Buckets);
            }
            Span::Count { results }
                if results < 1 || results as usize > room * MAX_RESULTS_A_WORD as usize =>
            {
                return Err(ConfigError::WindowResults);
            }
            Span::Count { results } if self.has_rate() && results < self.minimum_throughput => {
                return Err(ConfigError::MinimumOverWindow);
            }
            _ => {}
        }
        match self.consecutive_failures {
            Some(failures) if failures.get() > 1_000_000 => {
                return Err(ConfigError::ConsecutiveFailures);
            }
            _ => {}
        }
        match self.failure_count {
            Some(failures) if failures.get() > MAX_COUNT => {
                return Err(ConfigError::FailureCount);
            }
            _ => {}
        }
        if self.break_duration < MILLISECOND || self.break_duration > 365 * DAY {
            return Err(ConfigError::BreakDuration);
        }
        match self.break_backoff {
            Some(backoff) if backoff.percent.get() < 100 || backoff.percent.get() > 10_000 => {
                return Err(ConfigError::BackoffFactor);
            }
            Some(backoff) if backoff.cap < self.break_duration || backoff.cap > 365 * DAY => {
                return Err(ConfigError::BackoffCap);
            }
            _ => {}
        }
        match self.break_jitter {
            Some(share) if share.basis_points() > 5_000 => return Err(ConfigError::BreakJitter),
            _ => {}
        }
        if self.trials < 1 || self.trials as u32 > MAX_TRIALS {
            return Err(ConfigError::Trials);
        }
        match self.minimum_trials {
            Some(trials) if trials.get() > self.trials => {
                return Err(ConfigError::MinimumTrials);
            }
            _ => {}
        }
        if matches!(self.half_open_rule, HalfOpenRule::Rate)
            && self.failure_rate.is_none()
            && self.slow_call_rate.is_none()
        {
            return Err(ConfigError::HalfOpenRule);
        }
        if self.trial_timeout < MILLISECOND || self.trial_timeout > DAY {
            return Err(ConfigError::TrialTimeout);
        }
        if let Some(recovery) = self.recovery {
            if recovery.stage.get() < MILLISECOND || recovery.stage.get() > DAY {
                return Err(ConfigError::RecoveryStage);
            }
            let [first, second, third] = recovery.shares;
            if first.basis_points() == 0
                || second.basis_points() < first.basis_points()
                || third.basis_points() < second.basis_points()
            {
                return Err(ConfigError::RecoveryShares);
            }
        }
        Ok(())
    }

    /// How the window is laid out; `validate` has seen to it that there is a bucket.
    pub(crate) const fn shape(&self) -> Shape {
        match self.window.0 {
            Span::Time { length, buckets } => {
                Shape::Time(Grid::new(length / buckets as u64, buckets))
            }
            Span::Count { results } => Shape::Count(Ring::new(results)),
        }
    }

    /// Whether the result of a closed circuit has to be told the time.
    pub(crate) const fn needs_time(&self) -> bool {
        self.slow_call_duration.is_some()
            || (self.needs_window() && matches!(self.window.0, Span::Time { .. }))
    }

    /// Whether any condition looks at the window.
    pub(crate) const fn needs_window(&self) -> bool {
        self.has_rate() || self.failure_count.is_some() || self.trip_when.is_some()
    }

    /// How many results make a rate count.
    pub(crate) const fn minimum(&self, ramping: bool) -> u64 {
        let minimum = if ramping && (self.trials as u32) < self.minimum_throughput {
            self.trials as u32
        } else {
            self.minimum_throughput
        };
        minimum as u64
    }

    /// Whether a success can complete the minimum of a rate that is already over.
    pub(crate) const fn has_rate(&self) -> bool {
        self.failure_rate.is_some() || self.slow_call_rate.is_some()
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

/// A threshold of 0 % would be reached by a healthy dependency.
const fn is_out(rate: Option<Rate>) -> bool {
    matches!(rate, Some(rate) if rate.basis_points() == 0)
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! config_errors {
    ($($(#[$doc:meta])* $name:ident: $message:literal,)*) => {
        /// A setting out of its range. The message names the setting and what is allowed.
        ///
        /// # Examples
        ///
        /// ```
        /// use cutout_core::{CircuitBreaker, Config, ConfigError, ManualClock};
        ///
        /// let error = CircuitBreaker::try_with_clock(Config::new().trials(17), ManualClock::new())
        ///     .unwrap_err();
        /// assert_eq!(error, ConfigError::Trials);
        /// assert_eq!(error.to_string(), "trials: must be 1 to 16");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ConfigError {
            $($(#[$doc])* $name,)*
        }

        impl ConfigError {
            pub(crate) const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }
        }
    };
}

config_errors! {
    /// A [`Rate`] above 100 %.
    Rate: "rate: must be 0 % to 100 %",
    /// [`Config::failure_rate`].
    FailureRate: "failure_rate: must be above 0 %, up to 100 %",
    /// [`Config::slow_call_rate`].
    SlowCallRate: "slow_call_rate: must be above 0 %, up to 100 %",
    /// [`Config::slow_call_rate`] without [`Config::slow_call_duration`].
    SlowCallRateWithoutDuration: "slow_call_rate: needs slow_call_duration to be set",
    /// [`Config::slow_call_duration`].
    SlowCallDuration: "slow_call_duration: must be 1 µs to 1 day",
    /// [`Config::minimum_throughput`].
    MinimumThroughput: "minimum_throughput: must be 1 to 8192",
    /// [`Config::window`]: its length.
    Window: "window: must be 1 ms to 1 day long",
    /// [`Config::window`]: its buckets.
    Buckets: "window: must have 1 bucket to as many as the breaker has room for (10 unless its \
              type says otherwise), each at least 100 µs wide",
    /// [`Config::window`]: how many results it holds.
    WindowResults: "window: must hold 1 result to as many as the breaker has room for (20 for each \
                    of its buckets: 200 unless its type says otherwise)",
    /// [`Config::window`] by count, and [`Config::minimum_throughput`].
    MinimumOverWindow: "minimum_throughput: must not be more than the results that the window holds",
    /// [`Config::consecutive_failures`].
    ConsecutiveFailures: "consecutive_failures: must be 1 to 1000000",
    /// [`Config::failure_count`].
    FailureCount: "failure_count: must be 1 to 8192",
    /// [`Config::break_duration`].
    BreakDuration: "break_duration: must be 1 ms to 365 days",
    /// [`Config::break_backoff`]: its factor.
    BackoffFactor: "break_backoff: the factor must be 100 % to 10000 %",
    /// [`Config::break_backoff`]: its cap.
    BackoffCap: "break_backoff: the cap must be break_duration to 365 days",
    /// [`Config::break_jitter`].
    BreakJitter: "break_jitter: must be 0 % to 50 %",
    /// [`Config::trials`].
    Trials: "trials: must be 1 to 16",
    /// [`Config::minimum_trials`].
    MinimumTrials: "minimum_trials: must be 1 to the number of trials",
    /// [`Config::half_open_rule`].
    HalfOpenRule: "half_open_rule: Rate needs failure_rate or slow_call_rate to be set",
    /// [`Config::trial_timeout`].
    TrialTimeout: "trial_timeout: must be 1 ms to 1 day",
    /// [`Config::recovery`]: the length of its stages.
    RecoveryStage: "recovery: a stage must be 1 ms to 1 day long",
    /// [`Config::recovery`]: its shares.
    RecoveryShares: "recovery: the shares must be above 0 %, and none below the one before",
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for ConfigError {}
