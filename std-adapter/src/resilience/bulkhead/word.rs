//! The bulkhead's word: how many permits there are, how many are out, and how many callers wait.
//!
//! ```text
//!  63 60 59        40 39        20 19         0
//! +-----+------------+------------+------------+
//! |  0  |   limit    |  waiting   |   in use   |
//! +-----+------------+------------+------------+
//! ```
//!
//! # Rules
//!
//! - **P1** A permit is given out only while fewer are in use than the limit says. A limit that is
//!   lowered takes no permit away: more may then be in use than it says, until enough came back.
//! - **P2** While somebody waits, a permit goes to the first in the queue and to nobody else.
//! - **P3** `waiting` is changed under the queue's lock only, and is the length of the queue
//!   whenever that lock is free.
//! - **P4** Who makes room while somebody waits hands it on: the operation that does so learns of
//!   the waiting by the very swap that makes the room. So whenever no call is under way, somebody
//!   waits only while all permits are out.
//! - **P5** A permit that was given to a place in the queue is given back by whoever leaves that
//!   place without it.
//!
//! # Orderings
//!
//! All changes are read-modify-writes of one word, so that they have one order; none of the rules
//! needs more. The orderings are there for what the callers do while they hold a permit: who gets
//! one sees all that was done under those that came back before.
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | Q1 | load of the word | Relaxed | – | a swap that relies on it fails if it is old | there is nothing weaker |
//! | Q2 | swap that takes a permit | Acquire | Q4 | who has a permit sees what was done under the last one | `q2_who_takes_a_permit_sees_what_was_done_under_the_last_one`, `q2_who_finds_a_permit_when_about_to_wait_sees_what_was_done_under_the_last_one` |
//! | | on failure | Relaxed | – | as Q1 | there is nothing weaker |
//! | Q3 | swap that gives a permit to the first in the queue | Acquire | Q4 | the room may be another's, who has not come to the lock yet | `q3_who_is_given_a_permit_sees_what_was_done_under_the_last_one` |
//! | | on failure | Relaxed | – | as Q1 | there is nothing weaker |
//! | Q4 | subtraction that gives a permit back | Release | Q2, Q3 | as they | both of the above |
//! | Q5 | swap or subtraction that changes `waiting` alone | Relaxed | – | the queue is behind its lock (P3) | there is nothing weaker |
//! | Q6 | swap that changes the limit | Relaxed | – | it says nothing but itself | there is nothing weaker |
//!
//! The models are in `loom-tests`. `.ci/kill-orderings` weakens each row, breaks each rule, and
//! sees the model fail.

use core::sync::atomic::Ordering;

use crate::support::sync::{AtomicU64, const_fn};

/// A run of bits in the word.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    bits: u32,
}

impl Field {
    const fn above(below: Self, bits: u32) -> Self {
        Self { shift: below.shift + below.bits, bits }
    }

    const fn max(self) -> u64 {
        (1 << self.bits) - 1
    }

    const fn one(self) -> u64 {
        1 << self.shift
    }

    /// The field's value; no field is wider than 32 bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    const fn get(self, word: u64) -> u32 {
        ((word >> self.shift) & self.max()) as u32
    }
}

const IN_USE: Field = Field { shift: 0, bits: 20 };
const WAITING: Field = Field::above(IN_USE, 20);
const LIMIT: Field = Field::above(WAITING, 20);

/// The highest limit, and the longest queue.
pub(super) const MAX: u32 = 1_000_000;

const _: () = assert!(LIMIT.shift + LIMIT.bits <= u64::BITS);
const _: () = assert!(MAX as u64 <= IN_USE.max() && MAX as u64 <= WAITING.max());
const _: () = assert!(MAX as u64 <= LIMIT.max());

/// The word as it was seen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(u64);

impl Seen {
    pub(super) const fn in_use(self) -> u32 {
        IN_USE.get(self.0)
    }

    pub(super) const fn waiting(self) -> u32 {
        WAITING.get(self.0)
    }

    pub(super) const fn limit(self) -> u32 {
        LIMIT.get(self.0)
    }

    /// Whether who comes now may take a permit (P1, P2).
    #[inline]
    const fn is_free(self) -> bool {
        self.in_use() < self.limit() && self.waiting() == 0 // P1-take
    }

    /// Whether the first in the queue is to be given a permit (P1, P4).
    #[inline]
    pub(super) const fn owes(self) -> bool {
        self.waiting() > 0 && self.in_use() < self.limit() // P1-lowered
    }

