//! Races on how long calls take. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use core::cell::Cell;
use core::time::Duration;
use std::sync::Arc;

use cutout_core::{AdaptiveTimeout, Clock, Instant, Latency, Rate, TimeoutConfig};
use loom_tests::{Watch, model, model_of_three, spawn_on};

/// Two words of two buckets each; an era lasts eight seconds.
type Estimate = Latency<Late, 2>;

loom::thread_local! {
    static OLD: Cell<Option<Instant>> = Cell::new(None);
}

/// A watch, of which a thread may be held up with an old reading.
struct Late(Watch);

impl Late {
    fn set(&self, secs: u64) {
        self.0.set(secs);
    }
}

impl Clock for Late {
    fn now(&self) -> Instant {
        OLD.with(Cell::take).unwrap_or_else(|| self.0.now())
    }
}

const WINDOW: Duration = Duration::from_secs(16);

/// In the first bucket.
const FIRST: Duration = Duration::from_nanos(1_100);

/// In the bucket that shares its word.
const SECOND: Duration = Duration::from_nanos(1_200);

/// In the next word.
const THIRD: Duration = Duration::from_nanos(1_300);

fn estimate() -> Arc<Estimate> {
    Arc::new(Estimate::from_parts(WINDOW, 1, Late(Watch)))
}

fn record_at(secs: u64, latency: Duration) -> impl FnOnce(&Estimate) {
    move |estimate| {
        estimate.clock().set(secs);
        estimate.record(latency);
    }
}

/// As `record_at`, by a thread that has read the time `old` when it was held up until `secs`.
fn record_held_up(old: u64, secs: u64, latency: Duration) -> impl FnOnce(&Estimate) {
    move |estimate| {
        estimate.clock().set(old);
        let old = estimate.clock().now();
        OLD.with(|reading| reading.set(Some(old)));
        record_at(secs, latency)(estimate);
    }
}

fn race(
    estimate: &Arc<Estimate>,
    other: impl FnOnce(&Estimate) + 'static,
    here: impl FnOnce(&Estimate),
) {
    let other = spawn_on(0, estimate, other);
    here(estimate);
    other.join().unwrap();
}

fn longest(estimate: &Estimate) -> Option<Duration> {
    estimate.quantile(Rate::percent(100))
}

#[test]
fn m4_no_latency_is_lost_when_two_threads_count_in_one_word() {
    for other in [FIRST, SECOND] {
        model(move || {
            let estimate = estimate();
            race(&estimate, record_at(0, FIRST), record_at(0, other));
            assert_eq!(estimate.snapshot().count(), 2);
        });
    }
}

#[test]
fn e1_no_latency_is_lost_and_none_leaves_early_when_two_threads_begin_an_era() {
    model(|| {
        let estimate = estimate();
        estimate.record(FIRST);
        race(&estimate, record_at(8, FIRST), record_at(8, THIRD));
        assert_eq!(estimate.snapshot().count(), 3);
        estimate.clock().set(16);
        assert_eq!(estimate.snapshot().count(), 2, "the first is a window old");
    });
}

#[test]
fn e1_nothing_old_comes_back_when_two_threads_begin_an_era_after_idle_time() {
    model(|| {
        let estimate = estimate();
        estimate.record(SECOND);
        race(&estimate, record_at(16, FIRST), record_at(16, FIRST));
        assert_eq!(estimate.snapshot().count(), 2);
        assert!(longest(&estimate) < Some(SECOND));
    });
}

#[test]
fn e1_three_threads_begin_an_era_and_lose_nothing() {
    model_of_three(|| {
        let estimate = estimate();
        estimate.record(FIRST);
        let others = [FIRST, THIRD].map(|latency| spawn_on(0, &estimate, record_at(8, latency)));
        record_at(8, SECOND)(&estimate);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(estimate.snapshot().count(), 4);
    });
}

#[test]
fn m1_who_sees_an_era_sees_what_was_counted_before_it_began() {
    model(|| {
        let estimate = estimate();
        let other = |estimate: &Estimate| {
            record_at(0, FIRST)(estimate);
            record_at(8, THIRD)(estimate);
        };
        race(&estimate, other, |estimate| {
            estimate.clock().set(8);
            let seen = estimate.snapshot();
            let later_is_seen = seen.quantile(Rate::percent(100)) > Some(SECOND);
            assert!(!later_is_seen || seen.count() == 2, "{seen:?}");
        });
    });
}

