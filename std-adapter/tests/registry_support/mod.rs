//! SelectBreaker that are counted while they live.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use cutout::Observer;

/// How many breakers live, how many ever lived at once, and how many were ever made.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<Counts>);

#[derive(Default)]
struct Counts {
    living: AtomicUsize,
    most: AtomicUsize,
    made: AtomicUsize,
}

impl Census {
    pub(crate) fn living(&self) -> usize {
        self.0.living.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    /// An observer, which lives as long as its breaker.
    pub(crate) fn member(&self) -> Member {
        let living = self.0.living.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(living, Ordering::SeqCst);
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Member(self.clone())
    }
}

pub(crate) struct Member(Census);

impl Observer for Member {}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.living.fetch_sub(1, Ordering::SeqCst);
    }
}
