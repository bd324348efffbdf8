//! Ways to a state, by the verbs that lead there in production.

use core::time::Duration;

use cutout_core::{Clock, ManualClock, Mode, Observer, Outcome, State};

use crate::breaker::CircuitBreaker;
use crate::timer::ManualTimer;

/// A clock that a test can move.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::testing::{self, Advance};
/// use cutout::{CircuitBreaker, Clock, Config, Instant, ManualClock, State};
///
/// /// The clock of a service that counts its readings.
/// struct Counted(ManualClock, core::cell::Cell<u32>);
///
/// impl Clock for Counted {
///     fn now(&self) -> Instant {
///         self.1.set(self.1.get() + 1);
///         self.0.now()
///     }
/// }
///
/// impl Advance for Counted {
///     fn advance(&self, duration: Duration) {
///         self.0.advance(duration);
///     }
/// }
///
/// let clock = Counted(ManualClock::new(), Default::default());
/// let bank = CircuitBreaker::with_clock(Config::new(), clock);
/// testing::half_open(&bank);
/// assert_eq!(bank.state(), State::HalfOpen);
/// assert!(bank.clock().1.get() > 0);
/// ```
pub trait Advance {
    /// Moves it forward.
    fn advance(&self, duration: Duration);
}

impl Advance for ManualClock {
    fn advance(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl Advance for ManualTimer {
    fn advance(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl<A: Advance + ?Sized> Advance for &A {
    fn advance(&self, duration: Duration) {
        (**self).advance(duration);
    }
}

/// More results in a row than any setting asks for.
const ENOUGH: u32 = 1_000_001;

/// Opens the circuit by calls that fail: as many as it takes, from Closed or HalfOpen. The next
/// call is then refused.
///
/// An open circuit stays as it is, unless its break is over: then its trials fail, and the next
/// break begins.
///
/// # Panics
///
/// If no number of failures opens it: since it is forced, disabled or shadowed, since its settings
/// trip on something else, since all its trials are out, or since its clock moves by itself, past
/// the end of each break.
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, Error, ManualClock, State, testing};
///
/// let bank = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// testing::trip(&bank);
/// assert_eq!(bank.state(), State::Open);
/// assert!(matches!(bank.call(|| Ok::<_, ()>("paid")), Err(Error::Rejected(_))));
/// ```
#[track_caller]
pub fn trip<C: Clock, O: Observer, const BUCKETS: usize>(breaker: &CircuitBreaker<C, O, BUCKETS>) {
    let mode = breaker.mode();
    assert!(mode == Mode::Auto, "trip: no failure opens a circuit in mode {mode:?}");
    for _ in 0..ENOUGH {
        if breaker.state() == State::Open && !breaker.is_due() {
            return;
        }
        match breaker.try_acquire() {
            Ok(permit) => permit.settle(Outcome::Failure),
            // During a slow start, only a share of the calls is admitted.
            Err(_) if breaker.state() == State::Closed => {}
            Err(refusal) => panic!("trip: {refusal}, so that no trial can fail"),
        }
    }
    match breaker.state() {
        State::Open => panic!(
            "trip: still Open after {ENOUGH} failures, and its break is over whenever it is looked at"
        ),
        state => panic!("trip: still {state:?} after {ENOUGH} failures: no setting trips on them"),
    }
}

/// Moves the time of an open circuit to the end of its break: the next call is a trial.
///
/// # Panics
///
/// If the circuit is not open by itself.
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, ManualClock, State, testing};
///
/// let bank = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// testing::trip(&bank);
/// testing::end_break(&bank);
/// let permit = bank.try_acquire()?;
/// assert!(permit.is_trial());
/// # Ok::<_, cutout::Rejected>(())
/// ```
#[track_caller]
pub fn end_break<C, O, const BUCKETS: usize>(breaker: &CircuitBreaker<C, O, BUCKETS>)
where
    C: Clock + Advance,
    O: Observer,
{
    let Some(left) = breaker.snapshot().retry_after else {
        panic!("end_break: {:?} in mode {:?} has no break", breaker.state(), breaker.mode());
    };
    breaker.clock().advance(left);
}

/// Brings the circuit to HalfOpen, with no trial out: it is [tripped](trip) if it is closed, its
/// [break ends](end_break), and the trial that comes then is settled as ignored. A circuit that is
/// half-open stays as it is.
///
/// # Panics
///
/// As [`trip`] and [`end_break`].
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, ManualClock, State, testing};
///
/// let bank = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// testing::half_open(&bank);
/// assert_eq!(bank.state(), State::HalfOpen);
/// assert!(bank.call(|| Err::<(), _>("still down")).is_err());
/// assert_eq!(bank.state(), State::Open);
/// ```
#[track_caller]
pub fn half_open<C, O, const BUCKETS: usize>(breaker: &CircuitBreaker<C, O, BUCKETS>)
where
    C: Clock + Advance,
    O: Observer,
{
    match breaker.state() {
        State::HalfOpen => return,
        State::Open => {}
        State::Closed => trip(breaker),
    }
    end_break(breaker);
    match breaker.try_acquire() {
        Ok(trial) => trial.settle(Outcome::Ignored),
        Err(refusal) => panic!("half_open: {refusal}"),
    }
}

/// Closes the circuit by trials that succeed, after its break. A slow start, if one is set, then
/// begins.
///
/// # Panics
///
/// If no number of successes closes it: since it is forced, disabled or shadowed, since all its
/// trials are out, or since they are slow, or an observer opens it again.
///
/// # Examples
///
/// ```
/// use cutout::{CircuitBreaker, Config, ManualClock, State, testing};
///
/// let bank = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// testing::trip(&bank);
/// testing::recover(&bank);
/// assert_eq!(bank.state(), State::Closed);
/// ```
#[track_caller]
pub fn recover<C, O, const BUCKETS: usize>(breaker: &CircuitBreaker<C, O, BUCKETS>)
where
    C: Clock + Advance,
    O: Observer,
{
    let mode = breaker.mode();
    assert!(mode == Mode::Auto, "recover: no success closes a circuit in mode {mode:?}");
    for _ in 0..ENOUGH {
        match breaker.state() {
            State::Closed => return,
            State::Open => end_break(breaker),
            State::HalfOpen => {}
        }
        match breaker.try_acquire() {
            Ok(trial) => trial.settle(Outcome::Success),
            Err(refusal) => panic!("recover: {refusal}, so that no trial can succeed"),
        }
    }
    let state = breaker.state();
    assert!(state == State::Closed, "recover: still {state:?} after {ENOUGH} successes");
}
