//! Settings: every rule has its error, which names the setting and the allowed range.

use core::time::Duration;

use cutout_core::{
    Backoff, CircuitBreaker, Config, ConfigError, HalfOpenRule, ManualClock, Outcome, Rate,
    SlowStart, Tally, Window,
};

fn refused(config: Config) -> Option<ConfigError> {
    CircuitBreaker::try_with_clock(config, ManualClock::new()).err()
}

const NS: Duration = Duration::from_nanos(1);
const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[test]
fn each_setting_is_held_to_its_range_at_both_ends() {
    type Set<T> = fn(Config, T) -> Config;
    fn check<T: Copy + core::fmt::Debug>(
        set: Set<T>,
        allowed: [T; 2],
        refused_values: &[T],
        error: ConfigError,
    ) {
        for value in allowed {
            assert_eq!(refused(set(Config::new(), value)), None, "{value:?}");
        }
        for value in refused_values {
            assert_eq!(refused(set(Config::new(), *value)), Some(error), "{value:?}");
        }
    }

    let rate = |points| Rate::try_basis_points(points).unwrap();
    check(Config::failure_rate, [rate(1), rate(10_000)], &[rate(0)], ConfigError::FailureRate);
    check(
        |config, rate| config.slow_call_duration(MS).slow_call_rate(rate),
        [rate(1), rate(10_000)],
        &[rate(0)],
        ConfigError::SlowCallRate,
    );
    check(
        Config::slow_call_duration,
        [Duration::from_micros(1), DAY],
        &[Duration::ZERO, Duration::from_nanos(999), DAY + NS, Duration::MAX],
        ConfigError::SlowCallDuration,
    );
    check(
        Config::minimum_throughput,
        [1, 8_192],
        &[0, 8_193, u32::MAX],
        ConfigError::MinimumThroughput,
    );
    check(
        |config, length| config.window(Window::time(length)),
        [MS, DAY],
        &[Duration::ZERO, MS - NS, DAY + NS, Duration::MAX],
        ConfigError::Window,
    );
    check(
        |config, buckets| config.window(Window::time(DAY).in_buckets(buckets)),
        [1, 10],
        &[0, 11, u32::MAX],
        ConfigError::Buckets,
    );
    check(
        |config, results| config.window(Window::count(results)),
        [20, 200],
        &[0, 201, u32::MAX],
        ConfigError::WindowResults,
    );
    check(
        |config, trials| config.trials(5).minimum_trials(trials),
        [1, 5],
        &[0, 6],
        ConfigError::MinimumTrials,
    );
    check(
        Config::consecutive_failures,
        [1, 1_000_000],
        &[0, 1_000_001],
        ConfigError::ConsecutiveFailures,
    );
    check(Config::failure_count, [1, 8_192], &[0, 8_193], ConfigError::FailureCount);
    check(
        Config::break_duration,
        [MS, YEAR],
        &[Duration::ZERO, MS - NS, YEAR + NS, Duration::MAX],
        ConfigError::BreakDuration,
    );
    check(
        |config, percent| config.break_backoff(Backoff::multiplier_percent(percent, YEAR)),
        [100, 10_000],
        &[0, 99, 10_001, u32::MAX],
        ConfigError::BackoffMultiplier,
    );
    check(
        |config, cap| config.break_backoff(Backoff::doubling(cap)),
        [Duration::from_secs(30), YEAR],
        &[Duration::ZERO, Duration::from_secs(30) - NS, YEAR + NS, Duration::MAX],
        ConfigError::BackoffCap,
    );
    check(
        Config::break_jitter,
        [rate(0), rate(5_000)],
        &[rate(5_001), rate(10_000)],
        ConfigError::BreakJitter,
    );
    check(Config::trials, [1, 16], &[0, 17, u32::MAX], ConfigError::Trials);
    check(
        Config::trial_timeout,
        [MS, DAY],
        &[Duration::ZERO, MS - NS, DAY + NS, Duration::MAX],
        ConfigError::TrialTimeout,
    );
}

#[test]
fn a_duration_beyond_64_bits_is_not_taken_for_a_short_one() {
    // Without its highest bits it would read 0.29 s.
    let long = Duration::from_secs(18_446_744_074);
    let config = Config::new();
    assert_eq!(refused(config.break_duration(long)), Some(ConfigError::BreakDuration));
    assert_eq!(refused(config.trial_timeout(long)), Some(ConfigError::TrialTimeout));
    assert_eq!(refused(config.slow_call_duration(long)), Some(ConfigError::SlowCallDuration));
    assert_eq!(refused(config.window(Window::time(long))), Some(ConfigError::Window));
}

#[test]
fn settings_that_need_each_other_say_so() {
    assert_eq!(
        refused(Config::new().slow_call_rate(Rate::percent(10))),
        Some(ConfigError::SlowCallRateWithoutDuration)
    );
    assert_eq!(
        refused(Config::new().without_failure_rate().half_open_rule(HalfOpenRule::Rate)),
        Some(ConfigError::HalfOpenRule)
    );
}

#[test]
fn a_minimum_that_the_window_cannot_hold_is_refused() {
    let window = |results| Config::new().window(Window::count(results));
    assert_eq!(refused(window(19)), Some(ConfigError::MinimumOverWindow));
    assert_eq!(refused(window(19).without_failure_rate()), None);
    assert_eq!(refused(window(19).minimum_throughput(19)), None);
}

#[test]
fn buckets_are_no_narrower_than_the_grid_allows() {
    let window = |length| Config::new().window(Window::time(length).in_buckets(10));
    assert_eq!(refused(window(MS)), None);
    let room = |config| CircuitBreaker::<_, _, 20>::try_from_parts(config, ManualClock::new(), ());
    let too_narrow = Config::new().window(Window::time(MS).in_buckets(11));
    assert_eq!(room(too_narrow).err(), Some(ConfigError::Buckets));
}

