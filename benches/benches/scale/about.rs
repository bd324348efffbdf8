//! What the figures are of: the machine, how busy it was, and the commit.

use std::process::Command;
use std::{fs, thread};

use crate::measure::Plan;

/// One line, to be asked for before anything is measured.
pub(crate) fn this_run(plan: Plan) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let commit = commit().unwrap_or_else(|| "unknown commit".into());
    let load = load().unwrap_or_else(|| "unknown".into());
    let Plan { rounds, span } = plan;
    format!(
        "{cores} cores of {}, load {load} before, {commit}; median and quartiles of {rounds} x {span:?}",
        processor(),
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("an unknown processor", |(_, name)| name).into()
}

/// How many threads wanted to run in the last minute, on average.
fn load() -> Option<String> {
    let loads = fs::read_to_string("/proc/loadavg").ok()?;
    loads.split_whitespace().next().map(Into::into)
}

/// The commit, and whether the files differ from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(format!("commit {commit}{}", if is_clean { "" } else { " with changes" }))
}
