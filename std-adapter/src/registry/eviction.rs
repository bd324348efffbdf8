//! The ring: the roots of all entries, and which of them makes room. Used under the lock.
//!
//! It is the clock algorithm (a second chance for what was looked up since the hand last passed),
//! with ranks above it:
//!
//! - **V1** What is held, forced, or open with its break still running is never evicted.
//! - **V2** A closed circuit goes first; among those, one that was not looked up since the hand
//!   last passed it.
//! - **V3** What has only a past to lose (half-open, open after its break, or still taking up its
//!   load) goes if a whole round of the hand has met nothing of V2. Of those, what is idle expires
//!   like a closed one: it would decide nothing until the next call, and then by results of long
//!   ago.
//! - **V4** One insertion looks at [`LOOKS`] entries at most, and takes no entry that ranks later
//!   than another it has looked at. If it finds none, there is no room.

use core::mem;
use std::sync::Arc;

use cutout_core::Instant;

use super::entry::Entry;
use super::sharded_arc::Root;

/// How many entries an insertion looks at for one that can go: all of a small registry, and so few
/// that the lock is held for microseconds.
const LOOKS: usize = 128;

/// How many entries an insertion looks at for idle ones. More than one, so that a registry that
/// grows is swept faster than it grows.
const IDLE_LOOKS: usize = 2;

/// What would be lost with a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It is closed and decides for itself: at most the results of one window.
    Little,
    /// It is open, its break is over, and nobody has called since.
    Due,
    /// Where it stood in a slow start.
    Past,
    /// The same, and trials are out that are leased for so many nanoseconds.
    Tried(u64),
    /// A decision that still holds.
    Kept,
}

impl Worth {
    /// Whether it can go that was not looked up for `unused` nanoseconds, `idle` being enough.
    fn is_over(self, unused: u64, idle: u64) -> bool {
        match self {
            Self::Little | Self::Due | Self::Past => unused >= idle,
            Self::Tried(timeout) => unused >= idle.max(timeout),
            Self::Kept => false,
        }
    }
}

/// A value that knows what would be lost with it.
pub(super) trait Valued {
    /// It is asked under the lock, so that it must not run code of the user's: hence it is told the
    /// time.
    fn worth(&self, now: Instant) -> Worth;
}

/// The time, read before the lock was taken.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// For what is left of a break.
    pub(super) exact: Instant,
    /// For how long a key was not looked up.
    pub(super) coarse: Instant,
}

/// An entry and its root.
pub(super) struct Slot<K, B> {
    pub(super) entry: Arc<Entry<K, B>>,
    pub(super) root: Root<B>,
}

/// An entry that has left the ring, and its value, to be dropped where no lock is held.
pub(super) struct Ended<K, B> {
    pub(super) entry: Arc<Entry<K, B>>,
    pub(super) value: B,
    pub(super) worth: Worth,
}

/// What came of an insertion.
pub(super) enum Insertion<K, B> {
    Room,
    /// In place of another.
    Evicted(Ended<K, B>),
    /// Everything there has to stay.
    NoRoom,
}

pub(super) struct Ring<K, B> {
    slots: Vec<Slot<K, B>>,
    /// The entry that is looked at next for one that can go.
    hand: usize,
    /// The entry before this one is looked at next for idleness.
    broom: usize,
    /// Looks since the hand last met an entry of V2.
    barren: usize,
}

