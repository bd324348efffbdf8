//! What is looked at: breakers, registries and bulkheads, none of which is kept alive.

#[cfg(feature = "registry")]
mod registry;

#[cfg(feature = "registry")]
pub(super) use registry::RegistrySource;

use core::fmt;
use core::ops::Deref;
use std::sync::{Arc, Mutex, Weak};

use cutout_core::{Clock, Config, Observer, Snapshot, Totals};

use super::labels::Place;
use super::ledger::{BreakerNumbers, BulkheadNumbers, Bulkheads};
use crate::breaker::CircuitBreaker;
use crate::resilience::bulkhead::Bulkhead;

/// Something that is watched as long as it lives: made of a reference to an [`Arc`], which it does
/// not keep alive, or of one to a static.
pub struct Watched<T: 'static>(Kind<T>);

enum Kind<T: 'static> {
    Static(&'static T),
    Shared(Weak<T>),
}

impl<T> Watched<T> {
    /// No code of the user's runs.
    fn is_alive(&self) -> bool {
        match &self.0 {
            Kind::Static(_) => true,
            Kind::Shared(whole) => whole.strong_count() > 0,
        }
    }

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
        f.write_str(if self.is_alive() { "Watched" } else { "Watched(gone)" })
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

pub(super) type BreakerPlace = Arc<Place<BreakerNumbers>>;
pub(super) type BulkheadPlace = Arc<Place<BulkheadNumbers>>;

/// What was last seen of the totals of one breaker.
pub(super) type Last = Arc<Mutex<Totals>>;

/// What a collection has found, before it is added up.
#[derive(Default)]
pub(super) struct Found {
    pub(super) breakers: Vec<(BreakerPlace, Last, Snapshot, Config)>,
    pub(super) bulkheads: Vec<(BulkheadPlace, Arc<Mutex<u64>>, Bulkheads)>,
}

/// Something to look at.
pub(super) trait Source: Send + Sync {
    /// Finds what there is. It runs the user's code (clocks, what names a key, and what is dropped
    /// if it came to be the last owner), so nothing is locked.
    fn look(&self, found: &mut Found);

    fn is_alive(&self) -> bool;
}

pub(super) struct BreakerSource<T: 'static> {
    place: BreakerPlace,
    breaker: Watched<T>,
    last: Last,
}

impl<T> BreakerSource<T> {
    pub(super) fn new(place: BreakerPlace, breaker: Watched<T>) -> Self {
        Self { place, breaker, last: Last::default() }
    }
}

impl<C, O, const BUCKETS: usize> Source for BreakerSource<CircuitBreaker<C, O, BUCKETS>>
where
    C: Clock + Send + Sync,
    O: Observer + Send + Sync,
{
    fn look(&self, found: &mut Found) {
        if let Some(breaker) = self.breaker.get() {
            let (place, last) = (Arc::clone(&self.place), Arc::clone(&self.last));
            found.breakers.push((place, last, breaker.snapshot(), breaker.config()));
        }
    }

    fn is_alive(&self) -> bool {
        self.breaker.is_alive()
    }
}

pub(super) struct BulkheadSource {
    place: BulkheadPlace,
    bulkhead: Watched<Bulkhead>,
    last: Arc<Mutex<u64>>,
}

impl BulkheadSource {
    pub(super) fn new(place: BulkheadPlace, bulkhead: Watched<Bulkhead>) -> Self {
        Self { place, bulkhead, last: Arc::default() }
    }
}

impl Source for BulkheadSource {
    fn look(&self, found: &mut Found) {
        if let Some(bulkhead) = self.bulkhead.get() {
            let (place, last) = (Arc::clone(&self.place), Arc::clone(&self.last));
            found.bulkheads.push((place, last, Bulkheads::of(&bulkhead)));
        }
    }

    fn is_alive(&self) -> bool {
        self.bulkhead.is_alive()
    }
}

/// So many sources may be there before those that have gone are looked for.
pub(super) const FEW_SOURCES: usize = 64;

pub(super) struct Sources {
    pub(super) all: Vec<Arc<dyn Source>>,
    /// How many there are when those that have gone are taken out, should nobody collect.
    pub(super) at_most: usize,
}

impl Sources {
    /// Takes out those that have gone, to be dropped where no lock is held.
    pub(super) fn prune(&mut self) -> Vec<Arc<dyn Source>> {
        let all = core::mem::take(&mut self.all);
        let gone;
        (self.all, gone) = all.into_iter().partition(|source| source.is_alive());
        self.at_most = FEW_SOURCES.max(2 * self.all.len());
        gone
    }
}
