//! Whether those who should witness the log do: from the cosigned checkpoint on disk, so it can be told without a daemon.

use std::path::Path;

use super::{Patient, Sheet};
use crate::base::time::rfc3339;
use crate::tlog::COSIGNED;
use crate::tlog::note::Note;
use crate::tlog::policy::Policy;

/// Older cosignatures are a finding: they are asked each minute.
const AGE_S_MAX: u64 = 600;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let Ok(Some(path)) = patient.config.as_ref().map(|config| config.log_policy.as_ref()) else { return };
    let policy = std::fs::read_to_string(path).map_err(|e| e.to_string());
    let policy = match policy.and_then(|text| Policy::parse(&text).map_err(|e| e.to_string())) {
        Ok(policy) => policy,
        Err(why) => {
            let what = format!("the policy {} cannot be used: {why}; no witness is asked", path.display());
            return sheet
                .finding(what, "mend it, or `log.policy` in remediator.yaml, then restart the daemon");
        }
    };
    let now_s = u64::try_from(crate::cli::out::now_us() / 1_000_000).unwrap_or(0);
    match look(&patient.home.state().join("tlog").join(COSIGNED), &policy, now_s) {
        Ok(who) => sheet.ok(format!("the log is witnessed by {who}")),
        Err(what) => sheet.finding(what, "see that they run and know this log: docs/transparency.md"),
    }
}

/// Who cosigned, or what is wrong with it.
fn look(path: &Path, policy: &Policy, now_s: u64) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|_| "no witness has cosigned the log yet".to_owned())?;
    let note = Note::parse(&text).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    let judged = policy.judge(&note);
    let asked = policy.witnesses().filter(|(_, witness)| witness.url.is_some());
    let old = |name: &str| judged.cosigned.get(name).is_none_or(|at| at + AGE_S_MAX < now_s);
    let away: Vec<String> = asked
        .filter(|(name, _)| old(name))
        .map(|(name, _)| match judged.cosigned.get(name) {
            Some(at) => format!("{name} (last {})", rfc3339(i64::try_from(*at).unwrap_or(0) * 1_000_000)),
            None => name.to_owned(),
        })
        .collect();
    let who: Vec<&str> = judged.cosigned.keys().map(String::as_str).collect();
    match (away.is_empty(), judged.quorum) {
        (true, true) => Ok(who.join(", ")),
        (_, true) => Err(format!("does not cosign the log: {}; those who do are enough", away.join(", "))),
        (_, false) => Err(format!("too few witnesses cosign the log; missing: {}", away.join(", "))),
    }
}
