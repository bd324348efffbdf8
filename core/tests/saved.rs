//! A breaker that is saved, and one that goes on where it left off.

mod support;

use core::cell::Cell;
use core::time::Duration;

use cutout_core::{
    Backoff, CircuitBreaker, Config, Error, Instant, ManualClock, Mode, Rate, RejectReason,
    SavedState, SavedStateError, SlowStart, State, Tally, Window,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Breaker, Log, breaker, config, fail, follow, millis, secs, succeed, tripped};

/// The breaker that goes on where `breaker` left off, on a clock that shows the same.
fn carried_on(breaker: &Breaker, config: Config) -> Breaker {
    carried_to(breaker, config, cutout_core::Clock::now(breaker.clock()))
}

/// The same on a clock that shows `now`.
fn carried_to(breaker: &Breaker, config: Config, now: Instant) -> Breaker {
    let numbers: Vec<_> = breaker.save().to_words().collect();
    let saved = SavedState::from_words(numbers).expect("it was just written");
    assert_eq!(saved, breaker.save(), "numbers lose nothing");
    let clock = ManualClock::new();
    clock.set(now);
    CircuitBreaker::from_saved(config, clock, Log::default(), &saved).unwrap()
}

#[test]
fn an_open_circuit_stays_open_for_what_is_left_of_its_break() {
    let before = tripped(config());
    before.clock().advance(secs(2));
    let after = carried_to(&before, config(), Instant::ORIGIN);
    assert_eq!(after.try_acquire().unwrap_err().retry_after(), Some(secs(3)));
    follow(&after, "3s + +", "O H C");
    assert_eq!(after.observer().causes().len(), 2, "to be restored is no transition");
}

#[test]
fn a_break_that_ran_out_while_the_breaker_lay_is_over() {
    let before = tripped(config());
    let saved = before.save().advanced_by(secs(6));
    assert_eq!(saved.left(), Duration::ZERO);
    let after =
        CircuitBreaker::from_saved(config(), ManualClock::new(), Log::default(), &saved).unwrap();
    follow(&after, "+", "H");
}

#[test]
fn a_half_open_circuit_begins_its_trials_anew() {
    let before = tripped(config());
    follow(&before, "5s +", "O H");
    let after = carried_on(&before, config());
    assert_eq!(after.state(), State::Open);
    follow(&after, "+ +", "H C");
}

#[test]
fn the_window_goes_on_and_old_results_leave_on_time() {
    let before = breaker(config().minimum_throughput(6));
    follow(&before, "x x 4s x +", "C C C C C");
    let after =
        carried_to(&before, config().minimum_throughput(6), Instant::from_nanos(77_000_000_000));
    assert_eq!(after.snapshot().tally, Tally { successes: 1, failures: 3, slow: 0 });
    follow(&after, "6s", "C");
    assert_eq!(after.snapshot().tally, Tally { successes: 1, failures: 1, slow: 0 });
    follow(&after, "4s", "C");
    assert_eq!(after.snapshot().tally, Tally::default());
}

#[test]
fn the_next_result_looks_at_the_window_that_was_carried() {
    let before = breaker(config().minimum_throughput(100));
    follow(&before, "x x x x", "C C C C");
    follow(&carried_on(&before, config()), "+", "O");
}

#[test]
fn results_that_aged_while_the_breaker_lay_are_gone() {
    let before = breaker(config());
    follow(&before, "x 5s x", "C C C");
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(60_000_000_000));
    let saved = before.save().advanced_by(secs(5));
    let after = CircuitBreaker::from_saved(config(), clock, Log::default(), &saved).unwrap();
    assert_eq!(after.snapshot().tally.failures, 1);
}

#[test]
fn results_from_before_the_origin_are_as_old_as_it() {
    let before = breaker(config());
    follow(&before, "x 5s x", "C C C");
    let after = carried_to(&before, config(), Instant::ORIGIN);
    assert_eq!(after.snapshot().tally.failures, 2);
    after.clock().advance(secs(10));
    assert_eq!(after.snapshot().tally.failures, 0);
    let saved = before.save().advanced_by(secs(5));
    let after =
        CircuitBreaker::from_saved(config(), ManualClock::new(), Log::default(), &saved).unwrap();
    assert_eq!(after.snapshot().tally.failures, 1, "the other has left the window");
}

