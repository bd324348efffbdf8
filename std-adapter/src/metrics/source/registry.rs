//! The breakers of a registry, which come and go.

use core::hash::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use cutout_core::{Clock, Observer, Totals};

use super::{Source, Watched};
use crate::metrics::labels::BreakerLabel;
use crate::{CircuitBreaker, Registry};

pub(in crate::metrics) struct RegistrySource<K, C, O, L>
where
    K: 'static,
    C: Clock + 'static,
    O: Observer + 'static,
{
    registry: Watched<Registry<K, C, O>>,
    label: L,
    /// By where in memory the breaker is. Nothing else can be there as long as it is known weakly, so
    /// one that was made anew for its key is not taken for the one before.
    seen: HashMap<usize, Seen<C, O>>,
    rounds: u64,
}

struct Seen<C: Clock, O: Observer> {
    label: Arc<BreakerLabel>,
    last: Totals,
    round: u64,
    _place: Weak<CircuitBreaker<C, O>>,
}

impl<K, C: Clock, O: Observer, L> RegistrySource<K, C, O, L> {
    pub(in crate::metrics) fn new(registry: Watched<Registry<K, C, O>>, label: L) -> Self {
        Self { registry, label, seen: HashMap::new(), rounds: 0 }
    }
}

impl<K, C, O, L> Source for RegistrySource<K, C, O, L>
where
    K: Hash + Eq + Send + Sync,
    C: Clock + Send + Sync,
    O: Observer + Send + Sync,
    L: Fn(&K) -> Arc<BreakerLabel> + Send,
{
    fn read(&mut self) -> bool {
        let Some(registry) = self.registry.get() else { return false };
        let Self { label, seen, rounds, .. } = self;
        *rounds += 1;
        registry.for_each(|key, breaker| {
            let breaker = breaker.as_arc();
            let seen = seen.entry(Arc::as_ptr(breaker).addr()).or_insert_with(|| Seen {
                label: label(key),
                last: Totals::default(),
                round: 0,
                _place: Arc::downgrade(breaker),
            });
            seen.round = *rounds;
            seen.label.ledger().add(&breaker.snapshot(), &breaker.config(), &mut seen.last);
        });
        seen.retain(|_, seen| seen.round == *rounds);
        true
    }
}
