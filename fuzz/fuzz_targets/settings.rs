//! Any text is settings: either an error that says where and what, or configurations that a breaker
//! takes, and that read back from what is written as they were.
#![no_main]

use cutout::settings::{Profiles, Settings};
use cutout::{CircuitBreaker, Config};
use libfuzzer_sys::fuzz_target;

fn fields(config: &Config) -> String {
    format!("{config:?}")
}

fn profiles(profiles: &Profiles) {
    for (_, config) in profiles.iter() {
        assert!(CircuitBreaker::try_new(config).is_ok(), "{config:?}");
    }
    let toml = toml::to_string(profiles).expect("profiles can be written");
    let json = serde_json::to_string(profiles).expect("profiles can be written");
    for again in
        [toml::from_str::<Profiles>(&toml).expect(&toml), serde_json::from_str(&json).expect(&json)]
    {
        assert!(again == *profiles, "{toml}");
        for (name, config) in again.iter() {
            assert_eq!(Some(fields(&config)), profiles.get(name).map(|config| fields(&config)));
            assert_eq!(again.get_bulkhead(name), profiles.get_bulkhead(name));
        }
    }
}

fn settings(settings: &Settings) {
    if let Ok(Some(config)) = settings.to_bulkhead() {
        assert_eq!(Settings::from(&config).to_bulkhead(), Ok(Some(config)));
    }
    match settings.to_config() {
        Ok(config) => {
            assert!(CircuitBreaker::try_new(config).is_ok(), "{config:?}");
            let again = Settings::from(&config).to_config().map(|again| fields(&again));
            assert_eq!(again, Ok(fields(&config)));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with(&format!("{}: ", error.path())), "{message}");
        }
    }
    // What is left to the base is as if it had been written.
    let whole = settings.over(&Settings::from(&Config::new())).to_config();
    assert_eq!(
        whole.ok().map(|config| fields(&config)),
        settings.to_config().ok().map(|config| fields(&config))
    );
}

fuzz_target!(|bytes: &[u8]| {
    let Some((format, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match format % 5 {
        0 => toml::from_str(text).iter().for_each(profiles),
        1 => serde_json::from_str(text).iter().for_each(profiles),
        2 => toml::from_str(text).iter().for_each(settings),
        3 => serde_json::from_str(text).iter().for_each(settings),
        _ => {
            let vars = text.lines().filter_map(|line| line.split_once('='));
            Settings::from_vars("", vars).iter().for_each(settings);
        }
    }
});
