//! `TracingObserver`: what a breaker announces, as events of the crate `tracing`.

use std::borrow::Cow;

use cutout_core::{
    CallEvent, Cause, Observer, Outcome, StaleResult, State, Tally, Transition, TripReason,
};
use tracing::{Level, event};

/// An observer that logs what it hears, as [`tracing`] events of the target `cutout`.
///
/// | what | level | message |
/// | --- | --- | --- |
/// | a trip condition held, or a trial failed | warn | `circuit opened` |
/// | the break is over | info | `circuit half-open` |
/// | the trials passed, or the slow start is over | info | `circuit closed` |
/// | somebody changed the mode, opened or reset | info | `circuit changed by hand` |
/// | forced closed, and would have opened | warn | `circuit would have opened` |
/// | a result came too late to count | trace | `late result` |
/// | if [told to](Self::with_calls): a call was refused | debug | `call refused` |
/// | if told to: a call was counted | trace | `call ended`, `call cancelled` |
///
/// The fields of a change are `breaker`, `from`, `to`, `mode`, `reason` and `generation`; where a
/// break begins `break_seconds`; where a trip condition held, what the window then held:
/// `successes`, `failures`, `slow`. A refusal that knows when the next call is admitted has
/// `retry_after_seconds`. Times are numbers of seconds with a fraction, as the names say.
///
/// # Progress
///
/// What no subscriber wants costs a load and a comparison. What one wants runs in the subscriber,
/// on the thread whose call made the change, after it was made.
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, StdClock, TracingObserver};
///
/// static BANK: CircuitBreaker<StdClock, TracingObserver> =
///     CircuitBreaker::with_observer(Config::new(), StdClock, TracingObserver::new("bank"));
///
/// BANK.force_open();
/// // INFO cutout: circuit changed by hand breaker="bank" from="closed" to="open" mode="forced_open" ..
/// ```
#[derive(Clone, Debug)]
pub struct TracingObserver {
    breaker: Cow<'static, str>,
    with_calls: bool,
}

impl TracingObserver {
    /// An observer for the breaker of this name.
    #[must_use]
    pub const fn new(breaker: &'static str) -> Self {
        Self { breaker: Cow::Borrowed(breaker), with_calls: false }
    }

    /// An observer for a name that is made while the program runs, such as a host of a registry.
    #[must_use]
    pub const fn named(breaker: String) -> Self {
        Self { breaker: Cow::Owned(breaker), with_calls: false }
    }

    /// The same, and it logs each call besides, with its `outcome` and whether it was `slow`, or
    /// with the `reason` of its refusal.
    #[must_use]
    pub const fn with_calls(mut self) -> Self {
        self.with_calls = true;
        self
    }
}

/// The level of an event belongs to the place in the source, hence a place for each.
macro_rules! log_change {
    ($level:expr, $message:literal, $breaker:expr, $change:expr) => {{
        let change: &Transition = $change;
        let tally = matches!(change.cause, Cause::Tripped(_)).then_some(change.tally);
        event!(
            target: "cutout",
            $level,
            breaker = $breaker,
            from = change.from.as_str(),
            to = change.to.as_str(),
            mode = change.mode.as_str(),
            reason = change.cause.as_str(),
            generation = change.generation,
            break_seconds = change.break_duration.map(|length| length.as_secs_f64()),
            successes = tally.map(|tally| tally.successes),
            failures = tally.map(|tally| tally.failures),
            slow = tally.map(|tally| tally.slow),
            $message
        );
    }};
}

impl Observer for TracingObserver {
    fn on_transition(&self, change: &Transition) {
        let breaker = &*self.breaker;
        match (change.cause, change.to) {
            (Cause::Mode | Cause::Reset | Cause::Opened, _) => {
                log_change!(Level::INFO, "circuit changed by hand", breaker, change);
            }
            (_, State::Open) => log_change!(Level::WARN, "circuit opened", breaker, change),
            (_, State::HalfOpen) => log_change!(Level::INFO, "circuit half-open", breaker, change),
            (_, State::Closed) => log_change!(Level::INFO, "circuit closed", breaker, change),
        }
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        event!(
            target: "cutout",
            Level::WARN,
            breaker = &*self.breaker,
            reason = reason.as_str(),
            successes = tally.successes,
            failures = tally.failures,
            slow = tally.slow,
            "circuit would have opened"
        );
    }

    fn on_stale(&self, stale: &StaleResult) {
        event!(
            target: "cutout",
            Level::TRACE,
            breaker = &*self.breaker,
            generation = stale.generation,
            outcome = stale.outcome.map(Outcome::as_str),
            "late result"
        );
    }

    fn wants_call_events(&self) -> bool {
        self.with_calls
    }

    fn on_call(&self, call: &CallEvent) {
        let breaker = &*self.breaker;
        match call {
            CallEvent::Settled { outcome, slow } => {
                let (outcome, slow) = (outcome.as_str(), *slow);
                event!(target: "cutout", Level::TRACE, breaker, outcome, slow, "call ended");
            }
            CallEvent::Cancelled => {
                event!(target: "cutout", Level::TRACE, breaker, "call cancelled");
            }
            CallEvent::Rejected(rejected) => {
                event!(
                    target: "cutout",
                    Level::DEBUG,
                    breaker,
                    reason = rejected.reason().as_str(),
                    retry_after_seconds = rejected.retry_after().map(|time| time.as_secs_f64()),
                    "call refused"
                );
            }
            _ => {}
        }
    }
}
