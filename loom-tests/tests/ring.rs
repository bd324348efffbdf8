//! Races on the ring of the last transitions. Each name begins with the row or rule that it defends.
#![cfg(loom)]

use std::sync::Arc;

use cutout_core::{CircuitBreaker, Config, Instant, LastTransitions, Observer, Transition};
use loom::thread::spawn;
use loom_tests::{Watch, long_model, model, model_of_three};

/// A transition all of whose numbers are `number`.
fn numbered(template: &Transition, number: u32) -> Transition {
    let mut transition = *template;
    transition.generation = number;
    transition.at = Instant::from_nanos(number.into());
    transition.tally.slow = number.into();
    transition
}

/// A whole one of those.
fn number(transition: &Transition) -> u32 {
    let number = transition.generation;
    assert_eq!(*transition, numbered(transition, number), "parts of two records");
    number
}

fn template() -> Transition {
    let breaker = CircuitBreaker::with_observer(Config::new(), Watch, LastTransitions::<1>::new());
    breaker.reset();
    breaker.observer().iter().next().unwrap()
}

fn kept<const N: usize>(ring: &LastTransitions<N>) -> Vec<u32> {
    ring.iter().map(|transition| number(&transition)).collect()
}

#[test]
fn k1_who_finds_a_record_finds_all_of_it() {
    model(|| {
        let template = template();
        let ring = Arc::new(LastTransitions::<1>::new());
        let writer = spawn({
            let ring = Arc::clone(&ring);
            move || ring.on_transition(&numbered(&template, 7))
        });
        let seen = kept(&ring);
        assert!(seen.is_empty() || seen == [7]);
        writer.join().unwrap();
        assert_eq!(kept(&ring), [7]);
    });
}

#[test]
fn k3_a_record_that_is_written_over_is_not_taken() {
    long_model(|| {
        let template = template();
        let ring = Arc::new(LastTransitions::<1>::new());
        ring.on_transition(&numbered(&template, 7));
        let writer = spawn({
            let ring = Arc::clone(&ring);
            move || ring.on_transition(&numbered(&template, 8))
        });
        let seen = kept(&ring);
        assert!(seen.is_empty() || seen == [7] || seen == [8], "{seen:?}");
        writer.join().unwrap();
        assert_eq!(kept(&ring), [8]);
        assert_eq!(ring.lost(), 0);
    });
}

#[test]
fn two_who_write_the_same_slot_leave_one_whole_record() {
    model(|| {
        let template = template();
        let ring = Arc::new(LastTransitions::<1>::new());
        let writer = spawn({
            let ring = Arc::clone(&ring);
            move || ring.on_transition(&numbered(&template, 7))
        });
        ring.on_transition(&numbered(&template, 8));
        writer.join().unwrap();
        match kept(&ring)[..] {
            [_] => assert!(ring.lost() <= 1, "the older one may have come too late"),
            [] => assert_eq!(ring.lost(), 1, "the newer one met the older one"),
            _ => unreachable!("there is one slot"),
        }
        assert_eq!(ring.announced(), 2);
    });
}

#[test]
fn two_who_write_different_slots_lose_nothing() {
    model(|| {
        let template = template();
        let ring = Arc::new(LastTransitions::<2>::new());
        let writer = spawn({
            let ring = Arc::clone(&ring);
            move || ring.on_transition(&numbered(&template, 7))
        });
        ring.on_transition(&numbered(&template, 8));
        writer.join().unwrap();
        let mut seen = kept(&ring);
        seen.sort_unstable();
        assert_eq!((seen, ring.lost()), (vec![7, 8], 0));
    });
}

#[test]
fn a_reader_between_two_writers_sees_whole_records_only() {
    model_of_three(|| {
        let template = template();
        let ring = Arc::new(LastTransitions::<1>::new());
        let writers = [7, 8].map(|number| {
            let ring = Arc::clone(&ring);
            spawn(move || ring.on_transition(&numbered(&template, number)))
        });
        let seen = kept(&ring);
        assert!(seen.is_empty() || seen == [7] || seen == [8], "{seen:?}");
        for writer in writers {
            writer.join().unwrap();
        }
    });
}
