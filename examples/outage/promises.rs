//! What the runs are to show, with margins that need no luck.

use crate::numbers::Numbers;

/// What is to hold between the runs: without a breaker, with one, with a whole policy.
type Promise = (&'static str, fn(&Numbers, &Numbers, &Numbers) -> bool);

const PROMISES: &[Promise] = &[
    ("with a breaker, half of the errors or fewer are left", |without, with, _| {
        with.errors * 2 <= without.errors
    }),
    ("with a breaker, half of the load on the sick server or less is left", |without, with, _| {
        with.load.requests * 2 <= without.load.requests
    }),
    ("with a policy, no user sees an error", |_, _, whole| {
        whole.errors + whole.refused == 0 && whole.stale > 0
    }),
    (
        "no more calls are in flight than the bulkhead allows, which they were without",
        |_, with, whole| {
            whole.bulkhead.is_some_and(|it| {
                it.refused > 0 && whole.most_in_flight <= it.limit && it.limit < with.most_in_flight
            })
        },
    ),
    ("with a policy, three quarters of those who wait long or fewer are left", |_, with, whole| {
        whole.long * 4 <= with.long * 3
    }),
    ("with a policy, half of the good answers or more are left", |_, with, whole| {
        whole.good * 2 >= with.good
    }),
];

/// The promises that do not hold.
pub(crate) fn broken([without, with, whole]: &[Numbers; 3]) -> Vec<&'static str> {
    let broken = PROMISES.iter().filter(|(_, holds)| !holds(without, with, whole));
    broken.map(|(promise, _)| *promise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Seen;
    use crate::numbers::BulkheadNumbers;

    type Fault = fn(&mut [Numbers; 3]);

    /// Runs that show all that they are to show, and hardly.
    fn numbers() -> [Numbers; 3] {
        let load = |requests| Seen { requests, peak: 0 };
        [
            Numbers { errors: 200, load: load(100), ..Numbers::default() },
            Numbers {
                good: 60,
                errors: 100,
                long: 20,
                most_in_flight: 17,
                load: load(50),
                ..Numbers::default()
            },
            Numbers {
                good: 30,
                stale: 1,
                long: 15,
                most_in_flight: 16,
                bulkhead: Some(BulkheadNumbers { limit: 16, refused: 1 }),
                ..Numbers::default()
            },
        ]
    }

    #[test]
    fn each_promise_is_broken_by_what_it_is_about() {
        assert!(broken(&numbers()).is_empty());
        let faults: [(usize, Fault); 10] = [
            (0, |[_, with, _]| with.errors += 1),
            (1, |[_, with, _]| with.load.requests += 1),
            (2, |[_, _, whole]| whole.errors += 1),
            (2, |[_, _, whole]| whole.refused += 1),
            (2, |[_, _, whole]| whole.stale = 0),
            (3, |[_, with, _]| with.most_in_flight -= 1),
            (3, |[_, _, whole]| whole.most_in_flight += 1),
            (3, |[_, _, whole]| whole.bulkhead = None),
            (4, |[_, _, whole]| whole.long += 1),
            (5, |[_, _, whole]| whole.good -= 1),
        ];
        for (promise, fault) in faults {
            let mut numbers = numbers();
            fault(&mut numbers);
            assert_eq!(broken(&numbers), [PROMISES[promise].0]);
        }
    }
}
