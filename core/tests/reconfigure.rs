//! Settings that change while the breaker runs: they take effect, and nothing is lost.

mod support;

use core::time::Duration;

use cutout_core::{
    CircuitBreaker, Config, ConfigError, ManualClock, Observer, Outcome, Rate, RejectReason,
    SlowStart, State, Tally, Transition, TripReason, Window,
};
use support::{Breaker, breaker, config, fail, follow, millis, secs, succeed, tripped};

fn change(breaker: &Breaker, config: Config) {
    breaker.reconfigure(config).unwrap();
}

#[test]
fn the_next_result_judges_the_window_as_it_is() {
    let breaker = breaker(config().failure_rate(Rate::percent(90)));
    follow(&breaker, "x x x + + x", "C C C C C C");
    change(&breaker, config().failure_rate(Rate::percent(50)));
    assert_eq!(breaker.state(), State::Closed, "a change alone decides nothing");
    follow(&breaker, "+", "O");
    assert_eq!(breaker.observer().last().tally, Tally { successes: 3, failures: 4, slow: 0 });
}

#[test]
fn a_success_within_the_rates_leaves_the_circuit_closed() {
    let breaker = breaker(config().minimum_throughput(100));
    follow(&breaker, "x x x + + + + +", "C C C C C C C C");
    change(&breaker, config());
    follow(&breaker, "+ +", "C C");
    assert_eq!(breaker.snapshot().tally, Tally { successes: 7, failures: 3, slow: 0 });
}

#[test]
fn a_lower_minimum_counts_at_once_a_higher_one_spares() {
    let breaker = breaker(config().minimum_throughput(100));
    follow(&breaker, "x x x", "C C C");
    change(&breaker, config().minimum_throughput(5));
    follow(&breaker, "x x", "C O");
    let breaker = support::breaker(config());
    follow(&breaker, "x x x", "C C C");
    change(&breaker, config().minimum_throughput(100));
    follow(&breaker, "x x", "C C");
}

#[test]
fn a_failure_count_is_noticed_by_the_next_failure() {
    let breaker = breaker(config().minimum_throughput(100));
    follow(&breaker, "x x x", "C C C");
    change(&breaker, config().minimum_throughput(100).failure_count(2));
    follow(&breaker, "+ x", "C O");
    assert_eq!(
        breaker.observer().last().cause,
        cutout_core::Cause::Tripped(TripReason::FailureCount)
    );
}

#[test]
fn permits_in_flight_are_settled_under_the_new_settings() {
    let breaker = breaker(config().minimum_throughput(100));
    let permits = [(); 2].map(|()| breaker.try_acquire().unwrap());
    let generation = breaker.snapshot().generation;
    change(&breaker, config().minimum_throughput(2));
    assert_eq!(breaker.snapshot().generation, generation, "nothing becomes stale");
    permits.into_iter().for_each(|permit| permit.settle(Outcome::Failure));
    assert_eq!(breaker.state(), State::Open);
    assert_eq!((breaker.totals().failures, breaker.totals().stale), (2, 0));
}

#[test]
fn an_open_circuit_keeps_the_end_of_its_break() {
    let breaker = tripped(config());
    change(&breaker, config().break_duration(secs(60)));
    follow(&breaker, "4s + 1s x", "O O- O O");
    let refusal = breaker.try_acquire().unwrap_err();
    assert_eq!(refusal.retry_after(), Some(secs(60)), "the next break has the new length");
}

