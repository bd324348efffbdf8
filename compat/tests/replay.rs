//! Replays what other breakers were seen to do, and says where ours decides otherwise.

use std::path::PathBuf;

#[test]
fn others_decide_as_ours_but_for_documented_differences() {
    let named = std::env::var_os("CUTOUT_GOLDEN").map(PathBuf::from);
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let root = named.as_ref().unwrap_or(&kept);
    let (mut traces, mut complaints) = (0, Vec::new());
    for group in cutout_compat::groups(root) {
        traces += group.score.traces;
        println!("{}\n{}", group.name, group.score);
        if group.score.traces == 0 && named.is_none() {
            complaints.push(format!("{}: no traces", group.name));
        }
        if group.is_exact && group.score.operations > 0 && group.score.compared_percent() < 95.0 {
            complaints.push(format!("{}: less than 95 % compared", group.name));
        }
        complaints.extend(group.score.unexplained);
    }
    assert!(traces > 0, "no traces in {}", root.display());
    assert!(complaints.is_empty(), "unexplained:\n{}", complaints.join("\n"));
}
