//! Panics of code that is not ours, kept where they belong.

use core::any::Any;
use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::Waker;
use std::panic::{catch_unwind, resume_unwind};

/// What `run` returns; `None` if it panicked.
///
/// The payload of the panic is dropped here. It may panic too when it is dropped, and so may the
/// payload of that; the second one is leaked.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    // Who panics sees its own broken state only if it kept one, and then knows of it.
    catch_unwind(AssertUnwindSafe(run)).map_err(discard).ok()
}

/// Drops the payload of a panic, and lets no panic out.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(payload);
    }
}

/// Wakes all of them, also those after one that panics. The first panic is then passed on.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    let mut first = None;
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            match first {
                None => first = Some(payload),
                Some(_) => discard(payload),
            }
        }
    }
    if let Some(payload) = first {
        resume_unwind(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with another of its kind, so many times.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            match self.0 {
                0 => {}
                left => panic_any(Bomb(left - 1)),
            }
        }
    }

    #[test]
    fn a_panic_whose_payload_panics_is_caught_however_often_that_goes_on() {
        for bombs in 0..4 {
            assert_eq!(caught(|| panic_any(Bomb(bombs))), None::<()>);
        }
        assert_eq!(caught(|| 5), Some(5));
    }
}
