//! Signed statements of people: more power needs a signature (X15). Checked against the trust in force.

use serde::Deserialize;

use super::handle::Rejection;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::formats;
use crate::base::ids::{IncidentId, NodeId, Seq};
use crate::base::limits::{GRANT_SUBSYSTEMS_MAX, INTEGER_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use crate::base::text::{clip, shown};
use crate::event::control::{KeyRotationOrdered, Resumed, SignedStatement};
use crate::event::lock::LockBreakOrdered;
use crate::event::sentinel::SentinelGranted;
use crate::event::step::TargetCleared;
use crate::journal::Clock as _;
use crate::policy::{Elevate, Input};
use crate::runbook::checks::is_subsystem;
use crate::runbook::model::is_id;
use crate::runbook::{Role, Trust};

/// A statement is good for this long after it was issued.
const STATEMENT_US_MAX: i64 = 3_600_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    v: u32,
    action: String,
    node: NodeId,
    #[serde(default)]
    subject: Option<String>,
    reason: String,
    nonce: String,
    issued_at: String,
    #[serde(default)]
    grant: Option<Granted>,
    #[serde(default)]
    elevation: Option<ElevationRead>,
}

/// What an external sentinel gets; the subject is its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    subsystems: Vec<String>,
    /// BLAKE3 of the token that only its owner has.
    token: Blake3,
}

/// What the person has read who lets a runbook act; the subject is the incident.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElevationRead {
    /// The request's entry.
    request: Seq,
    /// The runbook's digest.
    digest: FileDigest,
}

fn refused(code: &'static str, reason: impl Into<String>) -> Rejection {
    Rejection::Refused { code, reason: shown(&reason.into(), MESSAGE_BYTES_MAX) }
}

/// What a statement can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Let attempts start again.
    Resume,
    /// End the freeze of an incident's attempt; the subject is the incident's id.
    Thaw,
    /// End the taint of a target; the subject is the target.
    Clear,
    /// Take a lock from whoever holds it; the subject is `RESOURCE#TOKEN`.
    Break,
    /// Give the journal another key.
    RotateKey,
    /// Run a failed attempt again; the subject is the incident's id, and after a `/` the step to begin with.
    Rerun,
    /// Let an external sentinel report; the subject is its name.
    Grant,
    /// Let a runbook act that needs more trust than the policy gives; the subject is the incident's id.
    Elevate,
}

impl Control {
    /// The `action` of the statement.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Thaw => "thaw",
            Self::Clear => "clear",
            Self::Break => "break",
            Self::RotateKey => "rotate-key",
            Self::Rerun => "rerun",
            Self::Grant => "grant",
            Self::Elevate => "elevate",
        }
    }
    /// The role whose signature it needs: letting a runbook act once is an approval.
    pub fn role(self) -> Role {
        match self {
            Self::Elevate => Role::Approval,
            _ => Role::Control,
        }
    }
}

/// Reads and checks a statement against the trust in force; the input that carries it out.
pub(super) fn checked(
    control: Control,
    bytes: &[u8],
    signature: &str,
    node: NodeId,
    trust: Option<&Trust>,
) -> Result<Input, Rejection> {
    let now_us = crate::journal::SystemClock.now().time_us;
    judge_statement(control, bytes, signature, (node, now_us), trust)
}

/// The same at any time, for whoever tests what statements can say.
#[doc(hidden)]
pub fn judge_statement(
    control: Control,
    bytes: &[u8],
    signature: &str,
    (node, now_us): (NodeId, i64),
    trust: Option<&Trust>,
) -> Result<Input, Rejection> {
    let statement: Statement = serde_json::from_slice(bytes)
        .map_err(|e| refused("STATEMENT_UNREADABLE", format!("the statement cannot be read: {e}")))?;
    if statement.v != formats::STATEMENT || statement.action != control.word() {
        let wanted = control.word();
        return Err(refused("STATEMENT_UNREADABLE", format!("the statement is not a version 1 `{wanted}`")));
    }
    if statement.node != node {
        return Err(refused("STATEMENT_OTHER_NODE", format!("the statement is for node {}", statement.node)));
    }
    check_bounds(&statement)?;
    check_age(&statement.issued_at, now_us)?;
    let trust = trust.ok_or_else(|| refused("TRUST_UNREADABLE", "no trust is in force"))?;
    let signed = trust
        .verify(control.role(), bytes, signature.as_bytes(), now_us)
        .map_err(|e| refused("SIGNATURE_WRONG", format!("the signature does not count: {e}")))?;
    if let Some(why) = signed.untimely {
        return Err(refused("SIGNATURE_WRONG", why));
    }
    let reason = super::intake::clean_line(&statement.reason);
    let proof = SignedStatement { digest: FileDigest::of(bytes), nonce: statement.nonce };
    let further = (statement.grant, statement.elevation);
    input(control, statement.subject, further, signed.principal, reason, proof)
}

