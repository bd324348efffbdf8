//! What the map holds for a key, and how it is found by a borrowed form of it.

use core::borrow::Borrow;
use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use cutout_core::Instant;
use equivalent::Equivalent;

use super::sharded_arc::Door;

/// A key, the door to its breaker, and when it was last asked for.
///
/// The atomics order nothing, hence Relaxed: they are hints for eviction, and `place` is written
/// and read under the registry's lock.
pub(super) struct Entry<K, B> {
    pub(super) key: K,
    pub(super) door: Door<B>,
    /// Looked up since the hand of the ring last passed.
    marked: AtomicBool,
    /// Whether its settings are its own, or those that all share.
    own: AtomicBool,
    /// The last look-up, to within a grain, in nanoseconds.
    used: AtomicU64,
    /// Where in the ring its root is.
    place: AtomicUsize,
}

impl<K, B> Entry<K, B> {
    pub(super) const fn new(key: K, door: Door<B>, now: Instant, own: bool) -> Self {
        Self {
            key,
            door,
            marked: AtomicBool::new(false),
            own: AtomicBool::new(own),
            used: AtomicU64::new(now.as_nanos()),
            place: AtomicUsize::new(0),
        }
    }

    /// Notes a look-up. It writes only what is news, so that a hot entry is only read.
    #[inline]
    pub(super) fn mark(&self) {
        if !self.marked.load(Relaxed) {
            self.marked.store(true, Relaxed);
        }
    }

    /// Notes when the look-up was, if that is more than a grain after the last one.
    #[inline]
    pub(super) fn touch(&self, now: Instant, grain: u64) {
        if self.unused_for(now) > grain {
            self.used.store(now.as_nanos(), Relaxed);
        }
    }

    /// Whether it was looked up since the last time this was asked.
    pub(super) fn take_mark(&self) -> bool {
        self.marked.load(Relaxed) && self.marked.swap(false, Relaxed)
    }

    /// The nanoseconds since the last look-up.
    pub(super) fn unused_for(&self, now: Instant) -> u64 {
        now.as_nanos().saturating_sub(self.used.load(Relaxed))
    }

    pub(super) fn has_own_settings(&self) -> bool {
        self.own.load(Relaxed)
    }

    pub(super) fn set_own_settings(&self, own: bool) {
        self.own.store(own, Relaxed);
    }

    pub(super) fn place(&self) -> usize {
        self.place.load(Relaxed)
    }

    pub(super) fn put_at(&self, place: usize) {
        self.place.store(place, Relaxed);
    }
}

/// An entry as the map sees it: its key.
pub(super) struct Filed<K, B>(pub(super) Arc<Entry<K, B>>);

impl<K: Hash, B> Hash for Filed<K, B> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl<K: Eq, B> PartialEq for Filed<K, B> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl<K: Eq, B> Eq for Filed<K, B> {}

/// A key that is looked for, in any form that it can be borrowed as.
#[derive(Hash)]
pub(super) struct Sought<'a, Q: ?Sized>(pub(super) &'a Q);

impl<Q: Eq + ?Sized, K: Borrow<Q>, B> Equivalent<Filed<K, B>> for Sought<'_, Q> {
    fn equivalent(&self, filed: &Filed<K, B>) -> bool {
        filed.0.key.borrow() == self.0
    }
}
