//! Small values that the tests of this layer share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::base::ids::{Fingerprint, Receipt};
use crate::base::signers;
use crate::base::sshsig::{SshPrivateKey, SshPublicKey};
use crate::event::content::Standing;
use crate::event::degradation::{DegradationSeen, Severity, Source};

use super::catalog::{Catalog, LoadContext};
use super::content::ContentFolder;
use super::model::{Platform, V1};
use super::proposals::{Approval, ApprovalAction, ProposalRef, Wrong};
use super::trust::{Role, Trust};

/// A degradation `service PROCESS_DEAD` of a target.
pub fn seen(target: &str, attributes: &[(&str, &str)]) -> DegradationSeen {
    DegradationSeen {
        subject: None,
        receipt: Receipt(uuid::Uuid::nil()),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
        severity: Severity::Error,
        summary: "gone".into(),
        detail: None,
        attributes: attributes
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect::<BTreeMap<_, _>>(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        actionable: true,
    }
}

/// Now, in these tests: 2026-06-01.
pub const NOW_US: i64 = 1_780_272_000_000_000;

/// A content folder with people: `ann` writes, `bob` approves and keeps the trust files, `eve` holds no role.
pub struct Folder {
    /// Its files.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the next load is told.
    pub context: LoadContext,
    keys: BTreeMap<&'static str, SshPrivateKey>,
    nonces: u32,
}

impl Folder {
    /// With a service `web`, a runbook `fix` for PROCESS_DEAD and a sentinel `eye`, signed and approved.
    pub fn new() -> Self {
        let mut folder = Self::empty();
        folder.write("proposals/web/proposal.yaml", PROPOSAL);
        folder.write("runbooks/web/service.yaml", SERVICE);
        folder.write("runbooks/web/fix.yaml", RUNBOOK);
        folder.write("runbooks/web/eye.yaml", SENTINEL);
        folder.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
        folder.sign_all();
        folder.approve("bob", "web", "2026-07-01T00:00:00Z");
        folder
    }
    /// The same files and people, to be changed in another way.
    pub fn new_with_keys_of(other: &Self) -> Self {
        let text = |key: &SshPrivateKey| key.to_openssh().expect("text");
        let keys =
            other.keys.iter().map(|(name, key)| (*name, SshPrivateKey::parse(&text(key)).expect("key")));
        let (files, context, nonces) = (other.files.clone(), other.context.clone(), other.nonces);
        Self { files, context, keys: keys.collect(), nonces }
    }
    /// With trust files only.
    pub fn empty() -> Self {
        let keys: BTreeMap<_, _> =
            ["ann", "bob", "eve"].map(|name| (name, SshPrivateKey::generate(name).expect("key"))).into();
        let context = LoadContext {
            now_us: NOW_US,
            adopted: BTreeMap::new(),
            first_live: BTreeMap::new(),
            home: "/srv/home".into(),
            platform: Platform::Linux,
            credentials: Default::default(),
        };
        let mut folder = Self { files: BTreeMap::new(), context, keys, nonces: 0 };
        let line = |who: &str, roles: &[Role]| {
            let names: Vec<&str> = roles.iter().map(|role| role.namespace()).collect();
            signers::line(who, &names, &folder.keys[who].public().expect("public"))
        };
        let ann = line("ann", &[Role::Runbook, Role::Proposal]);
        let bob = line("bob", &[Role::Approval, Role::Control, Role::Trust]);
        let eve = signers::line("eve", &["git"], &folder.keys["eve"].public().expect("public"));
        folder.write("proposals/trust/allowed_signers", &format!("{ann}\n{bob}\n{eve}\n"));
        folder.write("proposals/trust/policy.yaml", "v: 1\nsolo: false\nlive_evidence: none\n");
        folder.write("proposals/trust/revoked", "");
        folder
    }
    /// Lets ann approve too: the trust of somebody who works alone.
    pub fn solo(&mut self, solo: bool) {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.namespace()).collect();
        let line = signers::line("ann", &all, &self.public("ann"));
        self.write("proposals/trust/allowed_signers", &format!("{line}\n"));
        self.write("proposals/trust/policy.yaml", &format!("v: 1\nsolo: {solo}\nlive_evidence: none\n"));
    }
    /// Somebody's public key.
    pub fn public(&self, who: &str) -> SshPublicKey {
        self.keys[who].public().expect("public")
    }
    /// Writes a file.
    pub fn write(&mut self, path: &str, text: &str) {
        self.files.insert(path.into(), text.into());
    }
    /// Changes a file.
    pub fn edit(&mut self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.files[path].clone()).expect("text");
        assert!(text.contains(from), "{path}: {from}");
        self.write(path, &text.replacen(from, to, 1));
    }
    /// Signs a file.
    pub fn sign(&mut self, who: &str, role: Role, path: &str) {
        let armored = self.keys[who].sign(role.namespace(), &self.files[path]).expect("sign");
        self.write(&format!("{path}.sig"), &armored);
    }
    /// Ann signs everything below runbooks/.
    pub fn sign_all(&mut self) {
        let paths: Vec<String> = self
            .files
            .keys()
            .filter(|p| p.starts_with("runbooks/") && p.ends_with(".yaml"))
            .cloned()
            .collect();
        for path in paths {
            self.sign("ann", Role::Runbook, &path);
        }
    }
    /// Somebody approves everything below runbooks/ under a proposal.
    pub fn approve(&mut self, who: &str, proposal: &str, adopt_before: &str) {
        self.nonces += 1;
        let content = self.files.iter().filter(|(p, _)| p.starts_with("runbooks/") && p.ends_with(".yaml"));
        let approval = Approval {
            v: V1,
            action: ApprovalAction::Approve,
            proposal: ProposalRef {
                id: proposal.into(),
                digest: FileDigest::of(&self.files[&format!("proposals/{proposal}/proposal.yaml")]),
            },
            runbook: None,
            resolves: content.map(|(path, bytes)| (path.clone(), FileDigest::of(bytes))).collect(),
            adopt_before: adopt_before.into(),
            nonce: format!("nonce-{:016}", self.nonces),
            reason: "read and tried".into(),
        };
        let path = format!("proposals/{proposal}/approvals/{who}.json");
        self.write(&path, &serde_json::to_string_pretty(&approval).expect("json"));
        self.sign(who, Role::Approval, &path);
    }
    /// The files as the loader gives them.
    pub fn content(&self) -> ContentFolder {
        ContentFolder { files: self.files.clone(), unreadable: BTreeMap::new() }
    }
    /// The trust in its files.
    pub fn trust(&self) -> Trust {
        Trust::load(&self.content().trust_files()).expect("trust")
    }
    /// The catalog.
    pub fn load(&self) -> Catalog {
        Catalog::load(Arc::new(self.content()), &self.trust(), &self.context)
    }
    /// Standing of `kind/id`, with every reason.
    pub fn standing(&self, name: &str) -> (Standing, String) {
        let catalog = self.load();
        let entry = catalog.entries().find(|entry| entry.name() == name);
        let entry = entry.unwrap_or_else(|| panic!("{name} is not in {:?}", catalog.unreadable()));
        let reasons: Vec<String> =
            entry.reason().into_iter().chain(entry.reasons.iter().map(Wrong::to_string)).collect();
        (entry.standing, reasons.join("\n"))
    }
}

