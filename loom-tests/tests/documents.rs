//! What documents say of the source is so. These tests run without `--cfg loom`.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All Rust files below `folder`, by their paths in it.
fn files(folder: &Path) -> BTreeSet<String> {
    fn collect(folder: &Path, root: &Path, files: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, root, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.insert(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut files = BTreeSet::new();
    collect(folder, folder, &mut files);
    files
}

#[test]
fn the_map_has_a_line_for_each_file() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (crate_name, folder) in [("cutout-core", "core/src"), ("cutout", "std-adapter/src")] {
        let section = map.split(&format!("\n## {crate_name}\n")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let listed: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(file, _)| file)
            .filter(|file| file.ends_with(".rs"))
            .collect();
        let there = files(&root().join(folder));
        assert_eq!(listed.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>(), there);
        assert_eq!(listed.len(), there.len(), "a file of {folder} is listed twice");
    }
}

#[test]
fn the_glossary_has_at_most_25_words() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let words = map.split("\n## Words\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let words = words.lines().filter(|line| line.starts_with("| ")).count() - 2;
    assert!((10..=25).contains(&words), "{words}");
}

/// What the source says of rules and of rows of orderings.
#[derive(Default)]
struct Ids {
    /// Where each rule and each row is defined.
    defined: Vec<(String, String)>,
    /// The tests that rows and rules name.
    tests: Vec<(String, String)>,
    /// The tags in code, as they stand there.
    tags: Vec<(String, String)>,
    /// What code and its documentation mention.
    mentioned: BTreeSet<String>,
}

/// Whether `word` is an id: a letter and a number of one or two digits.
fn is_id(word: &str) -> bool {
    let (letter, number) = word.split_at(word.len().min(1));
    letter.chars().all(|c| c.is_ascii_uppercase())
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

fn ids() -> Ids {
    let mut ids = Ids::default();
    for folder in ["core/src", "std-adapter/src"] {
        for file in files(&root().join(folder)) {
            let place = format!("{folder}/{file}");
            let source = fs::read_to_string(root().join(&place)).unwrap();
            for line in source.lines() {
                if let Some(rest) = line.strip_prefix("//! - **") {
                    let id = rest.split("**").next().unwrap();
                    if is_id(id) {
                        ids.defined.push((id.to_owned(), place.clone()));
                    }
                } else if let Some(rest) = line.strip_prefix("//! | ") {
                    let columns: Vec<&str> = rest.split(" | ").collect();
                    if is_id(columns[0]) {
                        ids.defined.push((columns[0].to_owned(), place.clone()));
                    }
                    if columns.len() >= 6 {
                        let last = columns.last().unwrap();
                        let tests = last.split('`').skip(1).step_by(2);
                        let tests = tests.filter(|test| test.contains('_'));
                        ids.tests.extend(tests.map(|test| (test.to_owned(), place.clone())));
                    }
                } else {
                    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
                    ids.mentioned.extend(words.filter(|word| is_id(word)).map(str::to_owned));
                    let comment = line.rsplit_once("// ").filter(|_| !line.contains("///"));
                    let tags = comment.map_or("", |(_, comment)| comment).split(", ");
                    let tags = tags.filter(|tag| is_id(tag.split('-').next().unwrap()));
                    ids.tags.extend(tags.map(|tag| (tag.to_owned(), place.clone())));
                }
            }
        }
    }
    ids
}

#[test]
fn each_rule_and_each_row_has_an_id_of_its_own() {
    let Ids { defined, .. } = ids();
    assert!(defined.len() > 80, "{defined:?}");
    let mut seen = BTreeSet::new();
    for (id, place) in defined {
        assert!(seen.insert(id.clone()), "`{id}` of {place} is defined elsewhere too");
    }
}

#[test]
fn each_id_has_its_place_in_the_code_and_each_tag_an_id() {
    let Ids { defined, tags, mentioned, .. } = ids();
    let defined: BTreeSet<String> = defined.into_iter().map(|(id, _)| id).collect();
    for id in &defined {
        assert!(mentioned.contains(id), "no code mentions `{id}`");
    }
    for (tag, place) in tags {
        let id = tag.split('-').next().unwrap();
        assert!(defined.contains(id), "`// {tag}` in {place} is no rule and no row");
    }
}

#[test]
fn each_test_that_shows_a_row_exists() {
    let all = files(&root().join("loom-tests/tests"));
    let models: String = all
        .iter()
        .map(|file| fs::read_to_string(root().join("loom-tests/tests").join(file)).unwrap())
        .collect();
    let Ids { tests, .. } = ids();
    assert!(tests.len() > 25, "{tests:?}");
    for (test, place) in tests {
        assert!(
            models.contains(&format!("fn {test}()")),
            "{place} names `{test}`, which is no model"
        );
    }
}
