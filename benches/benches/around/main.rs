//! What do the parts around a breaker cost, and what do those of others?
//!
//! `cargo bench -p cutout-benches --bench around` measures all in one run.

mod registry;

fn main() {
    registry::run();
}
