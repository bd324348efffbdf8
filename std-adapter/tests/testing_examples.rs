//! The tools for users' tests are documented by examples that assert.

/// The source of the tools. What is added to `src/testing` is added here.
const SOURCES: [(&str, &str); 6] = [
    ("dependency", include_str!("../src/testing/dependency.rs")),
    ("drive", include_str!("../src/testing/drive.rs")),
    ("fault", include_str!("../src/testing/fault.rs")),
    ("script", include_str!("../src/testing/script.rs")),
    ("states", include_str!("../src/testing/states.rs")),
    ("transitions", include_str!("../src/testing/transitions.rs")),
];

#[test]
fn every_public_item_of_testing_has_an_example_that_asserts() {
    let items = ["fn", "const fn", "async fn", "struct", "enum", "trait"];
    let (mut met, mut without) = (0, Vec::new());
    for (file, source) in SOURCES {
        let (mut is_in_example, mut asserts) = (false, false);
        for line in source.lines().map(str::trim_start) {
            if let Some(documentation) = line.strip_prefix("///") {
                let code = documentation.trim_start();
                is_in_example ^= code.starts_with("```");
                asserts |= is_in_example && code.contains("assert");
            } else if let Some(item) = line.strip_prefix("pub ") {
                if items.iter().any(|kind| item.starts_with(&format!("{kind} "))) {
                    met += 1;
                    without.extend((!asserts).then(|| format!("{file}: {item}")));
                }
                asserts = false;
            } else if !line.starts_with('#') {
                asserts = false;
            }
        }
    }
    assert!(met > 40, "{met} are all that were found");
    assert!(without.is_empty(), "without an example that asserts:\n{}", without.join("\n"));
    let modules = include_str!("../src/testing.rs").lines();
    let modules = modules.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    assert!(modules.eq(SOURCES.iter().map(|(file, _)| *file)));
}
