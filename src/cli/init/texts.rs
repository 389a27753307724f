//! The texts of a new home: configuration with every key explained, trust files, .gitignore. The values that stand in
//! comments are the defaults; a test keeps them equal to what the program really uses.

use crate::base::signers;
use crate::base::sshsig::SshPublicKey;
use crate::runbook::{LiveEvidence, Role};

/// `remediator.yaml`. `listen` is written only where it differs from the default.
pub fn config(listen: &str) -> String {
    let set = if listen == crate::remediator::config::LISTEN { "# " } else { "" };
    format!(
        r#"# Configuration of this remediator. Every key is optional; what stands behind a # is the default.
# Unknown keys are errors. What a decision may read is written to the journal before it is used.
v: 1

# Address of the HTTP interface. REMEDIATOR_LISTEN wins over it.
{set}listen: {listen}

# Names under which the page may be opened, besides addresses and localhost: docs/page.md.
# hosts: []
# TLS: docs/http.md.
# tls: {{cert: tls/remediator.pem, key: tls/remediator.key}}

# Folder that holds runbooks/ and proposals/, relative to this file's folder.
# content: .

limits:
  # Attempts that may run at once on this machine.
  attempts_at_once: 2
  # From this many attempts for one trouble within the window on, it is only announced.
  fingerprint_attempts: 3
  fingerprint_window: 4h
  # How long the looks before an attempt may take.
  preconditions_timeout: 30s
  # How long an attempt waits for its lock.
  lock_timeout: 60s
  # How long an attempt whose outcome nobody knows waits for a person.
  frozen_for: 24h
  # Pause between two looks when an escalation is due and nobody can tell how the target is.
  reprobe_every: 30s

# Who is told, by name, besides `log`: docs/channels.md.
# channels:
#   oncall:
#     webhook: {{url: "https://pager.example.org/hook", sign_secret: oncall-key}}
# Channels that are told of everything that is announced.
# announce: [log]
# Channels that are told how each attempt ended.
# outcomes: []

# How what other programs send becomes reports: docs/ingest.md.
# ingest:
#   alertmanager:
#     subsystem: {{from: [/labels/subsystem], default: prometheus}}
"#
    )
}

/// `proposals/trust/allowed_signers` with one person in every role.
pub fn allowed_signers(principal: &str, key: &SshPublicKey) -> String {
    let namespaces = Role::ALL.map(Role::namespace);
    format!(
        "# Who may sign what (OpenSSH format, see ssh-keygen(1) ALLOWED SIGNERS). A role is a namespace.\n\
         # A change takes effect with a trust@remediator signature of somebody who holds that role now.\n{}\n",
        signers::line(principal, &namespaces, key).trim_end()
    )
}

/// `proposals/trust/policy.yaml`.
pub fn policy(solo: bool, evidence: LiveEvidence) -> String {
    format!(
        "# v is the format. solo: one person may both write and approve what stays on one machine and can be\n\
         # repeated or taken back; such approvals are shown as self-approved. live_evidence: what has to show that a\n\
         # runbook works before it goes live: either (a rehearsal or dry runs), rehearsal, dry_runs, none.\n\
         # approvals: how many people what reaches a fleet or cannot be taken back needs; default 2 each.\n\
         # trust_level: what runbooks may do without anybody being asked: cautious, supervised (default),\n\
         # collaborative, autonomous.\n\
         v: 1\nsolo: {solo}\nlive_evidence: {}\n",
        evidence.word()
    )
}

/// `proposals/trust/revoked`.
pub const REVOKED: &str =
    "# What no longer counts, a line each: `sha256:…` of a file, or `SHA256:…` of a key.\n";

/// `.gitignore` of a home.
pub const GITIGNORE: &str =
    "/state/\n# Of this machine: addresses, channels and the programs that they start.\n/remediator.yaml\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::content::ConfigLoaded;

    #[test]
    fn what_the_configuration_says_is_what_the_program_does_without_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = crate::remediator::config::read(folder.path(), None).expect("all defaults");
        std::fs::write(folder.path().join("remediator.yaml"), config("127.0.0.1:8855")).expect("written");
        let written = crate::remediator::config::read(folder.path(), None).expect("our own text is readable");
        assert_eq!((written.listen, &written.decisions), (none.listen, &none.decisions));
        assert_eq!(written.decisions, ConfigLoaded::default());
        std::fs::write(folder.path().join("remediator.yaml"), config("127.0.0.1:4711")).expect("written");
        let other = crate::remediator::config::read(folder.path(), None).expect("readable");
        assert_eq!(other.listen.port(), 4711);
    }
}
