//! Keeps a panicking observer away from the callers.

use cutout_core::{CallEvent, Observer, StaleResult, Tally, Transition, TripReason};

use crate::support::panics::caught;

/// An observer whose panics end here: the change that it was told of stands, and the caller whose
/// call made the change does not notice. The panic hook has had its say by then. What was panicked
/// with is dropped; if it panics at that, too, that ends here as well.
///
/// In a pair, and in pairs in it, each is isolated by itself: where one panics, the others hear.
///
/// # Examples
///
/// A breaker that keeps its last transitions, and a hook beside it:
///
/// ```
/// use cutout::{CircuitBreaker, Config, LastTransitions, Observer, State, StdClock, Transition};
///
/// struct Pager;
///
/// impl Observer for Pager {
///     fn on_transition(&self, _: &Transition) {
///         panic!("the pager does not answer");
///     }
/// }
///
/// let observers = (Pager, LastTransitions::<32>::new());
/// let bank = CircuitBreaker::with_observer(Config::new(), StdClock, observers);
/// bank.force_open();
///
/// let (_, history) = bank.observer();
/// assert_eq!(history.iter().next_back().map(|change| change.to), Some(State::Open));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CatchUnwind<O>(O);

impl<O> CatchUnwind<O> {
    /// Isolates `observer`.
    pub const fn new(observer: O) -> Self {
        Self(observer)
    }

    /// The observer.
    pub const fn get(&self) -> &O {
        &self.0
    }
}

impl<O: Observer> CatchUnwind<O> {
    fn tell(&self, tell: impl Fn(&dyn Observer)) {
        caught(|| self.0.each(&mut |observer| _ = caught(|| tell(observer))));
    }

    /// Whether one hears calls, where one has panicked at that.
    #[cold]
    fn some_hear_calls(&self) -> bool {
        let mut some = false;
        let mut ask = |observer: &dyn Observer| {
            some |= caught(|| observer.wants_call_events()).unwrap_or(false);
        };
        caught(|| self.0.each(&mut ask));
        some
    }
}

impl<O: Observer> Observer for CatchUnwind<O> {
    fn on_transition(&self, transition: &Transition) {
        self.tell(|observer| observer.on_transition(transition));
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        self.tell(|observer| observer.on_would_trip(reason, tally));
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.tell(|observer| observer.on_stale(stale));
    }

    /// Whether one does. Who panics at that does not hear of the call.
    #[inline]
    fn wants_call_events(&self) -> bool {
        caught(|| self.0.wants_call_events()).unwrap_or_else(|| self.some_hear_calls())
    }

    fn on_call(&self, call: &CallEvent) {
        self.tell(|observer| {
            if observer.wants_call_events() {
                observer.on_call(call);
            }
        });
    }
}