/// The proposal of [`Folder::new`].
pub const PROPOSAL: &str = "v: 1\nid: web\ntitle: Keep web running\nfailure_class: web dies\nmay: {steps: [run, service], targets: ['*'], blast_radius: machine}\nrisks: [none]\nundo: stop it\n";
/// Its service.
pub const SERVICE: &str = "v: 1\nkind: service\nid: web\ntitle: Web\nproposal: web\nargv: ['${home}/bin/web', '--port', '8080']\nprobe: {http: {url: 'http://127.0.0.1:8080/', expect_body: ok}, timeout: 3s}\n";
/// Its sentinel.
pub const SENTINEL: &str = "v: 1\nkind: sentinel\nid: eye\ntitle: Watches web\nproposal: web\nprobe: {service: web}\nreport: {subsystem: service, code: HTTP_WEDGED, target: web, summary: no answer}\n";
/// Its runbook.
pub const RUNBOOK: &str = r#"v: 1
kind: runbook
id: fix
title: Restart it
proposal: web
matcher: {subsystem: service, code: PROCESS_DEAD}
blast_radius: process
limits: {attempts: 3}
steps:
  - id: restore
    run: {argv: [/usr/bin/cp, --, "${attributes.good}", "${home}/data"], env: {WHAT: "${target}"}}
    timeout: 5s
    undo: {run: {argv: [/usr/bin/rm, -f, "${home}/data"], env: {WHAT: "${target}"}}}
  - id: restart
    service: {restart: "${target}"}
    timeout: 20s
    idempotent: true
verification: {probe: {service: "${target}"}}
"#;
