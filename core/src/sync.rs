//! The atomics of the breaker: loom's under `cfg(loom)`, portable-atomic's where the target has
//! 64-bit atomics, and words in a critical section where it has not.
//!
//! Nothing else in this crate names an atomics crate.

pub(crate) use core::sync::atomic::Ordering;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};

#[cfg(all(not(loom), target_has_atomic = "64"))]
pub(crate) use portable_atomic::{AtomicU64, fence};

// They are only loaded and stored, which every target can do without help.
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicUsize};

#[cfg(all(not(loom), not(target_has_atomic = "64"), feature = "critical-section"))]
pub(crate) use self::critical::{AtomicU64, fence};

// A lock-based fallback would hang an interrupt handler that meets the lock its own core holds,
// so it is never chosen silently.
#[cfg(all(not(loom), not(target_has_atomic = "64"), not(feature = "critical-section")))]
compile_error!(
    "cutout-core: this target has no 64-bit atomics. Enable the feature `critical-section` of \
     cutout-core, and let the binary provide an implementation of the `critical-section` crate \
     (on a single Cortex-M core: `cortex-m` with its feature `critical-section-single-core`; on a \
     single RISC-V hart: `riscv` with its feature `critical-section-single-hart`)."
);

/// Stands in for the missing type, so that the error above is the only one.
#[cfg(all(not(loom), not(target_has_atomic = "64"), not(feature = "critical-section")))]
pub(crate) use self::missing::{AtomicU64, fence};

/// Whether a word is read and changed without a lock and without masking interrupts.
pub(crate) const IS_LOCK_FREE: bool = cfg!(target_has_atomic = "64");

/// A place for a box that is put there once.
#[cfg(all(feature = "alloc", not(loom)))]
pub(crate) use once_cell::race::OnceBox;

#[cfg(all(feature = "alloc", loom))]
pub(crate) use self::once::OnceBox;

/// Defines a function that is `const`, except under loom, whose atomics are not.
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

const_fn! {
    /// `N` words of zero.
    pub(crate) fn zeroes<const N: usize>() -> [AtomicU64; N] {
        #[cfg(not(loom))]
        return [const { AtomicU64::new(0) }; N];
        #[cfg(loom)]
        return core::array::from_fn(|_| AtomicU64::new(0));
    }
}

#[cfg(all(feature = "alloc", loom))]
mod once {
    //! The same, by loom's light: it does not look into other crates' atomics, so it would not know
    //! that who finds the box also sees what was put into it.

    use alloc::boxed::Box;

    use super::{AtomicU64, Ordering};

    const EMPTY: u64 = 0;
    const TAKEN: u64 = 1;
    const FULL: u64 = 2;

    pub(crate) struct OnceBox<T> {
        inner: once_cell::race::OnceBox<T>,
        state: AtomicU64,
    }

    impl<T> OnceBox<T> {
        pub(crate) fn new() -> Self {
            Self { inner: once_cell::race::OnceBox::new(), state: AtomicU64::new(EMPTY) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.state.load(Ordering::Acquire) == FULL { self.inner.get() } else { None }
        }

        /// Puts `new` there, unless another thread has or is about to.
        pub(crate) fn set(&self, new: Box<T>) -> Result<(), Box<T>> {
            let taken =
                self.state.compare_exchange(EMPTY, TAKEN, Ordering::AcqRel, Ordering::Acquire);
            if taken.is_err() {
                return Err(new);
            }
            self.inner.set(new)?;
            self.state.store(FULL, Ordering::Release);
            Ok(())
        }
    }
}

#[cfg(all(not(loom), not(target_has_atomic = "64"), feature = "critical-section"))]
mod critical {
    //! A word that is changed with interrupts masked. No part of it can be seen half-changed, and
    //! an interrupt handler never waits.

    use core::cell::Cell;
    use core::fmt;
    use core::sync::atomic::Ordering;

    use critical_section::Mutex;

    pub(crate) struct AtomicU64(Mutex<Cell<u64>>);

    impl AtomicU64 {
        pub(crate) const fn new(value: u64) -> Self {
            Self(Mutex::new(Cell::new(value)))
        }

        pub(crate) fn load(&self, _: Ordering) -> u64 {
            self.with(Cell::get)
        }

        pub(crate) fn store(&self, value: u64, _: Ordering) {
            self.with(|cell| cell.set(value));
        }

        pub(crate) fn fetch_add(&self, more: u64, _: Ordering) -> u64 {
            self.with(|cell| cell.replace(cell.get().wrapping_add(more)))
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u64,
            new: u64,
            _: Ordering,
            _: Ordering,
        ) -> Result<u64, u64> {
            self.with(|cell| {
                let seen = cell.get();
                if seen == current {
                    cell.set(new);
                    Ok(seen)
                } else {
                    Err(seen)
                }
            })
        }

        fn with<T>(&self, act: impl FnOnce(&Cell<u64>) -> T) -> T {
            critical_section::with(|token| act(self.0.borrow(token)))
        }
    }

    impl fmt::Debug for AtomicU64 {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.load(Ordering::Relaxed).fmt(f)
        }
    }

    /// Every access above is already in one total order.
    pub(crate) fn fence(_: Ordering) {}
}

#[cfg(all(not(loom), not(target_has_atomic = "64"), not(feature = "critical-section")))]
mod missing {
    use core::sync::atomic::Ordering;

    #[derive(Debug)]
    pub(crate) struct AtomicU64;

    impl AtomicU64 {
        pub(crate) const fn new(_: u64) -> Self {
            Self
        }

        pub(crate) fn load(&self, _: Ordering) -> u64 {
            0
        }

        pub(crate) fn store(&self, _: u64, _: Ordering) {}

        pub(crate) fn fetch_add(&self, _: u64, _: Ordering) -> u64 {
            0
        }

        pub(crate) fn compare_exchange(
            &self,
            seen: u64,
            _: u64,
            _: Ordering,
            _: Ordering,
        ) -> Result<u64, u64> {
            Ok(seen)
        }
    }

    pub(crate) fn fence(_: Ordering) {}
}
