//! A breaker that goes on where another left off.

use super::CircuitBreaker;
use crate::circuit::{Break, Word};
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::observe::Observer;
use crate::saved::SavedState;
use crate::settings::Lengths;
use crate::state::State;
use crate::time::{Clock, Instant};
use crate::window::Tally;

/// # Going on where another left off
impl<C: Clock, O: Observer> CircuitBreaker<C, O> {
    /// A breaker that goes on where the one that was saved left off.
    ///
    /// As [`from_saved_parts`](Self::from_saved_parts), for a breaker with room for 10 buckets.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn from_saved(
        config: Config,
        clock: C,
        observer: O,
        saved: &SavedState,
    ) -> Result<Self, ConfigError> {
        Self::from_saved_parts(config, clock, observer, saved)
    }
}

/// # Saving and restoring
impl<C: Clock, O: Observer, const BUCKETS: usize> CircuitBreaker<C, O, BUCKETS> {
    /// What this breaker knows, for one that will go on where it left off. See [`SavedState`].
    ///
    /// It is read while others write, as a [`snapshot`](Self::snapshot) is.
    #[must_use]
    pub fn save(&self) -> SavedState<BUCKETS> {
        let (word, end, last, steady) = loop {
            let (word, end) = self.circuit.load_with_end(&self.cold);
            let last = self.circuit.last_break(word, &self.cold);
            let steady =
                if word.has_broken() { self.circuit.steady(&self.cold) } else { Instant::ORIGIN };
            if self.circuit.load() == word {
                break (word, end, last, steady);
            }
        };
        let now = self.now();
        let generation = word.generation();
        let is_closed = word.state() == State::Closed;
        SavedState {
            state: if is_closed { State::Closed } else { State::Open },
            in_slow_start: word.is_in_slow_start(),
            mode: word.mode(),
            left: if word.has_end() { end.since(now) } else { 0 },
            reopens: last.reopens,
            last_break: last.length,
            unsteady: if is_closed { steady.since(now) } else { 0 },
            failures_in_a_row: self.streak.length(generation),
            totals: self.totals(),
            window: self.lanes.save(self.settings.shape(), generation, now),
        }
    }

    /// A breaker that goes on where the one that was saved left off.
    ///
    /// Announces nothing, and starts a generation of its own: a ticket of the old one does not
    /// belong here. The next result looks at the window, whatever it is. Where `config` has another
    /// window, results are sorted into its buckets to within one of them, or the last ones are
    /// kept; a window of the other kind starts empty. A break does not last longer than `config`
    /// allows a break to last, and a slow start without [`Config::slow_start`] is over. The totals
    /// go on, so that calls that were in flight are missing from them.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn from_saved_parts(
        config: Config,
        clock: C,
        observer: O,
        saved: &SavedState<BUCKETS>,
    ) -> Result<Self, ConfigError> {
        let breaker = Self::try_from_parts(config, clock, observer)?;
        let now = breaker.now();
        let (Lengths { breaks, slow_start }, _) = breaker.settings.lengths(&breaker.cold);
        let in_slow_start = saved.in_slow_start && slow_start.is_some();
        let longest = match slow_start {
            Some(slow_start) if in_slow_start => slow_start.length(),
            _ => breaks.longest(),
        };
        let broke = saved.state != State::Closed || saved.last_break != 0 || saved.reopens != 0;
        let word = Word::from_saved(saved.state, in_slow_start, saved.mode, broke);
        let word = word.with_reevaluates(breaker.settings.plan().has_rate());
        let last = Break {
            length: saved.last_break.min(breaks.longest()),
            reopens: saved.reopens.min(Break::MOST_REOPENS),
        };
        let steady = now.plus(saved.unsteady.min(breaks.longest()));
        let end = now.plus(saved.left.min(longest));
        breaker.circuit.restore(word, end, last, steady, &breaker.cold);
        if breaker.settings.plan().has_streak() {
            breaker.streak.restore(saved.failures_in_a_row);
        }
        if saved.state == State::Closed {
            breaker.lanes.restore(breaker.settings.shape(), &saved.window, now, &breaker.clock);
        }
        breaker.restore_totals(saved);
        Ok(breaker)
    }

    fn restore_totals(&self, saved: &SavedState<BUCKETS>) {
        let totals = &saved.totals;
        let (held, _) = self.lanes.totals(self.settings.shape());
        let missing = Tally {
            successes: totals.successes.saturating_sub(held.successes),
            failures: totals.failures.saturating_sub(held.failures),
            slow: 0,
        };
        self.lanes.add_to_totals(missing, &self.clock);
        self.lanes.add_rejected(totals.rejected, &self.clock);
        let counters = self.cold.counters();
        for (counter, total) in [
            (&counters.ignored, totals.ignored),
            (&counters.cancelled, totals.cancelled),
            (&counters.stale, totals.stale),
            (&counters.slow, totals.slow),
            (&counters.would_reject, totals.would_reject),
            (&counters.trials, totals.trials),
        ] {
            counter.add(total);
        }
    }
}
