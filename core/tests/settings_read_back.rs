//! The settings of a breaker can be given to it, or to another: whatever is valid reads back as what is valid.

use core::time::Duration;

use cutout_core::{
    Backoff, CircuitBreaker, Config, ConfigError, HalfOpenRule, ManualClock, Outcome, Rate,
    SlowStart, Tally, Window,
};
use proptest::prelude::*;

const DAY: u64 = 86_400_000_000_000;

/// A length from `least` on, most often near one end of what is allowed.
fn length(least: u64, most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![least..=least + 10, least..=most, most - 10..=most].prop_map(Duration::from_nanos)
}

fn share() -> impl Strategy<Value = Rate> {
    prop_oneof![1..=10_u32, 1..=10_000_u32, 9_990..=10_000_u32]
        .prop_map(|points| Rate::try_basis_points(points).unwrap())
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (length(1_000_000, DAY), 1..=10_u32)
            .prop_map(|(length, buckets)| Window::time(length).in_buckets(buckets)),
        (1..=200_u32).prop_map(Window::count),
    ]
}

fn never(_: &Tally) -> bool {
    false
}

prop_compose! {
    fn opening()(
        failure_rate in prop::option::of(share()),
        slow in prop::option::of((length(1_000, DAY), prop::option::of(share()))),
        minimum in prop_oneof![1..=3_u32, 1..=8_192_u32, Just(8_192)],
        window in window(),
        row in prop::option::of(prop_oneof![1..=3_u32, 1..=1_000_000_u32, Just(1_000_000)]),
        count in prop::option::of(prop_oneof![1..=3_u32, 1..=8_192_u32, Just(8_192)]),
        custom in any::<bool>(),
        every in any::<bool>(),
        cancelled_as in prop::option::of(prop::sample::select(
            &[Outcome::Success, Outcome::Failure, Outcome::Ignored][..]
        )),
    ) -> Config {
        let mut config = Config::new()
            .window(window)
            .minimum_throughput(minimum)
            .evaluate_every_result(every);
        config = match failure_rate {
            Some(rate) => config.failure_rate(rate),
            None => config.without_failure_rate(),
        };
        if let Some((duration, rate)) = slow {
            config = config.slow_call_duration(duration);
            config = rate.map_or(config, |rate| config.slow_call_rate(rate));
        }
        config = match row {
            Some(row) => config.consecutive_failures(row),
            None => config.without_consecutive_failures(),
        };
        config = count.map_or(config, |count| config.failure_count(count));
        if custom {
            config = config.trip_when(never);
        }
        cancelled_as.map_or(config, |outcome| config.cancelled_as(outcome))
    }
}

prop_compose! {
    fn settings()(
        config in opening(),
        duration in length(1_000_000, 365 * DAY),
        backoff in prop::option::of((100..=10_000_u32, length(1_000_000, 365 * DAY))),
        jitter in prop::option::of(0..=5_000_u32),
        trials in 1..=16_u32,
        minimum_trials in prop::option::of(1..=16_u32),
        by_rate in any::<bool>(),
        timeout in length(1_000_000, DAY),
        recovery in prop::option::of((length(1_000_000, DAY), [share(), share(), share()])),
    ) -> Config {
        let mut config = config.break_duration(duration).trials(trials).trial_timeout(timeout);
        if let Some((percent, cap)) = backoff {
            config = config.break_backoff(Backoff::multiplier_percent(percent, cap.max(duration)));
        }
        if let Some(points) = jitter {
            config = config.break_jitter(Rate::try_basis_points(points).unwrap());
        }
        if let Some(minimum) = minimum_trials {
            config = config.minimum_trials(minimum.min(trials));
        }
        if by_rate {
            config = config.half_open_rule(HalfOpenRule::Rate);
        }
        if let Some((stage, mut shares)) = recovery {
            shares.sort();
            config = config.slow_start(SlowStart::in_stages_of(stage).shares(shares));
        }
        config
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_settings_of_a_breaker_are_valid_and_change_nothing(config in settings()) {
        prop_assume!(config.validate(10).is_ok());
        let breaker = CircuitBreaker::with_clock(config, ManualClock::new());
        let said = breaker.config();
        prop_assert_eq!(said.validate(10), Ok(()));
        prop_assert_eq!(breaker.reconfigure(said), Ok(()));
        prop_assert_eq!(format!("{:?}", breaker.config()), format!("{said:?}"));
        prop_assert_eq!(breaker.reconfigure(config), Ok(()), "nor are those that it was made with");
        prop_assert_eq!(format!("{:?}", breaker.config()), format!("{said:?}"));
        let saved = breaker.save();
        let restored = CircuitBreaker::from_saved(said, ManualClock::new(), (), &saved);
        prop_assert_eq!(format!("{:?}", restored.unwrap().config()), format!("{said:?}"));
    }

    #[test]
    fn replaced_settings_read_as_if_set_from_the_start(
        before in settings(),
        between in settings(),
        after in settings(),
    ) {
        let window = before.get_window();
        let [between, after] = [between, after].map(|config| config.window(window));
        prop_assume!([before, between, after].iter().all(|config| config.validate(10).is_ok()));
        let breaker = CircuitBreaker::with_clock(before, ManualClock::new());
        for config in [between, after] {
            let has_condition = |config: Config| config.get_trip_when().is_some();
            if has_condition(config) != has_condition(before) {
                prop_assert_eq!(breaker.reconfigure(config), Err(ConfigError::FixedTripWhen));
                continue;
            }
            prop_assert_eq!(breaker.reconfigure(config), Ok(()));
            let fresh = CircuitBreaker::with_clock(config, ManualClock::new());
            prop_assert_eq!(format!("{:?}", breaker.config()), format!("{:?}", fresh.config()));
        }
    }
}
