//! Profiles: what one takes from another, and what is wrong with a family of them.

use core::time::Duration;

use cutout::settings::{Profiles, Settings};
use cutout::{BulkheadConfig, CircuitBreaker, Config, Rate, Window};

use crate::read::fields;

fn profiles(toml: &str) -> Profiles {
    toml::from_str(toml).unwrap()
}

fn wrong(toml: &str) -> String {
    toml::from_str::<Profiles>(toml).unwrap_err().message().to_owned()
}

const SERVICE: &str = r#"
    [default]
    failure_rate = "40%"
    window = { time = "10s", buckets = 5 }
    break_backoff = { multiplier = "150%", cap = "5m" }

    [payments]
    base = "default"
    minimum_throughput = 50

    ["api.example.com"]
    base = "payments"
    window = { buckets = 2 }
    failure_rate = "off"
    consecutive_failures = 5

    [alone]
    trials = 7
"#;

#[test]
fn a_profile_takes_from_its_base_what_it_does_not_say() {
    let profiles = profiles(SERVICE);
    let seconds = Duration::from_secs;
    let default = Config::new()
        .failure_rate(Rate::percent(40))
        .window(Window::time(seconds(10)).in_buckets(5))
        .break_backoff(cutout::Backoff::multiplier_percent(150, seconds(300)));
    let payments = default.minimum_throughput(50);
    let api = payments
        .window(Window::time(seconds(10)).in_buckets(2))
        .without_failure_rate()
        .consecutive_failures(5);
    for (name, expected) in [
        ("default", default),
        ("payments", payments),
        ("api.example.com", api),
        ("alone", Config::new().trials(7)),
    ] {
        assert_eq!(fields(&profiles.get(name).unwrap()), fields(&expected), "{name}");
    }
    let names: Vec<&str> = profiles.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["alone", "api.example.com", "default", "payments"]);
    for (_, config) in profiles.iter() {
        assert!(CircuitBreaker::try_new(config).is_ok());
    }
}

#[test]
fn an_unknown_name_is_the_default_profile_or_new() {
    let with_default = profiles(SERVICE);
    assert!(with_default.get("orders").is_none());
    assert_eq!(with_default.get_or_default("orders").get_failure_rate(), Some(Rate::percent(40)));
    assert_eq!(with_default.get_or_default("payments").get_minimum_throughput(), 50);
    let without = profiles("[alone]\ntrials = 7");
    assert_eq!(fields(&without.get_or_default("orders")), fields(&Config::new()));
}

#[test]
fn no_base_is_taken_that_is_not_named() {
    let file = "[default]\ntrials = 7\n[payments]\nminimum_throughput = 50";
    assert_eq!(profiles(file).get("payments").unwrap().get_trials(), 3);
}

#[test]
fn a_window_of_one_kind_takes_the_place_of_the_other() {
    let file = |base, own| {
        let file = format!("[b]\nwindow = {base}\n[p]\nbase = 'b'\nwindow = {own}\n");
        profiles(&file).get("p").unwrap().get_window()
    };
    assert_eq!(file("{ time = '5s', buckets = 2 }", "{ count = 30 }"), Window::count(30));
    let five = Window::time(Duration::from_secs(5));
    assert_eq!(file("{ count = 30 }", "{ time = '5s' }"), five);
    assert_eq!(
        wrong("[b]\nwindow.count = 30\n[p]\nbase = 'b'\nwindow.buckets = 2"),
        "p.window.buckets: goes with window.time, not with window.count"
    );
}

#[test]
fn what_a_base_has_off_is_on_again_where_it_is_said() {
    let file =
        "[b]\nbreak_backoff = 'off'\nslow_start = 'off'\nfailure_rate = 'off'\n[p]\nbase = 'b'\n";
    let more = "break_backoff.cap = '1m'\nslow_start.stage = '1s'\nfailure_rate = '5%'\n";
    let config = profiles(&format!("{file}{more}")).get("p").unwrap();
    assert!(config.get_break_backoff().is_some() && config.get_slow_start().is_some());
    assert_eq!(config.get_failure_rate(), Some(Rate::percent(5)));
}

