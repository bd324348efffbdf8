//! What recorders were shown under a name: what has gone is taken back from each of them, once.
//!
//! A recorder is known by where it is in memory. One that is not known may be a known one that has
//! been moved, or a new one: it is shown what any of the known ones may have to take back.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A breaker or a bulkhead was there.
pub(super) const KNOWN: u8 = 1;
pub(super) const FAILURE_RATIO: u8 = 1 << 1;
pub(super) const SLOW_RATIO: u8 = 1 << 2;
pub(super) const FAILURE_THRESHOLD: u8 = 1 << 3;
pub(super) const SLOW_THRESHOLD: u8 = 1 << 4;

/// So many recorders are known.
const MOST_RECORDERS: usize = 8;

#[derive(Default)]
pub(super) struct Shown(Mutex<Vec<To>>);

/// What one recorder was shown last.
struct To {
    recorder: usize,
    what: u8,
    /// It was shown everything after the name had ended.
    is_done: bool,
    /// Another was shown what this one may have to take back, for it may be the same.
    is_guessed: bool,
    /// Counts the collections, so that of two at the same time neither hides what the other has
    /// shown.
    version: u64,
}

/// What a recorder may have to take back.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) what: u8,
    version: u64,
}

impl Shown {
    /// What `recorder` was shown before; `None` if it has nothing to hear any more.
    pub(super) fn before(&self, recorder: usize, lives: bool) -> Option<Before> {
        let mut shown = self.lock();
        if let Some(to) = shown.iter().find(|to| to.recorder == recorder) {
            let is_over = to.is_done && !lives;
            return (!is_over).then_some(Before { what: to.what, version: to.version });
        }
        let is_first = shown.is_empty();
        let (mut what, mut any) = (0, false);
        for to in shown.iter_mut().filter(|to| !to.is_guessed && !to.is_done) {
            (what, any, to.is_guessed) = (what | to.what, true, true);
        }
        (lives || is_first || any).then_some(Before { what, version: 0 })
    }

    /// Notes what `recorder` has been shown.
    pub(super) fn note(&self, recorder: usize, before: Before, what: u8, lives: bool) {
        let mut shown = self.lock();
        let Some(to) = shown.iter_mut().find(|to| to.recorder == recorder) else {
            if shown.len() >= MOST_RECORDERS {
                shown.remove(0);
            }
            shown.push(To { recorder, what, is_done: !lives, is_guessed: false, version: 1 });
            return;
        };
        let alone = to.version == before.version;
        to.what = if alone { what } else { to.what | what };
        to.is_done = alone && !lives;
        to.is_guessed = false;
        to.version += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<To>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
