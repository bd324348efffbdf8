//! The third question: what does a breaker cost as a layer of a tower service, for tasks on one worker
//! and on two?

use core::cell::RefCell;
use core::time::Duration;
use std::time::Instant;

use allocation_counter::measure as count;
use tokio::runtime::Runtime;

use crate::peer::{AsyncPeer, run_async};
use crate::plan::Plan;
use crate::row::{Kind, version};
use crate::stats::Figure;
use crate::tasks::{Round, round, runtime};
use crate::work::{End, Load};

/// What the columns ask: of a closed circuit and of an open one, on one worker and on two.
pub(crate) const COLUMNS: [(Load, usize); 4] =
    [(Load::Success, 1), (Load::Success, 2), (Load::Refused, 1), (Load::Refused, 2)];

/// The calls over which allocations are counted.
const SAMPLE: u64 = 1_000;

/// Has each of 32 tasks take its turn so many times.
type Run = Box<dyn Fn(&Runtime, u64) -> Round>;

/// What is measured under one name.
pub(crate) struct Layered {
    name: String,
    kind: Kind,
    cells: Vec<(usize, Run, RefCell<Cell>)>,
    allocations: Vec<f64>,
}

#[derive(Default)]
struct Cell {
    turns: u64,
    rounds: Vec<f64>,
}

/// What was measured of it.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Time of the processor for each call, for each of [`COLUMNS`] that it has.
    pub(crate) ns: Vec<Option<Figure>>,
    /// Allocations of a call that succeeds and of one that is refused.
    pub(crate) allocations: Vec<f64>,
}

impl Layered {
    /// The service alone, which refuses nothing.
    pub(crate) fn bare<P: AsyncPeer>(name: &str) -> Self {
        Self::new(name.into(), Kind::Floor, &[P::closed()])
    }

    pub(crate) fn ours<P: AsyncPeer>(how: &str) -> Self {
        Self::breaker::<P>(format!("cutout, {how}"), Kind::Ours)
    }

    pub(crate) fn theirs<P: AsyncPeer>(package: &str) -> Self {
        Self::breaker::<P>(format!("{package} {}", version(package)), Kind::Theirs)
    }

    fn breaker<P: AsyncPeer>(name: String, kind: Kind) -> Self {
        let open = P::closed();
        P::block_on(trip(open.clone(), &name));
        Self::new(name, kind, &[P::closed(), open])
    }

    /// One that is closed, and then perhaps one that is open.
    fn new<P: AsyncPeer>(name: String, kind: Kind, peers: &[P]) -> Self {
        let of = |load| if load == Load::Refused { peers.get(1) } else { peers.first() };
        let cells = COLUMNS.into_iter().filter_map(|(load, workers)| {
            let (peer, name) = (of(load)?.clone(), name.clone());
            let run: Run =
                Box::new(move |runtime, turns| round(runtime, &peer, load, turns, &name));
            Some((workers, run, RefCell::default()))
        });
        let cells = cells.collect();
        let loads = [Load::Success, Load::Refused].into_iter().zip(peers);
        let allocations = loads.map(|(load, peer)| allocations(peer.clone(), load)).collect();
        Self { name, kind, cells, allocations }
    }

    fn finish(self) -> Outcome {
        let mut ns: Vec<_> = self
            .cells
            .into_iter()
            .map(|(_, _, cell)| Some(Figure::of(cell.into_inner().rounds)))
            .collect();
        ns.resize(COLUMNS.len(), None);
        Outcome { name: self.name, kind: self.kind, ns, allocations: self.allocations }
    }
}

/// Fails calls until one is refused.
async fn trip<P: AsyncPeer>(mut peer: P, name: &str) {
    let since = Instant::now();
    while peer.call(true).await != End::Refused {
        assert!(since.elapsed() < Duration::from_secs(10), "{name} does not open");
    }
}

/// How often a call allocates.
fn allocations<P: AsyncPeer>(mut peer: P, load: Load) -> f64 {
    let mut of = |calls| {
        let mut done = None;
        let run = async { done = Some(run_async(&mut peer, load.batch(calls)).await) };
        let counted = count(|| P::block_on(run));
        assert_eq!(done, Some(load.expected(calls)));
        counted.count_total as f64
    };
    // What the executor allocates for each run, and a thread or a process once, is no call's own.
    let [_, some, more] = [2, 2, SAMPLE + 2].map(&mut of);
    (more - some) / SAMPLE as f64
}

/// Measures all, in rounds.
pub(crate) fn measure(all: Vec<Layered>, plan: &Plan) -> Vec<Outcome> {
    let runtimes = [runtime(1), runtime(2)];
    let each = || all.iter().flat_map(|layered| &layered.cells);
    for (workers, run, cell) in each() {
        let mut turns = 1;
        while run(&runtimes[workers - 1], turns).wall < plan.round / 2 {
            turns *= 2;
        }
        cell.borrow_mut().turns = turns;
    }
    for _ in 0..plan.rounds {
        for (workers, run, cell) in each() {
            let mut cell = cell.borrow_mut();
            let round = run(&runtimes[workers - 1], cell.turns);
            cell.rounds.push(round.cpu_ns());
        }
    }
    all.into_iter().map(Layered::finish).collect()
}
