//! `FAULTS.md` and the tests that it names, held together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every fault of the survey: how many each library has.
const SURVEY: [(&str, u32); 6] = [("r", 11), ("p", 5), ("h", 4), ("g", 7), ("y", 5), ("o", 8)];

const LIST: &str = include_str!("../FAULTS.md");

/// A row of the list: which faults it is about, and the tests that it names.
struct Row {
    ids: BTreeSet<String>,
    text: &'static str,
    tests: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let is_row = |line: &&str| {
        line.starts_with("| ") && !line.contains("---") && !line.contains("| fault |")
    };
    let row = |text: &'static str| {
        let cells: Vec<_> = text.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "three cells: {text}");
        let tests = cells[2].split('`').skip(1).step_by(2).collect(); // what is between backticks
        Row { ids: ids(cells[0]), text, tests }
    };
    LIST.lines().filter(is_row).map(row).collect()
}

/// The ids in a text, such as `r10` of `D-r10`.
fn ids(text: &str) -> BTreeSet<String> {
    let id = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    text.split("D-").skip(1).map(id).collect()
}

/// The file of a test, and the name of its function.
fn place(test: &str) -> (PathBuf, &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Some((place, name)) = test.rsplit_once("::") else {
        return (root.join("core/tests/faults.rs"), test);
    };
    if place.ends_with(".rs") {
        return (root.join(place), name);
    }
    let candidates = ["core/tests", "std-adapter/tests"]
        .map(|folder| root.join(folder).join(place).with_extension("rs"));
    let found = candidates.into_iter().find(|file| file.exists());
    (found.unwrap_or_else(|| panic!("`{test}`: there is no such file")), name)
}

/// The functions of `source` that are run as tests.
fn tests_of(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut attributes = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some((name, _)) = function.and_then(|function| function.split_once('(')) {
            let is_test = attributes
                .iter()
                .any(|attribute| *attribute == "#[test]" || attribute.starts_with("#[tokio::test"));
            if is_test && !attributes.iter().any(|attribute| attribute.starts_with("#[ignore")) {
                tests.insert(name);
            }
        }
        attributes.clear();
    }
    tests
}

#[test]
fn each_row_names_tests_and_each_of_them_is_there_and_runs() {
    let rows = rows();
    assert!(rows.len() > 50, "{} rows", rows.len());
    for Row { tests, text, .. } in rows {
        assert!(!tests.is_empty(), "names no test: {text}");
        for test in tests {
            let (file, name) = place(test);
            let source = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("`{test}`: {}: {error}", file.display()));
            assert!(tests_of(&source).contains(name), "`{test}` is no test that runs");
        }
    }
}

#[test]
fn each_test_of_a_fault_has_its_row_and_is_named_after_its_faults() {
    let rows = rows();
    for name in tests_of(include_str!("faults.rs")) {
        let of_it: Vec<_> = rows.iter().filter(|row| row.tests.contains(&name)).collect();
        assert_eq!(of_it.len(), 1, "`{name}` is in one row");
        if name.starts_with("peers_") {
            assert!(of_it[0].ids.is_empty(), "`{name}` is in the row of a fault that has an id");
            continue;
        }
        // Pairs of words, as long as they are `d` and an id.
        let words: Vec<_> = name.split('_').collect();
        let named = words.chunks(2).take_while(|pair| pair[0] == "d");
        let named: BTreeSet<_> = named.map(|pair| pair[1].to_owned()).collect();
        assert_eq!(named, of_it[0].ids, "`{name}` and its row");
    }
}

#[test]
fn each_fault_of_the_survey_has_a_row_or_no_counterpart() {
    let (_, last) = LIST.rsplit_once("Without a counterpart here:").unwrap();
    let without = ids(last);
    let listed: BTreeSet<_> = rows().into_iter().flat_map(|row| row.ids).collect();
    for (library, count) in SURVEY {
        for id in (1..=count).map(|number| format!("{library}{number}")) {
            let has = (listed.contains(&id), without.contains(&id));
            assert!(has.0 != has.1, "D-{id}: a row {}, no counterpart {}", has.0, has.1);
        }
    }
    let all = SURVEY.iter().map(|(_, count)| *count as usize).sum::<usize>();
    assert_eq!(listed.len() + without.len(), all, "an id that the survey has not");
}
