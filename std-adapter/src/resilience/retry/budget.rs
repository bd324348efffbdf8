//! How many retries all calls together may make.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

use cutout_core::{Clock, Rate};

use crate::breaker::StdClock;
use crate::support::sync::{AtomicU64, const_fn};

// All orderings are relaxed: either word stands for itself, and nothing else is published by it.

/// What a single retry takes from the balance, in the unit of a rate: a call brings in its basis
/// points.
const RETRY: u64 = 10_000;

const SECOND: u64 = 1_000_000_000;

/// A limit on retries: a share of the calls, and beyond that a minimum rate.
///
/// Without one, a dependency that is down gets a multiple of its load just when it can carry less.
/// With it, over any span of time in which `n` calls reach the dependency,
///
/// ```text
/// retries <= share * n + burst + minimum rate * (seconds + 1)
/// ```
///
/// A call counts when its first attempt has run: what the breaker refused brings nothing in. A
/// retry is paid for when it begins: what is refused costs nothing, nor does a retry that a panic
/// of a clock keeps from beginning. A retry that has begun stays paid for, also if it panics or is
/// dropped. A budget is an object of its own, so that several policies can share it, by reference,
/// `static` or [`Arc`](std::sync::Arc).
///
/// # Progress
///
/// Lock-free. While the balance is full, as it is when all is well, a call only reads it.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{Policy, Rate, Retry, RetryBudget};
///
/// static BUDGET: RetryBudget = RetryBudget::new(Rate::percent(10), 5);
///
/// let policy = Policy::new().retry(Retry::fixed(Duration::ZERO).max_attempts(3).budget(&BUDGET));
/// assert_eq!(policy.call(|| Ok::<_, ()>("paid")), Ok("paid"));
/// ```
pub struct RetryBudget<C: Clock = StdClock> {
    share: Rate,
    /// The most that the balance holds.
    most: u64,
    balance: AtomicU64,
    /// From retry to retry at the minimum rate, in nanoseconds; 0 where there is none.
    interval: u64,
    /// Up to which instant the minimum rate is spent.
    spent_until: AtomicU64,
    clock: C,
}

/// What a retry was taken from.
#[derive(Clone, Copy, Debug)]
pub enum Spent {
    SavedState,
    Minimum,
}

impl RetryBudget {
    const_fn! {
        /// Retries for `share` of the calls, and `per_second` more in each second.
        ///
        /// The balance starts empty, and holds no more than 100 retries; see
        /// [`burst`](Self::burst). A minimum of 0 is none; one above a billion a second is taken
        /// for that.
        #[must_use]
        pub fn new(share: Rate, per_second: u32) -> Self {
            Self::with_clock(share, per_second, StdClock)
        }
    }
}

impl<C: Clock> RetryBudget<C> {
    const_fn! {
        /// As [`new`](RetryBudget::new), with the time told by `clock`.
        #[must_use]
        pub fn with_clock(share: Rate, per_second: u32, clock: C) -> Self {
            let interval = match per_second {
                0 => 0,
                // Rounded up, so that the rate is never above what was asked for.
                some => SECOND.div_ceil(some as u64),
            };
            Self {
                share,
                most: 100 * RETRY,
                balance: AtomicU64::new(0),
                interval,
                spent_until: AtomicU64::new(0),
                clock,
            }
        }
    }

    /// At most `retries` can be saved up by calls that went well: they are what may be spent at
    /// once.
    #[must_use]
    pub const fn burst(mut self, retries: u32) -> Self {
        self.most = retries as u64 * RETRY;
        self
    }

    /// Counts a call.
    pub fn record_call(&self) {
        let more = u64::from(self.share.basis_points());
        let _ = self.balance.fetch_update(Relaxed, Relaxed, |balance| {
            let next = (balance + more).min(self.most);
            (next != balance).then_some(next)
        });
    }

    /// Takes a retry from the budget, if it has one.
    #[must_use]
    pub fn try_spend(&self) -> bool {
        self.spend().is_some()
    }

    /// The same; what it was taken from.
    pub(crate) fn spend(&self) -> Option<Spent> {
        let saved = self.balance.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(RETRY));
        if saved.is_ok() {
            Some(Spent::SavedState)
        } else {
            self.spend_of_minimum().then_some(Spent::Minimum)
        }
    }

    /// Gives back what was taken a moment ago for a retry that does not begin.
    pub(crate) fn give_back(&self, spent: Spent) {
        let _ = match spent {
            Spent::SavedState => self.balance.fetch_update(Relaxed, Relaxed, |balance| {
                Some(balance.saturating_add(RETRY).min(self.most))
            }),
            Spent::Minimum => self
                .spent_until
                .fetch_update(Relaxed, Relaxed, |spent| Some(spent.saturating_sub(self.interval))),
        };
    }

    /// Whether a retry could be taken now.
    pub(crate) fn has_one(&self) -> bool {
        if self.balance.load(Relaxed) >= RETRY {
            return true;
        }
        let now = || self.clock.now().as_nanos();
        self.interval != 0 && self.spent_until.load(Relaxed) < now().saturating_add(SECOND)
    }

    /// A whole second of the minimum rate may be spent at once, and no more.
    fn spend_of_minimum(&self) -> bool {
        if self.interval == 0 {
            return false;
        }
        let now = self.clock.now().as_nanos();
        let ahead = now.saturating_add(SECOND);
        let spent = self.spent_until.fetch_update(Relaxed, Relaxed, |spent| {
            let at = spent.max(now);
            (at < ahead).then(|| at.saturating_add(self.interval))
        });
        spent.is_ok()
    }

    /// How many retries the calls have brought in and nobody has spent; the minimum rate is not
    /// part of it.
    #[must_use]
    pub fn saved(&self) -> u64 {
        self.balance.load(Relaxed) / RETRY
    }
}

impl<C: Clock> fmt::Debug for RetryBudget<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the calls", self.share)?;
        if let Some(per_second) = SECOND.checked_div(self.interval) {
            write!(f, " and {per_second}/s")?;
        }
        write!(f, ", {} of {} saved", self.saved(), self.most / RETRY)
    }
}
