//! What threads share and wait by: loom's under `cfg(loom)`, the standard library's otherwise.

use std::time::Instant;

#[cfg(all(not(loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;
#[cfg(loom)]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard, atomic::AtomicU64},
    thread::{self, Thread},
};
/// Behind a lock, which is no matter here: where there are threads, no interrupt handler meets it.
#[cfg(all(not(loom), not(target_has_atomic = "64")))]
pub(crate) use portable_atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard},
    thread::{self, Thread},
};

/// Parks this thread until it is unparked, or woken for no reason. False if the time is over.
#[cfg(not(loom))]
pub(crate) fn park_until(deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    thread::park_timeout(left);
    true
}

/// Parks this thread until it is unparked: loom knows no time.
#[cfg(loom)]
pub(crate) fn park_until(_: Instant) -> bool {
    thread::park();
    true
}

/// Defines a function that is `const`, except under loom, whose atomics and locks are not.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])*
        #[allow(clippy::missing_const_for_fn)]
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;
