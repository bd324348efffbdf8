//! What breakers are made of: the floor under all that count, and clocks.

use core::cell::Cell;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use cutout::{Clock, StdClock};

use crate::peer::{Peer, Shown};
use crate::row::{Kind, Row};
use crate::work::{End, operation};

/// A call with one step before it.
struct Step<F>(F);

impl<R, F: Fn() -> R + Send + Sync> Peer for Step<F> {
    fn call(&self, fail: bool) -> End {
        black_box((self.0)());
        match operation(fail) {
            Ok(_) => End::Ok,
            Err(_) => End::Failed,
        }
    }

    fn shown(&self) -> Shown {
        Shown::default()
    }
}

/// A word that shares its cache lines with no other.
#[repr(align(128))]
#[derive(Default)]
struct Padded(AtomicU64);

impl Padded {
    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// A word for each thread.
#[derive(Default)]
struct Lanes([Padded; 2]);

impl Lanes {
    fn add(&self) {
        self.0[LANE.get() % self.0.len()].add();
    }
}

/// Gives the calling thread a lane of its own.
pub(crate) fn take_lane(lane: usize) {
    LANE.set(lane);
}

fn part<R: 'static>(name: &str, step: impl Fn() -> R + Send + Sync + 'static) -> Row {
    Row::bare(name, Kind::Part, Step(step))
}

pub(crate) fn rows() -> Vec<Row> {
    let (loaded, added, lanes) = (Padded::default(), Padded::default(), Lanes::default());
    let (word, own) = (Padded::default(), Lanes::default());
    let floor = Step(move || {
        black_box(word.load());
        own.add();
    });
    // Otherwise kept up to date by a thread of its own; reading it costs the same.
    quanta::set_recent(quanta::Instant::now());
    vec![
        part("the call alone", || ()),
        part("shared load", move || loaded.load()),
        part("own-lane add", move || lanes.add()),
        Row::bare("the floor: shared load and own-lane add", Kind::Floor, floor),
        part("shared add", move || added.add()),
        part("clock: std's Instant", std::time::Instant::now),
        part("clock: the default, fine", || StdClock.now()),
        part("clock: the default, coarse", || StdClock.now_coarse()),
        part("clock: quanta", quanta::Instant::now),
        part("clock: quanta, recent", quanta::Instant::recent),
    ]
}
