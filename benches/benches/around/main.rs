//! What does each thing around a call cost, and what do those of others?
//!
//! `cargo bench -p cutout-benches --bench around -- [--quick] [--test] [NAME]` prints a table for
//! each; `NAME` chooses one of them, `--test` takes a glance at everything and measures nothing.

mod bulkhead;
mod measure;
mod policy;
mod registry;

use measure::Plan;

fn main() {
    let Some(plan) = Plan::from_args() else { return };
    for (name, run) in
        [("bulkhead", bulkhead::run as fn()), ("registry", registry::run), ("policy", policy::run)]
    {
        if plan.wants(name) {
            run();
        }
    }
}
