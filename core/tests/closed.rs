//! A closed circuit: calls flow, results are counted, and the trip conditions open it.

mod support;

use core::cell::Cell;
use core::time::Duration;

use cutout_core::{
    Cause, CircuitBreaker, Clock, Config, Instant, Outcome, Rate, RejectReason, Report, SlowStart,
    State, TripReason, Window,
};
use support::{Breaker, breaker, config, fail, millis, secs, succeed, timeline};

fn trips_by(breaker: &support::Breaker) -> TripReason {
    match breaker.observer().last().cause {
        Cause::Tripped(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_closed_circuit_returns_the_result_of_every_call() {
    let breaker = breaker(config());
    assert_eq!(breaker.call(|| Ok::<_, ()>(7)), Ok(7));
    assert_eq!(breaker.call(|| Err::<(), _>("no")), Err(cutout_core::Error::Inner("no")));
}

#[test]
fn by_default_half_of_twenty_results_in_30_s_trip() {
    let breaker = breaker(Config::new());
    for _ in 0..10 {
        assert!(succeed(&breaker));
    }
    breaker.clock().advance(secs(26));
    for _ in 0..9 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Closed, "19 results");
    fail(&breaker);
    assert_eq!(breaker.state(), State::Open, "20 results, half of them failures");
    let refusal = breaker.call(|| Ok::<_, ()>(())).unwrap_err().rejected().copied().unwrap();
    assert_eq!(refusal.retry_after(), Some(secs(30)));
}

#[test]
fn the_rate_trips_at_its_threshold_from_the_minimum_on() {
    timeline(
        config(),
        "+ + x x", //
        "C C C O",
    );
    timeline(
        config(),
        "x x x 1s x", //
        "C C C C  O",
    );
    timeline(
        config(),
        "+ + + x x x", //
        "C C C C C O",
    );
}

#[test]
fn a_burst_at_one_instant_weighs_as_much_as_any_other() {
    let breaker = breaker(Config::new());
    for _ in 0..20 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Open, "no window has to pass first");
}

#[test]
fn the_success_that_completes_the_minimum_trips() {
    let breaker = timeline(
        config(),
        "x x x +", //
        "C C C O",
    );
    assert_eq!(trips_by(&breaker), TripReason::FailureRate);
}

#[test]
fn a_success_beyond_the_minimum_does_not_trip() {
    // Eight successes leave the window; then the rate is over, but only a failure looks.
    timeline(
        config(),
        "+ + + + + + + + 5s x x x x x 5s + x",
        "C C C C C C C C C  C C C C C C  C O",
    );
}

#[test]
fn a_success_completes_a_minimum_that_has_shrunk() {
    // Ten successes hold the rate down; when they leave, three failures are too few; the success
    // after them is the fourth result.
    let breaker = timeline(
        config(),
        "+ + + + + + + + + + 5s x x x 5s +", //
        "C C C C C C C C C C C  C C C C  O",
    );
    assert_eq!(breaker.observer().last().tally.failures, 3);
}

#[test]
fn a_row_of_failures_trips_and_a_success_ends_the_row() {
    let breaker = timeline(
        config().without_failure_rate().consecutive_failures(3),
        "x x + x x ~ x", //
        "C C C C C C O",
    );
    assert_eq!(trips_by(&breaker), TripReason::ConsecutiveFailures);
}

#[test]
fn a_failure_that_is_not_consecutive_leaves_the_row() {
    let breaker = breaker(config().consecutive_failures(3).minimum_throughput(5));
    let settle = |report: Report| breaker.try_acquire().unwrap().settle(report);
    settle(Outcome::Failure.into());
    settle(Outcome::Failure.not_consecutive());
    settle(Outcome::Failure.into());
    assert_eq!((breaker.state(), breaker.snapshot().consecutive_failures), (State::Closed, 2));
    settle(Outcome::Failure.into());
    assert_eq!(trips_by(&breaker), TripReason::ConsecutiveFailures);
}

#[test]
fn a_failure_that_is_not_consecutive_counts_for_the_rate() {
    let breaker = breaker(config().consecutive_failures(1));
    for _ in 0..4 {
        assert_eq!(breaker.state(), State::Closed);
        let report = Outcome::Failure.not_consecutive().retry_after(secs(9));
        breaker.try_acquire().unwrap().settle(report);
    }
    assert_eq!(trips_by(&breaker), TripReason::FailureRate);
    assert_eq!(breaker.snapshot().retry_after, Some(secs(9)));
}

#[test]
fn a_success_ends_the_row_whatever_its_report_says_of_rows() {
    let breaker = breaker(config().consecutive_failures(2));
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    breaker.try_acquire().unwrap().settle(Outcome::Success.not_consecutive());
    assert_eq!(breaker.snapshot().consecutive_failures, 0);
}

#[test]
fn a_failure_count_trips_among_any_successes() {
    let breaker = timeline(
        config().without_failure_rate().failure_count(3),
        "x 10s x + + + + + x + + + + x",
        "C C   C C C C C C C C C C C O",
    );
    assert_eq!(trips_by(&breaker), TripReason::FailureCount);
}

#[test]
fn a_custom_condition_sees_failures_and_slow_results() {
    let breaker = timeline(
        config()
            .without_failure_rate()
            .slow_call_duration(secs(1))
            .trip_when(|tally| tally.slow >= 1 && tally.successes >= 4),
        "+ S + s", //
        "C C C C",
    );
    support::follow(&breaker, "+ s", "C O");
    assert_eq!(trips_by(&breaker), TripReason::Custom);
}

#[test]
fn the_reason_is_the_first_condition_that_holds() {
    let config = config().consecutive_failures(4).failure_count(4).trip_when(|_| false);
    assert_eq!(trips_by(&timeline(config, "x x x x", "C C C O")), TripReason::FailureRate);
}

#[test]
fn ignored_results_count_for_nothing() {
    let breaker = timeline(
        config(),
        "x ~ ~ ~ ~ x ~ x ~ x", //
        "C C C C C C C C C O",
    );
    assert_eq!(breaker.totals().ignored, 6);
}

#[test]
fn with_every_condition_off_nothing_trips() {
    let breaker = breaker(config().without_failure_rate());
    for _ in 0..1_000 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.totals().failures, 1_000);
}

