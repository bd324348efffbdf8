//! Code of others that runs where its panic must neither be lost nor end the process.

use core::any::Any;
use core::mem;
use core::panic::AssertUnwindSafe;
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
        let Some(panic) = self.0 else { return };
        if thread::panicking() { discard(panic) } else { resume_unwind(panic) }
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

/// Drops what a panic carried, which is code of others too.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Whoever panics even in there is not asked a third time.
        mem::forget(another);
    }
}
