//! The configuration beside the content folder names programs of channels, addresses and secrets, and nothing at run time
//! asks who wrote it: whoever changes it in the repository must hold `trust@remediator` before the change.

use crate::base::digest::FileDigest;
use crate::runbook::Role;

use super::super::finding::Finding;
use super::super::judge::Case;

/// Its name, beside `runbooks/`.
pub const NAME: &str = "remediator.yaml";

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let Some(bytes) = case.change.config_after.as_ref().filter(|_| case.change.touched.contains(NAME)) else {
        return;
    };
    let signature = case.change.config_signature.as_deref();
    let spent = case.spent.contains(&FileDigest::of(bytes));
    let refused = match signature.map(|armored| case.trust.verify(Role::Trust, bytes, armored, case.now_us()))
    {
        _ if spent => "it is a version from before, whose signature is spent".to_owned(),
        Some(Ok(signed)) if signed.untimely.is_none() => return,
        Some(Ok(signed)) => signed.untimely.unwrap_or_default(),
        Some(Err(error)) => error.to_string(),
        None => "it is not signed".to_owned(),
    };
    let path = case.change.path(NAME);
    let message = format!(
        "the configuration changes without a signature that counts ({refused}): it may name programs to run"
    );
    let mend = format!(
        "ssh-keygen -Y sign -f KEY -n trust@remediator {path}, by somebody whom the base lets change trust, and add {path}.sig; \
         or keep {path} out of the repository"
    );
    findings.push(Finding::of("config", path, message, mend));
}