fn input(
    control: Control,
    subject: Option<String>,
    (granted, read): (Option<Granted>, Option<ElevationRead>),
    by: String,
    reason: String,
    statement: SignedStatement,
) -> Result<Input, Rejection> {
    let subject = |what: &str| {
        subject.clone().ok_or_else(|| refused("STATEMENT_UNREADABLE", format!("`subject` must name {what}")))
    };
    Ok(match control {
        Control::Resume => Input::Resumed(Resumed { by, reason, statement }),
        Control::RotateKey => Input::KeyRotationOrdered(KeyRotationOrdered { by, reason, statement }),
        Control::Clear => {
            Input::Cleared(TargetCleared { target: subject("a target")?, by, reason, statement })
        }
        Control::Break => {
            let subject = subject("a lock, as RESOURCE#TOKEN")?;
            let named = subject.rsplit_once('#').and_then(|(r, token)| Some((r, token.parse().ok()?)));
            let Some((resource, token)) = named.filter(|(_, token)| *token <= INTEGER_MAX) else {
                return Err(refused("STATEMENT_UNREADABLE", "`subject` is not RESOURCE#TOKEN"));
            };
            let resource = resource.to_owned();
            Input::BreakOrdered(LockBreakOrdered { resource, token, by, reason, statement })
        }
        Control::Grant => {
            let wanted = "`grant` must hold subsystems and the BLAKE3 of a token";
            let Granted { subsystems, token } =
                granted.ok_or_else(|| refused("STATEMENT_UNREADABLE", wanted))?;
            let sentinel = subject("the sentinel")?;
            check_grant(&sentinel, &subsystems)?;
            Input::Granted(Box::new(SentinelGranted { sentinel, subsystems, token, by, reason, statement }))
        }
        Control::Elevate => {
            let wanted = "`elevation` must hold the request and the digest of the runbook that it is for";
            let ElevationRead { request, digest } =
                read.ok_or_else(|| refused("STATEMENT_UNREADABLE", wanted))?;
            let incident = incident(&subject("an incident")?)?;
            Input::Elevated(Box::new(Elevate { incident, request, digest, by, reason, statement }))
        }
        Control::Thaw => {
            let incident = incident(&subject("an incident")?)?;
            Input::Thawed { incident, by, reason, statement }
        }
        Control::Rerun => {
            let subject = subject("an incident")?;
            let (id, from) = match subject.split_once('/') {
                Some((id, step)) => (id, Some(step.to_owned())),
                None => (subject.as_str(), None),
            };
            Input::Rerun { incident: incident(id)?, from, by, reason, statement }
        }
    })
}

fn incident(id: &str) -> Result<IncidentId, Rejection> {
    id.parse()
        .map_err(|e| refused("STATEMENT_UNREADABLE", format!("`subject` is not the id of an incident: {e}")))
}

/// RM-3: literal names, no wildcards.
fn check_grant(sentinel: &str, subsystems: &[String]) -> Result<(), Rejection> {
    let bad = |why: String| Err(refused("STATEMENT_UNREADABLE", why));
    if !is_id(sentinel) {
        return bad("the sentinel's name must match ^[a-z][a-z0-9-]{1,62}$".into());
    }
    if subsystems.is_empty() || subsystems.len() > GRANT_SUBSYSTEMS_MAX {
        return bad(format!("a grant names 1 to {GRANT_SUBSYSTEMS_MAX} subsystems"));
    }
    match subsystems.iter().find(|name| !is_subsystem(name)) {
        Some(name) => {
            bad(format!("`{}` is not one literal subsystem; there are no wildcards", clip(name, 64)))
        }
        None => Ok(()),
    }
}

