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
