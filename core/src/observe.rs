//! What a breaker announces, and to whom.

use core::time::Duration;

use crate::error::Rejected;
use crate::outcome::Outcome;
use crate::state::{Mode, State};
use crate::time::Instant;
use crate::window::Tally;

/// Which trip condition opened a closed circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TripReason {
    /// [`Config::failure_rate`](crate::Config::failure_rate).
    FailureRate,
    /// [`Config::slow_call_rate`](crate::Config::slow_call_rate).
    SlowCallRate,
    /// [`Config::consecutive_failures`](crate::Config::consecutive_failures).
    ConsecutiveFailures,
    /// [`Config::failure_count`](crate::Config::failure_count).
    FailureCount,
    /// [`Config::trip_when`](crate::Config::trip_when).
    Custom,
}

/// Why a circuit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// A trip condition held: Closed to Open.
    Tripped(TripReason),
    /// A call found the break over: Open to HalfOpen.
    BreakOver,
    /// Enough trials succeeded: HalfOpen to Closed.
    TrialsPassed,
    /// The last stage of the slow start is over: Closed, and from here on for every call.
    SlowStartOver,
    /// A trial failed, or too many did: HalfOpen to Open.
    TrialFailed,
    /// A trial was not settled within its timeout: HalfOpen to Open.
    TrialTimedOut,
    /// Somebody forced, released, disabled or shadowed the circuit.
    Mode,
    /// Somebody reset the circuit.
    Reset,
    /// Somebody opened the circuit for a time.
    Opened,
}

/// A change of state or of mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Transition {
    /// The state before, as calls met it.
    pub from: State,
    /// The state since, as calls meet it.
    pub to: State,
    /// The mode since.
    pub mode: Mode,
    /// Why.
    pub cause: Cause,
    /// The generation that began.
    pub generation: u32,
    /// When.
    pub at: Instant,
    /// If this started a break, how long it is.
    pub break_duration: Option<Duration>,
    /// If a trip condition held, what the window held.
    pub tally: Tally,
}

/// A result that came after its generation was over. It was counted as stale and decided nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct StaleResult {
    /// The generation that admitted the call.
    pub generation: u32,
    /// What the caller reported; `None` for a call that was dropped.
    pub outcome: Option<Outcome>,
}

/// What became of one call, as the breaker counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CallEvent {
    /// It ended. A panic is a failure, and so is a call that was dropped, if those count as such.
    Settled {
        /// What it counted as.
        outcome: Outcome,
        /// Whether it was slow, where that is measured.
        slow: bool,
    },
    /// It was dropped unfinished, and counted for nothing.
    Cancelled,
    /// It was refused, and did not run.
    Rejected(Rejected),
}

/// Hears what a breaker announces.
///
/// Each change is announced once, by the thread that made it, after it was made; nothing is held,
/// and the observer may call the breaker. Announcements of changes that follow each other closely
/// may arrive in the other order on different threads: `generation` tells which is newer.
///
/// # Panics
///
/// A panic in an observer goes up to the caller whose call was settled or admitted. The change
/// stands and the result is counted; no permit is lost. After one in [`on_call`](Self::on_call) the
/// change that the call made is not announced. If the call was settled by another panic, the
/// observer's stops there (feature `std`, which `cutout` enables; without it, two panics at once
/// end the program). `cutout` can also keep an observer's panics from the callers.
///
/// # Examples
///
/// ```
/// use core::cell::RefCell;
/// use cutout_core::{CircuitBreaker, Config, ManualClock, Observer, State, Transition};
///
/// #[derive(Default)]
/// struct Log(RefCell<Vec<(State, State)>>);
///
/// impl Observer for Log {
///     fn on_transition(&self, transition: &Transition) {
///         self.0.borrow_mut().push((transition.from, transition.to));
///     }
/// }
///
/// let breaker = CircuitBreaker::with_observer(
///     Config::new().consecutive_failures(1),
///     ManualClock::new(),
///     Log::default(),
/// );
/// let _ = breaker.call(|| Err::<(), _>("down"));
/// assert_eq!(*breaker.observer().0.borrow(), [(State::Closed, State::Open)]);
/// ```
pub trait Observer {
    /// The circuit changed.
    fn on_transition(&self, transition: &Transition) {
        let _ = transition;
    }