    const fn taken(self) -> Self {
        Self(self.0 + IN_USE.one())
    }

    const fn given_back(self) -> Self {
        Self(self.0 - IN_USE.one())
    }

    const fn joined(self) -> Self {
        Self(self.0 + WAITING.one())
    }

    const fn handed_over(self) -> Self {
        Self(self.0 - WAITING.one() + IN_USE.one())
    }

    const fn with_limit(self, limit: u32) -> Self {
        Self((self.0 & (LIMIT.one() - 1)) | ((limit as u64) << LIMIT.shift))
    }
}

/// What became of a caller who found no permit free.
pub(super) enum Joined {
    /// One came free before the lock was had.
    Taken,
    /// One place more is taken in the queue.
    Waiting,
    /// The queue is full.
    Full,
}

/// The word.
pub(super) struct Word(AtomicU64);

impl Word {
    const_fn! {
        pub(super) fn new(limit: u32) -> Self {
            Self(AtomicU64::new(Seen(0).with_limit(limit).0))
        }
    }

    #[inline]
    pub(super) fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::Relaxed)) // Q1
    }

    /// Takes a permit, if one is free.
    #[inline]
    pub(super) fn take(&self) -> bool {
        let mut seen = self.load();
        // Q2
        while seen.is_free() {
            match self.swap(seen, seen.taken(), Ordering::Acquire) {
                Ok(_) => return true,
                Err(newer) => seen = newer,
            }
        }
        false
    }

    /// Gives a permit back; what the word is then.
    #[inline]
    pub(super) fn give_back(&self) -> Seen {
        Seen(self.0.fetch_sub(IN_USE.one(), Ordering::Release)).given_back() // Q4
    }

    /// Takes a permit or else a place in the queue. Under the queue's lock (P3).
    pub(super) fn join(&self, places: u32) -> Joined {
        let mut seen = self.load();
        loop {
            // P4-join
            let swapped = if seen.is_free() {
                self.swap(seen, seen.taken(), Ordering::Acquire).map(|_| Joined::Taken) // Q2-join
            // P3-places
            } else if seen.waiting() < places {
                self.swap(seen, seen.joined(), Ordering::Relaxed).map(|_| Joined::Waiting) // Q5
            } else {
                return Joined::Full;
            };
            match swapped {
                Ok(joined) => return joined,
                Err(newer) => seen = newer,
            }
        }
    }

    /// Gives up a place in the queue. Under the queue's lock (P3).
    pub(super) fn leave(&self) {
        self.0.fetch_sub(WAITING.one(), Ordering::Relaxed); // Q5
    }

    /// Takes a permit for the first in the queue, if one is owed; what the word is then. Under the
    /// queue's lock (P3).
    pub(super) fn hand_over(&self) -> Option<Seen> {
        let mut seen = self.load();
        // Q3
        while seen.owes() {
            match self.swap(seen, seen.handed_over(), Ordering::Acquire) {
                Ok(now) => return Some(now),
                Err(newer) => seen = newer,
            }
        }
        None
    }

    /// Sets the limit; what the word is then.
    pub(super) fn set_limit(&self, limit: u32) -> Seen {
        let mut seen = self.load();
        loop {
            // Q6
            match self.swap(seen, seen.with_limit(limit), Ordering::Relaxed) {
                Ok(now) => return now,
                Err(newer) => seen = newer,
            }
        }
    }

    /// What the word is now: `to` if it was `from`.
    #[inline]
    fn swap(&self, from: Seen, to: Seen, success: Ordering) -> Result<Seen, Seen> {
        // P1-swap
        match self.0.compare_exchange_weak(from.0, to.0, success, Ordering::Relaxed) {
            Ok(_) => Ok(to),
            Err(newer) => Err(Seen(newer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_hold_their_largest_values_side_by_side() {
        let mut seen = Seen(0).with_limit(MAX);
        for _ in 0..MAX {
            seen = seen.taken().joined();
        }
        assert_eq!((seen.in_use(), seen.waiting(), seen.limit()), (MAX, MAX, MAX));
        let seen = seen.given_back().with_limit(1);
        assert_eq!((seen.in_use(), seen.waiting(), seen.limit()), (MAX - 1, MAX, 1));
        let seen = seen.handed_over();
        assert_eq!((seen.in_use(), seen.waiting(), seen.limit()), (MAX, MAX - 1, 1));
    }
}