#[test]
fn what_several_lanes_hold_is_carried_together() {
    /// A clock on another core at each look.
    #[derive(Default)]
    struct Cores(core::cell::Cell<usize>);

    impl cutout_core::Clock for Cores {
        fn now(&self) -> Instant {
            Instant::from_nanos(100_000_000_000)
        }

        fn lane(&self) -> usize {
            self.0.replace(self.0.get() + 1)
        }

        fn lanes(&self) -> usize {
            3
        }
    }

    let config = config().minimum_throughput(100);
    let before: CircuitBreaker<_, _> = CircuitBreaker::from_parts(config, Cores::default(), ());
    before.preallocate();
    for _ in 0..7 {
        assert_eq!(before.call(|| Err::<(), _>(())), Err(Error::Inner(())));
    }
    let after: CircuitBreaker<_, _> =
        CircuitBreaker::from_saved_parts(config, Cores::default(), (), &before.save()).unwrap();
    assert_eq!(after.snapshot().tally.failures, 7);
    assert_eq!(after.totals(), before.totals());
}

#[test]
fn the_last_results_keep_their_order() {
    let config = config().failure_rate(Rate::percent(90)).window(Window::count(25));
    let before = breaker(config);
    // Once round and a bit: 20 results in the first batch, 5 in the second, then over the first.
    for n in 0..33 {
        if n % 3 == 0 { fail(&before) } else { assert!(succeed(&before)) }
    }
    let after = carried_on(&before, config);
    assert_eq!(after.snapshot().tally, before.snapshot().tally);
    for _ in 0..25 {
        assert!(succeed(&before) && succeed(&after));
        assert_eq!(after.snapshot().tally, before.snapshot().tally, "the same one leaves");
    }
    assert_eq!(after.totals(), before.totals());
}

#[test]
fn a_shorter_window_keeps_the_last_results() {
    let long = config().window(Window::count(25));
    let before = breaker(long);
    fail(&before);
    (0..24).for_each(|_| assert!(succeed(&before)));
    let after = carried_on(&before, config().window(Window::count(24)));
    assert_eq!(after.snapshot().tally, Tally { successes: 24, failures: 0, slow: 0 });
    let other = carried_on(&before, config());
    assert_eq!(other.snapshot().tally, Tally::default());
    assert_eq!(other.totals(), before.totals());
}

#[test]
fn a_row_of_failures_goes_on() {
    let config = config().without_failure_rate().consecutive_failures(3);
    let before = breaker(config);
    follow(&before, "x x", "C C");
    follow(&carried_on(&before, config), "x", "O");
}

#[test]
fn the_mode_goes_on_and_so_do_the_totals() {
    let before = breaker(config());
    follow(&before, "x + ~", "C C C");
    drop(before.try_acquire());
    before.force_open();
    assert!(!succeed(&before));
    let after = carried_on(&before, config());
    assert_eq!(after.mode(), Mode::ForcedOpen);
    assert_eq!(after.try_acquire().unwrap_err().reason(), RejectReason::ForcedOpen);
    let mut expected = before.totals();
    expected.rejected += 1;
    assert_eq!(after.totals(), expected);
}

#[test]
fn a_ramp_goes_on_and_is_over_where_there_is_none() {
    let ramped = config().trials(1).slow_start(SlowStart::in_stages_of(secs(2)));
    let before = tripped(ramped);
    follow(&before, "5s + 5s", "O C C");
    let after = carried_on(&before, ramped);
    assert!(after.snapshot().in_slow_start);
    assert_eq!((0..100).filter(|_| succeed(&after)).count(), 50, "the last stage");
    after.clock().advance(secs(1));
    assert_eq!((0..100).filter(|_| succeed(&after)).count(), 100);
    assert!(!carried_on(&before, config()).snapshot().in_slow_start);
}

#[test]
fn a_break_may_be_longer_than_the_ramp_that_is_to_follow_it() {
    let brief = config().slow_start(SlowStart::in_stages_of(secs(1)));
    let after = carried_on(&tripped(brief), brief);
    assert_eq!(after.try_acquire().unwrap_err().retry_after(), Some(secs(5)));
}

