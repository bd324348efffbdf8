//! What is written reads back as the same configuration.

use core::time::Duration;

use cutout::settings::{Profiles, Settings};
use cutout::{
    Backoff, BulkheadConfig, CircuitBreaker, Config, HalfOpenRule, Outcome, Rate, SlowStart, Window,
};
use proptest::prelude::*;
use proptest::{option, sample};
use serde::{Deserialize, Serialize};

use crate::read::fields;

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const DAY: u64 = 86_400_000 * MS;

fn durations(from: u64, to: u64) -> impl Strategy<Value = Duration> {
    // Most in round numbers, as people write them, and some to the nanosecond.
    let round = sample::select(vec![1, US, MS, 1_000 * MS, 60_000 * MS, DAY]);
    (from..=to, round)
        .prop_map(move |(nanos, round)| Duration::from_nanos((nanos / round * round).max(from)))
}

fn rates(from: u32, to: u32) -> impl Strategy<Value = Rate> {
    (from..=to, sample::select(vec![1, 10, 100])).prop_map(move |(points, round)| {
        Rate::try_basis_points((points / round * round).max(from)).unwrap()
    })
}

fn shares() -> impl Strategy<Value = [Rate; 3]> {
    [rates(1, 10_000), rates(1, 10_000), rates(1, 10_000)].prop_map(|mut shares| {
        shares.sort();
        shares
    })
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        (durations(MS, DAY), 1..=10_u32)
            .prop_map(|(length, buckets)| Window::time(length).in_buckets(buckets)),
        (1..=200_u32).prop_map(Window::count),
    ]
}

fn trip_conditions() -> impl Strategy<Value = Config> {
    let rate = option::of(rates(1, 10_000));
    let slow = option::of((durations(US, DAY), option::of(rates(1, 10_000))));
    let counts = (option::of(1..=1_000_000_u32), option::of(1..=8_192_u32));
    let outcomes = vec![Outcome::Success, Outcome::Failure, Outcome::Ignored];
    let rest = (any::<bool>(), option::of(sample::select(outcomes)));
    (rate, slow, 1..=8_192_u32, windows(), counts, rest).prop_map(
        |(rate, slow, minimum, window, (in_a_row, count), (every, cancelled))| {
            let minimum = window.results().map_or(minimum, |results| minimum.min(results));
            let mut config = Config::new()
                .window(window)
                .minimum_throughput(minimum)
                .evaluate_every_result(every);
            config = rate.map_or(config.without_failure_rate(), |rate| config.failure_rate(rate));
            if let Some((duration, rate)) = slow {
                config = config.slow_call_duration(duration);
                config = rate.map_or(config, |rate| config.slow_call_rate(rate));
            }
            config = in_a_row.map_or(config, |failures| config.consecutive_failures(failures));
            config = count.map_or(config, |failures| config.failure_count(failures));
            cancelled.map_or(config, |outcome| config.cancelled_as(outcome))
        },
    )
}

/// Any configuration that is allowed.
fn configs() -> impl Strategy<Value = Config> {
    let backoff = option::of((100..=10_000_u32, durations(MS, 365 * DAY)));
    let pause = (durations(MS, 365 * DAY), backoff, option::of(rates(0, 5_000)));
    let trials = (1..=16_u32, option::of(1..=16_u32), any::<bool>(), durations(MS, DAY));
    let slow_start = option::of((durations(MS, DAY), shares()));
    (trip_conditions(), pause, trials, slow_start).prop_map(
        |(config, (pause, backoff, jitter), (trials, minimum, by_rate, timeout), slow_start)| {
            let by_rate = by_rate
                && (config.get_failure_rate().is_some() || config.get_slow_call_rate().is_some());
            let mut config = config.break_duration(pause).trials(trials).trial_timeout(timeout);
            if let Some((factor, cap)) = backoff {
                config = config.break_backoff(Backoff::multiplier_percent(factor, cap.max(pause)));
            }
            config = jitter.map_or(config, |share| config.break_jitter(share));
            config = minimum.map_or(config, |minimum| config.minimum_trials(minimum.min(trials)));
            if by_rate {
                config = config.half_open_rule(HalfOpenRule::Rate);
            }
            slow_start.map_or(config, |(stage, shares)| {
                config.slow_start(SlowStart::in_stages_of(stage).shares(shares))
            })
        },
    )
}

#[derive(Debug, Serialize, Deserialize)]
struct Service {
    #[serde(with = "cutout::settings")]
    breaker: Config,
}

proptest! {
    #[test]
    fn a_configuration_reads_back_as_it_was_written(breaker in configs()) {
        prop_assert!(CircuitBreaker::try_new(breaker).is_ok());
        let service = Service { breaker };
        let toml = toml::to_string(&service).unwrap();
        let json = serde_json::to_string(&service).unwrap();
        let yaml = serde_saphyr::to_string(&service).unwrap();
        let read: [Service; 3] = [
            toml::from_str(&toml).unwrap(),
            serde_json::from_str(&json).unwrap(),
            serde_saphyr::from_str(&yaml).unwrap(),
        ];
        for again in read {
            prop_assert_eq!(fields(&again.breaker), fields(&breaker));
        }
    }

    #[test]
    fn a_bulkhead_reads_back_as_it_was_written(
        limit in 1..=1_000_000_u32,
        waiting in option::of((1..=1_000_000_u32, durations(1, DAY))),
    ) {
        let config = waiting.map_or(BulkheadConfig::new(limit), |(queue, max_wait)| {
            BulkheadConfig::new(limit).queue(queue).max_wait(max_wait)
        });
        let settings = Settings::from(&config);
        let toml = toml::to_string(&settings).unwrap();
        let again: Settings = toml::from_str(&toml).unwrap();
        prop_assert_eq!(again.to_bulkhead(), Ok(Some(config)));
        prop_assert_eq!(again, settings);
    }

    #[test]
    fn settings_are_those_of_the_configuration_that_they_make(config in configs()) {
        let settings = Settings::from(&config);
        let again = settings.to_config().unwrap();
        prop_assert_eq!(fields(&again), fields(&config));
        prop_assert_eq!(Settings::from(&again), settings);
    }

    #[test]
    fn all_settings_of_one_configuration_cover_all_of_another(
        over in configs(),
        under in configs(),
    ) {
        let config = Settings::from(&over).to_config_over(under).unwrap();
        prop_assert_eq!(fields(&config), fields(&over));
    }

    #[test]
    fn profiles_read_back_as_they_were_written(base in configs(), own in configs(), trials in 1..=16_u32) {
        let settings = |config| serde_json::to_value(Settings::from(&config)).unwrap();
        let mut child = settings(own);
        child["base"] = "base".into();
        let short = serde_json::json!({ "base": "a.b", "trials": trials, "minimum_trials": "all" });
        let file = serde_json::json!({ "base": settings(base), "a.b": child, "short": short });
        let profiles: Profiles = serde_json::from_value(file).unwrap();

        let toml = toml::to_string(&profiles).unwrap();
        let again: Profiles = toml::from_str(&toml).unwrap();
        prop_assert_eq!(&again, &profiles);
        for (name, config) in profiles.iter() {
            prop_assert_eq!(fields(&again.get(name).unwrap()), fields(&config));
        }
        let json = serde_json::to_string(&profiles).unwrap();
        prop_assert_eq!(serde_json::from_str::<Profiles>(&json).unwrap(), profiles);
    }
}
