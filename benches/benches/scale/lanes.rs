//! Against the lanes of the window: a failure sums them all, a success writes its own.

use core::sync::atomic::{AtomicUsize, Ordering};

use cutout::{Clock, Instant};
use cutout_benches::{Load, Scene, Still, tolerant};
use cutout_core::CircuitBreaker as Engine;

use crate::measure::{Case, Curve, Kind, Panel, Plan, measure};

const LOADS: [(Kind, Load); 2] = [(Kind::Failure, Load::Failure), (Kind::Success, Load::Success)];

pub(crate) fn panel(plan: Plan) -> Panel {
    let lanes = [1, 2, 4, 8, 16];
    let mut cases = Vec::new();
    for (curve, (_, load)) in LOADS.into_iter().enumerate() {
        cases.extend([
            case(1, curve, 0, load),
            case(2, curve, 1, load),
            case(4, curve, 2, load),
            case(8, curve, 3, load),
            case(16, curve, 4, load),
        ]);
    }
    let costs = measure::<2>(plan, lanes.len(), cases);
    let curves = LOADS.into_iter().zip(costs);
    Panel {
        title: "Lanes of the window",
        axis: "lanes",
        places: lanes.map(|lanes: u32| lanes.to_string()).into(),
        note: "one thread; every lane holds results, and no failure opens the circuit".into(),
        curves: curves
            .map(|((kind, load), costs)| Curve { kind, name: load.name(), costs })
            .collect(),
    }
}

/// A breaker that has grown as many lanes, all of them in use; one lane is that before growth.
fn case(lanes: usize, curve: usize, place: usize, load: Load) -> Case {
    let clock = InLane { lane: AtomicUsize::new(0), lanes };
    let breaker = Engine::<_, (), 10>::from_parts(tolerant(), clock, ());
    breaker.preallocate();
    for lane in (0..lanes).rev() {
        breaker.clock().lane.store(lane, Ordering::Relaxed);
        Load::Success.run(&breaker, 100);
    }
    let mut scene = Scene::new(load, Box::new(breaker));
    Case::new(curve, place, move |calls| scene.time(calls))
}

/// A clock that stands still, on a thread that has the lane which it is told.
struct InLane {
    lane: AtomicUsize,
    lanes: usize,
}

impl Clock for InLane {
    fn now(&self) -> Instant {
        Still.now()
    }

    fn lane(&self) -> usize {
        self.lane.load(Ordering::Relaxed)
    }

    fn lanes(&self) -> usize {
        self.lanes
    }
}
