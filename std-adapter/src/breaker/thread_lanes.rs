//! What a thread adds to a clock: its own lane, and whether it panics.

use core::cell::Cell;
use core::ops::Deref;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::thread;

use cutout_core::{Clock, Instant};

/// A clock that also knows the thread that reads it.
///
/// Each thread of the process counts in a lane of its own, as far as there are lanes: as many as
/// threads can run at once, unless the clock asks for another number. And a permit that is dropped
/// by a panic is a failure, whatever the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadLanes<C>(C);

impl<C> ThreadLanes<C> {
    /// Puts `clock` on the threads of this process.
    pub const fn new(clock: C) -> Self {
        Self(clock)
    }

    /// The clock.
    pub const fn get(&self) -> &C {
        &self.0
    }
}

impl<C> Deref for ThreadLanes<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: Clock> Clock for ThreadLanes<C> {
    #[inline]
    fn now(&self) -> Instant {
        self.0.now()
    }

    #[inline]
    fn now_coarse(&self) -> Instant {
        self.0.now_coarse()
    }

    fn resolution(&self) -> Duration {
        self.0.resolution()
    }

    fn unwinding(&self) -> bool {
        thread::panicking()
    }

    #[inline]
    fn lane(&self) -> usize {
        // A thread that is being torn down has lost its number, and any will do.
        NUMBER
            .try_with(|number| number.get().unwrap_or_else(|| number_of_this_thread(number)))
            .unwrap_or(0)
    }

    fn lanes(&self) -> usize {
        match self.0.lanes() {
            1 => at_once(),
            said => said,
        }
    }
}

/// How many threads can run at once, as far as can be told.
#[cold]
fn at_once() -> usize {
    // Asked when threads contend, so it should not ask the system each time.
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    match KNOWN.load(Relaxed) {
        0 => {
            let many = match thread::available_parallelism().map_or(1, usize::from) {
                // So says the system to a thread that is bound to one core; but somebody contends.
                1 => 4,
                many => many,
            };
            KNOWN.store(many, Relaxed);
            many
        }
        known => known,
    }
}

std::thread_local! {
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

#[cold]
fn number_of_this_thread(number: &Cell<Option<usize>>) -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let new = THREADS.fetch_add(1, Relaxed);
    number.set(Some(new));
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutout_core::ManualClock;

    /// A clock that says how many lanes it wants.
    struct Said(usize);

    impl Clock for Said {
        fn now(&self) -> Instant {
            Instant::ORIGIN
        }

        fn lanes(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn a_clock_that_says_how_many_lanes_it_wants_is_heard() {
        assert_eq!(ThreadLanes::new(Said(32)).lanes(), 32);
        assert!(ThreadLanes::new(Said(1)).lanes() > 1, "it did not say");
    }

    #[test]
    fn each_thread_has_a_lane_of_its_own_and_keeps_it() {
        let clock = ThreadLanes::new(ManualClock::new());
        let mine = clock.lane();
        let (other, again) =
            thread::scope(|scope| scope.spawn(|| (clock.lane(), clock.lane())).join().unwrap());
        assert_eq!(other, again);
        assert_ne!(mine, other);
        assert_eq!(clock.lane(), mine);
        assert!(clock.lanes() > 1);
    }
}