#[test]
fn a_ramp_is_no_longer_than_the_settings_say() {
    let long = config().trials(1).slow_start(SlowStart::in_stages_of(secs(60)));
    let before = tripped(long);
    follow(&before, "5s +", "O C");
    let after = carried_on(&before, config().slow_start(SlowStart::in_stages_of(secs(2))));
    assert!(after.snapshot().in_slow_start);
    after.clock().advance(secs(6));
    assert_eq!((0..100).filter(|_| succeed(&after)).count(), 100);
}

#[test]
fn reopenings_in_a_row_go_on_to_lengthen_the_break() {
    let growing = config().break_backoff(cutout_core::Backoff::doubling(secs(60)));
    let before = tripped(growing);
    follow(&before, "5s x", "O O");
    let after = carried_on(&before, growing);
    follow(&after, "10s x", "O O");
    assert_eq!(after.try_acquire().unwrap_err().retry_after(), Some(secs(20)));
}

#[test]
fn a_break_lasts_no_longer_than_the_settings_allow() {
    let mut numbers: Vec<_> = tripped(config()).save().to_words().collect();
    numbers[3] = u64::MAX;
    let saved = SavedState::from_words(numbers).unwrap();
    let restored =
        CircuitBreaker::from_saved(config(), ManualClock::new(), Log::default(), &saved).unwrap();
    assert_eq!(restored.try_acquire().unwrap_err().retry_after(), Some(secs(300)));
}

#[test]
fn numbers_that_are_no_breaker_are_refused_by_name() {
    let good: Vec<_> = breaker(config()).save().to_words().collect();
    let with = |at: usize, number: u64| {
        let mut numbers = good.clone();
        numbers[at] = number;
        SavedState::from_words(numbers).unwrap_err()
    };
    assert_eq!(with(0, 2), SavedStateError::Version(2));
    assert_eq!(with(0, 2).to_string(), "version: must be 1, got 2");
    assert_eq!(with(1, 3), SavedStateError::Invalid("state"));
    assert_eq!(with(2, 5), SavedStateError::Invalid("mode"));
    assert_eq!(with(4, 1 << 40), SavedStateError::Invalid("reopens"));
    assert_eq!(with(17, 9), SavedStateError::Invalid("window"));
    assert_eq!(with(18, 11), SavedStateError::Room);
    let short = good[..good.len() - 1].iter().copied();
    assert_eq!(SavedState::from_words(short), Err(SavedStateError::Short));
    let long = good.iter().copied().chain([0]);
    assert_eq!(SavedState::from_words(long), Err(SavedStateError::Long));
}

#[test]
fn a_circuit_that_has_just_closed_is_still_unsteady() {
    let config = config().break_backoff(Backoff::doubling(secs(60)));
    let before = tripped(config);
    before.clock().advance(secs(5));
    assert!(succeed(&before) && succeed(&before));
    before.clock().advance(secs(1));
    assert_eq!(before.state(), State::Closed);
    for (lay, second) in [(secs(0), 10), (millis(3_999), 10), (secs(4), 5)] {
        let saved = before.save().advanced_by(lay);
        let after =
            CircuitBreaker::from_saved(config, ManualClock::new(), Log::default(), &saved).unwrap();
        for _ in 0..4 {
            fail(&after);
        }
        assert_eq!(after.snapshot().retry_after, Some(secs(second)), "{lay:?}");
    }
}

/// One step of two breakers side by side.
fn step(breaker: &Breaker, byte: u8) -> Result<(), RejectReason> {
    match byte {
        0..=99 => breaker.call(|| Ok::<_, ()>(())).map(drop).or_else(refused),
        100..=199 => breaker.call(|| Err::<(), _>(())).or_else(refused),
        200..=219 => {
            let clock = breaker.clock();
            let slow = breaker.call(|| {
                clock.advance(millis(1_001));
                Ok::<_, ()>(())
            });
            slow.or_else(refused)
        }
        _ => {
            breaker.clock().advance(millis(u64::from(byte - 219) * 150));
            Ok(())
        }
    }
}

