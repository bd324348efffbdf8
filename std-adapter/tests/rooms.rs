//! The rooms of this crate, and which may use which.
//!
//! A room may use rooms that stand before it in the table below, so that no room is in a circle.
//! `ARCHITECTURE.md` says what is in each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each room, and the rooms that it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("breaker", &["support"]),
    ("timer", &["breaker", "support"]),
    ("resilience", &["breaker", "timer", "support"]),
    ("registry", &["breaker", "support"]),
    ("settings", &["resilience"]),
    ("adapters", &["breaker", "registry", "resilience", "timer", "support"]),
    ("telemetry", &["breaker", "registry", "resilience", "support"]),
    ("testing", &["breaker", "timer", "support"]),
];

/// Files that belong to no room.
const OUTSIDE: &[&str] = &["lib", "guides"];

/// The source without its comments and its unit tests.
fn code(source: &str) -> String {
    let code = source.split("#[cfg(all(test").next().unwrap().split("#[cfg(test)]").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Which names of the crate's root each room uses, with a file that does so.
fn uses() -> BTreeMap<String, BTreeMap<String, String>> {
    fn collect(
        folder: &Path,
        room: Option<&str>,
        uses: &mut BTreeMap<String, BTreeMap<String, String>>,
    ) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let room = room.unwrap_or(&stem);
            if path.is_dir() {
                collect(&path, Some(room), uses);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let used = uses.entry(room.to_owned()).or_default();
                let code = code(&fs::read_to_string(&path).unwrap());
                for rest in code.split("crate::").skip(1) {
                    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                    used.insert(name.unwrap().to_owned(), path.display().to_string());
                }
            }
        }
    }
    let mut uses = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut uses);
    uses
}

#[test]
fn every_file_is_in_a_room() {
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    let uses = uses();
    let found: BTreeSet<&str> = uses.keys().map(String::as_str).collect();
    let all = rooms.iter().chain(OUTSIDE).copied().collect();
    assert_eq!(found, all);
}

#[test]
fn rooms_use_only_the_rooms_that_they_may_use() {
    let uses = uses();
    for (room, may_use) in ROOMS {
        for (used, file) in &uses[*room] {
            assert!(
                used == room || may_use.contains(&used.as_str()),
                "{file}: `{room}` uses `crate::{used}`; it may use {may_use:?}"
            );
        }
    }
}

#[test]
fn the_rooms_form_no_circle() {
    for (at, (room, may_use)) in ROOMS.iter().enumerate() {
        let before: Vec<&str> = ROOMS[..at].iter().map(|(room, _)| *room).collect();
        for used in *may_use {
            assert!(before.contains(used), "`{room}` may use `{used}`, which comes later");
        }
    }
}
