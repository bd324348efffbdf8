//! What must not compile does not, and the message is ours.
//!
//! Each file in `ui` says in its first line what the compiler must say. The rest of the compiler's
//! words is its own business, and differs from version to version.

use std::fs;
use std::path::Path;
use std::process::Command;

const EXPECTED: &str = "// error: ";

#[test]
fn what_must_not_compile_does_not_and_says_why() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    fs::create_dir_all(project.join("src/bin")).unwrap();
    // Without the feature, this build has not fetched the crate that the table rests on.
    let has_tables = cfg!(feature = "heapless");
    let features = if has_tables { "\"heapless\"" } else { "" };
    let manifest = format!(
        "[package]\nname = \"compile-fail\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\ncutout-core = {{ path = {package:?}, features = [{features}] }}\n\n[workspace]\n"
    );
    fs::write(project.join("Cargo.toml"), manifest).unwrap();
    // The versions that this very build has fetched, so that nothing else is.
    let _ = fs::copy(package.join("../Cargo.lock"), project.join("Cargo.lock"));

    let mut cases = 0;
    for case in fs::read_dir(package.join("tests/ui")).unwrap() {
        let case = case.unwrap().path();
        let name = case.file_stem().unwrap().to_str().unwrap();
        if name.starts_with("table") && !has_tables {
            continue;
        }
        let source = fs::read_to_string(&case).unwrap();
        fs::write(project.join("src/bin").join(format!("{name}.rs")), &source).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "--bin", name])
            .current_dir(&project)
            .env("CARGO_TARGET_DIR", project.join("target"))
            .env_remove("RUSTFLAGS")
            .env("CARGO_TERM_COLOR", "never")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match source.lines().next().unwrap().strip_prefix(EXPECTED) {
            Some(message) => {
                assert!(!output.status.success(), "{name} compiles");
                assert!(said.contains(message), "{name} should say `{message}`, but:\n{said}");
            }
            None => assert!(output.status.success(), "{name} should compile, but:\n{said}"),
        }
        cases += 1;
    }
    assert!(cases >= 10 + usize::from(has_tables), "only {cases} cases were found");
}
