//! Replays what other breakers were seen to do, and says where ours decides otherwise.

#[path = "replay/mod.rs"]
mod replay;

use std::path::PathBuf;

/// The traces to replay: those of the directory that `CUTOUT_GOLDEN` names, or those kept here.
fn root() -> PathBuf {
    std::env::var_os("CUTOUT_GOLDEN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden"),
        PathBuf::from,
    )
}

#[test]
fn recorded_breakers_decide_as_ours_but_for_the_documented_differences() {
    let (mut traces, mut unexplained) = (0, Vec::new());
    for group in replay::groups(&root()) {
        traces += group.score.traces;
        println!("{}\n{}", group.name, group.score);
        if group.is_exact && group.score.operations > 0 && group.score.compared_percent() < 95.0 {
            unexplained.push(format!("{}: less than 95 % compared", group.name));
        }
        unexplained.extend(group.score.unexplained);
    }
    assert!(traces > 0, "no traces in {}", root().display());
    assert!(unexplained.is_empty(), "unexplained:\n{}", unexplained.join("\n"));
}