#[test]
fn more_trials_may_start_and_more_must_succeed() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let first = breaker.try_acquire().unwrap();
    assert_eq!(breaker.try_acquire().unwrap_err().reason(), RejectReason::HalfOpenFull);
    change(&breaker, config().trials(2));
    let second = breaker.try_acquire().unwrap();
    first.settle(Outcome::Success);
    assert_eq!(breaker.state(), State::HalfOpen);
    second.settle(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn fewer_trials_leave_running_ones_and_judge_them() {
    let breaker = tripped(config().trials(3));
    breaker.clock().advance(secs(5));
    let trials = [(); 3].map(|()| breaker.try_acquire().unwrap());
    change(&breaker, config().trials(1));
    assert_eq!(breaker.snapshot().trials_in_flight, 3);
    let mut trials = trials.into_iter();
    trials.next().unwrap().settle(Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
    trials.for_each(|late| late.settle(Outcome::Failure));
    assert_eq!((breaker.state(), breaker.totals().stale), (State::Closed, 2));
}

#[test]
fn a_call_from_before_slowness_was_measured_is_not_slow() {
    let breaker = breaker(config());
    breaker.clock().advance(secs(100));
    let early = breaker.try_acquire().unwrap();
    change(&breaker, config().slow_call_duration(secs(1)));
    let late = breaker.try_acquire().unwrap();
    breaker.clock().advance(secs(2));
    early.settle(Outcome::Success);
    assert_eq!(breaker.snapshot().tally.slow, 0);
    late.settle(Outcome::Success);
    assert_eq!(breaker.snapshot().tally.slow, 1);
}

#[test]
fn a_row_starts_anew_when_it_counts_again() {
    let (row, none) = (config().minimum_throughput(100).consecutive_failures(3), config());
    let none = none.minimum_throughput(100);
    let breaker = breaker(row);
    follow(&breaker, "x x", "C C");
    change(&breaker, none);
    follow(&breaker, "x +", "C C");
    change(&breaker, row);
    follow(&breaker, "x x x", "C C O");
}

#[test]
fn a_shorter_row_is_noticed_by_the_next_failure() {
    let config = config().minimum_throughput(100);
    let breaker = breaker(config.consecutive_failures(5));
    follow(&breaker, "x x", "C C");
    change(&breaker, config.consecutive_failures(3));
    follow(&breaker, "x", "O");
}

#[test]
fn a_ramp_ends_when_the_recovery_is_switched_off() {
    let ramped = config().trials(1).slow_start(SlowStart::in_stages_of(secs(2)));
    let breaker = tripped(ramped);
    follow(&breaker, "5s +", "O C");
    assert!(
        succeed(&breaker) && !succeed(&breaker),
        "a tenth is admitted, the first to begin with"
    );
    change(&breaker, config().trials(1));
    assert!(succeed(&breaker));
    assert!(!breaker.snapshot().in_slow_start);
}

#[test]
fn the_mode_stays_and_a_would_be_trip_is_told() {
    let breaker = breaker(config().minimum_throughput(100));
    breaker.force_closed();
    follow(&breaker, "x x x x", "C C C C");
    change(&breaker, config());
    follow(&breaker, "+", "C");
    assert_eq!(*breaker.observer().would_trip.borrow(), [TripReason::FailureRate]);
}

#[test]
fn the_window_and_the_condition_of_ones_own_cannot_change() {
    let breaker = breaker(config());
    let time = |length| Window::time(Duration::from_secs(length));
    let refused = |config| breaker.reconfigure(config).unwrap_err();
    assert_eq!(refused(config().window(time(11))), ConfigError::FixedWindow);
    assert_eq!(refused(config().window(time(10).in_buckets(5))), ConfigError::FixedWindow);
    assert_eq!(refused(config().window(Window::count(100))), ConfigError::FixedWindow);
    assert_eq!(refused(config().trip_when(|_| true)), ConfigError::FixedTripWhen);
    assert_eq!(
        ConfigError::FixedWindow.to_string(),
        "window: cannot change while the breaker runs"
    );
    fn never(_: &Tally) -> bool {
        false
    }
    let own = support::breaker(config().trip_when(never));
    own.reconfigure(config().trip_when(never).trials(1)).unwrap();
    assert_eq!(own.reconfigure(config()), Err(ConfigError::FixedTripWhen));
}

#[test]
fn settings_out_of_their_range_change_nothing() {
    let breaker = breaker(config());
    let before = format!("{:?}", breaker.config());
    let error = breaker.reconfigure(config().minimum_throughput(3).trials(17)).unwrap_err();
    assert_eq!(error, ConfigError::Trials);
    assert_eq!(format!("{:?}", breaker.config()), before);
}

#[test]
fn the_settings_read_as_they_were_last_set() {
    let breaker = breaker(config());
    let other = config().minimum_throughput(7).break_jitter(Rate::percent(5));
    change(&breaker, other);
    assert_eq!(format!("{:?}", breaker.config()), format!("{other:?}"));
}

#[test]
fn an_observer_may_change_the_settings() {
    /// Breaks longer as soon as it hears of one.
    struct Longer(std::sync::Weak<CircuitBreaker<ManualClock, Self>>);

    impl Observer for Longer {
        fn on_transition(&self, transition: &Transition) {
            if let (State::Open, Some(breaker)) = (transition.to, self.0.upgrade()) {
                breaker.reconfigure(breaker.config().break_duration(secs(60))).unwrap();
            }
        }
    }

    let breaker = std::sync::Arc::new_cyclic(|own| {
        CircuitBreaker::with_observer(config(), ManualClock::new(), Longer(own.clone()))
    });
    (0..4).for_each(|_| fail(&breaker));
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(secs(5)));
    breaker.clock().advance(secs(5));
    fail(&breaker);
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(secs(60)));
}