#[test]
fn what_is_wrong_only_together_says_from_where_it_comes() {
    assert_eq!(
        wrong("[b]\nminimum_throughput = 30\n[p]\nbase = 'b'\nwindow.count = 20"),
        "p.minimum_throughput: must not be more than the results that the window holds, got 30, \
         inherited"
    );
    assert_eq!(
        wrong("[p]\nwindow.count = 10"),
        "p.minimum_throughput: must not be more than the results that the window holds, got 20, \
         the default"
    );
    assert_eq!(
        wrong("[b]\nbreak_backoff.cap = '1m'\n['a.b']\nbase = 'b'\nbreak_duration = '2m'"),
        "\"a.b\".break_backoff.cap: the cap must be break_duration to 365 days, got \"1m\", inherited"
    );
}

#[test]
fn a_base_that_does_not_exist_is_named_with_who_wants_it() {
    assert_eq!(
        wrong("[default]\n[payments]\nbase = 'defalt'"),
        "payments.base: there is no profile \"defalt\"; did you mean default?"
    );
    assert_eq!(wrong("[p]\nbase = 'x'"), "p.base: there is no profile \"x\"");
    assert_eq!(wrong("[p]\nbase = 5"), "p.base: must be the name of a profile, got 5");
    assert_eq!(
        toml::from_str::<Settings>("base = 'x'").unwrap_err().message(),
        "base: is no setting here, only a profile has one"
    );
}

#[test]
fn a_circle_of_bases_is_told_as_it_goes() {
    assert_eq!(wrong("[p]\nbase = 'p'"), "p.base: goes round in a circle, p -> p");
    assert_eq!(
        wrong("[a]\nbase = 'b'\n[b]\nbase = 'c'\n[c]\nbase = 'd'\n[d]\nbase = 'b'"),
        "b.base: goes round in a circle, b -> c -> d -> b"
    );
}

#[test]
fn a_long_line_of_bases_is_followed_to_its_end() {
    let mut file = "[p0]\ntrials = 9\n".to_owned();
    for (number, base) in (1..3_000).zip(0..) {
        file += &format!("[p{number}]\nbase = 'p{base}'\n");
    }
    let profiles = profiles(&file);
    assert!(profiles.iter().all(|(_, config)| config.get_trials() == 9));
}

#[test]
fn an_amendment_reaches_those_who_inherit() {
    let mut profiles = profiles(SERVICE);
    let vars = [("X_FAILURE_RATE", "10%"), ("X_TRIALS", "9")];
    profiles.amend("default", &Settings::from_vars("X_", vars).unwrap()).unwrap();
    let payments = profiles.get("payments").unwrap();
    assert_eq!((payments.get_failure_rate(), payments.get_trials()), (Some(Rate::percent(10)), 9));
    assert_eq!(profiles.get("api.example.com").unwrap().get_failure_rate(), None, "its own word");
    assert_eq!(profiles.get("alone").unwrap().get_trials(), 7);
}

#[test]
fn an_amendment_that_is_refused_changes_nothing() {
    let mut profiles = profiles(SERVICE);
    let before = profiles.clone();
    let count = Settings::from_vars("", [("WINDOW_COUNT", "100")]).unwrap();
    let error = profiles.amend("default", &count).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"api.example.com\".window.buckets: goes with window.time, not with window.count"
    );
    let error = profiles.amend("paiments", &count).unwrap_err();
    assert_eq!(error.to_string(), "paiments: is no profile; did you mean payments?");
    assert_eq!(profiles, before);
    assert_eq!(fields(&profiles.get("default").unwrap()), fields(&before.get("default").unwrap()));
}

#[test]
fn amendments_may_come_all_at_once() {
    let mut file = "[p0]\ntrials = 9\n".to_owned();
    for (number, base) in (1..3_000).zip(0..) {
        file += &format!("[p{number}]\nbase = 'p{base}'\n");
    }
    let mut profiles = profiles(&file);
    let before = profiles.clone();
    let settings = |vars: &[(&str, &str)]| Settings::from_vars("", vars.iter().copied()).unwrap();
    profiles
        .amend_all((0..3_000).map(|number| {
            let trials = (1 + number % 16).to_string();
            (format!("p{number}"), settings(&[("TRIALS", &trials)]))
        }))
        .unwrap();
    for (name, config) in profiles.iter() {
        let number: u32 = name[1..].parse().unwrap();
        assert_eq!(config.get_trials(), 1 + number % 16, "{name}");
    }

    // Those that are right by themselves and wrong together are refused together.
    let mut profiles = before.clone();
    let minimum = ("p5".to_owned(), settings(&[("MINIMUM_TRIALS", "4")]));
    let trials = ("p2".to_owned(), settings(&[("TRIALS", "3")]));
    let error = profiles.amend_all([minimum.clone(), trials]).unwrap_err();
    assert_eq!(error.to_string(), "p5.minimum_trials: must be 1 to the number of trials, got 4");
    assert_eq!(profiles, before);
    assert_eq!(profiles.get("p7").unwrap().get_trials(), 9);
    profiles.amend_all([minimum]).unwrap();
    assert_eq!(profiles.get("p7").unwrap().get_minimum_trials(), Some(4));
    // Two for one profile: the later one is over the earlier.
    let twice = ["5", "6"].map(|trials| ("p0", settings(&[("TRIALS", trials)])));
    profiles.amend_all(twice).unwrap();
    assert_eq!(profiles.get("p2999").unwrap().get_trials(), 6);
}

