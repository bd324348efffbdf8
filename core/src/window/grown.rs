//! Lanes that a breaker gets when it needs them.

use alloc::boxed::Box;

use crossbeam_utils::CachePadded;

use super::lane::Lane;
use crate::streak::KeptBack;
use crate::sync::{OnceBox, const_fn};
use crate::time::Clock;

/// More than this would only make the sum dear.
const MOST: usize = 64;

pub(super) struct Own<const N: usize> {
    pub(super) counts: Lane<N>,
    pub(super) kept_back: KeptBack,
}

type Slice<const N: usize> = Box<[CachePadded<Own<N>>]>;

pub(super) struct Grown<const N: usize>(OnceBox<Slice<N>>);

impl<const N: usize> Grown<N> {
    const_fn! {
        pub(super) fn new() -> Self {
            Self(OnceBox::new())
        }
    }

    /// The caller's, if there are any.
    #[inline]
    pub(super) fn get(&self, clock: &impl Clock) -> Option<&Own<N>> {
        // Their number is a power of two.
        self.0.get().map(|lanes| &*lanes[clock.lane() & (lanes.len() - 1)])
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Own<N>> {
        self.0.get().into_iter().flat_map(|lanes| lanes.iter()).map(|lane| &**lane)
    }

    /// How many there are: none, or a power of two.
    pub(super) fn count(&self) -> usize {
        self.0.get().map_or(0, |lanes| lanes.len())
    }

    /// Grows `lanes`, rounded up to a power of two, unless there are some already.
    pub(super) fn grow(&self, lanes: usize) {
        if lanes > 1 && self.0.get().is_none() {
            let lanes = lanes.min(MOST).next_power_of_two();
            let own = || Own { counts: Lane::new(), kept_back: KeptBack::new() };
            let new = (0..lanes).map(|_| CachePadded::new(own())).collect();
            // Where two threads grow at once, the lanes of one are dropped unused.
            let _ = self.0.set(Box::new(new));
        }
    }
}
