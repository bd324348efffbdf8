//! Races on the window. Each name begins with the rule or the row that it defends.
#![cfg(loom)]

use cutout_core::State;
use loom_tests::{Breaker, breaker, config, model, race};

fn fail(breaker: &Breaker) {
    let _ = breaker.call(|| Err::<(), _>(()));
}

fn succeed(breaker: &Breaker) {
    let _ = breaker.call(|| Ok::<_, ()>(()));
}

#[test]
fn b4_no_result_is_lost_when_two_threads_count_in_one_bucket() {
    model(|| {
        let breaker = breaker(config().minimum_throughput(5));
        race(&breaker, [fail, succeed]);
        let tally = breaker.snapshot().tally;
        assert_eq!((tally.failures, tally.successes), (1, 1));
    });
}

#[test]
fn w2_no_result_is_lost_or_kept_too_long_when_two_threads_turn_the_window() {
    model(|| {
        let breaker = breaker(config().minimum_throughput(5));
        fail(&breaker);
        breaker.clock().set(2);
        race(&breaker, [fail, succeed]);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.tally.failures, snapshot.tally.successes), (1, 1));
        assert_eq!((snapshot.totals.failures, snapshot.totals.successes), (2, 1));
    });
}

#[test]
fn b5_two_failures_in_different_buckets_do_not_overlook_each_other() {
    model(|| {
        let breaker = breaker(config());
        race(
            &breaker,
            [fail, |breaker| {
                breaker.clock().set(1);
                fail(breaker);
            }],
        );
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.observer().changes(), [1, 0, 0]);
    });
}

#[test]
fn w1_a_new_generation_starts_empty_while_an_old_result_is_on_its_way() {
    model(|| {
        let breaker = breaker(config().minimum_throughput(5));
        fail(&breaker);
        race(&breaker, [fail, |breaker| breaker.reset()]);
        assert_eq!(breaker.observer().changes()[2], 1);
        assert_eq!(breaker.totals().settled(), 2);
        assert!(breaker.snapshot().tally.failures <= 1, "the first one is gone");
        // Whatever came late lies dead, and the next result clears it away.
        breaker.clock().set(0);
        succeed(&breaker);
        assert_eq!(breaker.totals().settled(), 3);
    });
}
