//! A real repository with people in it: `ann` writes, `bob` and `cyd` approve, `bob` keeps the trust files, `eve` may nothing.
//! Everything is signed with real keys, committed with real git and judged by the real program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use remediator::base::digest::FileDigest;
use remediator::base::signers;
use remediator::base::sshsig::SshPrivateKey;
use remediator::runbook::Role;
use remediator::runbook::model::V1;
use remediator::runbook::proposals::{Approval, ApprovalAction, ProposalRef};
use serde_json::Value;

pub struct Repo {
    folder: tempfile::TempDir,
    keys: BTreeMap<&'static str, SshPrivateKey>,
    nonces: std::cell::Cell<u32>,
}

/// What the gate said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
}

impl Said {
    /// The checks of the findings that block.
    pub fn blocking(&self) -> Vec<&str> {
        self.errors().into_iter().map(|finding| finding["check"].as_str().unwrap()).collect()
    }
    /// The findings that block, whole.
    pub fn errors(&self) -> Vec<&Value> {
        let findings = self.report["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        findings.iter().filter(|finding| finding["level"] == "error").collect()
    }
    /// It blocks, and one of the reasons is this.
    #[track_caller]
    pub fn blocks(&self, check: &str) {
        assert_eq!(self.code, 1, "{self:#?}");
        assert!(self.blocking().contains(&check), "{check}: {self:#?}");
        for finding in self.report["findings"].as_array().unwrap() {
            assert!(!finding["file"].as_str().unwrap().is_empty(), "{finding:#}");
            assert!(
                finding["level"] == "note" || finding["mend"].is_string() || finding["line"] != 0,
                "{finding:#}"
            );
        }
    }
    #[track_caller]
    pub fn passes(&self) {
        assert_eq!((self.code, self.blocking()), (0, vec![]), "{self:#?}");
    }
}

pub const RUNBOOK: &str = "runbooks/web/fix.yaml";
pub const SERVICE: &str = "runbooks/web/service.yaml";
pub const PROPOSAL: &str = "proposals/web/proposal.yaml";

impl Repo {
    /// With trust committed, and nothing else.
    pub fn with_trust() -> Self {
        let repo = Self::empty();
        repo.write_trust(&repo.allowed(), POLICY);
        repo.git(&["add", "."]);
        repo.commit("trust");
        repo
    }

    /// With a runbook, its service and its proposal besides, signed, approved and committed.
    pub fn new() -> Self {
        let repo = Self::with_trust();
        repo.honest();
        repo.git(&["add", "."]);
        repo.commit("fix");
        repo
    }

    /// Without a commit.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = ["ann", "bob", "cyd", "eve"].map(|name| (name, SshPrivateKey::generate(name).unwrap()));
        let repo = Self { folder, keys: keys.into(), nonces: 0.into() };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A line of allowed_signers.
    pub fn line(&self, who: &str, key_of: &str, roles: &[Role]) -> String {
        let names: Vec<&str> = roles.iter().map(|role| role.namespace()).collect();
        signers::line(who, &names, &self.keys[key_of].public().unwrap())
    }

    /// Who may what.
    pub fn allowed(&self) -> String {
        let ann = self.line("ann", "ann", &[Role::Runbook, Role::Proposal, Role::Approval]);
        let bob = self.line("bob", "bob", &[Role::Approval, Role::Control, Role::Trust]);
        let cyd = self.line("cyd", "cyd", &[Role::Approval, Role::Runbook]);
        format!("{ann}\n{bob}\n{cyd}\n")
    }

    pub fn write_trust(&self, allowed: &str, policy: &str) {
        self.write("proposals/trust/allowed_signers", allowed);
        self.write("proposals/trust/policy.yaml", policy);
        self.write("proposals/trust/revoked", "");
    }

    /// An honest first runbook with everything that it needs.
    pub fn honest(&self) {
        self.write(PROPOSAL, PROPOSAL_TEXT);
        self.write(RUNBOOK, RUNBOOK_TEXT);
        self.write(SERVICE, SERVICE_TEXT);
        self.sign("ann", Role::Proposal, PROPOSAL);
        self.sign("ann", Role::Runbook, RUNBOOK);
        self.sign("ann", Role::Runbook, SERVICE);
        self.approve("bob", "web", &[RUNBOOK, SERVICE]);
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path}: {from}");
        self.write(path, text.replacen(from, to, 1));
    }

    pub fn sign(&self, who: &str, role: Role, path: &str) {
        let armored = self.keys[who].sign(role.namespace(), &fs::read(self.path(path)).unwrap()).unwrap();
        self.write(&format!("{path}.sig"), armored);
    }