    /// The circuit is forced closed and would have opened. Said once a generation.
    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        let _ = (reason, tally);
    }

    /// A result came too late to count.
    fn on_stale(&self, stale: &StaleResult) {
        let _ = stale;
    }

    /// Whether it is to be told of each call. It is not, unless it says so here.
    ///
    /// It is asked at each call, and is to give the same answer each time. Where the type alone
    /// answers no, as by default, calls cost nothing more than without an observer.
    fn wants_call_events(&self) -> bool {
        false
    }

    /// A call was counted or refused: told on the path of each call to who [asks for
    /// it](Self::wants_call_events). If the call's end changed the circuit, the call is told of
    /// first; a result that came too late is told as [that](Self::on_stale) alone.
    ///
    /// Calls through the same breaker that are made here are told here too.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::cell::Cell;
    /// use cutout_core::{CallEvent, CircuitBreaker, Config, ManualClock, Observer, Outcome};
    ///
    /// #[derive(Default)]
    /// struct Failures(Cell<u32>);
    ///
    /// impl Observer for Failures {
    ///     fn wants_call_events(&self) -> bool {
    ///         true
    ///     }
    ///
    ///     fn on_call(&self, call: &CallEvent) {
    ///         if matches!(call, CallEvent::Settled { outcome: Outcome::Failure, .. }) {
    ///             self.0.set(self.0.get() + 1);
    ///         }
    ///     }
    /// }
    ///
    /// let breaker = CircuitBreaker::with_observer(
    ///     Config::new(),
    ///     ManualClock::new(),
    ///     Failures::default(),
    /// );
    /// let _ = breaker.call(|| Err::<(), _>("down"));
    /// assert_eq!(breaker.observer().0.get(), 1);
    /// ```
    fn on_call(&self, call: &CallEvent) {
        let _ = call;
    }

    /// Shows the observers that this one consists of to `visit`, in the order in which they hear:
    /// those of a pair, and of pairs in it, one by one; any other, a reference to a pair too, as
    /// one.
    ///
    /// It is how `cutout` keeps a panic of one from the others.
    fn each(&self, visit: &mut dyn FnMut(&dyn Observer))
    where
        Self: Sized,
    {
        visit(self);
    }
}

/// Nobody listens.
impl Observer for () {}

impl<O: Observer + ?Sized> Observer for &O {
    fn on_transition(&self, transition: &Transition) {
        (**self).on_transition(transition);
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        (**self).on_would_trip(reason, tally);
    }

    fn on_stale(&self, stale: &StaleResult) {
        (**self).on_stale(stale);
    }

    #[inline]
    fn wants_call_events(&self) -> bool {
        (**self).wants_call_events()
    }

    fn on_call(&self, call: &CallEvent) {
        (**self).on_call(call);
    }
}

/// Who shares it with others hears through it.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<O: Observer + ?Sized> Observer for alloc::sync::Arc<O> {
    fn on_transition(&self, transition: &Transition) {
        (**self).on_transition(transition);
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        (**self).on_would_trip(reason, tally);
    }

    fn on_stale(&self, stale: &StaleResult) {
        (**self).on_stale(stale);
    }

    #[inline]
    fn wants_call_events(&self) -> bool {
        (**self).wants_call_events()
    }

    fn on_call(&self, call: &CallEvent) {
        (**self).on_call(call);
    }
}

/// Both hear, the first one first. If it panics, the second one does not hear, except in `cutout`.
/// For more than two, pairs nest: `(log, (counts, alarm))`.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn on_transition(&self, transition: &Transition) {
        self.0.on_transition(transition);
        self.1.on_transition(transition);
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        self.0.on_would_trip(reason, tally);
        self.1.on_would_trip(reason, tally);
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.0.on_stale(stale);
        self.1.on_stale(stale);
    }

    #[inline]
    fn wants_call_events(&self) -> bool {
        self.0.wants_call_events() || self.1.wants_call_events()
    }

    fn on_call(&self, call: &CallEvent) {
        tell_of_call(&self.0, call);
        tell_of_call(&self.1, call);
    }

    fn each(&self, visit: &mut dyn FnMut(&dyn Observer)) {
        self.0.each(visit);
        self.1.each(visit);
    }
}

/// Tells `observer` of a call, if it wants to hear of calls.
fn tell_of_call(observer: &impl Observer, call: &CallEvent) {
    if observer.wants_call_events() {
        observer.on_call(call);
    }
}