fn refused<E>(error: cutout_core::Error<E>) -> Result<(), RejectReason> {
    error.rejected().map_or(Ok(()), |refusal| Err(refusal.reason()))
}

#[test]
fn impossible_totals_are_refused_and_the_largest_go_on() {
    const MOST: u64 = 1 << 63;
    const NAMES: [&str; 9] = [
        "successes",
        "failures",
        "ignored",
        "cancelled",
        "stale",
        "slow",
        "rejected",
        "would_reject",
        "trials",
    ];
    let before: Vec<u64> = breaker(config()).save().to_words().collect();
    for (at, name) in NAMES.into_iter().enumerate() {
        for too_many in [MOST + 1, u64::MAX] {
            let mut numbers = before.clone();
            numbers[6 + at] = too_many;
            assert_eq!(SavedState::<10>::from_words(numbers), Err(SavedStateError::Invalid(name)));
        }
    }
    let mut numbers = before;
    numbers[6..15].fill(MOST);
    let saved = SavedState::from_words(numbers).unwrap();
    for config in [config(), config().without_failure_rate().consecutive_failures(9)] {
        let after =
            CircuitBreaker::from_saved(config, ManualClock::new(), Log::default(), &saved).unwrap();
        assert!(succeed(&after));
        fail(&after);
        let totals = after.totals();
        assert_eq!((totals.successes, totals.failures), (MOST + 1, MOST + 1));
        assert_eq!(totals.settled(), u64::MAX, "as many as there is room for");
        assert_eq!(after.snapshot().totals, totals);
        let again = SavedState::from_words(after.save().to_words()).unwrap();
        let again =
            CircuitBreaker::from_saved(config, ManualClock::new(), Log::default(), &again).unwrap();
        assert_eq!(again.totals().successes, MOST, "a saved breaker can be restored");
    }
}

#[test]
fn the_numbers_mean_what_they_meant() {
    // Version 1. What is written here was written by a breaker, and is read by all releases that write 1.
    let head = |state, left| {
        [1, state, 4, left, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 64_000_000, 4_000]
    };
    let buckets = [[100, 3, 2, 1], [1_000_000_100, 5, 4, 2]].concat();
    let rest = [0; 8 * 4];
    let by_time: Vec<u64> = [&head(1, 5_000)[..], &[1, 10], &buckets, &rest].concat();
    let by_count: Vec<u64> = [&head(2, 6_000)[..], &[2, 3], &[0b11_01_00]].concat();
    let closed: Vec<u64> = [&head(0, 0)[..], &[2, 0]].concat();
    for numbers in [&by_time, &by_count, &closed] {
        let saved = SavedState::<10>::from_words(numbers.iter().copied()).unwrap();
        assert_eq!(&saved.to_words().collect::<Vec<_>>(), numbers);
        assert_eq!(saved.mode(), Mode::Shadow);
        let totals = saved.totals();
        assert_eq!((totals.successes, totals.failures, totals.ignored), (11, 12, 13));
        assert_eq!((totals.cancelled, totals.stale, totals.slow), (14, 15, 16));
        assert_eq!((totals.rejected, totals.would_reject, totals.trials), (17, 18, 19));
    }
    let open = SavedState::<10>::from_words(by_time).unwrap();
    assert_eq!((open.state(), open.left()), (State::Open, Duration::from_nanos(5_000)));
    let part_way = SavedState::<10>::from_words(by_count).unwrap();
    assert_eq!((part_way.state(), part_way.left()), (State::Closed, Duration::from_nanos(6_000)));
    let in_slow_start = config()
        .window(Window::count(10))
        .consecutive_failures(100)
        .slow_start(SlowStart::in_stages_of(secs(1)));
    let after =
        CircuitBreaker::from_saved(in_slow_start, ManualClock::new(), Log::default(), &part_way)
            .unwrap();
    let snapshot = after.snapshot();
    assert_eq!(snapshot.tally, Tally { successes: 1, failures: 2, slow: 1 });
    assert_eq!((snapshot.consecutive_failures, snapshot.in_slow_start), (8, true));
}

