//! What a breaker knows, to be carried into another process.

use core::time::Duration;

use crate::state::{Mode, State};
use crate::time::nanos;
use crate::totals::Totals;
use crate::window::SavedWindow;

mod words;

pub use words::SavedStateError;

/// What a breaker knows: its state, what is left of its break, what its window holds.
///
/// [`CircuitBreaker::save`](crate::CircuitBreaker::save) takes it,
/// [`CircuitBreaker::from_saved`](crate::CircuitBreaker::from_saved) makes a breaker of it. All
/// times in it are lengths: what is left, how old. So it means the same on another clock, and a
/// wall clock that is wrong does not matter. It does not age by itself:
/// [`advanced_by`](Self::advanced_by) says how long it lay.
///
/// A half-open circuit is saved as an open one whose break is over, since its trials cannot be
/// carried: the next call is the first of new ones. Calls in flight are not in it.
///
/// It goes through a file, a flash page or a message as [numbers](Self::to_words).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout_core::{CircuitBreaker, Config, ManualClock, SavedState, State};
///
/// let config = Config::new();
/// let before = CircuitBreaker::with_clock(config, ManualClock::new());
/// for _ in 0..20 {
///     let _ = before.call(|| Err::<(), _>("down"));
/// }
/// before.clock().advance(Duration::from_secs(10));
/// let kept: Vec<u64> = before.save().to_words().collect();
///
/// // In the next process, which began four seconds later:
/// let saved = SavedState::from_words(kept)?.advanced_by(Duration::from_secs(4));
/// let after = CircuitBreaker::from_saved(config, ManualClock::new(), (), &saved)?;
/// assert_eq!(after.state(), State::Open);
/// let refusal = after.try_acquire().unwrap_err();
/// assert_eq!(refusal.retry_after(), Some(Duration::from_secs(16)));
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedState<const BUCKETS: usize = 10> {
    /// Closed or Open.
    pub(crate) state: State,
    /// Whether it is Closed and takes up its load.
    pub(crate) in_slow_start: bool,
    pub(crate) mode: Mode,
    /// Nanoseconds of the break or of the slow start.
    pub(crate) left: u64,
    pub(crate) reopens: u32,
    /// How long the present or the last break was.
    pub(crate) last_break: u64,
    /// While Closed: for how long still a trip is a reopening.
    pub(crate) unsteady: u64,
    pub(crate) failures_in_a_row: u64,
    pub(crate) totals: Totals,
    pub(crate) window: SavedWindow<BUCKETS>,
}

impl<const BUCKETS: usize> SavedState<BUCKETS> {
    /// Closed or Open: HalfOpen is saved as an Open whose break is over.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Who decides.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What is left of the break or of the slow start; zero in any other state.
    #[must_use]
    pub const fn left(&self) -> Duration {
        Duration::from_nanos(self.left)
    }

    /// What became of all calls.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The same, having lain for so long: less is left, and the results of a window over time are
    /// older.
    #[must_use]
    pub const fn advanced_by(mut self, by: Duration) -> Self {
        self.left = self.left.saturating_sub(nanos(by));
        self.unsteady = self.unsteady.saturating_sub(nanos(by));
        self.window = self.window.advanced_by(nanos(by));
        self
    }
}
