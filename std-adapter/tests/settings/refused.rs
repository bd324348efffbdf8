//! What is refused, and in which words.

use cutout::settings::{Profiles, Settings};

/// What is wrong with these settings of a profile `p`, when it is read or put together.
fn wrong(settings: &str) -> String {
    let file = format!("[p]\n{settings}\n");
    toml::from_str::<Profiles>(&file).unwrap_err().message().to_owned()
}

/// A line of settings, and under it what is wrong with them.
const REFUSED: &str = r#"
    failure_rate = 0.5
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got 0.5
    failure_rate = 50
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got 50
    failure_rate = nan
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got NaN
    failure_rate = -inf
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got -inf
    failure_rate = 'NaN%'
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got "NaN%"
    failure_rate = '33.333%'
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got "33.333%"
    failure_rate = '100.01%'
        failure_rate: must be above 0 %, up to 100 %, as in "12.5%" or "off", got "100.01%"
    failure_rate = true
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got true
    failure_rate = '0%'
        failure_rate: must be above 0 %, up to 100 %, got "0%"
    slow_call_rate = '-1%'
        slow_call_rate: must be above 0 %, up to 100 %, as in "12.5%" or "off", got "-1%"
    slow_call_rate = '5%'
        slow_call_rate: needs slow_call_duration to be set
    slow_call_duration = '999ns'
        slow_call_duration: must be 1 µs to 1 day, got "999ns"
    slow_call_duration = '1d 1ns'
        slow_call_duration: must be 1 µs to 1 day, got "1d 1ns"
    minimum_throughput = 0
        minimum_throughput: must be 1 to 8192, got 0
    minimum_throughput = -1
        minimum_throughput: must be 1 to 8192, got -1
    minimum_throughput = 4294967296
        minimum_throughput: must be 1 to 8192, got 4294967296
    minimum_throughput = 20.0
        minimum_throughput: must be a whole number, 1 to 8192, got 20.0
    minimum_throughput = 'off'
        minimum_throughput: must be a whole number, 1 to 8192, got "off"
    window = '30s'
        window: must be as in { time = "30s", buckets = 10 } or { count = 100 }, got "30s"
    window = {}
        window: must be as in { time = "30s", buckets = 10 } or { count = 100 }, got {}
    window.time = 30
        window.time: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 1 day long, as in "1m 30s", got 30
    window.time = '0s'
        window.time: must be 1 ms to 1 day long, got "0s"
    window.buckets = 11
        window.buckets: must have 1 bucket to as many as the breaker has room for (10 unless its type says otherwise), each at least 100 µs wide, got 11
    window.count = 201
        window.count: must hold 1 result to as many as the breaker has room for (20 for each of its buckets: 200 unless its type says otherwise), got 201
    window.count = 10
        minimum_throughput: must not be more than the results that the window holds, got 20, the default
    window = { time = '1s', count = 50 }
        window.time: cannot stand beside window.count
    window = { count = 50, buckets = 5 }
        window.count: cannot stand beside window.buckets
    consecutive_failures = 1000001
        consecutive_failures: must be 1 to 1000000, got 1000001
    failure_count = []
        failure_count: must be a whole number, 1 to 8192 or "off", got []
    evaluate_every_result = 1
        evaluate_every_result: must be true or false, got 1
    cancelled_as = 'off'
        cancelled_as: must be "success", "failure", "ignored" or "by_duration", got "off"
    break_duration = '30'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "30"
    break_duration = '1y'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "1y"
    break_duration = 1979-05-27
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got 1979-05-27
    break_backoff = 2
        break_backoff: must be as in { multiplier = "200%", cap = "5m" } or "off", got 2
    break_backoff = true
        break_backoff: must be as in { multiplier = "200%", cap = "5m" } or "off", got true
    break_backoff.multiplier = 2
        break_backoff.multiplier: must be a whole number with a percent sign; the multiplier must be 100 % to 10000 %, as in "200%", got 2
    break_backoff.multiplier = '99%'
        break_backoff.multiplier: the multiplier must be 100 % to 10000 %, got "99%"
    break_backoff.multiplier = '200%'
        break_backoff.cap: is missing, the cap must be break_duration to 365 days, as in "1m 30s"
    break_backoff.cap = '29s'
        break_backoff.cap: the cap must be break_duration to 365 days, got "29s"
    break_jitter = '50.01%'
        break_jitter: must be 0 % to 50 %, got "50.01%"
    trials = 17
        trials: must be 1 to 16, got 17
    minimum_trials = 4
        minimum_trials: must be 1 to the number of trials, got 4
    half_open_rule = 'Rate'
        half_open_rule: must be "first_failure" or "rate", got "Rate"
    trial_timeout = '2d'
        trial_timeout: must be 1 ms to 1 day, got "2d"
    slow_start = ['10%']
        slow_start: must be as in { stage = "10s", shares = ["10%", "25%", "50%"] } or "off", got ["10%"]
    slow_start.stage = '0s'
        slow_start.stage: a stage must be 1 ms to 1 day long, got "0s"
    slow_start.shares = ['10%', '25%']
        slow_start.shares: must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in ["10%", "25%", "50%"], got ["10%", "25%"]
    slow_start.shares = ['10%', '25%', 50]
        slow_start.shares: must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in ["10%", "25%", "50%"], got ["10%", "25%", 50]
    slow_start.shares = ['10%', '9.5%', '50%']
        slow_start.shares: the shares must be above 0 %, and none below the one before, got ["10%", "9.5%", "50%"]
    bulkhead = 20
        bulkhead: must be as in { limit = 20, queue = 100, max_wait = "50ms" } or "off", got 20
    bulkhead.limit = 0
        bulkhead.limit: must be 1 to 1000000, got 0
    bulkhead.queue = 1000001
        bulkhead.queue: must be 0 to 1000000, got 1000001
    bulkhead.max_wait = '1d 1ns'
        bulkhead.max_wait: must be 0 to 1 day, got "1d 1ns"
    bulkhead.max_wait = 50
        bulkhead.max_wait: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 0 to 1 day, as in "1m 30s", got 50
    bulkhead = { limit = 5, queue = 5 }
        bulkhead.queue: needs max_wait to be set
    bulkhead = { limit = 5, max_wait = '5s' }
        bulkhead.max_wait: needs queue to be set
    bulkhead = { queue = 5, max_wait = '5s' }
        bulkhead.limit: is missing, must be 1 to 1000000
    bulkhead.limits = 5
        bulkhead.limits: is no setting; did you mean limit?
    slow_start.shares = ['10%', '25%', '50%']
        slow_start.stage: is missing, a stage must be 1 ms to 1 day long, as in "1m 30s"
    slow_start.shares = ['10%', '25%', '50%', '60%']
        slow_start.shares: must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in ["10%", "25%", "50%"], got ["10%", "25%", "50%", "60%"]
    slow_start.shares = [10, 50, 60]
        slow_start.shares: must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in ["10%", "25%", "50%"], got [10, 50, 60]
    slow_start.shares = ['10%', '50%', '101%']
        slow_start.shares: must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in ["10%", "25%", "50%"], got ["10%", "50%", "101%"]
    trials = 3.0
        trials: must be a whole number, 1 to 16, got 3.0
    trials = 'three'
        trials: must be a whole number, 1 to 16, got "three"
    trials = '-3'
        trials: must be 1 to 16, got "-3"
    trials = '340282366920938463463374607431768211456'
        trials: must be 1 to 16, got "340282366920938463463374607431768211456"
    trials = true
        trials: must be a whole number, 1 to 16, got true
    trials = 10:30:00
        trials: must be a whole number, 1 to 16, got 10:30:00
    trials = { "$serde_json::private::Number" = "3", other = 5 }
        trials: must be a whole number, 1 to 16, got a table
    consecutive_failures = '5s'
        consecutive_failures: must be a whole number, 1 to 1000000 or "off", got "5s"
    window.count = 100.5
        window.count: must be a whole number, and must hold 1 result to as many as the breaker has room for (20 for each of its buckets: 200 unless its type says otherwise), got 100.5
    break_backoff.multiplier = '200.5%'
        break_backoff.multiplier: must be a whole number with a percent sign; the multiplier must be 100 % to 10000 %, as in "200%", got "200.5%"
    break_backoff.multiplier = '-200%'
        break_backoff.multiplier: the multiplier must be 100 % to 10000 %, as in "200%", got "-200%"
    break_backoff.multiplier = '99999999999%'
        break_backoff.multiplier: the multiplier must be 100 % to 10000 %, as in "200%", got "99999999999%"
    break_duration = '1M'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "1M"
    break_duration = '1 month'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "1 month"
    break_duration = '2weeks 3years'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "2weeks 3years"
    break_duration = '5S'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "5S"
    break_duration = '1 8 s'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "1 8 s"
    break_duration = '99999999999999999999d'
        break_duration: must be 1 ms to 365 days, as in "1m 30s", got "99999999999999999999d"
    break_duration = '1m 1m 1m'
        break_duration: must have each unit once, the longest first, and must be 1 ms to 365 days, as in "1m 30s", got "1m 1m 1m"
    break_duration = '30s 1h'
        break_duration: must have each unit once, the longest first, and must be 1 ms to 365 days, as in "1m 30s", got "30s 1h"
    window.time = '1s 1sec'
        window.time: must have each unit once, the longest first, and must be 1 ms to 1 day long, as in "1m 30s", got "1s 1sec"
    slow_call_duration = '5ms5ms'
        slow_call_duration: must have each unit once, the longest first, and must be 1 µs to 1 day, as in "1m 30s" or "off", got "5ms5ms"
    trial_timeout = '0.5m 0.5m'
        trial_timeout: must have each unit once, the longest first, and must be 1 ms to 1 day, as in "1m 30s", got "0.5m 0.5m"
    break_backoff.cap = '7d 1w'
        break_backoff.cap: must have each unit once, the longest first; the cap must be break_duration to 365 days, as in "1m 30s", got "7d 1w"
    slow_start.stage = '1us 1µs'
        slow_start.stage: must have each unit once, the longest first; a stage must be 1 ms to 1 day long, as in "1m 30s", got "1us 1µs"
    bulkhead.max_wait = '1us 1ms'
        bulkhead.max_wait: must have each unit once, the longest first, and must be 0 to 1 day, as in "1m 30s", got "1us 1ms"
    break_duration = '30s 1y'
        break_duration: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 365 days, as in "1m 30s", got "30s 1y"
    break_duration = '-30s'
        break_duration: must be 1 ms to 365 days, as in "1m 30s", got "-30s"
    bulkhead.max_wait = '-1m 30s'
        bulkhead.max_wait: must be 0 to 1 day, as in "1m 30s", got "-1m 30s"
    trial_timeout = '1,5s'
        trial_timeout: must be a number and a unit of ns, us (µs), ms, s (sec), m (min), h, d or w, 1 ms to 1 day, as in "1m 30s", got "1,5s"
    trials = 1e20
        trials: must be 1 to 16, got 1e20
    failure_count = -1e300
        failure_count: must be 1 to 8192 or "off", got -1e300
    trials = inf
        trials: must be a whole number, 1 to 16, got inf
    failure_rate = { "$serde_json::private::Number" = "50%" }
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got a table
    break_jitter = { "$serde_json::private::Number" = "off" }
        break_jitter: must be a share with a percent sign and up to two decimals, 0 % to 50 %, as in "12.5%" or "off", got a table
    bulkhead.max_wait = '0.5ns'
        bulkhead.max_wait: must be whole nanoseconds, 0 to 1 day, as in "1m 30s", got "0.5ns"
    failure_rate = '0.5 %%'
        failure_rate: must be a share with a percent sign and up to two decimals, above 0 %, up to 100 %, as in "12.5%" or "off", got "0.5 %%"
    failure_rate = '101%'
        failure_rate: must be above 0 %, up to 100 %, as in "12.5%" or "off", got "101%"
