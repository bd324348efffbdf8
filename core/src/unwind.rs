//! What runs while a panic may be under way.

/// Runs users' code, an observer's or a condition's, where a permit is dropped. If that is done by
/// a panic, a second one that got out would end the process: it stops here (feature `std`).
pub(crate) fn sheltered(run: impl FnOnce()) {
    #[cfg(feature = "std")]
    if std::thread::panicking() {
        let caught = std::panic::catch_unwind(core::panic::AssertUnwindSafe(run));
        if let Err(payload) = caught {
            core::mem::forget(payload); // its destructor may panic, too
        }
        return;
    }
    run();
}