#[test]
fn amendments_at_both_ends_of_a_chain_are_checked_together() {
    let vars = |name, value| Settings::from_vars("", [(name, value)]).unwrap();
    for [first, between, last] in [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]] {
        let mut profiles = profiles(&format!(
            "[{first}]\n[{between}]\nbase = '{first}'\n[{last}]\nbase = '{between}'"
        ));
        // Either alone is refused: the last asks for more trials than the first has, until it has them.
        let (trials, minimum) = (vars("TRIALS", "16"), vars("MINIMUM_TRIALS", "10"));
        assert!(profiles.amend(last, &minimum).is_err());
        profiles.amend_all([(first, trials), (last, minimum)]).unwrap();
        let config = profiles.get(last).unwrap();
        assert_eq!((config.get_trials(), config.get_minimum_trials()), (16, Some(10)));
    }
}

#[test]
fn an_amendment_looks_at_those_who_inherit_and_at_no_others() {
    // 100,000 amendments of 100,000 profiles: at a look at each of all for each, this never ends.
    let profile = |number| format!(r#""p{number}": {{"base": "base"}}"#);
    let all = (0..100_000).map(profile).collect::<Vec<_>>().join(",");
    let file = format!(r#"{{"base": {{"trials": 9}}, {all}}}"#);
    let mut profiles: Profiles = serde_json::from_str(&file).unwrap();
    let five = Settings::from_vars("", [("TRIALS", "5")]).unwrap();
    for number in 0..100_000 {
        profiles.amend(&format!("p{number}"), &five).unwrap();
    }
    assert!(profiles.iter().all(|(name, config)| config.get_trials() == 5 || name == "base"));
}

#[test]
fn a_circle_of_many_is_told_in_part() {
    let file: String = (0..1_000)
        .map(|number| format!("[p{number}]\nbase = 'p{}'\n", (number + 1) % 1_000))
        .collect();
    assert_eq!(
        wrong(&file),
        "p0.base: goes round in a circle, p0 -> p1 -> p2 -> p3 -> (994 more) -> p998 -> p999 -> p0"
    );
}

#[test]
fn profiles_for_breakers_with_more_room_take_more_buckets() {
    let file = "[p]\nwindow = { time = '1m', buckets = 60 }";
    assert!(toml::from_str::<Profiles>(file).is_err());
    let config = toml::from_str::<Profiles<60>>(file).unwrap().get("p").unwrap();
    assert_eq!(config.get_window().buckets(), Some(60));
}

#[test]
fn a_bulkhead_is_inherited_part_by_part() {
    let profiles = profiles(
        "[default]\nbulkhead = { limit = 20, queue = 5, max_wait = '1s' }\n\
         [payments]\nbase = 'default'\nbulkhead.limit = 7\n\
         [direct]\nbase = 'default'\nbulkhead = 'off'\n\
         [alone]\n",
    );
    let queued = |limit| BulkheadConfig::new(limit).queue(5).max_wait(Duration::from_secs(1));
    assert_eq!(profiles.get_bulkhead("default"), Some(queued(20)));
    assert_eq!(profiles.get_bulkhead("payments"), Some(queued(7)));
    assert_eq!(profiles.get_bulkhead("direct"), None);
    assert_eq!(profiles.get_bulkhead("alone"), None);
    assert_eq!(profiles.get_bulkhead("orders"), None);
    assert_eq!(profiles.get_bulkhead_or_default("orders"), Some(queued(20)));
    assert_eq!(profiles.get_bulkhead_or_default("direct"), None);
    assert_eq!(
        wrong(
            "[b]\nbulkhead = { limit = 1, queue = 1, max_wait = '1s' }\n[p]\nbase = 'b'\nbulkhead.queue = 0"
        ),
        "p.bulkhead.max_wait: needs queue to be set"
    );
}
