//! The engine decides as the reference model does, on any timeline.

mod reference;

use core::cell::Cell;

use cutout_core::{Cause, State};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reference::model::Event;
use reference::timeline::{self, Seen};

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000)
}

/// Runs timelines of up to `length` bytes, the first of which are `start`, and says how many of
/// them showed what `interesting` looks for.
fn agree(
    run: fn(&[u8]) -> Seen,
    start: &[u8],
    length: usize,
    interesting: impl Fn(&Seen) -> bool,
) -> u32 {
    let shown = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 100_000,
        ..Config::default()
    });
    let outcome = runner.run(&prop::collection::vec(any::<u8>(), 0..length), |bytes| {
        let bytes = [start, &bytes].concat();
        let seen = run(&bytes);
        shown.set(shown.get() + u32::from(interesting(&seen)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    shown.get()
}

fn ends_with(seen: &Seen, wanted: Cause) -> bool {
    seen.events
        .iter()
        .any(|event| matches!(event, Event::Transition { cause, .. } if *cause == wanted))
}

fn trips(seen: &Seen) -> usize {
    let is_trip = |event: &&Event| {
        matches!(event, Event::Transition { cause: Cause::Tripped(_), to: State::Open, .. })
    };
    seen.events.iter().filter(is_trip).count()
}

#[test]
fn any_timeline_is_decided_as_the_model_decides_it() {
    let tripped = agree(timeline::run, &[], 400, |seen| trips(seen) > 0);
    println!("{tripped} of them trip");
    assert!(tripped > cases() / 4, "only {tripped} timelines trip");
}

#[test]
fn long_timelines_agree_with_the_model() {
    let closed_again = agree(timeline::run, &[], 3_000, |seen| {
        trips(seen) > 2 && ends_with(seen, Cause::TrialsPassed)
    });
    println!("{closed_again} of them recover from several outages");
    assert!(closed_again > cases() / 8, "only {closed_again} timelines recover");
}

#[test]
fn scaled_down_defaults_agree_with_the_model() {
    // Every choice of the settings is the first: a rate of 50 % alone, no jitter, three trials.
    let start = [0; 20];
    let timed_out = agree(timeline::run, &start, 600, |seen| ends_with(seen, Cause::TrialTimedOut));
    println!("{timed_out} of them lose a trial");
    assert!(timed_out > cases() / 20, "only {timed_out} timelines have a trial that is lost");
}

#[test]
fn several_lanes_decide_together_as_one_does() {
    let runs: [fn(&[u8]) -> Seen; 3] = [
        |b| timeline::run_in_lanes(2, b),
        |b| timeline::run_in_lanes(3, b),
        |b| timeline::run_in_lanes(16, b),
    ];
    for run in runs {
        let tripped = agree(run, &[], 400, |seen| trips(seen) > 0);
        println!("{tripped} of them trip");
        assert!(tripped > cases() / 4, "only {tripped} timelines trip");
    }
}

#[test]
fn lanes_that_grow_midway_agree_with_the_model() {
    let tripped = agree(timeline::run_while_lanes_grow, &[], 3_000, |seen| trips(seen) > 0);
    println!("{tripped} of them trip");
    assert!(tripped > cases() / 4, "only {tripped} timelines trip");
}
