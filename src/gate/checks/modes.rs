//! Files that are signed are plain files: no program, no link, no submodule.

use super::super::finding::Finding;
use super::super::judge::Case;

/// What stands below these folders and is signed, or is a signature.
fn is_signed(path: &str) -> bool {
    [".yaml", ".yml", ".sig", ".json"].iter().any(|end| path.ends_with(end))
        || path.starts_with("proposals/trust/")
}

/// See the module. Links and submodules are told by `text`, which knows what cannot be read.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (path, mode) in &case.change.modes {
        if mode == "100755" && is_signed(path) && case.change.touched.contains(path) {
            let path = case.change.path(path);
            let message = "it is marked as a program; nothing that is signed is one";
            let mend = format!("chmod a-x {path} && git update-index --chmod=-x {path}");
            findings.push(Finding::of("mode", path, message, mend));
        }
    }
}
