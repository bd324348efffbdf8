//! Several profiles in one environment: `PREFIX__PROFILE__SETTING`.

use core::time::Duration;

use cutout::settings::Profiles;
use cutout::{BulkheadConfig, Config, Rate, Window};

use crate::read::fields;

fn profiles() -> Profiles {
    toml::from_str(
        r#"
        [default]
        failure_rate = "40%"

        [payments]
        base = "default"
        minimum_throughput = 50

        ["api.example.com"]
        base = "payments"

        [eu-west_1]
        minimum_trials = 3
        "#,
    )
    .unwrap()
}

/// What is wrong with these variables, of which nothing takes effect.
fn wrong<const N: usize>(vars: [(&str, &str); N]) -> String {
    let (mut amended, before) = (profiles(), profiles());
    let error = amended.amend_from_vars("CUTOUT__", vars).unwrap_err();
    assert_eq!(amended, before);
    for (name, config) in before.iter() {
        assert_eq!(fields(&amended.get(name).unwrap()), fields(&config), "{name}");
    }
    error.to_string()
}

#[test]
fn one_environment_amends_several_profiles() {
    let mut profiles = profiles();
    profiles
        .amend_from_vars(
            "CUTOUT__",
            [
                ("PATH", "/bin"),
                ("CUTOUT_TRIALS", "is of another prefix"),
                ("CUTOUT__DEFAULT__FAILURE_RATE", "10%"),
                ("CUTOUT__PAYMENTS__WINDOW_TIME", "5s"),
                ("CUTOUT__PAYMENTS__WINDOW_BUCKETS", "5"),
                ("CUTOUT__API_EXAMPLE_COM__TRIALS", "7"),
                ("CUTOUT__API_EXAMPLE_COM__BULKHEAD_LIMIT", "20"),
                ("CUTOUT__EU_WEST_1__FAILURE_RATE", "off"),
            ],
        )
        .unwrap();
    let default = Config::new().failure_rate(Rate::percent(10));
    let payments =
        default.minimum_throughput(50).window(Window::time(Duration::from_secs(5)).in_buckets(5));
    for (name, config) in [
        ("default", default),
        ("payments", payments),
        ("api.example.com", payments.trials(7)),
        ("eu-west_1", Config::new().without_failure_rate().minimum_trials(3)),
    ] {
        assert_eq!(fields(&profiles.get(name).unwrap()), fields(&config), "{name}");
    }
    assert_eq!(profiles.get_bulkhead("api.example.com"), Some(BulkheadConfig::new(20)));
}

#[test]
fn profiles_may_stand_in_the_environment_alone() {
    let vars = [
        ("CUTOUT__DEFAULT__FAILURE_RATE", "10%"),
        ("CUTOUT__PAYMENTS_EU__BASE", "default"),
        ("CUTOUT__PAYMENTS_EU__TRIALS", "5"),
        ("CUTOUT__ORDERS__TRIALS", "6"),
    ];
    let profiles: Profiles = Profiles::from_vars("CUTOUT__", vars).unwrap();
    let names: Vec<&str> = profiles.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["default", "orders", "payments_eu"]);
    let default = Config::new().failure_rate(Rate::percent(10));
    assert_eq!(fields(&profiles.get("payments_eu").unwrap()), fields(&default.trials(5)));
    assert_eq!(fields(&profiles.get("orders").unwrap()), fields(&Config::new().trials(6)));
    assert_eq!(fields(&profiles.get_or_default("others")), fields(&default));

    let wrong = |vars: &[(&str, &str)]| {
        let read = Profiles::<10>::from_vars("CUTOUT__", vars.iter().copied());
        read.unwrap_err().to_string()
    };
    assert_eq!(
        wrong(&[("CUTOUT__ORDERS__BASE", "defualt"), ("CUTOUT__DEFAULT__TRIALS", "5")]),
        "CUTOUT__ORDERS__BASE (orders.base): there is no profile \"defualt\"; did you mean default?"
    );
    assert_eq!(
        wrong(&[("CUTOUT__ORDERS__TRIALS", "99")]),
        "CUTOUT__ORDERS__TRIALS (orders.trials): must be 1 to 16, got 99"
    );
    assert_eq!(
        wrong(&[("CUTOUT__A__BASE", "a")]),
        "CUTOUT__A__BASE (a.base): goes round in a circle, a -> a"
    );
}

