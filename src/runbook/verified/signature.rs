//! Who signed a content file: it came with remediator, or somebody who may write runbooks did.

use super::super::proposals::{SHIPPED, Wrong};
use super::super::trust::Role;
use super::{Case, Court, timely};
use crate::base::text::for_shell;

impl Court<'_> {
    /// Whose signature of the file counts.
    pub(super) fn signer(&self, case: &Case<'_>) -> Result<String, Wrong> {
        if self.trust.shipped().contains(&case.digest) {
            return Ok(SHIPPED.into());
        }
        let sign = format!("remediator runbook sign {}", for_shell(case.path));
        let armored = self.folder.signature_of(case.path);
        let armored = armored.ok_or_else(|| Wrong::new("signature", "it is not signed", &sign))?;
        let signed = self.trust.verify(Role::Runbook, case.bytes, armored, self.now_us);
        let signed = signed
            .map_err(|e| Wrong::new("signature", format!("its signature does not count: {e}"), &sign))?;
        timely(signed, case.adoption, &sign)
    }
}
