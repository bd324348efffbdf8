//! The permits and the queue for them: the word decides, the queue remembers whom to wake.
//!
//! Why the queue is our own and not `event-listener`'s, `tokio`'s or `async-lock`'s: a permit is
//! *handed over* here, in the moment in which it comes back. An event only tells the first that
//! waits to try. Between being told and trying, a limit that is lowered would take the permit away
//! from it, and it would have to join again at the end; and until it tries, nobody can see that the
//! permit is promised. `tokio`'s semaphore does hand over, but it takes its lock for each permit
//! that comes back, cannot shrink by permits that are out, bounds no queue, and blocks no thread.

use core::mem;
use core::task::Waker;
use std::sync::PoisonError;

use super::queue::{Number, Queue, Wake};
use super::word::{Joined, Seen, Word};
use crate::support::panics::{Panics, in_drop};
use crate::support::sync::{Mutex, MutexGuard, const_fn};

/// What a caller gets who wants to wait.
pub(super) enum Turn {
    /// A permit, which came free before the lock was had.
    Now,
    /// A place in the queue.
    Later(Number),
    /// Nothing: the queue is full.
    Never,
}

pub(super) struct Pool {
    word: Word,
    /// How long the queue may be.
    places: u32,
    queue: Mutex<Queue>,
}

/// # Without waiting
impl Pool {
    const_fn! {
        pub(super) fn new(limit: u32, places: u32) -> Self {
            Self { word: Word::new(limit), places, queue: Mutex::new(Queue::new()) }
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.word.load()
    }

    /// Whether who joins now may find a place. Without the lock.
    pub(super) fn has_places(&self) -> bool {
        self.seen().waiting() < self.places
    }

    /// Takes a permit, if one is free.
    #[inline]
    pub(super) fn take(&self) -> bool {
        self.word.take()
    }

    /// Gives a permit back: to the first in the queue, if somebody waits (P2).
    #[inline]
    pub(super) fn give_back(&self) {
        // P4-back
        if self.word.give_back().owes() {
            self.hand_over();
        }
    }

    /// Changes how many permits there are; those that come free go to who waits (P4).
    pub(super) fn resize(&self, limit: u32) {
        // P4-raise
        if self.word.set_limit(limit).owes() {
            self.hand_over();
        }
    }

    /// Gives what is free to those who wait.
    #[cold]
    fn hand_over(&self) {
        let mut panics = Panics::default();
        while let Some((wake, is_last)) = self.hand_over_one() {
            // A waker is not ours, and may panic: the others have their turn all the same.
            let returned = panics.catch(|| wake.wake());
            if returned && is_last {
                break;
            }
        }
        panics.go_on();
    }

    /// Gives one permit to the first in the queue: how to wake it, and whether no more is owed.
    fn hand_over_one(&self) -> Option<(Wake, bool)> {
        let mut queue = self.lock();
        let seen = self.word.hand_over()?;
        queue.take_first().map(|wake| (wake, !seen.owes()))
    }
}

/// # Waiting
///
/// Wakers are dropped, cloned and called without the lock: they are the callers' code, and may come
/// back to this very pool.
impl Pool {
    /// Takes a permit, or the last place in the queue.
    pub(super) fn join(&self, wake: Wake) -> Turn {
        let mut queue = self.lock(); // P3
        let turn = match self.word.join(self.places) {
            Joined::Taken => Turn::Now,
            Joined::Waiting => return Turn::Later(queue.join(wake)),
            Joined::Full => Turn::Never,
        };
        drop(queue); // and only then `wake`
        let mut panics = Panics::default();
        if !panics.catch(|| drop(wake)) && matches!(turn, Turn::Now) {
            panics.catch(|| self.give_back());
        }
        panics.go_on();
        turn
    }

    /// Leaves the queue; whether a permit had come, which the caller has now to give back (P5).
    #[must_use]
    pub(super) fn leave(&self, number: Number) -> bool {
        let mut queue = self.lock();
        let wake = queue.take(number);
        if wake.is_some() {
            self.word.leave(); // P5-leave
        }
        drop(queue); // and only then `wake`
        let had_come = wake.is_none();
        in_drop(|| drop(wake));
        had_come
    }

    /// Whether no permit has come to this place.
    pub(super) fn waits(&self, number: Number) -> bool {
        self.lock().get_mut(number).is_some()
    }

    /// The same; as long as none has come, `waker` is to be called when one does.
    pub(super) fn waits_with(&self, number: Number, waker: &Waker) -> bool {
        match self.lock().get_mut(number) {
            None => return false,
            Some(Wake::Task(known)) if known.will_wake(waker) => return true,
            Some(_) => {}
        }
        let mut wake = Wake::Task(waker.clone());
        let mut queue = self.lock();
        let waits = match queue.get_mut(number) {
            Some(known) => {
                mem::swap(known, &mut wake); // P4-waker
                true
            }
            None => false,
        };
        drop(queue); // and only then `wake`, which is the old one now
        waits
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that runs under it panics.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use core::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;
    use std::sync::Arc;
    use std::task::Wake as Waking;

    use super::*;

    /// A waker that panics when it is dropped.
    struct Sticks;

    impl Waking for Sticks {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Sticks {
        fn drop(&mut self) {
            panic!("in the waker's drop");
        }
    }

    /// Joins with a waker whose clone was its caller's code: by now, all may be otherwise.
    fn join_panics(pool: &Pool) -> bool {
        let wake = Wake::Task(Waker::from(Arc::new(Sticks)));
        catch_unwind(AssertUnwindSafe(|| pool.join(wake))).is_err()
    }

    #[test]
    fn who_finds_no_place_gives_no_permit_back_though_its_waker_panics_when_it_is_dropped() {
        let pool = Pool::new(1, 0);
        assert!(pool.take());
        assert!(join_panics(&pool), "the panic goes on");
        assert_eq!((pool.seen().in_use(), pool.take()), (1, false));
    }

    #[test]
    fn who_finds_a_permit_gives_it_back_if_its_waker_panics_when_it_is_dropped() {
        let pool = Pool::new(1, 1);
        assert!(join_panics(&pool), "the panic goes on");
        assert_eq!((pool.seen().in_use(), pool.take()), (0, true));
    }
}