#[test]
fn an_old_success_story_does_not_delay_the_trip() {
    // 100,000 good calls, then an outage: the window has forgotten them after its own length.
    let breaker = breaker(Config::new());
    for _ in 0..100_000 {
        assert!(succeed(&breaker));
    }
    breaker.clock().advance(secs(30));
    for n in 1..=20 {
        assert_eq!(breaker.state(), State::Closed, "before failure {n}");
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_thousand_failures_of_many_stay_below_the_rate() {
    let breaker = breaker(config().failure_rate(Rate::percent(10)));
    for n in 0..50_000 {
        if n % 11 == 10 {
            fail(&breaker);
        } else {
            assert!(succeed(&breaker));
        }
    }
    assert_eq!(breaker.state(), State::Closed, "a share of 1/11, also where buckets halve");
}

#[test]
fn refusals_do_not_count_against_the_dependency() {
    let breaker = support::tripped(config());
    for _ in 0..100 {
        let refused = breaker.admit().unwrap_err();
        assert_eq!(refused.reason(), RejectReason::Open);
    }
    let totals = breaker.totals();
    assert_eq!((totals.failures, totals.rejected), (4, 100));
}

#[test]
fn the_circuit_may_be_called_from_within_a_call() {
    let breaker = breaker(config());
    let inner = breaker.call(|| breaker.call(|| Ok::<_, ()>("inside")).map_err(|_| ()));
    assert_eq!(inner, Ok("inside"));
    assert_eq!(breaker.totals().successes, 2);
}

#[test]
fn with_every_result_evaluated_a_success_may_trip() {
    let breaker = breaker(config().evaluate_every_result(true));
    support::follow(
        &breaker,
        "+ + + + + + + + 5s x x x x x 5s +", //
        "C C C C C C C C C  C C C C C C  O",
    );
}

/// A clock that counts how often it is read.
#[derive(Default)]
struct Counting(Cell<u32>);

impl Clock for Counting {
    fn now(&self) -> Instant {
        self.0.set(self.0.get() + 1);
        Instant::ORIGIN
    }
}

#[test]
fn a_healthy_call_reads_the_clock_only_where_needed() {
    let reads = |config| {
        let breaker = CircuitBreaker::with_clock(config, Counting::default());
        let _ = breaker.call(|| Ok::<_, ()>(()));
        breaker.clock().0.get()
    };
    let (row, count) = (config().without_failure_rate().consecutive_failures(3), Window::count(9));
    assert_eq!(reads(config()), 1, "its result goes to a bucket");
    assert_eq!(reads(config().slow_call_duration(secs(1))), 2, "it is timed");
    assert_eq!(reads(config().window(count)), 0, "the window knows no time");
    assert_eq!(reads(row), 0, "there is no window");
    assert_eq!(reads(row.window(count)), 0);
    assert_eq!(reads(row.window(count).slow_call_duration(secs(1))), 2);
    assert_eq!(reads(row.failure_count(3)), 1);
    assert_eq!(reads(row.trip_when(|_| false)), 1);
}

/// A clock that counts how often each of its readings is taken: fine, coarse.
#[derive(Default)]
struct TwoReadings([Cell<u32>; 2]);

impl TwoReadings {
    fn read(&self, which: usize) -> Instant {
        self.0[which].set(self.0[which].get() + 1);
        Instant::from_nanos(1)
    }
}

impl Clock for TwoReadings {
    fn now(&self) -> Instant {
        self.read(0)
    }

    fn now_coarse(&self) -> Instant {
        self.read(1)
    }
}

#[test]
fn a_clock_is_read_coarsely_or_finely_never_both() {
    let is_coarse = |config: Config| {
        let clock = TwoReadings::default();
        let breaker = CircuitBreaker::with_clock(config, &clock);
        for _ in 0..2 {
            let _ = breaker.call(|| Ok::<_, ()>(()));
            breaker.force_open();
            let _ = breaker.call(|| Ok::<_, ()>(()));
            breaker.reset();
        }
        let _ = breaker.snapshot();
        let [fine, coarse] = clock.0.each_ref().map(Cell::get);
        assert!(fine == 0 || coarse == 0, "{fine} fine and {coarse} coarse readings");
        coarse > 0
    };
    let nearly = secs(1) - Duration::from_nanos(1);
    let slow_start = |stage| Config::new().slow_start(SlowStart::in_stages_of(stage));
    assert!(is_coarse(Config::new()));
    assert!(is_coarse(Config::new().window(Window::time(secs(10)))));
    assert!(!is_coarse(Config::new().window(Window::time(secs(10) - Duration::from_nanos(10)))));
    assert!(is_coarse(Config::new().window(Window::count(20))));
    assert!(!is_coarse(Config::new().slow_call_duration(secs(60))));
    assert!(is_coarse(Config::new().break_duration(secs(1))));
    assert!(!is_coarse(Config::new().break_duration(nearly)));
    assert!(is_coarse(Config::new().trial_timeout(secs(1))));
    assert!(!is_coarse(Config::new().trial_timeout(nearly)));
    assert!(is_coarse(slow_start(secs(1))));
    assert!(!is_coarse(slow_start(nearly)));
}

#[test]
fn failures_in_a_row_are_counted_only_where_they_can_trip() {
    let failures_in_a_row = |config| timeline(config, "x x", "C C").snapshot().consecutive_failures;
    assert_eq!(failures_in_a_row(config().consecutive_failures(3)), 2);
    assert_eq!(failures_in_a_row(config()), 0);
}

/// The number of the failure that opens a circuit with default settings, after these results.
fn opens_with_failure(before: impl FnOnce(&Breaker)) -> u32 {
    let breaker = breaker(Config::new());
    before(&breaker);
    assert_eq!(breaker.state(), State::Closed);
    for failures in 1..100_000 {
        fail(&breaker);
        if breaker.state() == State::Open {
            return failures;
        }
    }
    panic!("it does not open");
}

#[test]
fn by_default_the_20th_failure_opens_the_circuit() {
    assert_eq!(opens_with_failure(|_| ()), 20);
    for successes in [20, 100, 10_000, 100_000] {
        let well = |breaker: &Breaker| {
            for n in 0..successes {
                assert!(succeed(breaker));
                if n % 100 == 99 {
                    breaker.clock().advance(millis(250));
                }
            }
        };
        assert_eq!(opens_with_failure(well), 20, "after {successes} successes");
    }
}

#[test]
fn by_default_a_row_trips_and_a_success_ends_the_row() {
    let breaker = breaker(Config::new());
    for _ in 0..1_000 {
        assert!(succeed(&breaker));
    }
    for _ in 0..19 {
        fail(&breaker);
    }
    assert!(succeed(&breaker));
    for _ in 0..19 {
        fail(&breaker);
    }
    assert_eq!((breaker.state(), breaker.snapshot().consecutive_failures), (State::Closed, 19));
    fail(&breaker);
    assert_eq!(breaker.observer().causes(), [Cause::Tripped(TripReason::ConsecutiveFailures)]);
    assert_eq!(breaker.observer().last().tally.failures, 39);
}

#[test]
fn the_default_row_can_be_left_out() {
    let config = Config::new().without_consecutive_failures();
    assert_eq!(config.get_consecutive_failures(), None);
    let breaker = breaker(config);
    for _ in 0..1_000 {
        assert!(succeed(&breaker));
    }
    for _ in 0..999 {
        fail(&breaker);
    }
    assert_eq!(breaker.state(), State::Closed, "999 of 1,999");
    fail(&breaker);
    assert_eq!(breaker.state(), State::Open);
}