    pub fn digest(&self, path: &str) -> FileDigest {
        FileDigest::of(&fs::read(self.path(path)).unwrap())
    }

    /// Somebody approves these files under a proposal.
    pub fn approve(&self, who: &str, proposal: &str, files: &[&str]) {
        self.approve_with(who, who, proposal, files, "2036-01-01T00:00:00Z");
    }

    pub fn approve_with(&self, who: &str, key_of: &str, proposal: &str, files: &[&str], adopt_before: &str) {
        self.nonces.set(self.nonces.get() + 1);
        let approval = Approval {
            v: V1,
            action: ApprovalAction::Approve,
            proposal: ProposalRef {
                id: proposal.into(),
                digest: self.digest(&format!("proposals/{proposal}/proposal.yaml")),
            },
            runbook: None,
            resolves: files.iter().map(|path| ((*path).to_owned(), self.digest(path))).collect(),
            adopt_before: adopt_before.into(),
            nonce: format!("nonce-{:016}", self.nonces.get()),
            reason: "read and tried".into(),
        };
        let path = format!("proposals/{proposal}/approvals/{who}.json");
        self.write(&path, serde_json::to_string_pretty(&approval).unwrap());
        self.sign(key_of, Role::Approval, &path);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root());
        isolate(&mut command);
        command
    }

    /// git, which must succeed; what it printed.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let out = self.command("git").args(args).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    /// git, whatever comes out.
    pub fn try_git(&self, args: &[&str]) -> Output {
        self.command("git").args(args).output().unwrap()
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Everything as it lies here is staged, then judged.
    pub fn judge_all(&self) -> Said {
        self.git(&["add", "-A"]);
        self.judge(&[])
    }

    /// What the gate says.
    pub fn judge(&self, args: &[&str]) -> Said {
        self.judge_in(self.root(), args)
    }

    pub fn judge_in(&self, folder: &Path, args: &[&str]) -> Said {
        let said = self.judge_once(folder, args);
        if args.contains(&"--all") {
            return said;
        }
        // What the change does not reach makes no difference to what blocks.
        let all = self.judge_once(folder, &[args, &["--all"]].concat());
        assert_eq!((said.code, said.errors()), (all.code, all.errors()));
        said
    }

    /// The same, without looking whether judging everything would give another answer.
    pub fn judge_once(&self, folder: &Path, args: &[&str]) -> Said {
        let mut command = Command::new(gate());
        isolate(&mut command);
        let out = command.current_dir(folder).args(["--output", "json"]).args(args).output().unwrap();
        Said {
            code: out.status.code().unwrap(),
            report: serde_json::from_slice(&out.stdout).unwrap_or_default(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// What it prints, in a form.
    pub fn print(&self, form: &str, args: &[&str]) -> String {
        let mut command = self.command(gate());
        String::from_utf8(command.args(["--output", form]).args(args).output().unwrap().stdout).unwrap()
    }
}

/// The program under test.
pub fn gate() -> &'static str {
    env!("CARGO_BIN_EXE_runbook-gate")
}

/// Nothing of the person who runs the tests: no settings, no hooks, no repository around.
pub fn isolate(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") || name == "GITHUB_STEP_SUMMARY" {
            command.env_remove(name);
        }
    }
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "somebody")
            .env(format!("GIT_{role}_EMAIL"), "somebody@example.org");
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/nonexistent");
}

pub const PROPOSAL_TEXT: &str = "v: 1\nid: web\ntitle: Keep web running\nfailure_class: web dies\nmay: {steps: [run, service], targets: ['web*'], blast_radius: machine}\nrisks: [none]\nundo: stop it\n";

pub const SERVICE_TEXT: &str = "v: 1\nkind: service\nid: web\ntitle: Web\nproposal: web\nargv: ['/srv/bin/web', '--port', '8080']\nprobe: {http: {url: 'http://127.0.0.1:8080/', expect_body: ok}, timeout: 3s}\n";

pub const RUNBOOK_TEXT: &str = "v: 1
kind: runbook
id: fix
title: Restart it
proposal: web
matcher: {subsystem: service, code: PROCESS_DEAD, target: web}
blast_radius: process
limits: {attempts: 3}
steps:
  - id: restart
    service: {restart: web}
    timeout: 20s
    idempotent: true
verification: {probe: {service: web}}
";

/// Approvals are what most tests are about; evidence has one of its own.
pub const POLICY: &str = "v: 1\nlive_evidence: none\n";