#[test]
fn every_message_names_the_setting_and_what_is_allowed() {
    let messages = [
        (ConfigError::Rate, "rate: must be 0 % to 100 %"),
        (ConfigError::Trials, "trials: must be 1 to 16"),
        (ConfigError::Window, "window: must be 1 ms to 1 day long"),
        (ConfigError::BreakDuration, "break_duration: must be 1 ms to 365 days"),
    ];
    for (error, message) in messages {
        assert_eq!(error.to_string(), message);
        let (field, allowed) = (error.field().unwrap(), error.allowed());
        assert_eq!(format!("{field}: {allowed}"), message);
    }
    assert_eq!(ConfigError::BeingChanged.field(), None);
    assert_eq!(ConfigError::BeingChanged.allowed(), ConfigError::BeingChanged.to_string());
}

#[test]
fn a_rate_cannot_be_written_outside_its_range() {
    assert_eq!(Rate::try_percent(101), Err(ConfigError::Rate));
    assert_eq!(Rate::try_percent(u32::MAX), Err(ConfigError::Rate));
    assert_eq!(Rate::try_basis_points(10_001), Err(ConfigError::Rate));
    assert!(std::panic::catch_unwind(|| Rate::percent(101)).is_err());
}

#[test]
#[should_panic(expected = "trials: must be 1 to 16")]
fn with_clock_panics_with_the_message() {
    let _ = CircuitBreaker::with_clock(Config::new().trials(0), ManualClock::new());
}

#[test]
fn every_setting_reads_back_as_it_was_set() {
    let second = Duration::from_secs(1);
    let rate = |percent| Rate::percent(percent);
    let backoff = Backoff::multiplier_percent(150, second * 90);
    let slow_start = SlowStart::in_stages_of(second).shares([rate(5), rate(20), rate(60)]);
    let config = Config::new()
        .failure_rate(rate(1))
        .slow_call_rate(rate(2))
        .slow_call_duration(second * 3)
        .minimum_throughput(4)
        .window(Window::count(5))
        .consecutive_failures(6)
        .failure_count(7)
        .trip_when(|tally| tally.failures == 8)
        .evaluate_every_result(true)
        .cancelled_as(Outcome::Ignored)
        .break_duration(second * 9)
        .break_backoff(backoff)
        .break_jitter(rate(11))
        .trials(12)
        .minimum_trials(10)
        .half_open_rule(HalfOpenRule::Rate)
        .trial_timeout(second * 13)
        .slow_start(slow_start);

    assert_eq!(config.get_failure_rate(), Some(rate(1)));
    assert_eq!(config.get_slow_call_rate(), Some(rate(2)));
    assert_eq!(config.get_slow_call_duration(), Some(second * 3));
    assert_eq!(config.get_minimum_throughput(), 4);
    assert_eq!(config.get_window(), Window::count(5));
    assert_eq!(config.get_consecutive_failures(), Some(6));
    assert_eq!(config.get_failure_count(), Some(7));
    let trips_when = config.get_trip_when().unwrap();
    assert!(trips_when(&Tally { failures: 8, ..Tally::default() }));
    assert!(config.get_evaluate_every_result());
    assert_eq!(config.get_cancelled_as(), Some(Outcome::Ignored));
    assert_eq!(config.get_break_duration(), second * 9);
    assert_eq!(config.get_break_backoff(), Some(backoff));
    assert_eq!((backoff.get_multiplier_percent(), backoff.cap()), (150, second * 90));
    assert_eq!(config.get_break_jitter(), Some(rate(11)));
    assert_eq!(config.get_trials(), 12);
    assert_eq!(config.get_minimum_trials(), Some(10));
    assert_eq!(config.get_half_open_rule(), HalfOpenRule::Rate);
    assert_eq!(config.get_trial_timeout(), second * 13);
    assert_eq!(config.get_slow_start(), Some(slow_start));
    assert_eq!(slow_start.stage(), second);
    assert_eq!(slow_start.get_shares(), [rate(5), rate(20), rate(60)]);
}

#[test]
fn what_is_off_reads_back_as_none() {
    let config = Config::new().without_failure_rate().without_consecutive_failures();
    assert_eq!(config.get_failure_rate(), None);
    assert_eq!(config.get_slow_call_rate(), None);
    assert_eq!(config.get_slow_call_duration(), None);
    assert_eq!(config.get_consecutive_failures(), None);
    assert_eq!(config.get_failure_count(), None);
    assert!(config.get_trip_when().is_none());
    assert!(!config.get_evaluate_every_result());
    assert_eq!(config.get_cancelled_as(), None);
    assert_eq!(config.get_break_backoff(), None);
    assert_eq!(config.get_break_jitter(), None);
    assert_eq!(config.get_minimum_trials(), None);
    assert_eq!(config.get_slow_start(), None);
}

#[test]
fn a_window_is_over_time_or_over_a_count() {
    let minute = Duration::from_secs(60);
    let time = Window::time(minute).in_buckets(6);
    assert_eq!((time.length(), time.buckets(), time.results()), (Some(minute), Some(6), None));
    let count = Window::count(100);
    assert_eq!((count.length(), count.buckets(), count.results()), (None, None, Some(100)));
}

#[test]
fn a_larger_breaker_takes_settings_that_another_refuses() {
    let config = Config::new().window(Window::count(400));
    assert_eq!(config.validate(10), Err(ConfigError::WindowResults));
    assert_eq!(config.validate(20), Ok(()));
    assert_eq!(config.validate(usize::MAX), Ok(()));
}
