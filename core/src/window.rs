//! The rolling window: results of the recent past, in a ring of words that carry their own tags.
//!
//! A [`lane`] is one copy of the ring, [`lanes`] are all of a breaker. [`time`] counts by the
//! clock, [`count`] the last *n* results. Both move a *head* through the ring; what they hold was
//! recorded in one generation. [`budget`] spares most failures a sum.
//!
//! # What several lanes promise
//!
//! A window over time is the sum of its lanes: each result is in the lane of who reported it, each
//! lane turns by itself, and a sum asks each of them of the same time. So on one thread the lanes
//! cannot be told from one, whichever it uses (`tests/agreement.rs`), but in two ways: where the
//! clock is set back, each lane keeps its own newest bucket (W3), and each halves its buckets by
//! itself (W4), so that beyond 16,383 results of a kind in a bucket a busy lane weighs less than
//! its traffic. A window over a count of results is kept in one lane and is exact.
//!
//! Lanes that have grown stay. Who counted in the first one before is summed there still.
//!
//! # Rules
//!
//! - **W1** A word counts only if its tag is the one that the head implies for its place.
//! - **W2** The head moves to another time or generation only after every word that is not part of
//!   the new window was emptied. So what a word holds is never older than one window behind the
//!   head, however long nobody called, and the short tags cannot be mistaken. They have to tell
//!   apart only what a thread that was held up *between its load and its swap* may bring;
//!   `core/DESIGN.md` has what happens then.
//!   Words are emptied from the oldest on and summed from the newest on, so a sum that overlaps
//!   with the emptying is still that of a window between the two.
//! - **W3** The head's time only grows within a generation: a result that is told an earlier time
//!   goes to the newest bucket.
//! - **W4** What leaves a word goes to the totals; who swaps it out adds it. A field of a bucket
//!   that is full halves its bucket before it counts on: the rate survives.
//! - **W5** A bucket is at least 100 µs wide (`config`), so 48 bits hold every tick that 64 bits of
//!   nanoseconds can reach: nothing wraps.
//!
//! # Orderings
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | B1 | load of the head | Acquire | B2 | who sees the head moved must see the words emptied (W2), and the batch before it full | `b1_nothing_old_comes_back_to_who_sees_the_window_turned`, `b1_who_sees_a_batch_begun_sees_the_one_before_it_full` |
//! | B2 | swap of the head | AcqRel | B1 | Release as B1 | the same two |
//! | | | | | Acquire, so that who moves it on has seen all that the last one did | not by loom: the head holds no value twice, so who swaps it has seen that very swap by B1 |
//! | | on failure | Relaxed | – | who failed looks at the head again by B1 | there is nothing weaker |
//! | B3 | load of a word to empty it | Acquire | B4 | the head is looked at again after it: who saw a word of a later head must then see the later head | `w2_no_result_is_lost_or_kept_too_long_when_two_threads_turn_the_window` |
//! | | to count in it | Acquire | B4 | the same | `b3_who_was_held_up_cannot_count_over_a_later_bucket`, `b3_who_was_held_up_cannot_count_over_a_later_batch` |
//! | | to sum it | Acquire | B4 | the same; and who saw a result sees what its thread counted before | `b3_who_sees_a_result_sees_what_its_thread_counted_before_it`, `w1_a_sum_is_of_as_many_results_as_the_window_holds` |
//! | B4 | swap of a word | Release | B3 | as B3; it reads no value but the one that B3 saw | `b3_who_was_held_up_cannot_count_over_a_later_batch` |
//! | | on failure | Relaxed | – | who failed loads the word again by B3 | there is nothing weaker |
//! | B5 | fence before the sum | SeqCst | itself | of two threads that record and then sum, one must see the other (a store, then a load elsewhere); AcqRel does not order them | `b5_two_failures_in_different_buckets_do_not_overlook_each_other` |
//! | B6 | totals | Relaxed | – | they order nothing; exact when all is quiet | there is nothing weaker |
//! | B7 | load of a word to add a result to it | Relaxed | – | its tag alone says that it may be added there, and the swap (B4) carries on what earlier swaps released | there is nothing weaker |
//!
//! The models are in `loom-tests`; `.ci/kill-orderings` weakens each row and sees its model fail.

mod bucket;
mod budget;
mod count;
mod grid;
#[cfg(feature = "alloc")]
mod grown;
mod lane;
mod lanes;
mod saved;
mod time;

pub(crate) use budget::Revoked;
pub(crate) use count::{MAX_RESULTS_A_WORD, Ring};
pub(crate) use grid::Grid;
pub(crate) use lanes::Lanes;
pub(crate) use saved::{RESULTS_A_WORD, SavedBucket, SavedWindow};

use crate::rate::Rate;
use crate::time::Instant;

/// The results that a window holds.
///
/// # Examples
///
/// ```
/// use cutout_core::{Rate, Tally};
///
/// let tally = Tally { successes: 15, failures: 5, slow: 2 };
/// assert_eq!(tally.total(), 20);
/// assert_eq!(tally.failure_rate(), Some(Rate::percent(25)));
/// assert_eq!(tally.slow_call_rate(), Some(Rate::percent(10)));
/// assert_eq!(Tally::default().failure_rate(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Successful results.
    pub successes: u64,
    /// Failed results.
    pub failures: u64,
    /// Results of either kind that took longer than `slow_call_duration`.
    pub slow: u64,
}

impl Tally {
    /// Successes and failures together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// The share of failures, rounded down; `None` where there are no results.
    #[must_use]
    pub const fn failure_rate(&self) -> Option<Rate> {
        Rate::of(self.failures, self.total())
    }

    /// The share of slow results, rounded down; `None` where there are no results.
    #[must_use]
    pub const fn slow_call_rate(&self) -> Option<Rate> {
        Rate::of(self.slow, self.total())
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            successes: self.successes + other.successes,
            failures: self.failures + other.failures,
            slow: self.slow + other.slow,
        }
    }

    const fn saturating_plus(self, other: Self) -> Self {
        Self {
            successes: self.successes.saturating_add(other.successes),
            failures: self.failures.saturating_add(other.failures),
            slow: self.slow.saturating_add(other.slow),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            successes: self.successes - other.successes,
            failures: self.failures - other.failures,
            slow: self.slow - other.slow,
        }
    }
}

/// One success or failure, as the window counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Counted {
    /// As a batch has it: the lower bit for a failure.
    const fn bits(self) -> u64 {
        self.failed as u64 | ((self.slow as u64) << 1)
    }

    pub(crate) const fn tally(self) -> Tally {
        Tally {
            successes: !self.failed as u64,
            failures: self.failed as u64,
            slow: self.slow as u64,
        }
    }
}

const NOTHING: Tally = Tally { successes: 0, failures: 0, slow: 0 };

/// How results are held, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Time(Grid),
    Count(Ring),
}

impl Shape {
    /// Whether both lay their results out alike.
    pub(crate) const fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Time(ours), Self::Time(other)) => {
                ours.width() == other.width() && ours.buckets() == other.buckets()
            }
            (Self::Count(ours), Self::Count(other)) => ours.results() == other.results(),
            _ => false,
        }
    }
}

/// A result to be recorded.
#[derive(Clone, Copy, Debug)]
struct Entry {
    generation: u32,
    now: Instant,
    result: Counted,
}

/// Where a result went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Into the window. If this turned the window to a new tick: how many older results stayed.
    In { stayed: Option<u64> },
    /// Nowhere: its generation is over.
    Overtaken,
}
