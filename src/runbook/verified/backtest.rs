//! Whether history was asked before it goes live: where the policy wants a backtest of these very bytes (RM-52).

use super::super::backtested;
use super::super::model::Content;
use super::super::proposals::{SHIPPED, Wrong};
use super::{Adoption, Case, Court};
use crate::base::text::for_shell;

impl Court<'_> {
    /// What is missing, if something is. Asked of runbooks, at their first adoption, when the policy says so.
    pub(super) fn unbacktested(&self, case: &Case<'_>, signer: Option<&str>) -> Option<Wrong> {
        let Content::Runbook(runbook) = case.content else { return None };
        let wanted = self.trust.policy().backtest;
        if !wanted || case.adoption == Adoption::Before || signer == Some(SHIPPED) {
            return None;
        }
        let mend = format!("remediator backtest --runbook {} --keep", for_shell(case.path));
        let path = backtested::path(&runbook.proposal, &runbook.id);
        let missing = match backtested::read(self.folder, self.trust, &path, self.now_us) {
            Err(why) => why,
            Ok((_, signed)) if signed.untimely.is_some() => signed.untimely.unwrap_or_default(),
            Ok((backtested, _)) => backtested.falls_short(&case.digest, self.now_us)?,
        };
        let problem = format!("the policy asks for a backtest of it: {missing}");
        Some(Wrong::new("backtest", problem, mend))
    }
}

#[cfg(test)]
mod tests {
    use crate::base::digest::FileDigest;
    use crate::event::content::Standing;
    use crate::runbook::testing::{Folder, NOW_US};
    use crate::runbook::{Role, backtested};

    #[test]
    fn a_policy_that_asks_for_a_backtest_gets_one_of_these_very_bytes() {
        let mut folder = Folder::new();
        folder.write("proposals/trust/policy.yaml", "v: 1\nlive_evidence: none\nbacktest: true\n");
        let (standing, why) = folder.standing("runbook/fix");
        assert_eq!(standing, Standing::ObserveOnly);
        assert!(why.contains("backtest --runbook runbooks/web/fix.yaml --keep"), "{why}");
        let path = backtested::path("web", "fix");
        let mut write = |bytes: &[u8], at_us: i64| {
            let text = serde_json::json!({
                "v": 1, "runbook": FileDigest::of(bytes), "program": "0", "at_us": at_us, "node": "n", "from": 1,
                "to": 2, "fired": 0, "incidents": 0, "targets_at_once": 0, "line": "nothing"
            });
            folder.write(&path, &text.to_string());
            let unsigned = folder.standing("runbook/fix").1;
            folder.sign("ann", Role::Runbook, &path);
            (unsigned, folder.standing("runbook/fix"))
        };
        let own = crate::runbook::testing::RUNBOOK.as_bytes();
        let (unsigned, (_, other)) = write(b"other", 0);
        assert!(unsigned.contains("is not signed") && other.contains("of other bytes"), "{unsigned} {other}");
        assert!(write(own, NOW_US + 1).1.1.contains("a time to come"));
        assert_eq!(write(own, NOW_US).1.0, Standing::Live);
    }
}
