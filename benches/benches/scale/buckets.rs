//! Against the buckets of the window: a failure sums them, a success does not.

use core::time::Duration;

use cutout::{CircuitBreaker, ManualClock, Window};
use cutout_benches::{Load, Scene, tolerant};

use crate::measure::{Case, Curve, Kind, Panel, Plan, measure};

const LOADS: [(Kind, Load); 2] = [(Kind::Failure, Load::Failure), (Kind::Success, Load::Success)];

pub(crate) fn panel(plan: Plan) -> Panel {
    let buckets = [1, 2, 5, 10, 20, 60];
    let mut cases = Vec::new();
    for (curve, (_, load)) in LOADS.into_iter().enumerate() {
        cases.extend([
            case::<1>(curve, 0, load),
            case::<2>(curve, 1, load),
            case::<5>(curve, 2, load),
            case::<10>(curve, 3, load),
            case::<20>(curve, 4, load),
            case::<60>(curve, 5, load),
        ]);
    }
    let costs = measure::<2>(plan, buckets.len(), cases);
    let curves = LOADS.into_iter().zip(costs);
    Panel {
        title: "Buckets of the window",
        axis: "buckets",
        places: buckets.map(|buckets: u32| buckets.to_string()).into(),
        note: "one thread; every bucket holds results, and no failure opens the circuit".into(),
        curves: curves
            .map(|((kind, load), costs)| Curve { kind, name: load.name(), costs })
            .collect(),
    }
}

/// A breaker with as many buckets, all of them in use.
fn case<const BUCKETS: usize>(curve: usize, place: usize, load: Load) -> Case {
    const BUCKET: Duration = Duration::from_secs(1);
    let buckets = u32::try_from(BUCKETS).expect("there are few");
    let config = tolerant().window(Window::time(BUCKET * buckets).in_buckets(buckets));
    let breaker = CircuitBreaker::<_, _, BUCKETS>::from_parts(config, ManualClock::new(), ());
    for _ in 1..buckets {
        Load::Success.run(&breaker, 100);
        breaker.clock().advance(BUCKET);
    }
    let mut scene = Scene::new(load, breaker);
    Case::new(curve, place, move |calls| scene.time(calls))
}
