//! Any bytes are settings and a timeline; the engine and the reference model run it side by side
//! and must agree after every step, with one lane, with three, and while lanes grow.
#![no_main]

#[path = "../../core/tests/reference/mod.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = reference::timeline::run(bytes);
    let _ = reference::timeline::run_in_lanes(3, bytes);
    let _ = reference::timeline::run_while_lanes_grow(bytes);
});
