//! Code of others, whose panic must neither be lost nor end the process.

use core::any::Any;
use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::Waker;
use std::panic::{catch_unwind, resume_unwind};
use std::thread;

/// The first panic of several pieces of code, each of which runs whatever the others do.
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    /// Runs `code`; whether it returned.
    pub(crate) fn catch(&mut self, code: impl FnOnce()) -> bool {
        match catch_unwind(AssertUnwindSafe(code)) {
            Ok(()) => true,
            Err(panic) => {
                match self.0 {
                    None => self.0 = Some(panic),
                    Some(_) => discard(panic),
                }
                false
            }
        }
    }

    /// Lets the first panic go on, unless the thread unwinds already: a second one would end the
    /// process.
    pub(crate) fn go_on(self) {
        self.go_on_or(());
    }

    /// Returns `value`, unless a panic goes on as in [`go_on`](Self::go_on). Then `value` is
    /// dropped, and a panic of its drop is lost.
    #[inline]
    pub(crate) fn go_on_or<T>(mut self, value: T) -> T {
        match self.0.take() {
            Some(panic) if !thread::panicking() => {
                let _ = caught(|| drop(value));
                resume_unwind(panic)
            }
            Some(panic) => discard(panic),
            None => {}
        }
        value
    }
}

/// Drops a panic that was caught and does not go on, because another one does.
impl Drop for Panics {
    #[inline]
    fn drop(&mut self) {
        if let Some(panic) = self.0.take() {
            discard(panic);
        }
    }
}

/// Runs `code`, whose panic goes on unless the thread unwinds already: for destructors.
#[inline]
pub(crate) fn in_drop(code: impl FnOnce()) {
    if thread::panicking() {
        let mut panics = Panics::default();
        panics.catch(code);
        panics.go_on();
    } else {
        code();
    }
}

/// What `run` returns; `None` if it panicked. The panic's payload is dropped here.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    // Code that panics sees its own broken state only if it kept one, and then knows of it.
    catch_unwind(AssertUnwindSafe(run)).map_err(discard).ok()
}

/// Wakes all of them, also those after one that panics. The first panic then goes on, unless the
/// thread unwinds already.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    let mut panics = Panics::default();
    for waker in wakers {
        panics.catch(|| waker.wake());
    }
    panics.go_on();
}

/// Drops the payload of a panic. It may panic too when it is dropped, and so may the payload of
/// that panic; the second one is leaked.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(payload);
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
