//! The modules of this crate form no circle: only `breaker` knows all the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Uses = BTreeMap<String, BTreeSet<String>>;

/// The source without its comments, its unit tests, and what only documentation links to.
fn code(source: &str) -> String {
    let code = source.split("#[cfg(all(test").next().unwrap().split("#[cfg(doc)]");
    let linked = |rest: &str| rest.split_once(';').map_or(String::new(), |(_, code)| code.into());
    let mut parts = code.map(str::to_owned);
    let first = parts.next().unwrap();
    let code = parts.fold(first, |all, part| all + &linked(&part));
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Which modules each module uses, files in a module's folder included.
fn uses() -> Uses {
    fn collect(folder: &Path, module: Option<&str>, uses: &mut Uses) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let module = module.unwrap_or(&stem);
            if path.is_dir() {
                collect(&path, Some(module), uses);
            } else if module != "lib" {
                let code = code(&fs::read_to_string(&path).unwrap());
                let used = code.split("crate::").skip(1).map(|rest| {
                    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
                });
                let all = uses.entry(module.to_owned()).or_default();
                all.extend(used.filter(|used| *used != module).map(str::to_owned));
            }
        }
    }
    let mut uses = Uses::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut uses);
    uses
}

/// All that `module` uses, and what that uses in turn.
fn reached<'a>(uses: &'a Uses, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&str> = uses[module].iter().map(String::as_str).collect();
    while let Some(next) = left.pop() {
        if reached.insert(uses.get_key_value(next).unwrap().0.as_str()) {
            left.extend(uses[next].iter().map(String::as_str));
        }
    }
    reached
}

#[test]
fn modules_import_by_path_and_not_through_the_root() {
    let uses = uses();
    assert!(uses.len() > 20, "{uses:?}");
    for (module, used) in &uses {
        for used in used {
            assert!(uses.contains_key(used), "`{module}` uses `crate::{used}`, which is no module");
        }
    }
}

#[test]
fn no_module_uses_itself_by_way_of_another() {
    let uses = uses();
    for module in uses.keys() {
        let reached = reached(&uses, module);
        assert!(!reached.contains(module.as_str()), "`{module}` is in a circle: {reached:?}");
    }
}

#[test]
fn only_the_breaker_knows_the_breaker() {
    for (module, used) in &uses() {
        assert!(!used.contains("breaker"), "`{module}` uses `breaker`");
    }
}
