//! The breakers of a registry, which come and go.

use core::hash::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cutout_core::{Clock, Observer};

use super::{BreakerPlace, Found, Last, Source, Watched};
use crate::breaker::CircuitBreaker;
use crate::registry::Registry;

pub(in crate::telemetry::metrics) struct RegistrySource<K, C, O, P>
where
    K: 'static,
    C: Clock + 'static,
    O: Observer + 'static,
{
    registry: Watched<Registry<K, C, O>>,
    place: P,
    /// By where in memory the breaker is. Nothing else can be there as long as it is known weakly,
    /// so one that was made anew for its key is not taken for the one before.
    seen: Mutex<HashMap<usize, Seen<C, O>>>,
}

struct Seen<C: Clock, O: Observer> {
    place: BreakerPlace,
    last: Last,
    /// The last list that it was in.
    list: u64,
    _there: Weak<CircuitBreaker<C, O>>,
}

impl<K, C: Clock, O: Observer, P> RegistrySource<K, C, O, P> {
    pub(in crate::telemetry::metrics) fn new(
        registry: Watched<Registry<K, C, O>>,
        place: P,
    ) -> Self {
        Self { registry, place, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<usize, Seen<C, O>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, C, O, P> Source for RegistrySource<K, C, O, P>
where
    K: Hash + Eq + Send + Sync,
    C: Clock + Send + Sync,
    O: Observer + Send + Sync,
    P: Fn(&K) -> BreakerPlace + Send + Sync,
{
    fn look(&self, found: &mut Found) {
        let Some(registry) = self.registry.get() else { return };
        // Those that are known are told from new ones, and from those that have left, under the
        // lock under which all are listed: so that of two collections at the same time neither
        // takes for new what the other has just let go of, and counts it twice.
        let (list, entries) = {
            let mut seen = self.seen();
            let (list, entries) = registry.listed();
            let known = |address| {
                let known: &mut Seen<C, O> = seen.get_mut(&address)?;
                known.list = list;
                Some((Arc::clone(&known.place), Arc::clone(&known.last)))
            };
            let address = |entry: &crate::registry::Listed<K, C, O>| entry.address();
            let all: Vec<_> = entries.iter().map(address).map(known).collect();
            seen.retain(|_, seen| seen.list >= list);
            (list, entries.into_iter().zip(all))
        };
        for (entry, known) in entries {
            let Some(handle) = registry.enter_listed(&entry) else { continue };
            let breaker = handle.as_arc();
            let (place, last) = known.unwrap_or_else(|| {
                let place = (self.place)(entry.key());
                let mut seen = self.seen();
                let seen = seen.entry(entry.address()).or_insert_with(|| Seen {
                    place,
                    last: Last::default(),
                    list,
                    _there: Arc::downgrade(breaker),
                });
                (Arc::clone(&seen.place), Arc::clone(&seen.last))
            });
            found.breakers.push((place, last, breaker.snapshot(), breaker.config()));
        }
    }

    fn is_alive(&self) -> bool {
        self.registry.is_alive()
    }
}
