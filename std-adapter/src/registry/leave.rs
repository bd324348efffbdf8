//! How entries leave: removed, or idle. And how it is told.

use core::borrow::Borrow;
use core::hash::Hash;
use std::sync::Arc;

use cutout_core::{Clock, Observer};

use super::entry::Sought;
use super::ring::Ended;
use super::{Breaker, Handle, Office, Registry, RegistryEvent};
use crate::panics::caught;

/// How many entries [`Registry::evict_idle`] looks at before it lets others have the lock.
const LOOKS_AT_ONCE: usize = 256;

/// # Leaving
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// Takes the breaker of `key` out of the registry, whatever its state and whoever holds it.
    ///
    /// Who holds a handle keeps the old breaker, and so does the caller by the one returned; the next
    /// look-up makes a new one that remembers nothing.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Handle<C, O>>
    where
        K: Borrow<Q>,
    {
        let mut office = self.office();
        let entry = {
            let guard = self.map.guard();
            Arc::clone(&self.map.get_key_value(&Sought(key), &guard)?.0.0)
        };
        let slot = office.ring.remove(&entry)?;
        self.map.remove(&Sought(key), &self.map.guard());
        office.counters.removed += 1;
        drop(office);
        let removed = Handle::new(slot.root.hold());
        self.tell(RegistryEvent::Removed(&entry.key));
        Some(removed)
    }

    /// Evicts the breakers of all keys that were not looked up for the
    /// [idle time](super::RegistryBuilder::idle_time), if they are closed, decide for themselves
    /// and are held by nobody. Says how many.
    ///
    /// There is no timer: idle breakers are evicted by this, and by first look-ups, each of which
    /// looks at two entries. What somebody holds is not idle, and begins to be when a pass finds it
    /// last held. The lock is held for 256 entries at a time.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Config, ManualClock, Registry};
    ///
    /// static CLOCK: ManualClock = ManualClock::new();
    ///
    /// let hosts: Registry<String, _> = Registry::builder(Config::new())
    ///     .clock(&CLOCK)
    ///     .idle_time(Duration::from_secs(600))
    ///     .build()?;
    /// hosts.get("10.0.0.7");
    /// CLOCK.advance(Duration::from_secs(600));
    /// hosts.get("10.0.0.8");
    /// assert!(hosts.peek("10.0.0.7").is_none(), "evicted when the other was made");
    /// assert_eq!(hosts.evict_idle(), 0);
    /// # Ok::<_, cutout::RegistryError>(())
    /// ```
    pub fn evict_idle(&self) -> usize {
        let Some(idle) = self.idle else { return 0 };
        let now = self.clock.now_coarse();
        let (mut from, mut count) = (usize::MAX, 0);
        while from > 0 {
            let mut left = Left::default();
            let mut office = self.office();
            from = office.ring.sweep_before(from, LOOKS_AT_ONCE, now, idle.time, &mut left.expired);
            self.forget(&mut office, &left);
            drop(office);
            count += left.expired.len();
            left.announce(self);
        }
        count
    }

    /// Takes the keys of what has left the ring out of the map, under the same lock (R4).
    pub(super) fn forget(&self, office: &mut Office<K, Breaker<C, O>>, left: &Left<K, C, O>) {
        let guard = self.map.guard();
        for ended in left.evicted.iter().chain(&left.expired) {
            self.map.remove(&Sought(&ended.entry.key), &guard);
        }
        office.counters.evicted += u64::from(left.evicted.is_some());
        office.counters.expired += left.expired.len() as u64;
    }

    /// Tells the listener, if there is one, and keeps its panics from the caller.
    pub(super) fn tell(&self, event: RegistryEvent<'_, K>) {
        if let Some(listen) = &self.listener {
            // What it leaves broken is its own.
            caught(|| listen(event));
        }
    }
}

/// What has left the ring, to be told and dropped where no lock is held.
pub(super) struct Left<K, C: Clock, O: Observer> {
    pub(super) evicted: Option<Ended<K, Breaker<C, O>>>,
    pub(super) expired: Vec<Ended<K, Breaker<C, O>>>,
}

impl<K: Hash + Eq, C: Clock, O: Observer> Left<K, C, O> {
    pub(super) fn announce(self, registry: &Registry<K, C, O>) {
        if let Some(ended) = self.evicted {
            drop(ended.value);
            registry.tell(RegistryEvent::Evicted(&ended.entry.key));
        }
        for ended in self.expired {
            drop(ended.value);
            registry.tell(RegistryEvent::Expired(&ended.entry.key));
        }
    }
}

impl<K, C: Clock, O: Observer> Default for Left<K, C, O> {
    fn default() -> Self {
        Self { evicted: None, expired: Vec::new() }
    }
}
