//! One cell of the table: a breaker under one load by one thread or two.

use core::time::Duration;
use std::sync::Arc;

use crate::crew::{Crew, Slice};
use crate::peer::{Peer, Shown};
use crate::plan::Plan;
use crate::row::Row;
use crate::stats::Figure;
use crate::work::{Ends, Load};

/// A slice counts if its threads truly ran at the same time for this part of it.
const ENOUGH: f64 = 0.97;

/// With fewer slices than these that count, as many of the least disturbed have to do.
const FEW: usize = 5;

pub(crate) struct Cell {
    /// The place of its row.
    pub(crate) row: usize,
    pub(crate) load: Load,
    pub(crate) threads: usize,
    name: String,
    peer: Arc<dyn Peer>,
    calls: u64,
    slices: Vec<Slice>,
    before: Shown,
    done: Ends,
}

impl Cell {
    pub(crate) fn new(row: usize, of: &Row, load: Load, threads: usize) -> Self {
        let peer = of.make(load);
        let before = peer.shown();
        before.check_state(load, &of.name);
        let (name, slices, done) = (of.name.clone(), Vec::new(), Ends::default());
        Self { row, load, threads, name, peer, calls: 0, slices, before, done }
    }

    /// Finds out how many calls make a slice.
    pub(crate) fn calibrate(&mut self, crew: &Crew, slice: Duration) {
        let mut calls = 64;
        loop {
            let ran = self.run(crew, calls);
            // Up to an eighth, so that what is odd about first calls weighs little.
            if ran.length >= slice / 8 {
                let ns = slice.as_nanos() as f64 / ran.wall_ns;
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small count
                let calls = (ns as u64).max(2);
                self.calls = calls;
                return;
            }
            calls *= 2;
        }
    }

    /// Whether more slices are wanted.
    pub(crate) fn wants_more(&self, plan: &Plan) -> bool {
        match self.threads {
            1 => self.slices.len() < plan.alone,
            _ => self.kept().count() < plan.together && self.slices.len() < plan.attempts,
        }
    }

    pub(crate) fn measure(&mut self, crew: &Crew) {
        let slice = self.run(crew, self.calls);
        self.slices.push(slice);
    }

    fn run(&mut self, crew: &Crew, calls: u64) -> Slice {
        let slice = crew.run(self.threads, &self.peer, self.load, calls);
        let expected = self.load.expected(slice.ends.total());
        assert_eq!(slice.ends, expected, "{}: {:?}", self.name, self.load);
        self.done += slice.ends;
        slice
    }

    fn kept(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|slice| slice.together >= ENOUGH)
    }

    /// Checks that the breaker ended as it began, and says what its calls cost.
    pub(crate) fn finish(mut self) -> Figure {
        let after = self.peer.shown();
        after.check_state(self.load, &self.name);
        after.check_counts(&self.before, &self.done, &self.name);
        if self.threads == 1 {
            return Figure::of(self.slices.iter().map(|slice| slice.cpu_ns).collect());
        }
        let kept: Vec<f64> = self.kept().map(|slice| slice.wall_ns).collect();
        if kept.len() >= FEW {
            return Figure::of(kept);
        }
        self.slices.sort_unstable_by(|one, other| other.together.total_cmp(&one.together));
        let best = self.slices.iter().take(FEW).map(|slice| slice.wall_ns).collect();
        Figure { disturbed: true, ..Figure::of(best) }
    }
}
