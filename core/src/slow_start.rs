//! Which calls a circuit admits while it takes up its load: a share of them, evenly spread, and one
//! whenever none was for a while.
//!
//! ```text
//!  63        41 40 39 38                    0
//! +------------+-----+-----------------------+
//! | generation |stage|    calls that came    |
//! +------------+-----+-----------------------+
//! ```
//!
//! # Rules
//!
//! - **U1** The calls of a stage are numbered by swaps of one word. The first is admitted, and of
//!   the others each with which the share of the calls so far, rounded up, grows by one.
//! - **U2** A call is admitted as well if none was for a tenth of the stage. Of several that come
//!   at that moment, one is: who swaps the time of the last admission.
//! - **U3** The time of an admission is of the stage that the word names: the first call of a stage
//!   writes it before it swaps the word.
//!
//! Admissions that threads make at the same moment may write their times in either order, so the
//! tenth of a stage is right to within what they are apart.
//!
//! | row | operation | ordering | pairs with | because | shown by |
//! | --- | --- | --- | --- | --- | --- |
//! | N1 | load of the word, and its swap on failure | Acquire | N2 | who finds the stage begun must see the time of its first admission (U3) | not by loom: its swap of the time always finds the store that was made before it; `u3_the_first_call_of_a_stage_is_not_followed_by_another_at_once` shows the rule |
//! | N2 | swap of the word | Release | N1 | as N1 | as N1 |
//! | N3 | load, store and swap of the time | Relaxed | – | the swap alone decides (U2) | there is nothing weaker |

use crate::divisor::Divisor;
use crate::rate::Rate;
use crate::sync::{AtomicU64, Ordering, const_fn};
use crate::time::Instant;

const CALLS_BITS: u32 = 39;
const CALLS: u64 = (1 << CALLS_BITS) - 1;

/// The basis points of the whole.
const WHOLE: Divisor = Divisor::new(10_000);
const TENTH: Divisor = Divisor::new(10);

/// A stage that a call came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) generation: u32,
    /// 1, 2 or 3, so that no stage is that of a word of zero.
    pub(crate) index: u32,
    /// In nanoseconds.
    pub(crate) length: u64,
    pub(crate) share: Rate,
}

#[derive(Debug)]
pub(crate) struct Admissions {
    word: AtomicU64,
    /// When a call was last admitted.
    last: AtomicU64,
}

impl Admissions {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(0), last: AtomicU64::new(0) }
        }
    }

    /// Counts a call at `now`, and says whether it is admitted.
    pub(crate) fn admits(&self, stage: &Stage, now: Instant) -> bool {
        let tag = u64::from(stage.generation) << 2 | u64::from(stage.index);
        let mut word = self.word.load(Ordering::Acquire); // N1
        let before = loop {
            let is_begun = word >> CALLS_BITS == tag;
            if !is_begun {
                self.admitted(now); // U3
            }
            let calls = if is_begun { word & CALLS } else { 0 };
            let next = tag << CALLS_BITS | ((calls + 1) & CALLS);
            match self.word.compare_exchange(word, next, Ordering::Release, Ordering::Acquire) {
                Ok(_) => break calls, // N2
                Err(seen) => word = seen,
            }
        };
        let (_, before) = WHOLE.divide(before);
        let share = u64::from(stage.share.basis_points());
        let admitted_of = |calls: u64| WHOLE.divide(calls * share + 9_999).0;
        // U1
        if admitted_of(before + 1) > admitted_of(before) {
            self.admitted(now);
            return true;
        }
        let last = self.last.load(Ordering::Relaxed); // N3
        let since = now.since(Instant::from_nanos(last));
        // U2
        since >= TENTH.divide(stage.length).0
            && self
                .last
                .compare_exchange(last, now.as_nanos(), Ordering::Relaxed, Ordering::Relaxed) // N3
                .is_ok()
    }

    fn admitted(&self, now: Instant) {
        self.last.store(now.as_nanos(), Ordering::Relaxed); // N3
    }
}
