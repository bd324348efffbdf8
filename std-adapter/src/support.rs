//! What every room may use: panics of others, atomics, lengths of time.

#[cfg(any(test, feature = "policy", feature = "testing"))]
pub(crate) mod lengths;
pub(crate) mod panics;
pub(crate) mod sync;
