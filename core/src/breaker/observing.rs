//! What one can see of a breaker.

use core::time::Duration;

use super::CircuitBreaker;
use crate::config::Config;
use crate::error::Rejected;
use crate::observe::Observer;
use crate::state::{Mode, State};
use crate::sync::IS_LOCK_FREE;
use crate::time::{Clock, Instant};
use crate::totals::Totals;
use crate::window::Tally;

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
    /// Whether a closed circuit still takes up its load ([`Config::slow_start`]).
    pub in_slow_start: bool,
    /// While [`State::Open`] by itself, how long until the next trial may start.
    pub retry_after: Option<Duration>,
    /// Whether the circuit is [due](CircuitBreaker::is_due).
    pub due: bool,
    /// What became of all calls.
    pub totals: Totals,
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

    /// Whether the circuit is open by itself, its break is over, and no call has come since: the
    /// next call will be a trial.
    ///
    /// [`state`](Self::state) still reads Open then, as reading changes nothing. A dependency that
    /// nobody calls any more can stay so for ever, and is no reason for an alert.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, State};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// breaker.open_for(Duration::from_secs(5));
    /// assert!(!breaker.is_due());
    /// breaker.clock().advance(Duration::from_secs(5));
    /// assert!(breaker.is_due());
    /// assert_eq!(breaker.state(), State::Open);
    /// ```
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.left_of_break().is_some_and(|left| left == 0)
    }

    /// What a call that came now would be refused with; `None` if it would be admitted.
    ///
    /// Looking admits nothing and counts nothing. It is for who would have to prepare for a call,
    /// or could go elsewhere; admission alone decides. Under [`Mode::Shadow`] nobody is refused,
    /// and which calls a slow start refuses is known only when they come.
    ///
    /// Trials whose timeout is over are given up, as a call would give them up, so that HalfOpen
    /// ends even if all that anybody does is look.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, RejectReason};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// assert_eq!(breaker.would_reject(), None);
    /// breaker.force_open();
    /// assert_eq!(breaker.would_reject().unwrap().reason(), RejectReason::ForcedOpen);
    /// assert_eq!(breaker.totals().rejected, 0);
    /// ```
    #[inline]
    #[must_use]
    pub fn would_reject(&self) -> Option<Rejected> {
        let word = self.circuit.load();
        if word.is_plainly_closed() { None } else { self.would_reject_by_state(word) }
    }

    /// Everything there is to see. It reads counters while others write them, so its parts agree
    /// with each other exactly only when all is quiet.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.look(self.now(), |end| self.left_until(end))
    }

    /// What [`snapshot`](Self::snapshot) would be if it were `now` by the breaker's clock, which is
    /// not asked for anything: to look at many breakers at one moment, or where the clock's code
    /// must not run.
    ///
    /// So `retry_after` does not include the [resolution](Clock::resolution) of a clock that ticks:
    /// on such a clock, a call may be admitted that much later.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout_core::{CircuitBreaker, Clock, Config, ManualClock};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// breaker.open_for(Duration::from_secs(30));
    /// let later = breaker.clock().now().saturating_add(Duration::from_secs(10));
    /// assert_eq!(breaker.snapshot_at(later).retry_after, Some(Duration::from_secs(20)));
    /// assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn snapshot_at(&self, now: Instant) -> Snapshot {
        self.look(now, |end| end.since(now))
    }

    fn look(&self, now: Instant, left: impl FnOnce(Instant) -> u64) -> Snapshot {
        let (word, end) = self.circuit.load_with_end(&self.cold);
        let generation = word.generation();
        let is_open = word.state() == State::Open && word.effective_state() == State::Open;
        let is_open = is_open && word.mode() != Mode::ForcedOpen;
        let break_left = if is_open { left(end) } else { 0 };
        Snapshot {
            state: word.effective_state(),
            mode: word.mode(),
            generation,
            tally: self.lanes.tally(self.settings.shape(), generation, now),
            consecutive_failures: self.streak.length(generation),
            trials_in_flight: word.trials_out(),
            in_slow_start: word.is_in_slow_start()
                && matches!(word.mode(), Mode::Auto | Mode::Shadow),
            retry_after: is_open.then_some(Duration::from_nanos(break_left)),
            due: is_open && break_left == 0,
            totals: self.totals(),
        }
    }

    /// While the circuit is open by itself, what is left of its break.
    fn left_of_break(&self) -> Option<u64> {
        let (word, end) = self.circuit.load_with_end(&self.cold);
        let decides = matches!(word.mode(), Mode::Auto | Mode::Shadow);
        (decides && word.state() == State::Open).then(|| self.left_until(end))
    }

    /// What became of all calls.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let (results, rejected) = self.lanes.totals(self.settings.shape());
        Totals {
            successes: results.successes,
            failures: results.failures,
            ignored: self.cold.count(|counters| &counters.ignored),
            cancelled: self.cold.count(|counters| &counters.cancelled),
            stale: self.cold.count(|counters| &counters.stale),
            slow: self.cold.count(|counters| &counters.slow),
            rejected,
            would_reject: self.cold.count(|counters| &counters.would_reject),
            trials: self.cold.count(|counters| &counters.trials),
        }
    }

    /// How many lanes there are: as many as the type says, and those that it grew (feature
    /// `alloc`).
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.count()
    }

    /// The settings as they are now. A window over time reads as long as its buckets together.
    #[must_use]
    pub fn config(&self) -> Config {
        self.settings.config(&self.cold)
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
