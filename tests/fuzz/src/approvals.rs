//! Target `approvals`: what approvers sign, and the statements that give power back. The bytes are signed by somebody who
//! may, so that what counts is what they say. What is accepted fits an entry; what is not says why in a few words.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use remediator::base::digest::FileDigest;
use remediator::base::ids::NodeId;
use remediator::base::signers;
use remediator::base::sshsig::SshPrivateKey;
use remediator::event::control::SignedStatement;
use remediator::policy::Input;
use remediator::remediator::{Control, Rejection, judge_statement};
use remediator::runbook::proposals::{self, Approval, Approved};
use remediator::runbook::{ContentFolder, Role, Trust};

use super::said;

const PROPOSAL: &str = "v: 1\nid: web\ntitle: Web\nfailure_class: web dies\nmay: {steps: [run], targets: ['*'], \
blast_radius: machine}\nrisks: [none]\nundo: stop it\n";
const PATH: &str = "proposals/web/approvals/ann.json";
/// When statements are judged: the seeds say 2026-06-01.
const NOW_US: i64 = 1_780_272_000_000_000;
const CONTROLS: [Control; 8] = [
    Control::Resume,
    Control::Thaw,
    Control::Clear,
    Control::Break,
    Control::RotateKey,
    Control::Rerun,
    Control::Grant,
    Control::Elevate,
];

static KEY: LazyLock<SshPrivateKey> =
    LazyLock::new(|| SshPrivateKey::parse(include_str!("../../keys/sample_approver")).expect("a sample key"));

static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.namespace()).collect();
    let line = signers::line("ann", &roles, &KEY.public().expect("its public half"));
    let files = BTreeMap::from([("allowed_signers".to_owned(), format!("{line}\n").into_bytes())]);
    Trust::load(&files).expect("trust").allow_sample_keys()
});

/// See the module.
pub fn check(bytes: &[u8]) {
    // What is no JSON does not get as far as a signature.
    let json = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let sign = |role: Role| match json {
        Some(_) => KEY.sign(role.namespace(), bytes).expect("a signature"),
        None => "unsigned".to_owned(),
    };
    approval(bytes, sign(Role::Approval));
    let action = json.as_ref().and_then(|json| json.get("action")?.as_str());
    let control = CONTROLS.into_iter().find(|control| Some(control.word()) == action);
    let control = control.unwrap_or(Control::Resume);
    statement(control, bytes, &sign(control.role()));
}

fn approval(bytes: &[u8], signature: String) {
    let files = BTreeMap::from([
        ("proposals/web/proposal.yaml".to_owned(), PROPOSAL.into()),
        (PATH.to_owned(), bytes.to_vec()),
        (format!("{PATH}.sig"), signature.into_bytes()),
    ]);
    let folder = ContentFolder { files, unreadable: BTreeMap::new() };
    let mut read = proposals::load(&folder, &TRUST, NOW_US);
    let approvals = read.remove("web").expect("the proposal").approvals;
    match approvals.get(PATH).expect("the approval") {
        Ok(Approved { signed, approval, .. }) => {
            assert_eq!(
                (signed.principal.as_str(), &approval.proposal.digest),
                ("ann", &FileDigest::of(PROPOSAL.as_bytes()))
            );
            let written = serde_json::to_string(approval).expect("JSON");
            let again: Approval = serde_json::from_str(&written).expect("what we write we read");
            assert_eq!(&again, approval);
        }
        Err(why) => said::is_fit(why),
    }
}

fn statement(control: Control, bytes: &[u8], signature: &str) {
    let node: NodeId = "01890000-0000-7000-8000-000000000001".parse().expect("an id");
    let (by, reason, statement) =
        match judge_statement(control, bytes, signature, (node, NOW_US), Some(&TRUST)) {
            Err(Rejection::Refused { reason, .. }) => return said::is_fit(reason),
            Err(other) => panic!("{other}"),
            Ok(Input::Resumed(e)) => (e.by, e.reason, e.statement),
            Ok(Input::KeyRotationOrdered(e)) => (e.by, e.reason, e.statement),
            Ok(Input::Cleared(e)) => {
                said::is_line(e.target);
                (e.by, e.reason, e.statement)
            }
            Ok(Input::BreakOrdered(e)) => {
                said::is_line(e.resource);
                (e.by, e.reason, e.statement)
            }
            Ok(Input::Granted(e)) => {
                said::is_line(format!(
                    "{} {}",
                    e.sentinel,
                    e.subsystems.join(",").get(..64).unwrap_or_default()
                ));
                assert!(serde_json::to_string(&e.subsystems).expect("JSON").len() < 16 * 1024);
                (e.by, e.reason, e.statement)
            }
            Ok(Input::Elevated(e)) => (e.by, e.reason, e.statement),
            Ok(Input::Thawed { by, reason, statement, .. }) => (by, reason, statement),
            Ok(Input::Rerun { from, by, reason, statement, .. }) => {
                from.iter().for_each(said::is_line);
                (by, reason, statement)
            }
            Ok(other) => panic!("{other:?}"),
        };
    assert_eq!(by, "ann");
    said::is_fit(reason);
    let SignedStatement { digest, nonce } = statement;
    assert_eq!(digest, FileDigest::of(bytes));
    assert!(!nonce.is_empty());
    said::is_line(nonce);
}