#[test]
fn a_wrong_variable_is_named_with_its_setting_and_the_range() {
    assert_eq!(
        wrong([("CUTOUT__PAYMENTS__TRIALS", "17")]),
        "CUTOUT__PAYMENTS__TRIALS (payments.trials): must be 1 to 16, got 17"
    );
    assert_eq!(
        wrong([("CUTOUT__API_EXAMPLE_COM__WINDOW_TIME", "5x")]),
        "CUTOUT__API_EXAMPLE_COM__WINDOW_TIME (\"api.example.com\".window.time): must be a number and a unit of ns, us \
         (µs), ms, s (sec), m (min), h, d or w, 1 ms to 1 day long, as in \"1m 30s\", got \"5x\""
    );
    assert_eq!(
        wrong([("CUTOUT__PAYMENTS__TRAILS", "3")]),
        "CUTOUT__PAYMENTS__TRAILS: is no setting; did you mean CUTOUT__PAYMENTS__TRIALS?"
    );
    assert_eq!(
        wrong([("CUTOUT__PAIMENTS__TRIALS", "3")]),
        "CUTOUT__PAIMENTS__TRIALS: there is no profile PAIMENTS; did you mean PAYMENTS?"
    );
    assert_eq!(
        wrong([("CUTOUT__TRIALS", "3")]),
        "CUTOUT__TRIALS: must name a profile and a setting, as in CUTOUT__DEFAULT__TRIALS"
    );
    assert_eq!(
        wrong([("CUTOUT__PAYMENTS__BASE", "default")]),
        "CUTOUT__PAYMENTS__BASE: is told where the profile is, and cannot be amended"
    );
    assert_eq!(
        wrong([("CUTOUT__PAYMENTS__TRIALS", "3"), ("CUTOUT__PAYMENTS__TRIALS", "3")]),
        "CUTOUT__PAYMENTS__TRIALS (payments.trials): is given twice"
    );
}

#[test]
fn what_is_wrong_only_together_names_the_variable() {
    assert_eq!(
        wrong([("CUTOUT__PAYMENTS__MINIMUM_TRIALS", "4")]),
        "CUTOUT__PAYMENTS__MINIMUM_TRIALS (payments.minimum_trials): must be 1 to the number of \
         trials, got 4"
    );
    // The file's setting is wrong now, for the sake of the variable.
    assert_eq!(
        wrong([("CUTOUT__EU_WEST_1__TRIALS", "2")]),
        "eu-west_1.minimum_trials: must be 1 to the number of trials, got 3, beside \
         CUTOUT__EU_WEST_1__TRIALS"
    );
}

#[test]
fn a_variable_that_may_mean_two_profiles_is_refused() {
    let mut profiles: Profiles =
        toml::from_str("['a.b']\ntrials = 3\n[a-b]\ntrials = 3\n[c__d]\ntrials = 3").unwrap();
    let error = profiles.amend_from_vars("X__", [("X__A_B__TRIALS", "5")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "X__A_B__TRIALS: may mean the profile a-b or the profile \"a.b\""
    );
    profiles.amend_from_vars("X__", [("X__C__D__TRIALS", "5")]).unwrap();
    assert_eq!(profiles.get("c__d").unwrap().get_trials(), 5);
}

#[test]
fn the_environment_of_the_process_is_read() {
    assert!(profiles().amend_from_env("CUTOUT_NOBODY_SETS_THIS__").is_ok());
    // Cargo sets CARGO_PKG_NAME.
    let error = profiles().amend_from_env("CARGO_PKG_N").unwrap_err();
    assert_eq!(error.path(), "CARGO_PKG_NAME");
    assert!(Profiles::<10>::from_env("CUTOUT_NOBODY_SETS_THIS__").unwrap().iter().next().is_none());
}
