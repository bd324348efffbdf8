//! Replays what the circuit breakers of other libraries were seen to do, and says where ours
//! decides otherwise. `golden` holds the recorded traces, `core/RECIPES.md` the configuration of
//! ours that each trace is compared with.

mod failsafe;
mod flights;
mod gobreaker;
mod hystrix;
mod opossum;
mod pybreaker;
mod recloser;
mod resilience4j;
mod rig;
mod run;
mod score;
mod share;
mod trace;

use std::path::Path;

use run::{Replay, run};
pub use score::Score;

/// Traces that are scored together.
#[derive(Debug)]
pub struct Group {
    /// The library, and which of its windows.
    pub name: &'static str,
    /// Whether a configuration of ours makes the same decisions, but for deliberate differences.
    pub is_exact: bool,
    /// The sums over the traces.
    pub score: Score,
}

impl Group {
    fn new(name: &'static str, is_exact: bool) -> Self {
        Self { name, is_exact, score: Score::default() }
    }
}

fn boxed<'a, R: Replay + 'a>(
    replay: Result<R, &'static str>,
) -> Result<Box<dyn Replay + 'a>, &'static str> {
    replay.map(|replay| Box::new(replay) as Box<dyn Replay + 'a>)
}

/// Replays all traces under `root`.
///
/// # Panics
///
/// If a trace cannot be read.
#[must_use]
pub fn groups(root: &Path) -> Vec<Group> {
    let mut groups = Vec::new();

    let mut counts = Group::new("resilience4j, COUNT_BASED", true);
    let mut times = Group::new("resilience4j, TIME_BASED, SYNCHRONIZED", true);
    let mut lock_free = Group::new("resilience4j, TIME_BASED, LOCK_FREE (nearest)", false);
    for trace in trace::of_system(root, "resilience4j") {
        let by_time = trace.config["sliding_window_type"] == "TIME_BASED";
        let is_lock_free = trace.config["window_synchronization"] == "LOCK_FREE";
        let group = match (by_time, is_lock_free) {
            (false, _) => &mut counts,
            (true, false) => &mut times,
            (true, true) => &mut lock_free,
        };
        run(&trace, boxed(resilience4j::Resilience4j::new(&trace)), &mut group.score);
    }
    groups.extend([counts, times, lock_free]);

    let mut pybreaker = Group::new("pybreaker", true);
    for trace in trace::of_system(root, "pybreaker") {
        run(&trace, boxed(pybreaker::Pybreaker::new(&trace)), &mut pybreaker.score);
    }
    groups.push(pybreaker);

    let mut consecutive = Group::new("gobreaker, consecutive failures", true);
    let mut windows = Group::new("gobreaker, windows (nearest)", false);
    for trace in trace::of_system(root, "gobreaker") {
        let is_exact = gobreaker::is_exact(&trace);
        let group = if is_exact { &mut consecutive } else { &mut windows };
        run(&trace, boxed(gobreaker::Gobreaker::new(&trace)), &mut group.score);
    }
    groups.extend([consecutive, windows]);

    let mut consecutive = Group::new("failsafe, consecutive failures", true);
    let mut averages = Group::new("failsafe, moving average (nearest)", false);
    for trace in trace::of_system(root, "failsafe") {
        let is_exact = failsafe::is_exact(&trace);
        let group = if is_exact { &mut consecutive } else { &mut averages };
        run(&trace, boxed(failsafe::Failsafe::new(&trace)), &mut group.score);
    }
    groups.extend([consecutive, averages]);

    let mut recloser = Group::new("recloser (nearest)", false);
    for trace in trace::of_system(root, "recloser") {
        run(&trace, boxed(recloser::Recloser::new(&trace)), &mut recloser.score);
    }
    groups.push(recloser);

    let mut opossum = Group::new("opossum (nearest)", false);
    for trace in trace::of_system(root, "opossum") {
        run(&trace, boxed(opossum::Opossum::new(&trace)), &mut opossum.score);
    }
    groups.push(opossum);

    for (name, system, is_rewrite) in [
        ("Hystrix 1.5.18 (nearest)", "hystrix-1.5.18", false),
        ("Hystrix 1.5.13 (nearest)", "hystrix-1.5.13", true),
    ] {
        let mut group = Group::new(name, false);
        for trace in trace::of_system(root, system) {
            run(&trace, boxed(hystrix::Hystrix::new(&trace, is_rewrite)), &mut group.score);
        }
        groups.push(group);
    }
    groups
}
