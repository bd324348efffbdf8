//! `Handle`: a look-up's hold on a breaker.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use cutout_core::{Clock, Observer};

use super::sharded_arc::Hold;
use crate::breaker::{CircuitBreaker, StdClock};

/// A breaker that a [`Registry`](crate::Registry) handed out.
///
/// It dereferences to [`CircuitBreaker`], keeps it alive, and keeps it from being evicted: drop it
/// after the call, or keep it for as long as you care for this key. Keep it as long as a
/// [`Ticket`](crate::Ticket) of its breaker is out, too. A handle outlives the removal of its key
/// and the registry itself; the breaker goes on as before, but the registry no longer knows it.
///
/// To clone one shares a count with the original; to look the key up again does not.
///
/// # Examples
///
/// ```
/// use cutout::{Config, Registry};
///
/// let hosts: Registry<String> = Registry::new(Config::new());
/// let host = hosts.get("10.0.0.7");
/// assert!(host.call(|| Ok::<_, std::io::Error>("page")).is_ok());
/// drop(hosts);
/// assert_eq!(host.totals().successes, 1);
/// ```
pub struct Handle<C: Clock = StdClock, O: Observer = ()> {
    pub(super) hold: Hold<CircuitBreaker<C, O>>,
}

impl<C: Clock, O: Observer> Handle<C, O> {
    pub(super) const fn new(hold: Hold<CircuitBreaker<C, O>>) -> Self {
        Self { hold }
    }

    /// The breaker, to be shared with what takes an [`Arc`]. A clone of it counts as in use like a
    /// handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Outcome, Registry};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// let permit = hosts.get("10.0.0.7").as_arc().try_acquire_owned()?;
    /// std::thread::spawn(move || permit.settle(Outcome::Success)).join().unwrap();
    /// # Ok::<_, cutout::Rejected>(())
    /// ```
    #[must_use]
    pub fn as_arc(&self) -> &Arc<CircuitBreaker<C, O>> {
        self.hold.value()
    }
}

impl<C: Clock, O: Observer> Deref for Handle<C, O> {
    type Target = CircuitBreaker<C, O>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.hold
    }
}

impl<C: Clock, O: Observer> Clone for Handle<C, O> {
    fn clone(&self) -> Self {
        Self { hold: self.hold.clone() }
    }
}

impl<C: Clock, O: Observer> fmt::Debug for Handle<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&**self).finish()
    }
}
