//! The ring of the last transitions.

mod support;

use core::cell::Cell;

use cutout_core::{
    Cause, CircuitBreaker, LastTransitions, ManualClock, Observer, State, Transition, TripReason,
};
use support::{config, fail, secs, succeed};

type Recorded<O> = CircuitBreaker<ManualClock, O>;

fn recorded<O: Observer>(observer: O) -> Recorded<O> {
    CircuitBreaker::with_observer(config().consecutive_failures(1), ManualClock::new(), observer)
}

#[test]
fn an_empty_ring_has_nothing() {
    let ring = LastTransitions::<4>::new();
    assert_eq!(ring.iter().count(), 0);
    assert_eq!((ring.announced(), ring.lost()), (0, 0));
}

#[test]
fn each_transition_is_kept_as_it_was_announced() {
    let log = support::Log::default();
    let breaker = recorded((LastTransitions::<8>::new(), &log));
    fail(&breaker);
    breaker.clock().advance(secs(5));
    assert!(succeed(&breaker));
    assert!(succeed(&breaker));
    breaker.force_open();
    breaker.reset();
    let ring = &breaker.observer().0;
    assert_eq!(ring.iter().collect::<Vec<_>>(), *log.transitions.borrow());
    let causes: Vec<_> = ring.iter().map(|transition| transition.cause).collect();
    let tripped = Cause::Tripped(TripReason::ConsecutiveFailures);
    assert_eq!(causes, [tripped, Cause::BreakOver, Cause::TrialsPassed, Cause::Mode, Cause::Reset]);
}

#[test]
fn the_oldest_make_room_for_the_newest() {
    let breaker = recorded(LastTransitions::<3>::new());
    for _ in 0..7 {
        breaker.force_open();
        breaker.release();
    }
    let ring = breaker.observer();
    let generations: Vec<_> = ring.iter().map(|transition| transition.generation).collect();
    assert_eq!(generations, [12, 13, 14]);
    assert_eq!(ring.iter().next_back().unwrap().to, State::Closed);
    assert_eq!((ring.announced(), ring.lost()), (14, 0));
}

#[test]
fn a_ring_of_one_keeps_the_last() {
    let breaker = recorded(LastTransitions::<1>::new());
    fail(&breaker);
    breaker.reset();
    let kept: Vec<_> = breaker.observer().iter().map(|transition| transition.cause).collect();
    assert_eq!(kept, [Cause::Reset]);
}

#[test]
fn breakers_can_share_a_ring_in_a_static() {
    static RING: LastTransitions<4> = LastTransitions::new();
    let (radio, sensor) = (recorded(&RING), recorded(&RING));
    fail(&radio);
    sensor.clock().advance(secs(9));
    fail(&sensor);
    let at: Vec<_> = RING.iter().map(|transition| transition.at.as_nanos()).collect();
    assert_eq!(at, [0, 9_000_000_000]);
}

#[test]
fn of_a_pair_of_observers_both_hear_everything() {
    let (first, second) = (support::Log::default(), support::Log::default());
    let breaker = recorded((&first, &second));
    let stale = breaker.admit().unwrap();
    breaker.force_closed();
    fail(&breaker);
    breaker.settle(stale, cutout_core::Outcome::Failure);
    for log in [&first, &second] {
        assert_eq!(log.causes(), [Cause::Mode]);
        assert_eq!(*log.would_trip.borrow(), [TripReason::ConsecutiveFailures]);
        assert_eq!(*log.stale.borrow(), [Some(cutout_core::Outcome::Failure)]);
    }
}

/// Reads the ring from within each announcement, as an interrupt handler might.
struct Reads<'a> {
    ring: &'a LastTransitions<2>,
    seen: Cell<usize>,
}

impl Observer for Reads<'_> {
    fn on_transition(&self, transition: &Transition) {
        assert_eq!(self.ring.iter().next_back().as_ref(), Some(transition));
        self.seen.set(self.seen.get() + self.ring.iter().count());
    }
}

#[test]
fn a_ring_can_be_read_where_a_transition_is_announced() {
    let ring = LastTransitions::new();
    let breaker = recorded((&ring, Reads { ring: &ring, seen: Cell::new(0) }));
    fail(&breaker);
    breaker.reset();
    assert_eq!(breaker.observer().1.seen.get(), 1 + 2);
}

#[test]
fn threads_that_write_and_read_at_once_see_whole_records() {
    const ROUNDS: u64 = 20_000;
    let ring = LastTransitions::<2>::new();
    let template = {
        let breaker = recorded(LastTransitions::<1>::new());
        breaker.reset();
        breaker.observer().iter().next().unwrap()
    };
    let of = |number: u64| {
        let mut transition = template;
        transition.at = cutout_core::Instant::from_nanos(number);
        transition.generation = u32::try_from(number).unwrap();
        transition.tally.successes = number;
        transition.tally.failures = number;
        transition.tally.slow = number;
        transition
    };
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (ring, of) = (&ring, &of);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    ring.on_transition(&of(2 * round + writer));
                }
            });
        }
        for _ in 0..ROUNDS {
            for seen in ring.iter() {
                assert_eq!(seen, of(seen.at.as_nanos()), "parts of two records");
            }
        }
    });
    assert_eq!(ring.announced(), 2 * ROUNDS);
    assert!(ring.lost() < ring.announced());
}
