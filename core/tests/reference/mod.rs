//! The definition that the engine is compared with, and the timelines that drive both.
//!
//! Shared by the property tests here and by the fuzzer.

pub(crate) mod model;
pub(crate) mod operation;
pub(crate) mod settings;
pub(crate) mod timeline;
pub(crate) mod witness;
