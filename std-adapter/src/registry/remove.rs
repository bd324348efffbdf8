//! How entries leave: removed, or idle. And how it is told.

use core::borrow::Borrow;
use core::hash::Hash;
use std::sync::Arc;

use cutout_core::{Clock, Observer};

use super::entry::{Entry, Sought};
use super::eviction::{Ended, Moment, Worth};
use super::{Breaker, Handle, Office, Registry, RegistryEvent};
use crate::support::panics::{Panics, caught};

/// How many entries [`Registry::evict_idle`] looks at before it lets others have the lock.
const LOOKS_AT_ONCE: usize = 256;

/// # Leaving
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// Takes the breaker of `key` out of the registry, whatever its state and whoever holds it.
    ///
    /// Who holds a handle keeps the old breaker, and so does the caller by the one returned; the
    /// next look-up makes a new one that remembers nothing.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Handle<C, O>>
    where
        K: Borrow<Q>,
    {
        loop {
            // Found before the lock is taken, for `Borrow` is the user's code.
            let entry = {
                let guard = self.map.guard();
                Arc::clone(&self.map.get_key_value(&Sought(key), &guard)?.0.0)
            };
            let mut left = Left::default();
            let mut office = self.office();
            let Some(slot) = office.ring.remove(&entry) else {
                drop(office);
                continue; // it has left since, and another may be there
            };
            self.let_go(&mut office, &entry, &mut left);
            office.counters.removed += 1;
            drop(office);
            let removed = Handle::new(slot.root.hold());
            self.tell(RegistryEvent::Removed(&entry.key));
            let mut panics = Panics::default();
            panics.catch(|| drop((slot, entry)));
            left.drop_each(&mut panics);
            return panics.go_on_or(Some(removed));
        }
    }

    /// Evicts the breakers of all keys that were not looked up for the [idle
    /// time](super::RegistryBuilder::idle_time), if they are held by nobody and no decision of
    /// theirs still holds. Says how many.
    ///
    /// An open breaker goes once its break is over: then it is *due*, and the next call would be a
    /// trial. The [counters](super::RegistryCounters::due) tell how many of those have gone.
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
        let now = self.now();
        let (mut from, mut count) = (usize::MAX, 0);
        let mut panics = Panics::default();
        while from > 0 {
            let mut left = Left::default();
            let mut office = self.office();
            from = office.ring.sweep_before(from, LOOKS_AT_ONCE, now, idle.time, &mut left.expired);
            self.forget(&mut office, &mut left);
            drop(office);
            count += left.expired.len();
            left.tell(self);
            left.drop_each(&mut panics);
        }
        panics.go_on_or(count)
    }

    /// The time, for what is done under the lock.
    pub(super) fn now(&self) -> Moment {
        Moment { exact: self.clock.now(), coarse: self.clock.now_coarse() }
    }

    /// Takes the keys of what has left the ring out of the map, under the same lock (G4).
    pub(super) fn forget(&self, office: &mut Office<K, Breaker<C, O>>, left: &mut Left<K, C, O>) {
        for at in 0..=left.expired.len() {
            let ended = if at == 0 { left.evicted.as_ref() } else { left.expired.get(at - 1) };
            let Some(ended) = ended else { continue };
            office.counters.due += u64::from(ended.worth == Worth::Due);
            let entry = Arc::clone(&ended.entry);
            self.let_go(office, &entry, left);
        }
        office.counters.evicted += u64::from(left.evicted.is_some());
        office.counters.expired += left.expired.len() as u64;
    }

    /// Takes the key of an entry that has left the ring out of the map (G4), and keeps the entry
    /// until the map has let go of it, which it does at a time of its choice: by then the key is
    /// dropped here, and where no lock is held (G5).
    fn let_go(
        &self,
        office: &mut Office<K, Breaker<C, O>>,
        entry: &Arc<Entry<K, Breaker<C, O>>>,
        left: &mut Left<K, C, O>,
    ) {
        office.departed.push(Arc::clone(entry));
        self.map.remove(&Sought(&entry.key), &self.map.guard());
        if office.departed.len() >= office.departed_at_most {
            let departed = core::mem::take(&mut office.departed);
            let (gone, kept): (Vec<_>, _) =
                departed.into_iter().partition(|entry| Arc::strong_count(entry) == 1);
            office.departed = kept;
            left.departed.extend(gone);
            office.departed_at_most = FEW_DEPARTED.max(2 * office.departed.len());
        }
    }

    /// Tells the listener, if there is one, and keeps its panics from the caller.
    pub(super) fn tell(&self, event: RegistryEvent<'_, K>) {
        if let Some(listen) = &self.listener {
            // What it leaves broken is its own.
            caught(|| listen(event));
        }
    }
}

/// So many entries may wait for the map to let go of them before it is looked whether it has.
pub(super) const FEW_DEPARTED: usize = 64;

/// What has left the ring, to be told and dropped where no lock is held.
pub(super) struct Left<K, C: Clock, O: Observer> {
    pub(super) evicted: Option<Ended<K, Breaker<C, O>>>,
    pub(super) expired: Vec<Ended<K, Breaker<C, O>>>,
    /// Entries that left before, and that the map has let go of.
    pub(super) departed: Vec<Arc<Entry<K, Breaker<C, O>>>>,
}

impl<K: Hash + Eq, C: Clock, O: Observer> Left<K, C, O> {
    pub(super) fn tell(&self, registry: &Registry<K, C, O>) {
        if let Some(ended) = &self.evicted {
            registry.tell(RegistryEvent::Evicted(&ended.entry.key));
        }
        for ended in &self.expired {
            registry.tell(RegistryEvent::Expired(&ended.entry.key));
        }
    }

    /// Drops observers and keys one by one: they are the user's, and one that panics keeps none of
    /// the others from its drop.
    pub(super) fn drop_each(self, panics: &mut Panics) {
        for Ended { entry, value, .. } in self.evicted.into_iter().chain(self.expired) {
            panics.catch(|| drop(value));
            panics.catch(|| drop(entry));
        }
        for entry in self.departed {
            panics.catch(|| drop(entry));
        }
    }
}

impl<K, C: Clock, O: Observer> Default for Left<K, C, O> {
    fn default() -> Self {
        Self { evicted: None, expired: Vec::new(), departed: Vec::new() }
    }
}
