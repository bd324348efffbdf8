//! An observer that keeps what it hears, and compares it with what a test expects.

use core::fmt::{self, Write};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutout_core::{Cause, Mode, Observer, StaleResult, State, Tally, Transition, TripReason};

use crate::support::lengths::Length;

/// Keeps what a breaker announces.
///
/// Clones keep it in the same place: give one to the breaker, and ask the other.
///
/// # Examples
///
/// ```
/// use cutout::State::{Closed, HalfOpen, Open};
/// use cutout::testing::{self, Transitions};
/// use cutout::{Cause, CircuitBreaker, Config, ManualClock, TripReason};
///
/// let seen = Transitions::new();
/// let config = Config::new().consecutive_failures(5);
/// let bank = CircuitBreaker::with_observer(config, ManualClock::new(), seen.clone());
/// seen.assert_none();
///
/// testing::trip(&bank);
/// testing::recover(&bank);
/// seen.assert_path([Closed, Open, HalfOpen, Closed]);
/// seen.assert_causes([
///     Cause::Tripped(TripReason::ConsecutiveFailures),
///     Cause::BreakOver,
///     Cause::TrialsPassed,
/// ]);
/// ```
#[derive(Clone, Default)]
pub struct Transitions {
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    transitions: Vec<Transition>,
    /// Where the last change led before those that are kept.
    before: Option<State>,
    would_trip: Vec<TripReason>,
    stale: Vec<StaleResult>,
}

/// # Recording
impl Transitions {
    /// Nothing was heard yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::testing::Transitions;
    /// assert_eq!(Transitions::new().all(), []);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All changes, in the order in which they were heard.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// testing::half_open(&bank);
    /// let changes: Vec<_> = seen.all().iter().map(|change| (change.from, change.to)).collect();
    /// assert_eq!(changes, [(Closed, Open), (Open, HalfOpen)]);
    /// ```
    #[must_use]
    pub fn all(&self) -> Vec<Transition> {
        self.heard().transitions.clone()
    }

    /// The last change.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// assert_eq!(seen.last(), None);
    /// testing::half_open(&bank);
    /// assert_eq!(seen.last().map(|change| change.to), Some(HalfOpen));
    /// ```
    #[must_use]
    pub fn last(&self) -> Option<Transition> {
        self.heard().transitions.last().copied()
    }