#[test]
fn each_mode_has_its_number() {
    let modes = [
        (0, Mode::Auto),
        (1, Mode::ForcedOpen),
        (2, Mode::ForcedClosed),
        (3, Mode::Disabled),
        (4, Mode::Shadow),
    ];
    for (number, mode) in modes {
        let numbers = [1, 0, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0];
        assert_eq!(SavedState::<10>::from_words(numbers).unwrap().mode(), mode);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_breaker_that_was_carried_decides_as_the_one_that_stayed(
        by_count in any::<bool>(),
        row in any::<bool>(),
        before in prop::collection::vec(any::<u8>(), 0..120),
        after in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut config = config()
            .slow_call_duration(secs(1))
            .slow_call_rate(Rate::percent(80))
            // So that it makes no difference that the next result looks.
            .evaluate_every_result(true);
        if by_count {
            config = config.window(Window::count(30));
        }
        if row {
            config = config.consecutive_failures(7);
        }
        let stayed = breaker(config);
        for byte in before {
            let _ = step(&stayed, byte);
        }
        // Trials cannot be carried.
        prop_assume!(stayed.state() != State::HalfOpen);
        let carried = carried_on(&stayed, config);
        for byte in after {
            prop_assert_eq!(step(&stayed, byte), step(&carried, byte));
            let (stayed, carried) = (stayed.snapshot(), carried.snapshot());
            prop_assert_eq!(stayed.state, carried.state);
            prop_assert_eq!(stayed.tally, carried.tally);
            prop_assert_eq!(stayed.consecutive_failures, carried.consecutive_failures);
            prop_assert_eq!(stayed.retry_after, carried.retry_after);
            prop_assert_eq!(stayed.totals, carried.totals);
        }
    }
}

/// The numbers of a breaker with results, by the window that it counts in, and some of them altered.
fn altered_numbers() -> impl Strategy<Value = Vec<u64>> {
    let number = || prop_oneof![0..6_u64, any::<u64>(), 0..=1_u64 << 63];
    let altered = prop::collection::vec((any::<prop::sample::Index>(), number()), 0..4);
    (any::<bool>(), altered).prop_map(|(by_count, altered)| {
        let config = if by_count { config().window(Window::count(30)) } else { config() };
        let breaker = breaker(config.minimum_throughput(30));
        follow(&breaker, "+ x 1s + x 1s x", "C C C C C C C");
        let mut numbers: Vec<_> = breaker.save().to_words().collect();
        for (index, number) in altered {
            // The first is the version.
            let index = 1 + index.index(numbers.len() - 1);
            numbers[index] = number;
        }
        numbers
    })
}

#[test]
fn altered_numbers_are_refused_or_make_a_breaker_that_works() {
    let (refused, restored) = (Cell::new(0), Cell::new(0));
    let config_of_runner =
        ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let works = |(numbers, at): (Vec<u64>, u64)| {
        let Ok(saved) = SavedState::from_words(numbers) else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        for config in [config(), config().window(Window::count(50))] {
            let clock = ManualClock::new();
            clock.set(Instant::from_nanos(at));
            let breaker =
                CircuitBreaker::from_saved(config, clock, Log::default(), &saved).unwrap();
            prop_assert_eq!(breaker.mode(), saved.mode());
            let again = breaker.save();
            prop_assert_eq!(SavedState::from_words(again.to_words()), Ok(again));
            breaker.reset();
            follow(&breaker, "+ x", "C C");
            let tally = Tally { successes: 1, failures: 1, slow: 0 };
            prop_assert_eq!(breaker.snapshot().tally, tally);
        }
        restored.set(restored.get() + 1);
        Ok(())
    };
    TestRunner::new(config_of_runner).run(&(altered_numbers(), any::<u64>()), works).unwrap();
    let (refused, restored) = (refused.get(), restored.get());
    assert!(refused > 200 && restored > 200, "{refused} refused, {restored} restored");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_numbers_are_read_without_a_panic(
        mut numbers in prop::collection::vec(prop_oneof![0..6_u64, any::<u64>(), 0..=1_u64 << 63], 0..80),
    ) {
        if let Some(first) = numbers.first_mut() {
            *first = 1;
        }
        let _ = SavedState::<10>::from_words(numbers);
    }
}