/// What is recorded of a statement stands in one entry.
fn check_bounds(statement: &Statement) -> Result<(), Rejection> {
    let subject = statement.subject.as_deref().unwrap_or_default();
    for (member, text) in [("nonce", statement.nonce.as_str()), ("subject", subject)] {
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            let reason =
                format!("`{member}` is longer than {NAME_BYTES_MAX} bytes or holds control characters");
            return Err(refused("STATEMENT_UNREADABLE", reason));
        }
    }
    if statement.nonce.is_empty() {
        return Err(refused("STATEMENT_UNREADABLE", "`nonce` is empty: it makes a statement good once"));
    }
    Ok(())
}

fn check_age(issued_at: &str, now_us: i64) -> Result<(), Rejection> {
    let issued: jiff::Timestamp = issued_at
        .parse()
        .map_err(|e| refused("STATEMENT_UNREADABLE", format!("`issued_at` is not an RFC 3339 time: {e}")))?;
    if (now_us - issued.as_microsecond()).abs() > STATEMENT_US_MAX {
        return Err(refused("STATEMENT_EXPIRED", "the statement is more than an hour off: sign a new one"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::signers;
    use crate::base::sshsig::SshPrivateKey;

    struct Bench {
        trust: Trust,
        node: NodeId,
        key: SshPrivateKey,
    }

    fn bench(role: Role) -> Bench {
        let key = SshPrivateKey::generate("ann").expect("a key");
        let line = signers::line("ann", &[role.namespace()], &key.public().expect("its public half"));
        let files = BTreeMap::from([("allowed_signers".to_owned(), format!("{line}\n").into_bytes())]);
        let trust = Trust::load(&files).expect("trust");
        Bench { trust, node: NodeId::fresh().expect("randomness"), key }
    }

    impl Bench {
        fn statement(&self, action: &str, issued: i64) -> String {
            let issued =
                crate::base::time::rfc3339(crate::journal::SystemClock.now().time_us + issued * 1_000_000);
            let node = self.node;
            format!(
                r#"{{"v":1,"action":"{action}","node":"{node}","reason":"done","nonce":"0123456789abcdef","issued_at":"{issued}"}}"#
            )
        }

        /// The code of the refusal, or none.
        fn judge(&self, statement: &str, signed: &str) -> Option<&'static str> {
            let signature = self.key.sign(Role::Control.namespace(), signed.as_bytes()).expect("a signature");
            let bytes = statement.as_bytes();
            match checked(Control::Resume, bytes, &signature, self.node, Some(&self.trust)) {
                Ok(Input::Resumed(resumed)) if resumed.by == "ann" => None,
                Err(Rejection::Refused { code, .. }) => Some(code),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_statement_counts_with_role_signature_node_and_time() {
        let bench = self::bench(Role::Control);
        let good = bench.statement("resume", 0);
        assert_eq!(bench.judge(&good, &good), None);
        assert_eq!(bench.judge(&good, &bench.statement("resume", -1)), Some("SIGNATURE_WRONG"));
        for hours in [-2, 2] {
            let old = bench.statement("resume", hours * 3600);
            assert_eq!(bench.judge(&old, &old), Some("STATEMENT_EXPIRED"));
        }
        let other = bench.statement("thaw", 0);
        assert_eq!(bench.judge(&other, &other), Some("STATEMENT_UNREADABLE"));
        let elsewhere =
            good.replace(&bench.node.to_string(), &NodeId::fresh().expect("randomness").to_string());
        assert_eq!(bench.judge(&elsewhere, &elsewhere), Some("STATEMENT_OTHER_NODE"));
        let sly = good.replace("\"v\":1", &format!("\"\\u001b[2J{}\":1", "x".repeat(9_000)));
        let refused =
            checked(Control::Resume, sly.as_bytes(), "", bench.node, Some(&bench.trust)).map(|_| ());
        let Err(Rejection::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
        assert!(reason.len() <= MESSAGE_BYTES_MAX && !reason.contains(char::is_control), "{reason:?}");
        let no_role = self::bench(Role::Runbook);
        let good = no_role.statement("resume", 0);
        assert_eq!(no_role.judge(&good, &good), Some("SIGNATURE_WRONG"));
    }
}