"#;

#[test]
fn each_setting_says_what_is_allowed_and_what_was_given() {
    let lines: Vec<&str> = REFUSED.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for pair in lines.chunks(2) {
        assert_eq!(wrong(pair[0]), format!("p.{}", pair[1]), "{}", pair[0]);
    }
    assert_eq!(
        wrong("half_open_rule = 'rate'\nfailure_rate = 'off'"),
        "p.half_open_rule: Rate needs failure_rate or slow_call_rate to be set"
    );
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_known_one() {
    for (settings, message) in [
        ("failure_rat = '50%'", "p.failure_rat: is no setting; did you mean failure_rate?"),
        ("failureRate = '50%'", "p.failureRate: is no setting; did you mean failure_rate?"),
        ("min_throughput = 5", "p.min_throughput: is no setting; did you mean minimum_throughput?"),
        ("window.tmie = '1s'", "p.window.tmie: is no setting; did you mean time?"),
        ("window.length = '1s'", "p.window.length: is no setting; known are time, buckets, count"),
        ("slow_start.0 = '1s'", "p.slow_start.0: is no setting; known are stage, shares"),
        ("trails = 4", "p.trails: is no setting; did you mean trials?"),
        (
            "'a b' = 1",
            r#"p."a b": is no setting; known are failure_rate, slow_call_rate, slow_call_duration, minimum_throughput, window, consecutive_failures, failure_count, evaluate_every_result, cancelled_as, break_duration, break_backoff, break_jitter, trials, minimum_trials, half_open_rule, trial_timeout, slow_start, bulkhead"#,
        ),
        ("trip_when = 'often'", "p.trip_when: is code, set it by Config::trip_when after reading"),
    ] {
        assert_eq!(wrong(settings), message, "{settings}");
    }
}

#[test]
fn the_line_of_a_wrong_setting_is_told() {
    for wrong in ["minimum_throughput = 0", "minimum_throughput = 'x'", "unknown = 0"] {
        let file = format!("[default]\ntrials = 5\n\n[payments]\ntrials = 4\n{wrong}\n");
        let error = toml::from_str::<Profiles>(&file).unwrap_err();
        let line = file[..error.span().unwrap().start].lines().count();
        assert_eq!(line, 6, "{error}");
    }
}

#[test]
fn a_setting_given_twice_is_refused() {
    let json = |text| serde_json::from_str::<Profiles>(text).unwrap_err().to_string();
    for (text, message) in [
        (r#"{"p": {"trials": 1, "trials": 1}}"#, "p.trials: is given twice"),
        (r#"{"p": {"base": "q", "base": "q"}}"#, "p.base: is given twice"),
        (r#"{"p": {}, "p": {}}"#, "p: is given twice"),
        (
            r#"{"p": {"slow_start": "off", "slow_start": {"stage": "1s"}}}"#,
            "p.slow_start.stage: cannot stand beside slow_start",
        ),
    ] {
        assert!(json(text).starts_with(&format!("{message} at line 1")), "{}", json(text));
    }
}

#[test]
fn what_excludes_each_other_is_refused_in_either_order() {
    let json = |text| serde_json::from_str::<Settings>(text).unwrap_err().to_string();
    for (text, message) in [
        (
            r#"{"window": {"count": 50, "buckets": 5}}"#,
            "window.buckets: cannot stand beside window.count at",
        ),
        (
            r#"{"window": {"buckets": 5, "count": 50}}"#,
            "window.count: cannot stand beside window.buckets at",
        ),
        (
            r#"{"window": {"count": 50, "time": "5s"}}"#,
            "window.time: cannot stand beside window.count at",
        ),
        (
            r#"{"window": {"time": "5s", "count": 50}}"#,
            "window.count: cannot stand beside window.time at",
        ),
    ] {
        assert!(json(text).starts_with(message), "{}", json(text));
    }
}

#[test]
fn null_is_no_value() {
    let error = serde_json::from_str::<Settings>(r#"{"failure_count": null}"#).unwrap_err();
    let message = r#"failure_count: must be a whole number, 1 to 8192 or "off", got nothing"#;
    assert!(error.to_string().starts_with(message), "{error}");
}

#[test]
fn what_is_no_table_is_refused() {
    assert!(
        toml::from_str::<Profiles>("p = 5")
            .unwrap_err()
            .message()
            .ends_with("expected a table of settings for p")
    );
    assert!(
        serde_json::from_str::<Settings>("[]")
            .unwrap_err()
            .to_string()
            .contains("expected a table of settings")
    );
    assert!(
        serde_json::from_str::<Profiles>("5")
            .unwrap_err()
            .to_string()
            .contains("expected a table of profiles")
    );
}

#[test]
fn what_is_empty_in_yaml_has_no_settings() {
    for nothing in ["", "p:", "p: ~", "p: {}"] {
        let profiles = serde_saphyr::from_str::<Profiles>(nothing).unwrap();
        assert_eq!(profiles.get("p").is_some(), !nothing.is_empty(), "{nothing}");
    }
    assert!(serde_saphyr::from_str::<Settings>("").unwrap().is_empty());
}

#[test]
fn a_long_text_is_shown_in_part() {
    let message = wrong(&format!("failure_rate = '{}'", "ä".repeat(100_000)));
    assert!(message.ends_with(&format!("got \"{}\" and more", "ä".repeat(60))), "{message}");
    let message = wrong(&format!("{} = 1", "a".repeat(100_000)));
    assert!(message.contains("; known are failure_rate"), "{message}");
    let list = |many: usize| {
        wrong(&format!("trials = [{}]", vec!["'twenty characters .'"; many].join(", ")))
    };
    assert!(list(4).ends_with(r#", "twenty characters ."]"#), "{}", list(4));
    assert!(list(6).ends_with("got a list of 6"), "{}", list(6));
}

#[test]
fn an_unrepresentable_duration_is_refused_without_a_panic() {
    for text in [
        "18446744073709551615s 1000ms",
        "18446744073709551615s 999999999ns 1ns",
        "1 8 4 4 6 7 4 4 0 7 3 7 0 9 5 5 1 6 1 5 s 1000ms",
        "99999999999999999999999y",
        "",
        "s",
        "1.s",
        "0.5ns",
        "1..5s",
        "-1s",
        "1s,",
        "µ",
    ] {
        let message = wrong(&format!("break_duration = '{text}'"));
        assert!(message.starts_with("p.break_duration: must "), "{message}");
        assert!(message.contains("1 ms to 365 days, as in"), "{message}");
    }
}

#[test]
fn a_variable_is_named_as_it_is() {
    let vars = |name, value| Settings::from_vars("PAY_", [(name, value)]).unwrap_err().to_string();
    for (name, value, message) in [
        ("PAY_TRIALS", "17", "PAY_TRIALS (trials): must be 1 to 16, got 17"),
        ("PAY_TRIALS", "", "PAY_TRIALS (trials): must be a whole number, 1 to 16, got \"\""),
        (
            "PAY_WINDOW_TIME",
            "0",
            "PAY_WINDOW_TIME (window.time): must be 1 ms to 1 day long, got \"0s\"",
        ),
        (
            "PAY_WINDOW_TIMES",
            "1s",
            "PAY_WINDOW_TIMES: is no setting; did you mean PAY_WINDOW_TIME?",
        ),
        (
            "PAY_SLOW_START_SHARES",
            "10%,25%",
            "PAY_SLOW_START_SHARES (slow_start.shares): must be three shares up to 100 %, each with a percent sign and up to two decimals; the shares must be above 0 %, and none below the one before, as in [\"10%\", \"25%\", \"50%\"], got \"10%,25%\"",
        ),
    ] {
        assert_eq!(vars(name, value), message);
    }
    let both = [("PAY_SLOW_START", "off"), ("PAY_SLOW_START_STAGE", "1s")];
    assert_eq!(
        Settings::from_vars("PAY_", both).unwrap_err().to_string(),
        "PAY_SLOW_START_STAGE (slow_start.stage): cannot stand beside slow_start"
    );
}

#[test]
fn no_message_is_longer_than_a_page() {
    const LONG: usize = 1_000_000;
    const PAGE: usize = 4_000;
    let long = "x".repeat(LONG);
    let of_json = |text: String| serde_json::from_str::<Profiles>(&text).unwrap_err().to_string();
    let many = |line: fn(usize) -> String| (0..32).map(line).collect::<Vec<_>>().join(", ");
    for (what, message) in [
        ("an unknown setting", of_json(format!(r#"{{"p": {{"{long}": 1}}}}"#))),
        ("an unknown part", of_json(format!(r#"{{"p": {{"window": {{"{long}": 1}}}}}}"#))),
        ("a value", of_json(format!(r#"{{"p": {{"trials": "{long}"}}}}"#))),
        ("a list", of_json(format!(r#"{{"p": {{"trials": ["{long}"]}}}}"#))),
        ("a number", of_json(format!(r#"{{"p": {{"trials": "{}"}}}}"#, "9".repeat(LONG)))),
        (
            "a duration",
            of_json(format!(r#"{{"p": {{"trial_timeout": "{}"}}}}"#, "1s".repeat(LONG))),
        ),
        ("a profile", of_json(format!(r#"{{"{long}": {{"trials": 0}}}}"#))),
        ("a profile that is no table", of_json(format!(r#"{{"{long}": 5}}"#))),
        ("a profile given twice", of_json(format!(r#"{{"{long}": {{}}, "{long}": {{}}}}"#))),
        ("a base", of_json(format!(r#"{{"p": {{"base": "{long}"}}}}"#))),
        ("a circle", of_json(format!(r#"{{"{long}": {{"base": "{long}"}}}}"#))),
        (
            "the names that are known",
            of_json(format!(
                r#"{{"p": {{"base": "q"}}, {}}}"#,
                many(|number| format!(r#""{number}{}": {{}}"#, "y".repeat(10_000)))
            )),
        ),
    ] {
        assert!(message.len() < PAGE, "{what}: {} bytes", message.len());
    }
    let variable = Settings::from_vars("PAY_", [(format!("PAY_{long}"), "1")]).unwrap_err();
    assert!(variable.to_string().len() < PAGE, "a variable");
    let amended = Profiles::<10>::default().amend(&long, &Settings::new()).unwrap_err();
    assert!(amended.to_string().len() < PAGE, "a profile that is not there");
}

#[test]
fn a_key_of_json_is_a_number_only_if_it_stands_alone() {
    let read =
        |text: &str| toml::from_str::<Settings>(text).map_err(|error| error.message().to_owned());
    let magic = "$serde_json::private::Number";
    for rest in ["other = 5", "trials = 5"] {
        let message = read(&format!("trials = {{ \"{magic}\" = \"3\", {rest} }}")).unwrap_err();
        assert_eq!(message, "trials: must be a whole number, 1 to 16, got a table");
    }
    let message = read(&format!("window = {{ \"{magic}\" = \"3\", time = \"5s\" }}")).unwrap_err();
    assert!(
        message.starts_with("window.\"$serde_json::private::Number\": is no setting"),
        "{message}"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_setting_and_range() {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{BytesDeserializer, Error, MapDeserializer};
    fn wrong<'de>(value: impl IntoDeserializer<'de, Error>) -> String {
        let entries = [("trials", value)].into_iter();
        Settings::deserialize(MapDeserializer::<_, Error>::new(entries)).unwrap_err().to_string()
    }
    let range = "trials: must be 1 to 16, got";
    assert_eq!(wrong(u128::MAX), format!("{range} {:?}", u128::MAX as f64));
    assert_eq!(wrong(i128::MIN), format!("{range} {}", i128::MIN));
    let bytes = BytesDeserializer::<Error>::new(&[0; 1_000_000]);
    assert_eq!(wrong(bytes), "trials: must be a whole number, 1 to 16, got 1000000 bytes");

    // More than 64 bits: to JSON it is a float, to YAML a text.
    let number = "99999999999999999999";
    let json = serde_json::from_str::<Settings>(&format!(r#"{{"trials": {number}}}"#)).unwrap_err();
    assert!(json.to_string().starts_with(&format!("{range} 1e20 at line 1")), "{json}");
    let yaml = serde_saphyr::from_str::<Settings>(&format!("trials: {number}")).unwrap_err();
    assert!(yaml.to_string().contains(range), "{yaml}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_not_lost() {
    use std::os::unix::ffi::OsStringExt;
    // Its own process, as the environment is everybody's.
    const PREFIX: &str = "CUTOUT_TEST_NOT_UNICODE_";
    if let Err(error) = Settings::from_env(PREFIX) {
        assert!(error.path().starts_with(PREFIX), "{error}");
        return;
    }
    let name = std::ffi::OsString::from_vec([PREFIX.as_bytes(), b"TR\xffIALS"].concat());
    let this = std::env::current_exe().unwrap();
    let mut again = std::process::Command::new(this);
    again.args(["--exact", "refused::a_variable_that_is_not_unicode_is_not_lost"]);
    if std::env::var_os("CUTOUT_TEST_AGAIN").is_some() {
        panic!("the variable was not read");
    }
    again.env(name, "5").env("CUTOUT_TEST_AGAIN", "1");
    assert!(again.output().unwrap().status.success());
}
