//! What an operator does: overrides, a break to order, a fresh start.

use core::time::Duration;

use super::CircuitBreaker;
use crate::circuit::{Break, Step};
use crate::observe::{Cause, Observer};
use crate::state::Mode;
use crate::time::{Clock, Instant, nanos};
use crate::window::Tally;

/// # Forcing
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// Sets who decides about calls: the circuit itself ([`Mode::Auto`]), or an operator.
    ///
    /// | mode | calls | results | short form |
    /// | --- | --- | --- | --- |
    /// | [`Mode::Auto`] | as the state says | decide | [`release`](Self::release) |
    /// | [`Mode::ForcedOpen`] | all are refused | | [`force_open`](Self::force_open) |
    /// | [`Mode::ForcedClosed`] | all are admitted | are counted, and trip nothing | [`force_closed`](Self::force_closed) |
    /// | [`Mode::Disabled`] | all are admitted | are counted as ignored | [`disable`](Self::disable) |
    /// | [`Mode::Shadow`] | all are admitted | decide as under `Auto` | [`shadow`](Self::shadow) |
    ///
    /// The mode holds until another is set or the breaker is [`reset`](Self::reset); no time ends
    /// it.
    ///
    /// A change of the mode starts a generation: calls in flight come back stale, and a window
    /// starts empty. The state underneath stays, and so does the end of its break. The observer
    /// hears of the change once, with [`Cause::Mode`]. If the mode is set already, nothing changes
    /// and nothing is announced.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout_core::{CircuitBreaker, Config, ManualClock, Mode, RejectReason};
    ///
    /// let breaker = CircuitBreaker::with_clock(Config::new(), ManualClock::new());
    /// breaker.set_mode(Mode::ForcedOpen);
    /// assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::ForcedOpen);
    /// breaker.set_mode(Mode::ForcedOpen); // it is set already
    /// breaker.set_mode(Mode::Auto);
    /// assert_eq!(breaker.call(|| Ok::<_, ()>("sent")), Ok("sent"));
    /// assert_eq!(breaker.snapshot().generation, 2, "of three settings, two were changes");
    /// ```
    pub fn set_mode(&self, mode: Mode) {
        let change = self.circuit.change(|word| {
            if word.mode() == mode {
                Step::Keep
            } else {
                Step::Swap(word.with_mode(mode, self.next_generation(word)))
            }
        });
        if let Some(change) = change {
            self.announce(change, Cause::Mode, self.now(), None, Tally::default());
        }
    }

    /// Refuses every call until released: [`set_mode`](Self::set_mode) with [`Mode::ForcedOpen`].
    pub fn force_open(&self) {
        self.set_mode(Mode::ForcedOpen);
    }

    /// Admits and counts every call until released, and trips on none: [`set_mode`](Self::set_mode)
    /// with [`Mode::ForcedClosed`].
    pub fn force_closed(&self) {
        self.set_mode(Mode::ForcedClosed);
    }

    /// Admits every call until released, and counts every result as ignored:
    /// [`set_mode`](Self::set_mode) with [`Mode::Disabled`].
    pub fn disable(&self) {
        self.set_mode(Mode::Disabled);
    }

    /// Decides as always until released, but refuses no call: [`set_mode`](Self::set_mode) with
    /// [`Mode::Shadow`].
    pub fn shadow(&self) {
        self.set_mode(Mode::Shadow);
    }

    /// Lets the circuit decide for itself again, from the state that it was in:
    /// [`set_mode`](Self::set_mode) with [`Mode::Auto`].
    pub fn release(&self) {
        self.set_mode(Mode::Auto);
    }

    /// Opens the circuit for `duration`, or for 365 days if that is less; then trials decide, as
    /// after any break.
    ///
    /// The time is measured to the nanosecond also where the settings ask for no more than a coarse
    /// clock.
    ///
    /// For a dependency that is known to be down until some time, as during its maintenance. A
    /// break of [`Duration::ZERO`] is over at once: the next call is a trial. To open by hand is no
    /// reopening, and an open circuit is opened anew. The mode stays: a circuit that is forced
    /// closed or disabled flows until it is released.
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
            now = self.clock.now(); // R4
            let goes_on = self.reopens(word, now);
            let last = self.circuit.last_break(word, &self.cold);
            let next = Break { length, reopens: if goes_on { last.reopens } else { 0 } };
            if self.circuit.propose_break(now.plus(length), next, true, word, &self.cold) {
                Step::Swap(word.open(self.next_generation(word), true))
            } else {
                Step::Retry
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
            Step::Swap(word.as_new(next).with_mode(Mode::Auto, next))
        });
        if let Some(change) = change {
            self.announce(change, Cause::Reset, self.now(), None, Tally::default());
        }
    }
}