#[test]
fn a_window_that_was_not_needed_counts_from_the_change_on() {
    let row = config().without_failure_rate().consecutive_failures(100);
    let breaker = breaker(row);
    for _ in 0..10 {
        fail(&breaker);
    }
    change(&breaker, config());
    follow(&breaker, "x x x x", "C C C O");
    assert_eq!(breaker.observer().last().tally.failures, 4);
}

#[test]
fn results_from_before_a_switched_off_window_stay_gone() {
    let by_count = config().window(Window::count(20)).minimum_throughput(10);
    for (on, waits) in [(by_count, secs(10)), (config().minimum_throughput(10), millis(1))] {
        let off = on.without_failure_rate().consecutive_failures(1_000);
        let breaker = breaker(on);
        for _ in 0..9 {
            fail(&breaker);
        }
        change(&breaker, off);
        for _ in 0..100 {
            assert!(succeed(&breaker));
            breaker.clock().advance(waits);
        }
        change(&breaker, on);
        assert_eq!(breaker.snapshot().tally, Tally::default());
        assert!(succeed(&breaker));
        assert_eq!(breaker.state(), State::Closed, "nine failures are from before the successes");
        assert_eq!(breaker.snapshot().tally, Tally { successes: 1, failures: 0, slow: 0 });
        let totals = breaker.totals();
        assert_eq!((totals.failures, totals.successes), (9, 101), "the totals go on");
        for _ in 0..9 {
            fail(&breaker);
        }
        assert_eq!(breaker.observer().last().tally, Tally { successes: 1, failures: 9, slow: 0 });
    }
}

#[test]
fn a_full_window_switched_off_and_on_fills_anew() {
    for results in [1, 19, 20, 21, 45, 200] {
        let on = config()
            .window(Window::count(results))
            .minimum_throughput(results)
            .failure_rate(Rate::percent(100));
        for filled in [0, 1, results / 2, results, 2 * results + 7] {
            let breaker = breaker(on);
            for at in 0..filled {
                assert!(succeed(&breaker), "{at}");
            }
            change(&breaker, on.without_failure_rate().consecutive_failures(1_000));
            fail(&breaker);
            change(&breaker, on);
            for at in 1..=2 * results {
                assert!(succeed(&breaker));
                let tally = Tally { successes: at.min(results).into(), failures: 0, slow: 0 };
                assert_eq!(breaker.snapshot().tally, tally, "{results} {filled} {at}");
            }
            assert_eq!(breaker.totals().successes, u64::from(filled + 2 * results));
        }
    }
}

#[test]
fn a_window_still_needed_keeps_its_results() {
    let breaker = breaker(config());
    follow(&breaker, "x x x", "C C C");
    change(&breaker, config().without_failure_rate().failure_count(7));
    change(&breaker, config());
    assert_eq!(breaker.snapshot().tally.failures, 3);
    follow(&breaker, "x", "O");
}

#[test]
fn a_trial_from_before_slowness_was_measured_is_not_slow() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    let [settled, dropped] = [(); 2].map(|()| breaker.try_acquire().unwrap());
    breaker.clock().advance(secs(5));
    change(&breaker, config().slow_call_duration(secs(2)));
    drop(dropped);
    assert_eq!(breaker.state(), State::HalfOpen, "a slow one would have failed");
    settled.settle(Outcome::Success);
    let totals = breaker.totals();
    assert_eq!((totals.slow, totals.cancelled, totals.failures), (0, 1, 4));
}

#[test]
fn a_trial_admitted_while_slowness_was_measured_is_slow() {
    let measured = config().slow_call_duration(secs(2));
    let breaker = tripped(measured);
    breaker.clock().advance(secs(5));
    let [settled, dropped] = [(); 2].map(|()| breaker.try_acquire().unwrap());
    breaker.clock().advance(secs(5));
    settled.settle(Outcome::Success);
    assert_eq!(breaker.totals().slow, 1);
    drop(dropped);
    assert_eq!((breaker.totals().slow, breaker.state()), (2, State::Open));
}

#[test]
fn a_breaker_accepts_its_own_settings_however_cut() {
    for buckets in 1..=10 {
        for nanos in [1_000_000, 1_000_001, 1_000_009, 1_234_567, 10_000_000, 86_400_000_000_000] {
            let window = Window::time(Duration::from_nanos(nanos)).in_buckets(buckets);
            let breaker = breaker(config().window(window));
            let said = breaker.config();
            assert_eq!(breaker.reconfigure(said), Ok(()), "{nanos} ns in {buckets}");
            assert_eq!(format!("{:?}", breaker.config()), format!("{said:?}"));
            let saved = breaker.save();
            assert!(CircuitBreaker::from_saved(said, ManualClock::new(), (), &saved).is_ok());
        }
    }
}
