//! Runs traces through a replay and keeps the score.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::score::{Differences, Halt, Score, Step};
use crate::trace::{Line, Trace};

/// What became of one operation.
#[derive(Debug)]
pub(crate) enum Compared {
    /// It was compared, and differs for these reasons.
    Yes(Differences),
    /// The two have come apart, and this is not yet where they meet again.
    No(&'static str),
}

/// One trace being replayed.
pub(crate) trait Replay {
    /// Does what `line` did and compares what was seen.
    fn line(&mut self, line: &Line) -> Step<Compared>;

    /// On how many lines the counters of both were compared.
    fn counted(&self) -> u64;

    /// Whether every call that the engine admitted is accounted for.
    fn conserves(&self) -> bool;
}

/// Replays `trace` and adds to `score`.
pub(crate) fn run(
    trace: &Trace,
    replay: Result<Box<dyn Replay + '_>, &'static str>,
    score: &mut Score,
) {
    let whole = trace.lines.len() as u64;
    score.traces += 1;
    score.operations += whole;
    let mut replay = match replay {
        Ok(replay) => replay,
        Err(reason) => {
            *score.apart.entry(reason.to_owned()).or_default() += whole;
            return;
        }
    };
    for (done, line) in trace.lines.iter().enumerate() {
        // The rig gives up with a panic where the engine cannot be brought to a state.
        let step = catch_unwind(AssertUnwindSafe(|| replay.line(line)));
        let panicked = || Err(Halt::Unexplained("the engine cannot be brought there".to_owned()));
        match step.unwrap_or_else(|_| panicked()) {
            Ok(Compared::Yes(differences)) => score.operation(&differences),
            Ok(Compared::No(reason)) => {
                *score.apart.entry(reason.to_owned()).or_default() += 1;
            }
            Err(Halt::Apart(reason)) => {
                *score.apart.entry(reason.to_owned()).or_default() += whole - done as u64;
                break;
            }
            Err(Halt::Unexplained(message)) => {
                score.unexplained.push(format!("{} line {}: {message}", trace.name(), done + 2));
                break;
            }
        }
    }
    if !replay.conserves() {
        score.unexplained.push(format!("{}: calls are not accounted for", trace.name()));
    }
    score.counts += replay.counted();
}
