//! `FAULTS.md` and the tests that it names, compared; how long the names of tests may be; and
//! whether `MUTANTS.md` names files and functions that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The libraries whose faults have an id: the letter of its ids, how many faults it has, and the
/// module of `faults.rs` that holds their tests.
const LIBRARIES: [(&str, u32, &str); 6] = [
    ("r", 11, "resilience4j"),
    ("p", 5, "polly"),
    ("h", 4, "hystrix"),
    ("g", 7, "gobreaker"),
    ("y", 5, "pybreaker"),
    ("o", 8, "opossum"),
];

/// The module of `faults.rs` for faults without an id.
const RUST: &str = "rust";

/// The names of tests are shorter than this.
const NAME: usize = 60;

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
        let quoted = cells[2].split('`').skip(1).step_by(2); // what is between backticks
        let (tests, files): (Vec<_>, Vec<_>) = quoted.partition(|quoted| quoted.contains("::"));
        for file in files {
            assert!(root().join(file).exists(), "`{file}` is neither a test nor a file");
        }
        Row { ids: ids(cells[0]), text, tests }
    };
    LIST.lines().filter(is_row).map(row).collect()
}

/// The ids in a text, such as `r10` of `D-r10`.
fn ids(text: &str) -> BTreeSet<String> {
    let id = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    text.split("D-").skip(1).map(id).collect()
}

/// The file of a test, and the name of its function with its modules.
fn place(test: &str) -> (PathBuf, &str) {
    let root = root();
    if let Some((file, name)) = test.split_once(".rs::") {
        return (root.join(format!("{file}.rs")), name);
    }
    let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("`{test}` names no file"));
    let candidates = ["core/tests", "std-adapter/tests"]
        .map(|folder| root.join(folder).join(file).with_extension("rs"));
    let found = candidates.into_iter().find(|file| file.exists());
    (found.unwrap_or_else(|| panic!("`{test}`: there is no such file")), name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The functions of `source` that are run as tests, each with its module.
fn tests_of(source: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let (mut module, mut attributes) = ("", Vec::new());
    for line in source.lines() {
        let inside = line.strip_prefix("mod ").and_then(|line| line.strip_suffix(" {"));
        match line {
            "}" => module = "",
            _ => module = inside.unwrap_or(module),
        }
        let line = line.trim();
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
                let separator = if module.is_empty() { "" } else { "::" };
                tests.insert(format!("{module}{separator}{name}"));
            }
        }
        attributes.clear();
    }
    tests
}

/// The files under a folder whose names end in `.rs`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files
}

#[test]
fn each_row_names_tests_that_exist_and_run() {
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
fn each_test_of_a_fault_is_in_one_row_of_its_library() {
    let rows = rows();
    for name in tests_of(include_str!("faults.rs")) {
        let listed = format!("faults::{name}");
        let of_it: Vec<_> = rows.iter().filter(|row| row.tests.contains(&&*listed)).collect();
        assert_eq!(of_it.len(), 1, "`{listed}` is in one row");
        let (module, _) = name.split_once("::").unwrap_or_else(|| panic!("`{name}`: no module"));
        let has_id = |letter: &str| of_it[0].ids.iter().any(|id| id.starts_with(letter));
        if module == RUST {
            assert!(of_it[0].ids.is_empty(), "`{listed}` is in the row of a fault with an id");
            continue;
        }
        let library = LIBRARIES.iter().find(|(.., library)| *library == module);
        let (letter, ..) = library.unwrap_or_else(|| panic!("`{module}`: no such library"));
        assert!(has_id(letter), "`{listed}` is in the row of another library");
    }
}

/// The names in `core/src`, `std-adapter/src` and `loom-tests` are left out: ordering tables and
/// `.ci/kill-orderings` name many of them.
#[test]
fn the_names_of_tests_are_short() {
    let mut long = Vec::new();
    let mut looked_at = 0;
    for folder in ["core/tests", "std-adapter/tests", "compat/tests"] {
        for file in sources(&root().join(folder)) {
            for test in tests_of(&fs::read_to_string(&file).unwrap()) {
                looked_at += 1;
                if test.rsplit("::").next().unwrap().len() >= NAME {
                    long.push(format!("{}: {test}", file.display()));
                }
            }
        }
    }
    assert!(looked_at > 700, "{looked_at} tests");
    assert!(long.is_empty(), "{NAME} characters or more:\n{}", long.join("\n"));
}

#[test]
fn each_id_has_a_row_or_no_counterpart() {
    let (_, last) = LIST.rsplit_once("Without a counterpart here:").unwrap();
    let without = ids(last);
    let listed: BTreeSet<_> = rows().into_iter().flat_map(|row| row.ids).collect();
    for (library, count, _) in LIBRARIES {
        for id in (1..=count).map(|number| format!("{library}{number}")) {
            let has = (listed.contains(&id), without.contains(&id));
            assert!(has.0 != has.1, "D-{id}: a row {}, no counterpart {}", has.0, has.1);
        }
    }
    let all = LIBRARIES.iter().map(|(_, count, _)| *count as usize).sum::<usize>();
    assert_eq!(listed.len() + without.len(), all, "an id that no library has");
}

/// The text of a file of `core/src`, which the log names without `.rs`.
fn source(file: &str) -> String {
    let path = root().join("core/src").join(file).with_extension("rs");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{file}`: {error}"))
}

/// What is between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_log_of_mutants_names_files_and_functions_that_exist() {
    let log = include_str!("../MUTANTS.md");
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim);
    let (mut files, mut functions) = (0, 0);
    for line in log.lines().filter(|line| line.starts_with("| ") && !line.contains("---")) {
        let row: Vec<_> = cells(line).collect();
        if row.len() == 6 && row[0] != "file" && row[0] != "all" {
            // `a file, another file, a remark`
            for file in row[0].split(", ").filter(|part| !part.contains(' ')) {
                assert!(!source(file).is_empty(), "{file}");
                files += 1;
            }
        }
        if row.len() == 3 && row[0] != "where" {
            // `file`: `function`, `function`; `file`, `file`: `function`; `file`
            for part in row[0].split("; ") {
                let (of, names) = part.split_once(": ").unwrap_or((part, ""));
                let sources: Vec<_> = quoted(of).into_iter().map(source).collect();
                assert!(!sources.is_empty(), "names no file: {part}");
                for name in quoted(names).iter().filter_map(|name| name.rsplit("::").next()) {
                    functions += 1;
                    assert!(sources.iter().any(|source| source.contains(name)), "{of}: {name}");
                }
            }
        }
    }
    assert!(files > 40 && functions > 40, "{files} files, {functions} functions");
}
