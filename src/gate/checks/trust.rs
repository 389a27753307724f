//! Whoever changes who may sign, under which policy and what is revoked, must hold `trust@remediator` before the change.

use crate::runbook::trust::{TRUST_FILES, TrustError};

use super::super::finding::Finding;
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let Some(Err(error)) = &case.next else { return };
    let differs = |name: &&&str| {
        let path = format!("proposals/trust/{name}");
        case.change.before.get(&path) != case.change.after.get(&path)
    };
    let file = match error {
        TrustError::Unsigned { file, .. } | TrustError::Spent(file) => file.as_str(),
        _ => TRUST_FILES.iter().find(differs).copied().unwrap_or("allowed_signers"),
    };
    let path = case.change.path(&format!("proposals/trust/{file}"));
    let mend = format!(
        "remediator runbook sign {path}, by somebody whom the base lets change trust; or git restore --staged {path}"
    );
    findings.push(Finding::of("trust", path, error.to_string(), mend));
}