#[test]
fn m3_a_snapshot_misses_nothing_while_an_era_begins() {
    model(|| {
        let estimate = estimate();
        estimate.record(FIRST);
        race(&estimate, record_at(8, FIRST), |estimate| {
            assert!(estimate.snapshot().count() >= 1);
        });
    });
}

#[test]
fn m3_a_snapshot_is_of_one_window_even_while_it_turns() {
    model(|| {
        let estimate = estimate();
        estimate.record(FIRST);
        estimate.record(THIRD);
        race(&estimate, record_at(16, SECOND), |estimate| {
            let seen = estimate.snapshot();
            assert!([0, 1, 2].contains(&seen.count()), "{seen:?}");
            let [least, most] = [0, 100].map(|share| seen.quantile(Rate::percent(share)));
            assert_eq!(seen.count() == 2, least < most, "they are an age apart: {seen:?}");
        });
    });
}

#[test]
fn m3_who_was_held_up_cannot_count_over_a_later_era() {
    model(|| {
        let estimate = estimate();
        race(&estimate, record_held_up(0, 16, FIRST), record_at(16, SECOND));
        assert!(longest(&estimate) > Some(FIRST), "the later one is there");
    });
}

#[test]
fn e6_two_threads_that_find_the_clock_set_back_begin_one_era() {
    model(|| {
        let estimate = estimate();
        record_at(100, THIRD)(&estimate);
        race(&estimate, record_at(10, FIRST), record_at(10, SECOND));
        assert_eq!(estimate.snapshot().count(), 3, "nothing is lost at once");
        estimate.clock().set(18);
        assert_eq!(estimate.snapshot().count(), 2, "what was before has left");
    });
}

#[test]
fn e6_who_counts_and_who_looks_after_the_clock_was_set_back_begin_one_era() {
    model(|| {
        let estimate = estimate();
        record_at(100, THIRD)(&estimate);
        race(&estimate, record_at(10, FIRST), |estimate| {
            estimate.clock().set(10);
            let seen = estimate.snapshot().count();
            assert!(seen == 1 || seen == 2, "{seen}");
        });
        assert_eq!(estimate.snapshot().count(), 2, "nothing is lost at once");
        estimate.clock().set(18);
        assert_eq!(estimate.snapshot().count(), 1, "what was before has left");
    });
}

#[test]
fn e6_who_was_held_up_does_not_set_the_clock_back() {
    model(|| {
        let estimate = estimate();
        record_at(100, SECOND)(&estimate);
        race(&estimate, record_held_up(10, 100, FIRST), record_at(100, THIRD));
        estimate.clock().set(107);
        assert_eq!(estimate.snapshot().count(), 3);
    });
}

#[test]
fn m3_who_was_held_up_cannot_bring_a_word_back() {
    model(|| {
        let estimate = estimate();
        race(&estimate, record_at(8, FIRST), record_at(16, THIRD));
        assert!(longest(&estimate) > Some(SECOND), "the later one is there");
    });
}

#[test]
fn a_limit_that_was_held_up_is_not_taken_for_a_newer_one() {
    model(|| {
        let config = TimeoutConfig::between(Duration::from_micros(1), Duration::from_secs(1))
            .window(WINDOW)
            .minimum_samples(1);
        let timeout = Arc::new(AdaptiveTimeout::<Watch, 2>::from_parts(config, Watch));
        timeout.latency().record(FIRST);
        let other = spawn_on(0, &timeout, |timeout| {
            let limit = timeout.timeout().as_nanos();
            assert!(limit == 1_152 || limit == 1_280, "{limit}");
        });
        timeout.latency().clock().set(1);
        timeout.latency().record(SECOND);
        assert_eq!(timeout.timeout().as_nanos(), 1_280);
        other.join().unwrap();
        assert_eq!(timeout.timeout().as_nanos(), 1_280);
    });
}
