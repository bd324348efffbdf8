//! Which thread waits for which, over all registries of the process: so that a circle is found
//! before it closes.
//!
//! A thread waits for one breaker at a time, which one other thread makes. So the threads form
//! chains, and a wait closes a circle if and only if the chain from the maker on leads back to who
//! would wait. Two that would wait for each other take this lock one after the other: the second
//! one sees the first.

#[cfg(not(shuttle))]
use std::sync::{Mutex, PoisonError};

use super::CycleError;
use super::sync::{ThreadId, current};

const NONE: Waits = Waits { turns: 0, waiting: Vec::new() };

struct Waits {
    /// How many turns there were.
    turns: u64,
    waiting: Vec<Wait>,
}

struct Wait {
    waiter: ThreadId,
    turn: u64,
    maker: ThreadId,
}

/// A number for a turn to make a breaker, of its own in the whole process.
pub(super) fn next_turn() -> u64 {
    with_waits(|waits| {
        waits.turns += 1;
        waits.turns
    })
}

/// Notes that this thread is about to wait until `turn` is over, which is `maker`'s; unless that
/// would be for ever.
pub(super) fn begin(turn: u64, maker: ThreadId) -> Result<(), CycleError> {
    let waiter = current().id();
    with_waits(|Waits { waiting, .. }| {
        waiting.retain(|wait| wait.waiter != waiter); // it was woken for nothing
        let mut last = maker;
        loop {
            if last == waiter {
                return Err(CycleError);
            }
            match waiting.iter().find(|wait| wait.waiter == last) {
                Some(wait) => last = wait.maker,
                None => break,
            }
        }
        waiting.push(Wait { waiter, turn, maker });
        Ok(())
    })
}

/// Nobody waits for `turn` any more: it is over.
pub(super) fn end(turn: u64) {
    with_waits(|waits| waits.waiting.retain(|wait| wait.turn != turn));
}

#[cfg(not(shuttle))]
fn with_waits<T>(act: impl FnOnce(&mut Waits) -> T) -> T {
    static WAITS: Mutex<Waits> = Mutex::new(NONE);
    act(&mut WAITS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Shuttle's threads run on one of std's, and several models on several.
#[cfg(shuttle)]
fn with_waits<T>(act: impl FnOnce(&mut Waits) -> T) -> T {
    std::thread_local! {
        static WAITS: core::cell::RefCell<Waits> = const { core::cell::RefCell::new(NONE) };
    }
    WAITS.with_borrow_mut(act)
}
