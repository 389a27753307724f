//! What lies below runbooks/ and proposals/ are plain files: no program, no link, no submodule.

use super::super::finding::Finding;
use super::super::judge::Case;
use crate::base::text::for_shell;

/// See the module. Links and submodules are told by `text`, which knows what cannot be read.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (path, mode) in &case.change.modes {
        if mode == "100755" && case.change.touched.contains(path) {
            let path = case.change.path(path);
            let message =
                "it is marked as a program; programs do not lie beside runbooks, where nobody signs them";
            let quoted = for_shell(&path);
            let mend = format!("chmod a-x {quoted} && git update-index --chmod=-x {quoted}");
            findings.push(Finding::of("mode", path, message, mend));
        }
    }
}
