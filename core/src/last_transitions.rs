//! A ring of the last transitions, written by whoever makes one and read from anywhere.
//!
//! # A slot
//!
//! ```text
//! +------+---------------------------------------------+
//! | turn | a record: six words                         |
//! +------+---------------------------------------------+
//! ```
//!
//! Record number *n* goes to slot *n* modulo `N`. The turn of a slot is 0 while it is empty, 2*n* +
//! 1 while record *n* is written, and 2*n* + 2 once it is there. It only grows, and it is 64 bits
//! wide: it does not wrap.
//!
//! # Rules
//!
//! - **L1** A record is written by who moved the turn from an even number to its own odd one, and
//!   by nobody else until the turn is even again.
//! - **L2** Who cannot move it does not wait, because the writer that holds it may be the very code
//!   that it interrupted: its record is lost, and counted. Records are older than those of a larger
//!   turn, so who was overtaken loses its own, too.
//! - **L3** A reader takes a record only if the turn was the record's own before and after it read
//!   the words. Else it goes on to the next: it never waits, and never takes a part of one record
//!   for a part of another.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | K1 | load of the turn, before the words | Acquire | K4 | who sees that a record is there sees its words | `k1_who_finds_a_record_finds_all_of_it` |
//! | K2 | swap of the turn to odd | Acquire | K4 | words of this record come after those of the one before, in the order of each word | not by loom: it keeps stores in the order in which they ran |
//! | | on failure | Relaxed | – | who failed does nothing | there is nothing weaker |
//! | K3 | load and store of a word | Acquire, Release | each other | who sees a word of a later record sees that its turn has begun | `k3_a_record_that_is_written_over_is_not_taken` |
//! | K4 | store of the turn to even | Release | K1 | as K1 | `k1_who_finds_a_record_finds_all_of_it` |
//! | K5 | load of the turn, after the words | Relaxed | – | ordered behind the words by K3 | there is nothing weaker |
//! | K6 | number of records | Relaxed | – | it hands out numbers and orders nothing | there is nothing weaker |

use core::fmt;

use self::record::Record;
use crate::observe::{Observer, Transition};
use crate::sync::{AtomicU64, Ordering, const_fn, zeroes};
use crate::totals::Counter;

mod record;

/// An observer that keeps the last `N` transitions, in 56 bytes each.
///
/// Give it to a breaker by value or, to read it from elsewhere or to share it between breakers, by
/// reference from a `static`; together with another observer as a pair.
///
/// # Progress
///
/// It takes no lock, and neither who writes nor who reads ever waits, so it may be used in an
/// interrupt handler. What then happens when they meet:
///
/// - A reader that meets a writer does not see the record that is being written, nor the one that
///   it replaces. It sees whole records or none, never parts of two.
/// - A writer that meets another in the same slot, which takes `N` transitions during a single one,
///   [loses](Self::lost) its record.
///
/// # Examples
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, LastTransitions, ManualClock, State};
///
/// static HISTORY: LastTransitions<8> = LastTransitions::new();
/// static RADIO: CircuitBreaker<ManualClock, &LastTransitions<8>> = CircuitBreaker::with_observer(
///     Config::new().consecutive_failures(1),
///     ManualClock::new(),
///     &HISTORY,
/// );
///
/// let _ = RADIO.call(|| Err::<(), _>("no answer"));
/// RADIO.reset();
/// let states: Vec<_> = HISTORY.iter().map(|transition| transition.to).collect();
/// assert_eq!(states, [State::Open, State::Closed]);
/// ```
pub struct LastTransitions<const N: usize> {
    slots: [Slot; N],
    announced: Counter,
    lost: Counter,
}

struct Slot {
    turn: AtomicU64,
    words: [AtomicU64; record::WORDS],
}

impl<const N: usize> LastTransitions<N> {
    const_fn! {
        /// An empty ring. One without room does not compile.
        #[must_use]
        pub fn new() -> Self {
            const { assert!(N > 0, "LastTransitions: has room for at least one") }
            #[cfg(not(loom))]
            let slots = [const { Slot { turn: AtomicU64::new(0), words: zeroes() } }; N];
            #[cfg(loom)]
            let slots =
                core::array::from_fn(|_| Slot { turn: AtomicU64::new(0), words: zeroes() });
            Self { slots, announced: Counter::new(), lost: Counter::new() }
        }
    }

