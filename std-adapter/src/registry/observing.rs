//! What a registry holds, for those who look.

use super::entry::Entry;
use super::event::RegistryCounters;
use super::eviction::{Valued, Worth};
use super::handle::Handle;
use super::{Breaker, Registry};
use crate::support::panics::Panics;
use core::hash::Hash;
use cutout_core::{Clock, Instant, Mode, Observer, Snapshot, State};
use std::sync::Arc;

/// # Observing
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// How many breakers the registry holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.office().ring.len()
    }

    /// Whether the registry holds no breaker.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most breakers that the registry holds.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many breakers were made, evicted, removed.
    #[must_use]
    pub fn counters(&self) -> RegistryCounters {
        self.office().counters
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        self.clock.get()
    }

    /// Shows each breaker to `visit`: those that the registry holds when this is called, in no
    /// order, as far as they have not left by the time that it is their turn.
    ///
    /// It holds nothing while `visit` runs but the one breaker, and does not count as a look-up.
    pub fn for_each(&self, mut visit: impl FnMut(&K, &Handle<C, O>)) {
        for entry in self.entries() {
            if let Some(entered) = self.enter(&entry) {
                visit(&entry.key, &Handle::new(entered.hold));
            }
        }
    }

    /// Shows each entry and its breaker to `visit`. If that panics for one entry, the panic is kept
    /// in `panics`, and the next entry follows.
    pub(super) fn for_each_entry(
        &self,
        panics: &mut Panics,
        mut visit: impl FnMut(&Entry<K, Breaker<C, O>>, &Handle<C, O>),
    ) {
        for entry in self.entries() {
            panics.catch(|| {
                if let Some(entered) = self.enter(&entry) {
                    visit(&entry, &Handle::new(entered.hold));
                }
            });
            panics.catch(|| drop(entry));
        }
    }

    fn entries(&self) -> Vec<Arc<Entry<K, Breaker<C, O>>>> {
        self.office().ring.entries().cloned().collect()
    }

    /// All entries, and how many lists of them there were before: who has a later list knows more.
    /// No code of the user's runs.
    #[cfg(feature = "metrics")]
    pub(crate) fn listed(&self) -> (u64, Vec<Listed<K, C, O>>) {
        let mut office = self.office();
        office.listings += 1;
        let entries = office.ring.entries().map(|entry| Listed(Arc::clone(entry))).collect();
        (office.listings, entries)
    }

    /// The breaker of an entry, if it has not left.
    #[cfg(feature = "metrics")]
    pub(crate) fn enter_listed(&self, listed: &Listed<K, C, O>) -> Option<Handle<C, O>> {
        self.enter(&listed.0).map(|entered| Handle::new(entered.hold))
    }

    /// All breakers, each at its own moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Registry, State};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// hosts.get("10.0.0.7").force_open();
    /// let open: Vec<_> = hosts
    ///     .snapshots()
    ///     .into_iter()
    ///     .filter(|(_, snapshot)| snapshot.state == State::Open)
    ///     .map(|(host, _)| host)
    ///     .collect();
    /// assert_eq!(open, ["10.0.0.7"]);
    /// ```
    #[must_use]
    pub fn snapshots(&self) -> Vec<(K, Snapshot)>
    where
        K: Clone,
    {
        let mut all = Vec::new();
        self.for_each(|key, breaker| all.push((key.clone(), breaker.snapshot())));
        all
    }
}

/// An entry in a list of all.
#[cfg(feature = "metrics")]
pub(crate) struct Listed<K, C: Clock, O: Observer>(Arc<Entry<K, Breaker<C, O>>>);

#[cfg(feature = "metrics")]
impl<K, C: Clock, O: Observer> Listed<K, C, O> {
    pub(crate) fn key(&self) -> &K {
        &self.0.key
    }

    /// Where in memory the breaker is, or was.
    pub(crate) fn address(&self) -> usize {
        self.0.door.address()
    }
}

impl<C: Clock, O: Observer> Valued for Breaker<C, O> {
    fn worth(&self, now: Instant) -> Worth {
        if self.mode() != Mode::Auto {
            return Worth::Kept;
        }
        let snapshot = self.snapshot_at(now);
        match snapshot.state {
            State::Closed if snapshot.in_slow_start => Worth::Past,
            State::Closed => Worth::Little,
            State::HalfOpen if snapshot.trials_in_flight > 0 => {
                let timeout = self.config().get_trial_timeout().as_nanos();
                Worth::Tried(u64::try_from(timeout).unwrap_or(u64::MAX))
            }
            State::HalfOpen => Worth::Past,
            State::Open if snapshot.due => Worth::Due,
            State::Open => Worth::Kept,
        }
    }
}
