//! Waiting on tokio.

use core::time::Duration;
use std::sync::OnceLock;

use ::tokio::task::coop::{Unconstrained, unconstrained};
use ::tokio::time;
use cutout_core::{Clock, Instant};

use super::Sleep;

/// Tokio's timer and clock (feature `tokio`).
///
/// Like all of tokio's waits, it is no finer than a millisecond, and a wait of no length ends at
/// once. As a clock it is tokio's: where a test pauses or advances that one, policies, budgets and
/// breakers on `TokioSleep` follow.
///
/// A wait ends on time also in a task that has used up its turn: what it shares that turn with may be
/// a call that never gives it back.
///
/// # Panics
///
/// [`sleep`](Sleep::sleep) panics outside of a runtime of tokio that has its timer enabled.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Clock, Sleep, TokioSleep};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let before = TokioSleep.now();
/// TokioSleep.sleep(Duration::from_secs(60)).await; // this test has paused the time
/// assert_eq!(TokioSleep.now().saturating_since(before), Duration::from_secs(60));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokioSleep;

impl Sleep for TokioSleep {
    type Sleeping = Unconstrained<time::Sleep>;

    fn sleep(&self, duration: Duration) -> Self::Sleeping {
        unconstrained(time::sleep(duration))
    }
}

static ORIGIN: OnceLock<time::Instant> = OnceLock::new();

impl Clock for TokioSleep {
    #[inline]
    fn now(&self) -> Instant {
        let origin = ORIGIN.get_or_init(time::Instant::now);
        Instant::ORIGIN.saturating_add(origin.elapsed())
    }
}
