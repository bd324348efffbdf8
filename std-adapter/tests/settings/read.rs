//! What a file and the environment may say, and what it means.

use core::time::Duration;

use cutout::settings::Settings;
use cutout::{
    Backoff, BulkheadConfig, CircuitBreaker, Config, HalfOpenRule, Outcome, Rate, SlowStart, Window,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, MapDeserializer};

/// All there is, in the order of the documentation.
const TOML: &str = r#"
    failure_rate = "off"
    slow_call_rate = "12.5%"
    slow_call_duration = "1m 30s 250ms"
    minimum_throughput = 50
    window = { time = "10s", buckets = 5 }
    consecutive_failures = 5
    failure_count = 100
    evaluate_every_result = true
    cancelled_as = "ignored"
    break_duration = "5s"
    break_backoff = { multiplier = "150%", cap = "10m" }
    break_jitter = "0.25%"
    trials = 4
    minimum_trials = 2
    half_open_rule = "rate"
    trial_timeout = "7s"
    slow_start = { stage = "2s", shares = ["5%", "20%", "60%"] }
"#;

const YAML: &str = "
failure_rate: off
slow_call_rate: 12.5%
slow_call_duration: 1m 30s 250ms
minimum_throughput: 50
window: { time: 10s, buckets: 5 }
consecutive_failures: 5
failure_count: 100
evaluate_every_result: true
cancelled_as: ignored
break_duration: 5s
break_backoff:
  multiplier: 150%
  cap: 10m
break_jitter: 0.25%
trials: 4
minimum_trials: 2
half_open_rule: rate
trial_timeout: 7s
slow_start: { stage: 2s, shares: [5%, 20%, 60%] }
";

const JSON: &str = r#"{
    "failure_rate": "off",
    "slow_call_rate": "12.5%",
    "slow_call_duration": "1m 30s 250ms",
    "minimum_throughput": 50,
    "window": { "time": "10s", "buckets": 5 },
    "consecutive_failures": 5,
    "failure_count": 100,
    "evaluate_every_result": true,
    "cancelled_as": "ignored",
    "break_duration": "5s",
    "break_backoff": { "multiplier": "150%", "cap": "10m" },
    "break_jitter": "0.25%",
    "trials": 4,
    "minimum_trials": 2,
    "half_open_rule": "rate",
    "trial_timeout": "7s",
    "slow_start": { "stage": "2s", "shares": ["5%", "20%", "60%"] }
}"#;

const VARS: [(&str, &str); 20] = [
    ("HOME", "/root"),
    ("PAY_FAILURE_RATE", "off"),
    ("PAY_SLOW_CALL_RATE", "12.5%"),
    ("PAY_SLOW_CALL_DURATION", "1m 30s 250ms"),
    ("PAY_MINIMUM_THROUGHPUT", "50"),
    ("PAY_WINDOW_TIME", "10s"),
    ("PAY_WINDOW_BUCKETS", "5"),
    ("PAY_CONSECUTIVE_FAILURES", "5"),
    ("PAY_FAILURE_COUNT", "100"),
    ("PAY_EVALUATE_EVERY_RESULT", "true"),
    ("PAY_CANCELLED_AS", "ignored"),
    ("PAY_BREAK_DURATION", "5s"),
    ("PAY_BREAK_BACKOFF_MULTIPLIER", "150%"),
    ("PAY_BREAK_BACKOFF_CAP", "10m"),
    ("PAY_BREAK_JITTER", "0.25%"),
    ("PAY_TRIALS", "4"),
    ("PAY_MINIMUM_TRIALS", "2"),
    ("PAY_HALF_OPEN_RULE", "rate"),
    ("PAY_TRIAL_TIMEOUT", "7s"),
    ("PAY_SLOW_START_STAGE", "2s"),
];

/// The same in code.
fn in_code() -> Config {
    let seconds = Duration::from_secs;
    let points = |points| Rate::try_basis_points(points).unwrap();
    let shares = [Rate::percent(5), Rate::percent(20), Rate::percent(60)];
    Config::new()
        .without_failure_rate()
        .slow_call_rate(points(1_250))
        .slow_call_duration(Duration::from_millis(90_250))
        .minimum_throughput(50)
        .window(Window::time(seconds(10)).in_buckets(5))
        .consecutive_failures(5)
        .failure_count(100)
        .evaluate_every_result(true)
        .cancelled_as(Outcome::Ignored)
        .break_duration(seconds(5))
        .break_backoff(Backoff::multiplier_percent(150, seconds(600)))
        .break_jitter(points(25))
        .trials(4)
        .minimum_trials(2)
        .half_open_rule(HalfOpenRule::Rate)
        .trial_timeout(seconds(7))
        .slow_start(SlowStart::in_stages_of(seconds(2)).shares(shares))
}

/// Every field of a configuration, as its own `Debug` shows it.
pub(crate) fn fields(config: &Config) -> String {
    format!("{config:?}")
}

