//! What few calls need: the timeouts of trials, the pace of a slow start, what belongs to a state
//! beside the word, the second copy of the settings that are lengths, and the totals that no lane
//! counts.
//!
//! With the feature `alloc` the first call that needs it makes it, so that a breaker that has never
//! tripped, as most of them, is half as large. Loom takes it for part of the breaker: that who
//! finds the box sees what it was made with is `once_cell`'s promise.

use super::{Cells, TrialDeadlines};
use crate::slow_start::Admissions;
use crate::sync::{AtomicU64, const_fn, zeroes};
use crate::totals::{Counter, Counters};

#[cfg(all(feature = "alloc", not(loom)))]
type Place = crate::sync::OnceBox<Contents>;
#[cfg(any(not(feature = "alloc"), loom))]
type Place = Contents;

pub(crate) struct ColdState(Place);

struct Contents {
    trial_deadlines: TrialDeadlines,
    cells: Cells,
    lengths: [AtomicU64; 4],
    slow_start: Admissions,
    counters: Counters,
}

impl Contents {
    const_fn! {
        fn new() -> Self {
            Self {
                trial_deadlines: TrialDeadlines::new(),
                cells: Cells::new(),
                lengths: zeroes(),
                slow_start: Admissions::new(),
                counters: Counters::new(),
            }
        }
    }
}

impl ColdState {
    const_fn! {
        pub(crate) fn new() -> Self {
            #[cfg(all(feature = "alloc", not(loom)))]
            return Self(Place::new());
            #[cfg(any(not(feature = "alloc"), loom))]
            return Self(Contents::new());
        }
    }

    pub(crate) fn trial_deadlines(&self) -> &TrialDeadlines {
        &self.contents().trial_deadlines
    }

    pub(crate) fn slow_start(&self) -> &Admissions {
        &self.contents().slow_start
    }

    #[inline]
    pub(crate) fn cells(&self) -> &Cells {
        &self.contents().cells
    }

    /// The second copy of the settings that are lengths.
    pub(crate) fn lengths(&self) -> &[AtomicU64; 4] {
        &self.contents().lengths
    }

    /// Counters to count with.
    pub(crate) fn counters(&self) -> &Counters {
        &self.contents().counters
    }

    /// Makes what there is to make.
    pub(crate) fn preallocate(&self) {
        let _ = self.contents();
    }

    /// What a counter says, without making it.
    pub(crate) fn count(&self, of: impl FnOnce(&Counters) -> &Counter) -> u64 {
        #[cfg(all(feature = "alloc", not(loom)))]
        return self.0.get().map_or(0, |contents| of(&contents.counters).get());
        #[cfg(any(not(feature = "alloc"), loom))]
        return of(&self.0.counters).get();
    }

    #[cfg(all(feature = "alloc", not(loom)))]
    #[inline]
    fn contents(&self) -> &Contents {
        match self.0.get() {
            Some(contents) => contents,
            None => self.make(),
        }
    }

    #[cfg(all(feature = "alloc", not(loom)))]
    #[cold]
    #[inline(never)]
    fn make(&self) -> &Contents {
        self.0.get_or_init(|| alloc::boxed::Box::new(Contents::new()))
    }

    #[cfg(any(not(feature = "alloc"), loom))]
    const fn contents(&self) -> &Contents {
        &self.0
    }
}
