//! How long an attempt may take.

use core::fmt;
use core::time::Duration;

/// Where the limit of an attempt comes from. It is asked at the start of each.
///
/// A [`Duration`] is one that never changes, and so is anything that can be called for one: a
/// function, or a closure over what has been measured. `None` is no limit.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{ManualSleep, Policy};
///
/// let measured = || Some(Duration::from_millis(80));
/// let policy = Policy::new().timer(ManualSleep::new()).timeout(measured);
/// # let _ = policy;
/// ```
pub trait Limit {
    /// How long the attempt that begins now may take.
    fn limit(&self) -> Option<Duration>;
}

impl Limit for Duration {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl<F, D> Limit for F
where
    F: Fn() -> D,
    D: Into<Option<Duration>>,
{
    #[inline]
    fn limit(&self) -> Option<Duration> {
        self().into()
    }
}

/// The part that ends an attempt which takes too long.
#[derive(Clone, Copy)]
pub struct Timeout<L> {
    limit: L,
}

impl<L: Limit> Timeout<L> {
    pub(crate) const fn new(limit: L) -> Self {
        Self { limit }
    }

    #[inline]
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit.limit()
    }
}

impl<L: Limit> fmt::Debug for Timeout<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit.limit() {
            Some(limit) => limit.fmt(f),
            None => f.write_str("none"),
        }
    }
}