fn json(text: &str) -> Settings {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_setting_can_be_written_in_each_format() {
    let expected = fields(&in_code());
    let shares = [("PAY_SLOW_START_SHARES", "5%, 20%,60%")];
    for (format, settings) in [
        ("TOML", toml::from_str::<Settings>(TOML).unwrap()),
        ("YAML", serde_saphyr::from_str(YAML).unwrap()),
        ("JSON", json(JSON)),
        ("environment", Settings::from_vars("PAY_", VARS.into_iter().chain(shares)).unwrap()),
    ] {
        assert_eq!(fields(&settings.to_config().unwrap()), expected, "{format}");
    }
}

#[test]
fn what_is_not_written_is_as_in_a_new_configuration() {
    let config = Settings::new().to_config().unwrap();
    assert!(Settings::new().is_empty());
    assert_eq!(fields(&config), fields(&Config::new()));
}

#[test]
fn what_a_table_leaves_out_has_the_default_of_its_part() {
    let minute = Duration::from_secs(60);
    let text = r#"{"window": {"time": "1m"}, "break_backoff": {"cap": "1m"}, "slow_start": {"stage": "1m"}}"#;
    let in_code = Config::new()
        .window(Window::time(minute))
        .break_backoff(Backoff::doubling(minute))
        .slow_start(SlowStart::in_stages_of(minute));
    assert_eq!(fields(&json(text).to_config().unwrap()), fields(&in_code));
}

#[test]
fn each_word_for_off_leaves_its_setting_out() {
    let all_on =
        in_code().failure_rate(Rate::percent(50)).half_open_rule(HalfOpenRule::FirstFailure);
    let off = json(
        r#"{
            "failure_rate": "off", "slow_call_rate": "off", "slow_call_duration": "off",
            "consecutive_failures": "off", "failure_count": "off", "cancelled_as": "by_duration",
            "break_backoff": "off", "break_jitter": "off", "minimum_trials": "all",
            "slow_start": "off"
        }"#,
    );
    let config = off.to_config_over(all_on).unwrap();
    assert_eq!(config.get_failure_rate(), None);
    assert_eq!(config.get_slow_call_rate(), None);
    assert_eq!(config.get_slow_call_duration(), None);
    assert_eq!(config.get_consecutive_failures(), None);
    assert_eq!(config.get_failure_count(), None);
    assert_eq!(config.get_cancelled_as(), None);
    assert_eq!(config.get_break_backoff(), None);
    assert_eq!(config.get_break_jitter(), None);
    assert_eq!(config.get_minimum_trials(), None);
    assert_eq!(config.get_slow_start(), None);
}

#[test]
fn false_is_off_too() {
    // `off` is a flag in YAML 1.1, and some of its readers have kept that.
    let text = r#"{"failure_rate": false, "break_backoff": false, "break_jitter": false}"#;
    let words = r#"{"failure_rate": "off", "break_backoff": "off", "break_jitter": "off"}"#;
    assert_eq!(json(text), json(words));
}

#[test]
fn numbers_and_flags_may_stand_as_text() {
    let text = r#"{"trials": "5", "evaluate_every_result": "true", "window": {"count": "100"}}"#;
    let plain = r#"{"trials": 5, "evaluate_every_result": true, "window": {"count": 100}}"#;
    assert_eq!(json(text), json(plain));
}

