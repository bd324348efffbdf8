//! Several lanes: who counts where is seen by nobody.

use core::cell::Cell;
use core::time::Duration;

use cutout_core::{
    CircuitBreaker, Clock, Config, Instant, ManualClock, Outcome, Rate, State, Window,
};

/// A clock that says which lane it is read in.
#[derive(Default)]
struct OnCore {
    clock: ManualClock,
    core: Cell<usize>,
}

impl Clock for OnCore {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn lane(&self) -> usize {
        self.core.get()
    }

    fn lanes(&self) -> usize {
        4
    }
}

type Breaker = CircuitBreaker<OnCore, (), 10>;

/// Half of 4 results over 4 s in 4 buckets.
fn config() -> Config {
    let window = Window::time(Duration::from_secs(4)).in_buckets(4);
    Config::new().minimum_throughput(4).window(window)
}

fn breaker(config: Config) -> Breaker {
    let breaker = Breaker::from_parts(config, OnCore::default(), ());
    breaker.preallocate();
    breaker
}

/// As many results on a core, all at the second `at`.
fn results(breaker: &Breaker, core: usize, at: u64, outcome: Outcome, many: u32) {
    breaker.clock().core.set(core);
    breaker.clock().clock.set(Instant::from_nanos(at * 1_000_000_000));
    for _ in 0..many {
        breaker.try_acquire().expect("it is closed").settle(outcome);
    }
}

#[test]
fn a_breaker_grows_as_many_lanes_as_its_clock_says() {
    let grown = if cfg!(feature = "alloc") { 4 } else { 0 };
    assert_eq!(breaker(config()).lanes(), 1 + grown);
    assert_eq!(CircuitBreaker::with_clock(config(), ManualClock::new()).lanes(), 1);
    let breaker = breaker(config());
    breaker.preallocate();
    assert_eq!(breaker.lanes(), 1 + grown, "it grows once");
}

#[test]
fn results_of_all_lanes_make_the_rate() {
    let breaker = breaker(config());
    for core in 0..3 {
        results(&breaker, core, 0, Outcome::Failure, 1);
        assert_eq!(breaker.state(), State::Closed);
    }
    results(&breaker, 3, 0, Outcome::Failure, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_success_in_one_lane_completes_the_minimum_of_all() {
    let breaker = breaker(config());
    for core in 0..3 {
        results(&breaker, core, 0, Outcome::Failure, 1);
    }
    results(&breaker, 3, 3, Outcome::Success, 1);
    assert_eq!(breaker.state(), State::Open, "three in four, in a bucket and a lane of its own");
}

#[test]
fn a_first_success_in_a_lane_completes_no_old_minimum() {
    let breaker = breaker(config());
    results(&breaker, 0, 0, Outcome::Success, 5);
    results(&breaker, 1, 1, Outcome::Failure, 4);
    assert_eq!(breaker.state(), State::Closed, "four in nine");
    results(&breaker, 2, 4, Outcome::Success, 1);
    assert_eq!(breaker.snapshot().tally.failures, 4);
    assert_eq!(breaker.state(), State::Closed, "the rate rose as others left, not by this result");
    results(&breaker, 2, 4, Outcome::Failure, 1);
    assert_eq!(breaker.state(), State::Open, "the next failure sees it");
}

#[test]
fn a_generation_starts_empty_in_every_lane() {
    let breaker = breaker(config().minimum_throughput(100));
    for core in 0..4 {
        results(&breaker, core, 0, Outcome::Failure, 2);
    }
    assert_eq!(breaker.snapshot().tally.failures, 8);
    breaker.reset();
    assert_eq!(breaker.snapshot().tally.total(), 0);
    results(&breaker, 3, 0, Outcome::Success, 1);
    assert_eq!(breaker.snapshot().tally.total(), 1);
    assert_eq!((breaker.totals().failures, breaker.totals().successes), (8, 1));
}

#[test]
fn a_lane_idle_until_its_numbers_wrap_brings_nothing_back() {
    // The head of a lane tells 2^16 generations apart, its buckets 2^12. Time stands still.
    let breaker = breaker(config().minimum_throughput(100));
    breaker.reset();
    results(&breaker, 1, 0, Outcome::Failure, 3);
    breaker.reset();
    // The other lane is of another generation: it is the idle one alone that has to be told apart.
    results(&breaker, 0, 0, Outcome::Success, 1);
    for changes in 1..(1 << 16) + (1 << 12) {
        breaker.reset();
        assert_eq!(breaker.snapshot().tally.total(), 0, "after {changes} changes");
    }
    assert_eq!(breaker.totals().failures, 3);
}

#[test]
fn a_lane_is_taken_modulo_those_that_there_are() {
    let breaker = breaker(config().minimum_throughput(100));
    for core in [4, 5, usize::MAX] {
        results(&breaker, core, 0, Outcome::Failure, 1);
    }
    assert_eq!(breaker.snapshot().tally.failures, 3);
}

#[test]
fn every_lane_counts_refusals_and_results_outside_the_window() {
    let breaker = breaker(Config::new().without_failure_rate().consecutive_failures(9));
    for core in 0..4 {
        results(&breaker, core, 0, Outcome::Success, 3);
        results(&breaker, core, 0, Outcome::Failure, 2);
    }
    breaker.force_open();
    for core in 0..4 {
        breaker.clock().core.set(core);
        assert!(breaker.admit().is_err());
    }
    let totals = breaker.totals();
    assert_eq!((totals.successes, totals.failures, totals.rejected), (12, 8, 4));
}

#[test]
fn a_window_by_count_is_exact_in_any_number_of_lanes() {
    let breaker = breaker(config().failure_rate(Rate::percent(90)).window(Window::count(6)));
    for (core, outcome) in
        (0..24).zip([Outcome::Failure, Outcome::Success, Outcome::Success].iter().cycle())
    {
        results(&breaker, core, 0, *outcome, 1);
    }
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.failures, tally.successes), (2, 4), "the last six");
}

