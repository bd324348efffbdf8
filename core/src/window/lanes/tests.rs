//! Who counts in which lane, and who is granted what.

extern crate std;
use core::cell::Cell;
#[cfg(feature = "alloc")]
use std::vec::Vec;

use super::super::{Grid, Ring};
use super::*;

/// A clock of so many cores, read on one of them.
struct OnCore {
    cores: usize,
    core: Cell<usize>,
}

impl OnCore {
    fn of(cores: usize) -> Self {
        Self { cores, core: Cell::new(0) }
    }
}

impl Clock for OnCore {
    fn now(&self) -> Instant {
        Instant::ORIGIN
    }

    fn lane(&self) -> usize {
        self.core.get()
    }

    fn lanes(&self) -> usize {
        self.cores
    }
}

#[cfg(feature = "alloc")]
/// What each lane has after one success on each of 8 cores.
fn counted_on_8_cores(lanes: &Lanes<4>, clock: &OnCore) -> Vec<u64> {
    for core in 0..8 {
        clock.core.set(core);
        lanes.count_success(false, clock);
    }
    lanes.all().map(|lane| lane.successes.get()).collect()
}

#[cfg(feature = "alloc")]
#[test]
fn one_lane_grows_as_many_as_there_are_cores_rounded_up_and_no_more_than_64() {
    for (cores, grown) in [(1, 0), (2, 2), (3, 4), (8, 8), (9, 16), (64, 64), (1_000, 64)] {
        let lanes = Lanes::<4>::new();
        lanes.grow(&OnCore::of(cores));
        assert_eq!(lanes.count(), 1 + grown, "{cores}");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn lanes_grow_once() {
    let lanes = Lanes::<4>::new();
    lanes.grow(&OnCore::of(2));
    lanes.grow(&OnCore::of(8));
    assert_eq!(lanes.count(), 1 + 2);
}

#[cfg(feature = "alloc")]
#[test]
fn each_core_counts_in_its_grown_lane_and_what_was_counted_before_stays() {
    let (lanes, clock) = (Lanes::<4>::new(), OnCore::of(4));
    lanes.count_success(false, &clock);
    lanes.grow(&clock);
    assert_eq!(counted_on_8_cores(&lanes, &clock), [1, 2, 2, 2, 2]);
}

#[test]
fn a_success_is_recorded_at_once_where_its_word_is_there() {
    let clock = OnCore::of(1);
    let ok = Counted { failed: false, slow: false };
    for shape in [Shape::Time(Grid::new(100, 4)), Shape::Count(Ring::new(9))] {
        let lanes = Lanes::<4>::new();
        assert!(!lanes.add_success(&shape, 1, Instant::ORIGIN, false, &clock));
        lanes.record(&shape, 1, Instant::ORIGIN, ok, &clock, || true);
        assert!(lanes.add_success(&shape, 1, Instant::ORIGIN, false, &clock));
        assert_eq!(lanes.tally(&shape, 1, Instant::ORIGIN).successes, 2);
    }
}

const BAD: Counted = Counted { failed: true, slow: false };

fn at(tick: u64) -> Instant {
    Instant::from_nanos(tick * 100)
}

/// Counts a failure on `core` in `tick`. Says whether the lane's budget had one left for it.
#[cfg(feature = "alloc")]
fn fail(lanes: &Lanes<4>, shape: &Shape, clock: &OnCore, core: usize, tick: u64) -> bool {
    clock.core.set(core);
    lanes.record(shape, 1, at(tick), BAD, clock, || true);
    lanes.spend(shape, clock)
}

#[cfg(feature = "alloc")]
#[test]
fn at_least_half_of_a_grant_goes_to_the_callers_lane() {
    let (clock, shape) = (OnCore::of(4), Shape::Time(Grid::new(100, 4)));
    for (more, [own, each]) in [(64, [40, 8]), (7, [7, 0]), (8, [5, 1]), (1, [1, 0])] {
        let lanes = Lanes::<4>::new();
        lanes.grow(&clock);
        clock.core.set(2);
        lanes.grant(&shape, 1, at(0), lanes.revoke(), more, &clock);
        let spent = |lane: &Lane<4>| (0..).take_while(|_| lane.budget.spend()).count();
        let spent: Vec<usize> = lanes.all().map(spent).collect();
        assert_eq!(spent, [0, each, each, own, each], "{more}");
    }
}

#[test]
fn a_grant_to_a_single_lane_is_whole() {
    let (clock, shape) = (OnCore::of(1), Shape::Time(Grid::new(100, 4)));
    let lanes = Lanes::<4>::new();
    lanes.grant(&shape, 1, at(0), lanes.revoke(), 9, &clock);
    assert_eq!((0..).take_while(|_| lanes.spend(&shape, &clock)).count(), 9);
}

#[cfg(feature = "alloc")]
#[test]
fn nothing_is_granted_while_a_lane_is_in_a_later_tick_or_turns() {
    let (clock, shape) = (OnCore::of(2), Shape::Time(Grid::new(100, 4)));
    let lanes = Lanes::<4>::new();
    lanes.grow(&clock);
    let grant = |tick| lanes.grant(&shape, 1, at(tick), lanes.revoke(), 8, &clock);
    assert!(!fail(&lanes, &shape, &clock, 0, 5), "nobody has evaluated");
    grant(5);
    assert!(fail(&lanes, &shape, &clock, 0, 5));
    assert!(!fail(&lanes, &shape, &clock, 1, 6), "this turned its lane");
    assert!(!fail(&lanes, &shape, &clock, 0, 5), "and took all back");
    grant(5);
    assert!(!fail(&lanes, &shape, &clock, 0, 5), "the other lane is in tick 6");
    grant(6);
    assert!(fail(&lanes, &shape, &clock, 1, 6));
    let suspended = lanes.suspend();
    assert!(!fail(&lanes, &shape, &clock, 1, 6));
    grant(6);
    assert!(!fail(&lanes, &shape, &clock, 1, 6));
    drop(suspended);
    grant(6);
    assert!(fail(&lanes, &shape, &clock, 1, 6));
}

#[test]
fn a_failure_is_added_at_once_where_its_bucket_is_there() {
    let clock = OnCore::of(1);
    for (shape, at_once) in
        [(Shape::Time(Grid::new(100, 4)), true), (Shape::Count(Ring::new(9)), false)]
    {
        let lanes = Lanes::<4>::new();
        let add = || lanes.add_failure(&shape, 1, Instant::ORIGIN, &clock);
        assert!(!add());
        lanes.record(&shape, 1, Instant::ORIGIN, BAD, &clock, || true);
        assert_eq!(add(), at_once);
        let failures = lanes.tally(&shape, 1, Instant::ORIGIN).failures;
        assert_eq!(failures, 1 + u64::from(at_once));
    }
}