    /// The transitions that are there, the oldest first.
    ///
    /// Transitions that come while it runs may take the place of those that it has not reached;
    /// these it leaves out. On different threads, changes that follow each other closely may arrive
    /// in the other order: [`Transition::generation`] tells which is newer.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Transition> {
        let end = self.announced.get(); // K6
        (end.saturating_sub(N as u64)..end).filter_map(|number| self.slot(number).read(number))
    }

    /// How many transitions there were, whether they are still there or not.
    #[must_use]
    pub fn announced(&self) -> u64 {
        self.announced.get()
    }

    /// How many were not kept, because they met another in the same slot.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    #[allow(clippy::cast_possible_truncation)] // below N
    fn slot(&self, number: u64) -> &Slot {
        &self.slots[(number % N as u64) as usize]
    }
}

impl Slot {
    /// Whether this thread may write record `number` here, and if so, has.
    fn write(&self, number: u64, record: Record) -> bool {
        let (begun, done) = turns(number);
        let seen = self.turn.load(Ordering::Relaxed);
        let is_free = seen % 2 == 0 && seen < begun; // L1
        if !is_free
            || self
                .turn
                .compare_exchange(seen, begun, Ordering::Acquire, Ordering::Relaxed) // K2
                .is_err()
        {
            return false;
        }
        for (word, value) in self.words.iter().zip(record.into_words()) {
            word.store(value, Ordering::Release); // K3-store
        }
        self.turn.store(done, Ordering::Release); // K4
        true
    }

    fn read(&self, number: u64) -> Option<Transition> {
        let (_, done) = turns(number);
        // K1
        if self.turn.load(Ordering::Acquire) != done {
            return None;
        }
        let words = self.words.each_ref().map(|word| word.load(Ordering::Acquire)); // K3-load
        // K5, K3-check
        if self.turn.load(Ordering::Relaxed) != done {
            return None;
        }
        Record::from_words(words).transition()
    }
}

/// The turn of a slot while record `number` is written, and after.
const fn turns(number: u64) -> (u64, u64) {
    (2 * number + 1, 2 * number + 2)
}

impl<const N: usize> Observer for LastTransitions<N> {
    fn on_transition(&self, transition: &Transition) {
        let number = self.announced.count(); // K6
        if !self.slot(number).write(number, Record::of(transition)) {
            self.lost.count();
        }
    }
}

impl<const N: usize> Default for LastTransitions<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for LastTransitions<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::observe::Cause;
    use crate::{CircuitBreaker, Config, ManualClock};

    /// What a breaker announces when it is reset for the `nth` time.
    fn nth(nth: u64) -> Transition {
        let ring = LastTransitions::<1>::new();
        CircuitBreaker::with_observer(Config::new(), ManualClock::new(), &ring).reset();
        let mut transition = ring.iter().next().expect("a reset is announced");
        transition.at = crate::Instant::from_nanos(nth);
        transition
    }

    fn kept<const N: usize>(ring: &LastTransitions<N>) -> std::vec::Vec<u64> {
        ring.iter().map(|transition| transition.at.as_nanos()).collect()
    }

    #[test]
    fn who_interrupts_a_writer_in_its_slot_loses_its_record_and_does_not_wait() {
        let ring = LastTransitions::<2>::new();
        ring.on_transition(&nth(0));
        ring.on_transition(&nth(1));
        // A writer has begun record 2, in the place of record 0, and is interrupted.
        let number = ring.announced.count();
        ring.slots[0].turn.store(turns(number).0, Ordering::Relaxed);
        assert_eq!(kept(&ring), [1], "a record that is being written is not there");
        ring.on_transition(&nth(3));
        ring.on_transition(&nth(4));
        assert_eq!(kept(&ring), [3], "record 4 wanted the same slot");
        assert_eq!((ring.announced(), ring.lost()), (5, 1));
        // The interrupted writer goes on: by now its record is too old to be asked for.
        ring.slots[0].turn.store(turns(number).1, Ordering::Relaxed);
        assert_eq!(kept(&ring), [3]);
        ring.on_transition(&nth(5));
        ring.on_transition(&nth(6));
        assert_eq!(kept(&ring), [5, 6], "the slot is free again");
    }

    #[test]
    fn who_was_overtaken_does_not_replace_a_newer_record() {
        let ring = LastTransitions::<1>::new();
        let overtaken = ring.announced.count();
        ring.on_transition(&nth(1));
        assert!(!ring.slot(overtaken).write(overtaken, Record::of(&nth(0))));
        assert_eq!(kept(&ring), [1]);
        assert!(ring.iter().all(|transition| transition.cause == Cause::Reset));
    }
}