impl<K, B: Valued> Ring<K, B> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), hand: 0, broom: 0, barren: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &Arc<Entry<K, B>>> {
        self.slots.iter().map(|slot| &slot.entry)
    }

    /// The root of `entry`, if the ring still has it.
    pub(super) fn root_of(&mut self, entry: &Arc<Entry<K, B>>) -> Option<&mut Root<B>> {
        let slot = self.slots.get_mut(entry.place())?;
        Arc::ptr_eq(&slot.entry, entry).then_some(&mut slot.root)
    }

    /// Takes out `entry`, whatever its worth.
    pub(super) fn remove(&mut self, entry: &Arc<Entry<K, B>>) -> Option<Slot<K, B>> {
        let at = entry.place();
        self.root_of(entry)?;
        let slot = self.slots.swap_remove(at);
        self.place(at);
        Some(slot)
    }

    /// Puts `slot` into the ring, in place of another if there are `capacity` already.
    pub(super) fn insert(
        &mut self,
        slot: Slot<K, B>,
        capacity: usize,
        now: Instant,
    ) -> Insertion<K, B> {
        if self.slots.len() < capacity {
            self.slots.push(slot);
            self.place(self.slots.len() - 1);
            return Insertion::Room;
        }
        let mut slot = slot;
        let mut second_chance = None;
        let mut past = None;
        // V4
        for _ in 0..self.slots.len().min(LOOKS) {
            let at = self.hand % self.slots.len();
            self.hand = at + 1;
            self.barren = self.barren.saturating_add(1);
            let there = &self.slots[at];
            if there.root.is_held() {
                continue; // V1
            }
            let marked = there.entry.take_mark();
            let worth = there.root.value().worth(now);
            match worth {
                Worth::Kept => {}
                Worth::Due | Worth::Past | Worth::Tried(_) => past = past.or(Some((at, worth))),
                Worth::Little if marked => {
                    self.barren = 0;
                    second_chance = second_chance.or(Some((at, worth)));
                }
                Worth::Little => match self.replace(at, slot, worth) {
                    Ok(ended) => return Insertion::Evicted(ended),
                    Err(back) => slot = back,
                },
            }
        }
        let past = past.filter(|_| self.barren >= self.slots.len()); // V3
        for (at, worth) in second_chance.into_iter().chain(past) {
            match self.replace(at, slot, worth) {
                Ok(ended) => return Insertion::Evicted(ended),
                Err(back) => slot = back,
            }
        }
        Insertion::NoRoom
    }

    /// Puts `slot` in place of the one at `at`, or gives it back if that has come to be held.
    fn replace(
        &mut self,
        at: usize,
        slot: Slot<K, B>,
        worth: Worth,
    ) -> Result<Ended<K, B>, Slot<K, B>> {
        let Slot { entry, root } = mem::replace(&mut self.slots[at], slot);
        match root.end() {
            Ok(value) => {
                self.barren = 0;
                self.place(at);
                Ok(Ended { entry, value, worth })
            }
            Err(root) => Err(mem::replace(&mut self.slots[at], Slot { entry, root })),
        }
    }

    /// Looks at a few entries for idle ones, a few others each time.
    pub(super) fn sweep(&mut self, now: Moment, idle: u64, ended: &mut Vec<Ended<K, B>>) {
        let mut broom = self.broom.min(self.slots.len());
        for _ in 0..IDLE_LOOKS.min(self.slots.len()) {
            if broom == 0 {
                broom = self.slots.len();
            }
            broom = self.sweep_before(broom, 1, now, idle, ended);
        }
        self.broom = broom;
    }

    /// Looks for idle entries at `looks` places before `from`, and says where it came to.
    ///
    /// From the back to the front: what is moved to the place of an entry that leaves comes from
    /// the part that was looked at already.
    pub(super) fn sweep_before(
        &mut self,
        from: usize,
        looks: usize,
        now: Moment,
        idle: u64,
        ended: &mut Vec<Ended<K, B>>,
    ) -> usize {
        let from = from.min(self.slots.len());
        let down_to = from.saturating_sub(looks);
        for at in (down_to..from).rev() {
            let there = &self.slots[at];
            if there.root.is_held() {
                there.entry.touch(now.coarse, 0); // Idleness starts when it is let go.
                continue;
            }
            let unused = there.entry.unused_for(now.coarse);
            if unused < idle {
                continue;
            }
            let worth = there.root.value().worth(now.exact);
            if worth.is_over(unused, idle) {
                ended.extend(self.end(at, worth));
            }
        }
        down_to
    }

    fn end(&mut self, at: usize, worth: Worth) -> Option<Ended<K, B>> {
        let Slot { entry, root } = self.slots.swap_remove(at);
        match root.end() {
            Ok(value) => {
                self.place(at);
                Some(Ended { entry, value, worth })
            }
            Err(root) => {
                self.slots.push(Slot { entry, root });
                let last = self.slots.len() - 1;
                self.slots.swap(at, last);
                None
            }
        }
    }

    /// Tells the entry at `at`, if there is one, where it is.
    fn place(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            slot.entry.put_at(at);
        }
    }
}
