//! What is looked at: breakers, registries and bulkheads, none of which is kept alive.

#[cfg(feature = "registry")]
mod registry;

#[cfg(feature = "registry")]
pub(super) use registry::RegistrySource;

use core::fmt;
use core::ops::Deref;
use std::sync::{Arc, Weak};

use cutout_core::{Clock, Observer, Totals};

use super::labels::{BreakerLabel, BulkheadLabel};
use crate::{Bulkhead, CircuitBreaker};

/// Something that is watched as long as it lives: made of a reference to an [`Arc`], which it does not
/// keep alive, or of one to a static.
pub struct Watched<T: 'static>(Kind<T>);

enum Kind<T: 'static> {
    Static(&'static T),
    Shared(Weak<T>),
}

impl<T> Watched<T> {
    fn get(&self) -> Option<Alive<T>> {
        match &self.0 {
            Kind::Static(whole) => Some(Alive::Static(whole)),
            Kind::Shared(whole) => whole.upgrade().map(Alive::Shared),
        }
    }
}

impl<T> From<&Arc<T>> for Watched<T> {
    fn from(shared: &Arc<T>) -> Self {
        Self(Kind::Shared(Arc::downgrade(shared)))
    }
}

impl<T> From<&'static T> for Watched<T> {
    fn from(whole: &'static T) -> Self {
        Self(Kind::Static(whole))
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.get().is_some() { "Watched" } else { "Watched(gone)" })
    }
}

enum Alive<T: 'static> {
    Static(&'static T),
    Shared(Arc<T>),
}

impl<T> Deref for Alive<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Static(whole) => whole,
            Self::Shared(whole) => whole,
        }
    }
}

/// Something to look at.
pub(super) trait Source: Send {
    /// Adds what is found to the ledgers; false if it is gone.
    fn read(&mut self) -> bool;
}

pub(super) struct BreakerSource<T: 'static> {
    label: Arc<BreakerLabel>,
    breaker: Watched<T>,
    last: Totals,
}

impl<T> BreakerSource<T> {
    pub(super) fn new(label: Arc<BreakerLabel>, breaker: Watched<T>) -> Self {
        Self { label, breaker, last: Totals::default() }
    }
}

impl<C, O, const BUCKETS: usize> Source for BreakerSource<CircuitBreaker<C, O, BUCKETS>>
where
    C: Clock + Send + Sync,
    O: Observer + Send + Sync,
{
    fn read(&mut self) -> bool {
        let Some(breaker) = self.breaker.get() else { return false };
        self.label.ledger().add(&breaker.snapshot(), &breaker.config(), &mut self.last);
        true
    }
}

pub(super) struct BulkheadSource {
    label: Arc<BulkheadLabel>,
    bulkhead: Watched<Bulkhead>,
    last: u64,
}

impl BulkheadSource {
    pub(super) const fn new(label: Arc<BulkheadLabel>, bulkhead: Watched<Bulkhead>) -> Self {
        Self { label, bulkhead, last: 0 }
    }
}

impl Source for BulkheadSource {
    fn read(&mut self) -> bool {
        let Some(bulkhead) = self.bulkhead.get() else { return false };
        self.label.ledger().add(&bulkhead, &mut self.last);
        true
    }
}
