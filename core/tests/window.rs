//! The window: what it covers, and that it forgets.

mod support;

use core::time::Duration;

use cutout_core::{CircuitBreaker, Error, Instant, ManualClock, Outcome, State, Window};
use support::{breaker, config, fail, millis, secs, succeed, timeline};

#[test]
fn the_window_covers_between_nine_tenths_and_all_of_its_length() {
    let breaker = breaker(config());
    breaker.clock().advance(millis(999));
    fail(&breaker);
    breaker.clock().advance(millis(9_000));
    assert_eq!(breaker.snapshot().tally.failures, 1, "9 s later");
    breaker.clock().advance(millis(1));
    assert_eq!(breaker.snapshot().tally.failures, 0, "in the tenth bucket after its own");
    fail(&breaker);
    breaker.clock().advance(Duration::from_nanos(9_999_999_999));
    assert_eq!(breaker.snapshot().tally.failures, 1, "from the start of a bucket all of it");
}

#[test]
fn failures_that_left_the_window_do_not_count() {
    timeline(config(), "x x x 10s x x x 10s x x x x", "C C C C   C C C C   C C C O");
}

#[test]
fn nothing_old_comes_back_after_any_idle_time() {
    // Also where short tags would come round: the buckets are a second wide.
    for idle in (0..50).map(|bit| 1_u64 << bit).chain([10 * 1_024, 7 * 5 * 1_024]) {
        let breaker = breaker(config());
        for _ in 0..3 {
            fail(&breaker);
        }
        breaker.clock().advance(secs(10));
        breaker.clock().advance(Duration::from_secs(idle));
        fail(&breaker);
        assert_eq!(breaker.state(), State::Closed, "after {idle} s more");
        assert_eq!(breaker.snapshot().tally.total(), 1);
    }
}

#[test]
fn a_call_longer_than_the_window_counts_at_its_end() {
    let breaker = breaker(config());
    let calls: Vec<_> = (0..4).map(|_| breaker.admit().unwrap()).collect();
    breaker.clock().advance(secs(3_600));
    for call in calls {
        breaker.settle(call, Outcome::Failure);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn time_that_stands_still_keeps_everything() {
    let breaker = breaker(config());
    for _ in 0..100 {
        assert!(succeed(&breaker));
    }
    assert_eq!(breaker.snapshot().tally.successes, 100);
}

#[test]
fn a_clock_set_back_an_hour_loses_and_revives_nothing() {
    let breaker = breaker(config());
    breaker.clock().advance(secs(3_600));
    for _ in 0..50 {
        assert!(succeed(&breaker));
    }
    breaker.clock().set(Instant::ORIGIN);
    for _ in 0..2 {
        fail(&breaker);
    }
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.failures, tally.successes), (2, 50));
    breaker.clock().advance(secs(3_610));
    assert_eq!(breaker.snapshot().tally.total(), 0);
}

#[test]
fn two_buckets_and_sixty_are_as_good_as_ten() {
    let two = breaker(config().window(Window::time(secs(10)).in_buckets(2)));
    fail(&two);
    two.clock().advance(secs(9));
    assert_eq!(two.snapshot().tally.failures, 1);
    two.clock().advance(secs(1));
    assert_eq!(two.snapshot().tally.failures, 0);

    let minute = config().window(Window::time(secs(60)).in_buckets(60));
    let sixty = CircuitBreaker::<_, _, 60>::from_parts(minute, ManualClock::new(), ());
    assert_eq!(sixty.call(|| Err::<(), _>(())), Err(Error::Inner(())));
    sixty.clock().advance(millis(59_999));
    assert_eq!(sixty.snapshot().tally.failures, 1);
    sixty.clock().advance(millis(1));
    assert_eq!(sixty.snapshot().tally.failures, 0);
}

#[test]
fn the_narrowest_and_the_widest_window_count() {
    for length in [millis(1), secs(24 * 60 * 60)] {
        let breaker = breaker(config().window(Window::time(length)));
        for _ in 0..4 {
            fail(&breaker);
        }
        assert_eq!(breaker.state(), State::Open, "{length:?}");
    }
}

#[test]
fn the_end_of_time_is_no_overflow() {
    let breaker = breaker(config().window(Window::time(millis(1))));
    breaker.clock().set(Instant::from_nanos(u64::MAX));
    for _ in 0..4 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn the_totals_keep_what_the_window_forgets() {
    let breaker = breaker(config());
    for second in 0..100 {
        assert!(succeed(&breaker));
        breaker.clock().set(Instant::ORIGIN.saturating_add(secs(second)));
    }
    fail(&breaker);
    let totals = breaker.totals();
    assert_eq!((totals.successes, totals.failures, totals.settled()), (100, 1, 101));
}

/// Failures until the circuit opens.
fn failures_to_open(breaker: &support::Breaker) -> u32 {
    for more in 1..=100_000 {
        fail(breaker);
        if breaker.state() == State::Open {
            return more;
        }
    }
    panic!("it does not open");
}

#[test]
fn the_failure_that_makes_the_rate_trips_after_any_past() {
    for successes in [4, 5, 100, 1_000, 10_000] {
        let breaker = breaker(config());
        for _ in 0..successes {
            assert!(succeed(&breaker));
        }
        assert_eq!(failures_to_open(&breaker), successes, "half of {successes} twice");
    }
}

#[test]
fn the_failure_that_makes_the_rate_trips_in_a_halved_bucket() {
    const FULL: u32 = 16_383;
    let breaker = breaker(config());
    for _ in 0..FULL {
        assert!(succeed(&breaker));
    }
    let before = 9_000;
    for _ in 0..before {
        fail(&breaker);
    }
    assert!(succeed(&breaker)); // 8,192 successes and 4,500 failures are left
    assert_eq!(failures_to_open(&breaker), FULL / 2 + 1 - before / 2);
}

#[test]
fn a_window_by_count_slides_one_result_at_a_time() {
    let breaker =
        timeline(config().window(Window::count(4)), "+ + + x + + + x x", "C C C C C C C C O");
    assert_eq!(breaker.observer().last().tally.total(), 4);
}

#[test]
fn a_window_by_count_keeps_its_results_however_old_they_are() {
    timeline(
        config().window(Window::count(10)),
        "x + 3600s x + ", //
        "C C C     C O ",
    );
}