#[test]
fn a_lent_or_shared_clock_tells_what_its_owner_tells() {
    struct Told;
    impl Clock for Told {
        fn now(&self) -> Instant {
            Instant::from_nanos(7)
        }
        fn now_coarse(&self) -> Instant {
            Instant::from_nanos(6)
        }
        fn unwinding(&self) -> bool {
            std::thread::panicking()
        }
        fn lane(&self) -> usize {
            3
        }
        fn lanes(&self) -> usize {
            5
        }
    }
    fn tell(clock: impl Clock) -> ([u64; 2], bool, [usize; 2]) {
        let now = [clock.now(), clock.now_coarse()].map(Instant::as_nanos);
        (now, clock.unwinding(), [clock.lane(), clock.lanes()])
    }
    assert_eq!(tell(&Told), ([7, 6], false, [3, 5]));
    #[cfg(feature = "alloc")]
    assert_eq!(tell(std::sync::Arc::new(Told)), ([7, 6], false, [3, 5]));
    let breaker = CircuitBreaker::with_clock(config(), &Told);
    let panic = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let _permit = breaker.try_acquire();
        panic!("while a permit is held");
    }));
    assert!(panic.is_err());
    assert_eq!(breaker.totals().failures, 1);
}

#[test]
fn a_breaker_that_one_thread_calls_grows_no_lanes() {
    struct Many;
    impl Clock for Many {
        fn now(&self) -> Instant {
            Instant::ORIGIN
        }
        fn lanes(&self) -> usize {
            8
        }
    }
    for config in [
        config(),
        config().window(Window::count(9)),
        config().without_failure_rate().consecutive_failures(99),
    ] {
        let breaker = CircuitBreaker::with_clock(config.minimum_throughput(9), Many);
        for _ in 0..100 {
            assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
        }
        breaker.force_open();
        assert!(breaker.admit().is_err() && breaker.admit().is_err());
        assert_eq!(breaker.lanes(), 1);
    }
}

#[test]
fn a_saved_window_has_the_newest_bucket_of_any_lane() {
    for (early, late) in [(0, 1), (1, 0)] {
        let breaker = breaker(config().minimum_throughput(100));
        results(&breaker, early, 3, Outcome::Failure, 2);
        results(&breaker, late, 5, Outcome::Success, 3);
        breaker.clock().clock.set(Instant::from_nanos(4_000_000_000));
        let numbers: Vec<u64> = breaker.save().to_words().collect();
        let buckets: Vec<&[u64]> = numbers[19..].chunks(4).collect();
        // Of second 5, which has not begun by the clock, then 4 and 3.
        assert_eq!(buckets[0][1..], [3, 0, 0]);
        assert_eq!(buckets[1][1..], [0, 0, 0]);
        assert_eq!(buckets[2], [1_000_000_000, 0, 2, 0]);
    }
}
