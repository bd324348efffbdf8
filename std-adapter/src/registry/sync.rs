//! The lock of the registry: std's, or shuttle's under `cfg(shuttle)`, and the places between two
//! steps where shuttle may let another thread go first.

#[cfg(not(shuttle))]
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(super) use std::thread::{ThreadId, current, yield_now};

#[cfg(shuttle)]
pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
#[cfg(shuttle)]
pub(super) use shuttle::thread::{ThreadId, current, yield_now};

/// Between two steps: shuttle does not look into the reference counts of std, nor into the map.
#[inline]
pub(super) fn between_steps() {
    #[cfg(shuttle)]
    shuttle::thread::sleep(core::time::Duration::ZERO);
}
