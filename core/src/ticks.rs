//! A counter of 32 bits, read as one of 64.
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | T1 | load of the halves, before the counter | Acquire | T2 | what is read of the counter must not be from before that half | `who_sees_the_counter_kept_up_does_not_see_it_before` |
//! | T2 | store of the halves | Release | T1 | as T1 | the same |
//! | T3 | load of the halves by who stores them | Relaxed | – | nobody else stores | there is nothing weaker |

use crate::sync::{AtomicUsize, Ordering, const_fn};

/// Makes 64 bits of a counter of ticks that has 32 and wraps: a hardware timer, or a number that an
/// interrupt handler counts up.
///
/// A millisecond counter of 32 bits is back at zero after 49.7 days, a cycle counter at 100 MHz
/// after 43 s. A [`Clock`](crate::Clock) must not go back, so give it what [`read`](Self::read)
/// returns.
///
/// It holds how many *halves* of its range the counter has gone through, and the counter's highest
/// bit says whether that is up to date: so it does not matter whether the wrap has been noticed
/// yet, also not in an interrupt handler that came just before it.
///
/// # What it takes
///
/// [`update`](Self::update) is called often enough: between two calls, and from one to the end of
/// any `read`, the counter advances by less than 2^31. It is called from one place, and `read` from
/// anywhere, at any priority, on any core. Neither waits or takes a lock, and neither needs an
/// atomic operation beyond a load and a store.
///
/// After 2^63 ticks it wraps (on 16-bit targets after 2^47).
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// use cutout_core::{Clock, Instant, Ticks64};
///
/// static MILLIS: AtomicU32 = AtomicU32::new(0);
/// static TICKS: Ticks64 = Ticks64::new();
///
/// /// The interrupt handler, once a millisecond.
/// fn on_tick() {
///     let millis = MILLIS.load(Relaxed).wrapping_add(1);
///     MILLIS.store(millis, Relaxed);
///     TICKS.update(millis);
/// }
///
/// struct SysTick;
///
/// impl Clock for SysTick {
///     fn now(&self) -> Instant {
///         Instant::from_ticks::<1_000>(TICKS.read(|| MILLIS.load(Relaxed)))
///     }
/// }
///
/// on_tick();
/// assert_eq!(SysTick.now(), Instant::from_nanos(1_000_000));
/// ```
#[derive(Debug)]
pub struct Ticks64 {
    /// The lowest bit is the highest of the counter when it was last kept up.
    halves: AtomicUsize,
}

const HALF: u32 = 31;

impl Ticks64 {
    const_fn! {
        /// For a counter in the first half of its range.
        #[must_use]
        pub fn new() -> Self {
            Self { halves: AtomicUsize::new(0) }
        }
    }

    /// The counter in 64 bits; `counter` reads it.
    #[inline]
    pub fn read(&self, counter: impl FnOnce() -> u32) -> u64 {
        // Read before the counter: so it may be behind it, but not ahead.
        let halves = self.halves.load(Ordering::Acquire); // T1
        let count = counter();
        (widen(halves, count) as u64) << HALF | u64::from(count & !(1 << HALF))
    }

    /// Notes which half of its range the counter is in, which reads `count`. To be called from one
    /// place only.
    #[inline]
    pub fn update(&self, count: u32) {
        let halves = self.halves.load(Ordering::Relaxed); // T3
        let seen = widen(halves, count);
        if seen != halves {
            self.halves.store(seen, Ordering::Release); // T2
        }
    }
}

/// `halves`, or one more if `count` is not in that half.
#[inline]
const fn widen(halves: usize, count: u32) -> usize {
    halves.wrapping_add(halves & 1 ^ (count >> HALF) as usize)
}

impl Default for Ticks64 {
    fn default() -> Self {
        Self::new()
    }
}