    /// How many changes led to `state`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// testing::trip(&bank);
    /// testing::recover(&bank);
    /// testing::trip(&bank);
    /// assert_eq!([Closed, HalfOpen, Open].map(|state| seen.count(state)), [1, 1, 2]);
    /// ```
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.heard().transitions.iter().filter(|change| change.to == state).count()
    }

    /// Why a circuit that is forced closed would have opened, in the order in which it was heard.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// # use cutout::TripReason;
    /// bank.force_closed();
    /// for _ in 0..20 {
    ///     assert!(bank.call(|| Err::<(), _>("down")).is_err());
    /// }
    /// assert_eq!((bank.state(), seen.would_trip()[0]), (Closed, TripReason::FailureRate));
    /// ```
    #[must_use]
    pub fn would_trip(&self) -> Vec<TripReason> {
        self.heard().would_trip.clone()
    }

    /// The results that came too late to count.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// # use cutout::Outcome;
    /// let late = bank.admit()?;
    /// testing::trip(&bank);
    /// bank.settle(late, Outcome::Success);
    /// assert_eq!(seen.stale()[0].outcome, Some(Outcome::Success));
    /// # Ok::<_, cutout::Rejected>(())
    /// ```
    #[must_use]
    pub fn stale(&self) -> Vec<StaleResult> {
        self.heard().stale.clone()
    }

    /// Forgets everything, for a test that begins in another state.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// testing::half_open(&bank);
    /// seen.clear();
    /// testing::recover(&bank);
    /// seen.assert_path([HalfOpen, Closed]);
    /// ```
    pub fn clear(&self) {
        let mut heard = self.heard();
        let before = heard.transitions.last().map(|change| change.to).or(heard.before);
        *heard = Heard { before, ..Heard::default() };
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // No panic happens while it is held.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Asserting
impl Transitions {
    /// The circuit went through `states`, of which the first is the one before the first change,
    /// and through no others.
    ///
    /// One state alone means that nothing changed. It is the state that the last change led to
    /// before [`clear`](Self::clear), else Closed, in which a circuit begins.
    ///
    /// # Panics
    ///
    /// If it did not. The message shows both paths, where they part, and each change that was
    /// heard.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// seen.assert_path([Closed]);
    /// testing::half_open(&bank);
    /// seen.assert_path([Closed, Open, HalfOpen]);
    /// ```
    #[track_caller]
    pub fn assert_path(&self, states: impl AsRef<[State]>) {
        let (expected, seen) = (states.as_ref(), self.path());
        if seen.is_empty() {
            let state = self.heard().before.unwrap_or(State::Closed);
            assert!(
                expected.is_empty() || expected == [state],
                "the circuit took another path: no change was heard since {state:?}, or nobody is told\n  \
                 expected: {}\n      seen: no change\n",
                arrows(expected)
            );
        } else if expected != seen {
            self.differ(
                "took another path",
                &arrows(expected),
                &arrows(&seen),
                parting(expected, &seen),
            );
        }
    }

    /// The circuit changed for these reasons, in this order, and for no others.
    ///
    /// # Panics
    ///
    /// If it did not. The message shows both, where they part, and each change that was heard.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// # use cutout::{Cause, TripReason};
    /// testing::half_open(&bank);
    /// seen.assert_causes([Cause::Tripped(TripReason::FailureRate), Cause::BreakOver]);
    /// ```
    #[track_caller]
    pub fn assert_causes(&self, causes: impl AsRef<[Cause]>) {
        let expected = causes.as_ref();
        let seen: Vec<Cause> = self.all().iter().map(|change| change.cause).collect();
        if expected != seen {
            let shown = |causes: &[Cause]| format!("{causes:?}");
            self.differ(
                "changed for other causes",
                &shown(expected),
                &shown(&seen),
                parting(expected, &seen),
            );
        }
    }

    /// Nothing changed.
    ///
    /// # Panics
    ///
    /// If something did. The message shows it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::State::{Closed, HalfOpen, Open};
    /// # use cutout::testing::{self, Transitions};
    /// # use cutout::{CircuitBreaker, Config, ManualClock};
    /// # let seen = Transitions::new();
    /// # let bank = CircuitBreaker::with_observer(Config::new(), ManualClock::new(), seen.clone());
    /// assert!(bank.call(|| Err::<(), _>("down")).is_err());
    /// seen.assert_none();
    /// ```
    #[track_caller]
    pub fn assert_none(&self) {
        assert!(self.all().is_empty(), "the circuit changed:\n{self:?}");
    }

    /// The states that the circuit went through. Where a change does not begin in the state that
    /// the last one led to, as may happen where threads announce at the same time, both are there.
    fn path(&self) -> Vec<State> {
        let mut path = Vec::new();
        for change in self.all() {
            if path.last() != Some(&change.from) {
                path.push(change.from);
            }
            path.push(change.to);
        }
        path
    }

    #[track_caller]
    fn differ(&self, what: &str, expected: &str, seen: &str, at: usize) -> ! {
        panic!(
            "the circuit {what}, from number {at} on\n  expected: {expected}\n      \
             seen: {seen}\n{self:?}"
        )
    }
}

/// The number of the first that is not the same in both, from 1 on.
fn parting<T: PartialEq>(expected: &[T], seen: &[T]) -> usize {
    let same = expected.iter().zip(seen).take_while(|(expected, seen)| expected == seen);
    same.count() + 1
}

fn arrows(states: &[State]) -> String {
    let names: Vec<String> = states.iter().map(|state| format!("{state:?}")).collect();
    if names.is_empty() { String::from("no change") } else { names.join(" -> ") }
}

impl Observer for Transitions {
    fn on_transition(&self, transition: &Transition) {
        self.heard().transitions.push(*transition);
    }

    fn on_would_trip(&self, reason: TripReason, _: &Tally) {
        self.heard().would_trip.push(reason);
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.heard().stale.push(*stale);
    }
}

/// One change a line.
impl fmt::Debug for Transitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, change) in (1..).zip(self.all()) {
            let at = Duration::from_nanos(change.at.as_nanos());
            // The time is exact: changes may be close to each other.
            write!(f, "{number:4}. at {at:?}: {:?} -> {:?}", change.from, change.to)?;
            write!(f, ", {:?}", change.cause)?;
            if change.mode != Mode::Auto {
                write!(f, ", {:?}", change.mode)?;
            }
            if let Some(duration) = change.break_duration {
                write!(f, ", for {}", Length(duration))?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}