#[test]
fn a_number_of_all_digits_is_read_as_a_number() {
    // What serde_json gives out where any crate of the program turns on `arbitrary_precision`.
    let digits = [("$serde_json::private::Number", "5")].into_iter();
    let number = MapDeserializer::<_, Error>::new(digits).into_deserializer();
    let settings = MapDeserializer::new([("trials", number)].into_iter());
    assert_eq!(Settings::deserialize(settings).unwrap(), json(r#"{"trials": 5}"#));
}

#[test]
fn rates_have_up_to_two_decimals() {
    for (text, points) in
        [("50%", 5_000), ("12.5%", 1_250), ("0.01%", 1), (" 100 % ", 10_000), ("007.50%", 750)]
    {
        let config = json(&format!(r#"{{"failure_rate": "{text}"}}"#)).to_config().unwrap();
        assert_eq!(config.get_failure_rate(), Rate::try_basis_points(points).ok(), "{text}");
    }
}

#[test]
fn a_setting_of_code_stays_under_those_of_a_file() {
    let base = Config::new().trip_when(|tally| tally.failures > 7).trials(5);
    let config = json(r#"{"minimum_throughput": 8}"#).to_config_over(base).unwrap();
    assert!(config.get_trip_when().is_some());
    assert_eq!((config.get_trials(), config.get_minimum_throughput()), (5, 8));
}

#[test]
fn a_breaker_with_more_room_takes_more_buckets() {
    let settings = json(r#"{"window": {"time": "1m", "buckets": 60}}"#);
    assert!(settings.to_config().is_err());
    let config = settings.to_config_with_room(Config::new(), 60).unwrap();
    CircuitBreaker::<_, _, 60>::try_from_parts(config, cutout::ManualClock::new(), ()).unwrap();
}

#[test]
fn a_field_of_a_struct_is_a_whole_configuration() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Service {
        name: String,
        #[serde(with = "cutout::settings")]
        breaker: Config,
    }
    let text = "name = 'bank'\n[breaker]\ntrials = 5\n";
    let service: Service = toml::from_str(text).unwrap();
    assert_eq!(fields(&service.breaker), fields(&Config::new().trials(5)));
    let again: Service = toml::from_str(&toml::to_string(&service).unwrap()).unwrap();
    assert_eq!(fields(&again.breaker), fields(&service.breaker));

    let wrong = text.replace("trials", "minimum_trials");
    let error = toml::from_str::<Service>(&wrong).err().unwrap();
    assert_eq!(error.message(), "minimum_trials: must be 1 to the number of trials, got 5");
}

#[test]
fn a_bulkhead_stands_beside_a_breaker_and_not_in_it() {
    let text = r#"{"trials": 5, "bulkhead": {"limit": 5, "queue": 9, "max_wait": "1s"}}"#;
    let vars = ["LIMIT=5", "QUEUE=9", "MAX_WAIT=1s"].map(|var| var.split_once('=').unwrap());
    let bulkhead = BulkheadConfig::new(5).queue(9).max_wait(Duration::from_secs(1));
    assert_eq!(json(text).to_bulkhead(), Ok(Some(bulkhead)));
    assert_eq!(fields(&json(text).to_config().unwrap()), fields(&Config::new().trials(5)));
    let vars = vars.map(|(name, value)| (format!("BULKHEAD_{name}"), value));
    assert_eq!(Settings::from_vars("", vars).unwrap(), Settings::from(&bulkhead));

    let alone = cutout::settings::deserialize(&mut serde_json::Deserializer::from_str(text));
    let message = "bulkhead: is not a setting of a breaker alone, read Settings or Profiles";
    assert_eq!(alone.unwrap_err().to_string(), message);
}

#[test]
fn the_environment_of_the_process_is_read() {
    // Cargo sets these; none of them is a setting.
    let error = Settings::from_env("CARGO_PKG_N").unwrap_err();
    assert_eq!(error.path(), "CARGO_PKG_NAME");
    assert!(Settings::from_env("CUTOUT_NOBODY_SETS_THIS_").unwrap().is_empty());
}

#[test]
fn each_unit_that_is_listed_is_read() {
    let documentation = include_str!("../../src/settings.rs");
    let listed = documentation.split("The units are ").nth(1).unwrap().split(", in small").next();
    let listed = listed.unwrap().replace("//!", "");
    let mut units: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    units.sort_unstable();
    let nanos = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("ms", 1_000_000),
        ("ns", 1),
        ("s", 1_000_000_000),
        ("sec", 1_000_000_000),
        ("us", 1_000),
        ("w", 604_800_000_000_000),
        ("µs", 1_000),
    ];
    assert_eq!(units, nanos.map(|(unit, _)| unit));
    let read = |text: &str| {
        let settings = json(&format!(r#"{{"break_duration": "{text}"}}"#));
        settings.to_config().map(|config| config.get_break_duration())
    };
    let alone = |text: &str| read(text).map(|read| read.as_nanos());
    for (unit, nanos) in nanos {
        // What is shorter than the shortest break stands behind a second.
        let (before, second) = if nanos < 1_000_000 { ("1s", 1_000_000_000) } else { ("", 0) };
        let expected = Ok(second + 3 * u128::from(nanos));
        for text in [format!("{before} 3{unit}"), format!("{before}3 {unit} ")] {
            assert_eq!(alone(&text), expected, "{text}");
        }
    }
    // Each unit behind each that is longer, and before none.
    for (longer, long) in nanos {
        for (unit, short) in nanos {
            let text = format!("2{longer} 3{unit}");
            let read =
                serde_json::from_str::<Settings>(&format!(r#"{{"break_duration": "{text}"}}"#));
            match read {
                Err(error) if short >= long => {
                    let message =
                        "break_duration: must have each unit once, the longest first, and";
                    assert!(error.to_string().starts_with(message), "{error}");
                }
                Err(error) => assert!(2 * long + 3 * short < 1_000_000, "{text}: {error}"),
                Ok(read) => {
                    let read = read.to_config().unwrap().get_break_duration();
                    assert!(short < long, "{text}");
                    assert_eq!(read, Duration::from_nanos(2 * long + 3 * short), "{text}");
                }
            }
        }
    }
    assert_eq!(alone("1d2h3m4s5ms6us7ns"), Ok(93_784_005_006_007));
    assert_eq!(read("1s 3μs"), read("1s 3µs"), "the Greek letter and the sign");
    for (text, millis) in [("1.5s", 1_500), ("0.25m", 15_000), ("1.5h", 5_400_000), ("2.50ms", 0)] {
        let expected = Duration::from_millis(millis)
            + Duration::from_micros(if millis == 0 { 2_500 } else { 0 });
        assert_eq!(read(text), Ok(expected), "{text}");
    }
}
