//! Waiting on tokio.

use core::time::Duration;
use std::sync::OnceLock;

use ::tokio::task::coop::{Unconstrained, unconstrained};
use ::tokio::time;
use cutout_core::{Clock, Instant};

use super::AsyncTimer;

/// Tokio's timer and clock (feature `tokio`).
///
/// Like all of tokio's waits, it is no finer than a millisecond, and a wait of no length ends at
/// once. As a clock it is tokio's: where a test pauses or advances that one, policies, budgets and
/// breakers on `TokioTimer` follow.
///
/// The time is that of the runtime in which it is asked for. A runtime whose time was paused stays
/// behind, or is ahead of others; to a breaker that several of them share, the time steps back and
/// forth. Outside of a runtime it is the system's.
///
/// A wait ends on time also in a task that has used up its turn: what it shares that turn with may
/// be a call that never gives it back.
///
/// # Panics
///
/// [`sleep`](AsyncTimer::sleep) panics outside of a runtime of tokio that has its timer enabled.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Clock, AsyncTimer, TokioTimer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let before = TokioTimer.now();
/// TokioTimer.sleep(Duration::from_secs(60)).await; // this test has paused the time
/// assert_eq!(TokioTimer.now().saturating_since(before), Duration::from_secs(60));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokioTimer;

impl AsyncTimer for TokioTimer {
    type Sleeping = Unconstrained<time::Sleep>;

    fn sleep(&self, duration: Duration) -> Self::Sleeping {
        unconstrained(time::sleep(duration))
    }
}

/// What the first reading of the process was, and is told as.
///
/// Each runtime has a time of its own once a test has paused it, which may be long before that of
/// another. So the first reading is told as an instant that has 146 years before it, and 438 after
/// it.
static FIRST: OnceLock<time::Instant> = OnceLock::new();
const TOLD_AS: Instant = Instant::from_nanos(1 << 62);

impl Clock for TokioTimer {
    #[inline]
    fn now(&self) -> Instant {
        let now = time::Instant::now();
        let first = *FIRST.get_or_init(|| now);
        match now.checked_duration_since(first) {
            Some(after) => TOLD_AS.saturating_add(after),
            None => before(TOLD_AS, first - now),
        }
    }

    fn unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

/// The instant `span` before `instant`, or the first there is.
#[cold]
fn before(instant: Instant, span: Duration) -> Instant {
    let left = instant.saturating_since(Instant::ORIGIN).saturating_sub(span);
    Instant::ORIGIN.saturating_add(left)
}
