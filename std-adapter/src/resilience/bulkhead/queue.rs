//! Who waits, in the order of arrival.

use core::task::Waker;
use std::collections::BTreeMap;

use crate::support::sync::Thread;

/// How a waiting caller is woken.
pub(super) enum Wake {
    Task(Waker),
    Thread(Thread),
}

impl Wake {
    /// This is the caller's code, and is not to be run under a lock; nor is a waker dropped or
    /// cloned there, as both may come back to the bulkhead.
    pub(super) fn wake(self) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Thread(thread) => thread.unpark(),
        }
    }
}

/// A place in the queue. Numbers are given out in order and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(u64);

/// The queue. A number that is no longer in it has been given a permit, as nobody else but the
/// caller whose number it is takes it out.
pub(super) struct Queue {
    waiting: BTreeMap<Number, Wake>,
    next: Number,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: Number(0) }
    }

    /// Takes the last place.
    pub(super) fn join(&mut self, wake: Wake) -> Number {
        let number = self.next;
        self.next = Number(number.0 + 1);
        self.waiting.insert(number, wake);
        number
    }

    /// Takes out the first.
    pub(super) fn take_first(&mut self) -> Option<Wake> {
        self.waiting.pop_first().map(|(_, wake)| wake) // P2-first
    }

    /// Takes out this one, if it is still there.
    pub(super) fn take(&mut self, number: Number) -> Option<Wake> {
        self.waiting.remove(&number)
    }

    /// How this one is woken, if it is still there.
    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut Wake> {
        self.waiting.get_mut(&number)
    }
}
