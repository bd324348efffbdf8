//! The table of settings in the documentation says what the code does.

use cutout::settings::Settings;
use cutout::{BulkheadConfig, Config};
use serde_json::{Map, Value, json};

const DOCUMENTATION: &str = include_str!("../../src/settings.rs");

struct Row {
    path: String,
    default: Option<String>,
    allowed: String,
}

fn rows() -> Vec<Row> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().replace('`', "")).collect();
    DOCUMENTATION
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `"))
        .map(|line| {
            let cells: Vec<String> = cells(line);
            let default = Some(cells[1].clone()).filter(|default| !default.is_empty());
            Row { path: cells[0].clone(), default, allowed: cells[2].clone() }
        })
        .collect()
}

/// `{"window": {"time": value}}` for `window.time`.
fn at(path: &str, value: Value) -> Value {
    match path.split_once('.') {
        Some((table, name)) => json!({ table: { name: value } }),
        None => json!({ path: value }),
    }
}

/// The paths of what is written, in order.
fn paths(written: &Map<String, Value>) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, value) in written {
        match value {
            Value::Object(table) => paths.extend(table.keys().map(|part| format!("{name}.{part}"))),
            _ => paths.push(name.clone()),
        }
    }
    paths
}

#[test]
fn the_table_has_every_setting_in_order() {
    let names = |settings: Settings| {
        let table = serde_json::to_value(settings).unwrap();
        paths(table.as_object().unwrap())
    };
    let written = |text| {
        let settings = toml::from_str::<Settings>(text).unwrap();
        names(Settings::from(&settings.to_config().unwrap()))
    };
    let mut all = written("");
    all.extend(written("window.count = 50\nbreak_backoff.cap = '1m'\nslow_start.stage = '1s'"));
    all.extend(names(Settings::from(&BulkheadConfig::new(1))));
    all.extend(names(toml::from_str("bulkhead = 'off'").unwrap()));
    all.sort();
    all.dedup();
    let mut documented: Vec<String> = rows().into_iter().map(|row| row.path).collect();
    documented.sort();
    assert_eq!(documented, all);
}

#[test]
fn each_range_in_the_table_is_the_one_in_the_error() {
    for Row { path, allowed, .. } in rows() {
        let error = serde_json::from_value::<Settings>(at(&path, json!([]))).unwrap_err();
        let message = error.to_string();
        let range = message
            .strip_prefix(&format!("{path}: must be "))
            .or_else(|| message.strip_prefix(&format!("{path}: ")))
            .and_then(|message| message.strip_suffix(", got []"))
            .unwrap_or_else(|| panic!("{message}"));
        // Before it, how a value of this kind is written.
        let kind = range.strip_suffix(&allowed).unwrap_or_else(|| panic!("{message}"));
        let ends = ["", ", ", ", and ", "; "];
        assert!(ends.iter().any(|end| kind.ends_with(end)) && kind.len() < 90, "{message}");
    }
}

#[test]
fn each_default_in_the_table_is_that_of_a_new_configuration() {
    // A part of what is off by default has its default once the other part is there.
    let on = "break_backoff.cap = '5m'\nslow_start.stage = '10s'";
    let on = toml::from_str::<Settings>(on).unwrap().to_config().unwrap();
    for Row { path, default, .. } in rows() {
        let Some(default) = default else {
            continue;
        };
        if path.starts_with("bulkhead") {
            continue;
        }
        let base = if path.contains('.') { on } else { Config::new() };
        let value = serde_json::from_str(&default).unwrap();
        let settings = serde_json::from_value::<Settings>(at(&path, value)).unwrap();
        let config = settings.to_config_over(base).unwrap();
        assert_eq!(Settings::from(&config), Settings::from(&base), "{path}");
    }
}

#[test]
fn the_table_has_the_defaults_of_a_new_bulkhead() {
    let limit = Settings::from_vars("", [("BULKHEAD_LIMIT", "5")]).unwrap();
    let rows = rows().into_iter().filter(|row| row.path.starts_with("bulkhead."));
    for Row { path, default, .. } in rows {
        let Some(default) = default else {
            continue;
        };
        let value = serde_json::from_str(&default).unwrap();
        let settings = serde_json::from_value::<Settings>(at(&path, value)).unwrap();
        let bulkhead = settings.over(&limit).to_bulkhead().unwrap();
        assert_eq!(bulkhead, Some(BulkheadConfig::new(5)), "{path}");
    }
    assert_eq!(Settings::new().to_bulkhead(), Ok(None), "off");
}
