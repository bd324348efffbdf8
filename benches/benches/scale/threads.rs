//! Against threads: all of them on one breaker.

use cutout::CircuitBreaker;
use cutout_benches::{Floor, Load, Scene, Still, tolerant};

use crate::measure::{Case, Curve, Kind, Panel, Plan, measure};

const THREADS: [u32; 4] = [1, 2, 4, 8];

/// The places that `panel` puts them in.
const CURVES: [(Kind, &str); 5] = [
    (Kind::HalfFailing, "half failing"),
    (Kind::Success, "success"),
    (Kind::Refused, "refused while open"),
    (Kind::SharedFloor, "floor: an add to one shared word"),
    (Kind::Floor, "floor: an add to a word of its own"),
];

pub(crate) fn panel(plan: Plan) -> Panel {
    let mut cases = Vec::new();
    for (place, threads) in THREADS.into_iter().enumerate() {
        for (curve, load) in
            [Load::HalfFailing, Load::Success, Load::Refused].into_iter().enumerate()
        {
            let mut scene = Scene::new(load, CircuitBreaker::with_clock(tolerant(), Still));
            cases.push(Case::new(curve, place, move |calls| scene.time_crowd(threads, calls)));
        }
        for (curve, lanes) in [(3, 1), (4, threads as usize)] {
            let mut floor = Floor::new(lanes);
            cases.push(Case::new(curve, place, move |calls| floor.time_crowd(threads, calls)));
        }
    }
    let costs = measure::<5>(plan, THREADS.len(), cases);
    let curves = CURVES.into_iter().zip(costs);
    Panel {
        title: "Threads that call one breaker at once",
        axis: "threads",
        places: THREADS.map(|threads| threads.to_string()).into(),
        note: "time of a core for one call of one thread, without what the thread waits for a core"
            .into(),
        curves: curves.map(|((kind, name), costs)| Curve { kind, name, costs }).collect(),
    }
}
