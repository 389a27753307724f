//! The throw-away copy: a home with keys that are good for nothing else, the runbook, the services it rests on, and what
//! stands in for the rest. Not for what is done to it (`mod`).

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Draft;
use crate::base::digest::FileDigest;
use crate::base::signers;
use crate::base::sshsig::SshPrivateKey;
use crate::base::time::Span;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::{files, home};
use crate::cli::out;
use crate::event::degradation::{DegradationReport, Severity};
use crate::event::plan::ActionPlan;
use crate::runbook::authoring::{self, Approve};
use crate::runbook::model::{Rehearsal, is_id};
use crate::runbook::problem::Source;
use crate::runbook::{Kind, LiveEvidence, PlanFor, Role, checks, yaml};

/// Who does everything in the copy, and who writes what they approve.
const PEOPLE: [&str; 2] = ["rehearsal", "rehearsal-author"];
/// A report of this makes the copy's own runbook start a service.
const START: (&str, &str) = ("rehearsal", "REHEARSAL_START");

/// See the module.
pub struct Replica {
    folder: tempfile::TempDir,
    home: PathBuf,
    listen: String,
    target: String,
    rehearsal: Rehearsal,
    values: Vec<(String, String)>,
    services: Vec<String>,
    relies_on: BTreeMap<String, FileDigest>,
    report: DegradationReport,
}

impl Replica {
    /// Makes it.
    pub fn of(draft: &Draft<'_>) -> Result<Self, Failure> {
        made(draft).map_err(|e| {
            let what = format!("cannot make a copy to rehearse {} on", draft.file.display());
            Failure::new(Exit::Findings, format!("{what}: {e:#}"))
        })
    }
    /// Its home.
    pub fn home(&self) -> &Path {
        &self.home
    }
    /// Address of its daemon.
    pub fn listen(&self) -> &str {
        &self.listen
    }
    /// How long each part may take.
    pub fn within(&self) -> Span {
        self.rehearsal.within
    }
    /// Services that are started first.
    pub fn services(&self) -> &[String] {
        &self.services
    }
    /// What of the real folder it rests on.
    pub fn relies_on(&self) -> &BTreeMap<String, FileDigest> {
        &self.relies_on
    }
    /// The file with the look that tells whether it is healthy.
    pub fn eye(&self) -> PathBuf {
        self.folder.path().join("healed.yaml")
    }
    /// Leaves it behind.
    pub fn keep(self) -> PathBuf {
        let home = self.home.clone();
        let _ = self.folder.keep();
        home
    }
    /// Programs that set it up.
    pub fn setup(&self) -> Vec<Vec<String>> {
        self.rehearsal.setup.iter().map(|c| self.filled(&c.argv, &[])).collect()
    }
    /// Programs that break it.
    pub fn breaks(&self, pids: &[(String, i64)]) -> Result<Vec<Vec<String>>, Failure> {
        let all: Vec<Vec<String>> =
            self.rehearsal.breaks.iter().map(|c| self.filled(&c.argv, pids)).collect();
        match all.iter().flatten().find(|word| word.contains("${pid.")) {
            None => Ok(all),
            Some(word) => {
                let what = format!("`{}` names a service that does not run in the copy", out::line(word));
                let known: Vec<&str> = pids.iter().map(|(id, _)| id.as_str()).collect();
                Err(Failure::new(Exit::Findings, what).hint(format!("it has: {}", known.join(", "))))
            }
        }
    }
    /// The report that begins it.
    pub fn degradation(&self) -> DegradationReport {
        self.report.clone()
    }
    /// The report that starts a service.
    pub fn start_of(&self, service: &str) -> DegradationReport {
        DegradationReport {
            subject: None,
            subsystem: START.0.to_owned(),
            code: START.1.to_owned(),
            target: service.to_owned(),
            attributes: BTreeMap::new(),
            ..self.report.clone()
        }
    }

    /// Text of the real folder as it stands in the copy. `${home}` stays: the copy's daemon resolves it to the copy's home.
    fn stood_in(&self, text: &str) -> String {
        self.rehearsal
            .stand_ins
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, &replaced(to, &self.values[1..])))
    }

    fn filled(&self, argv: &[String], pids: &[(String, i64)]) -> Vec<String> {
        let fill = |word: &String| {
            let word = replaced(word, &self.values).replace("${target}", &self.target);
            pids.iter()
                .fold(word, |word, (id, pid)| word.replace(&format!("${{pid.{id}}}"), &pid.to_string()))
        };
        argv.iter().map(fill).collect()
    }

    /// Runs a program in the copy.
    pub fn program(&self, what: &str, argv: &[String]) -> Result<(), Failure> {
        let shown = out::line(&argv.join(" "));
        let (program, args) = argv.split_first().ok_or_else(|| Failure::new(Exit::Usage, "no program"))?;
        let output = Command::new(program).args(args).current_dir(&self.home).output();
        let output = output.map_err(|e| {
            Failure::new(Exit::Findings, format!("the rehearsal failed: cannot start {what}: {shown}"))
                .because(e)
        })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let failure =
            Failure::new(Exit::Findings, format!("the rehearsal failed: {what}: {shown}: {}", output.status));
        let last = said.lines().last().map(out::line).unwrap_or_default();
        Err(if last.is_empty() { failure } else { failure.because(last) })
    }
}

fn replaced(text: &str, values: &[(String, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn made(draft: &Draft<'_>) -> anyhow::Result<Replica> {
    let rehearsal = draft.runbook.rehearsal.clone().context("it says nothing about how it is rehearsed")?;
    let target =
        rehearsal.target.clone().or_else(|| draft.runbook.matcher.target.clone()).unwrap_or_default();
    let folder = tempfile::Builder::new().prefix("remediator-rehearsal-").tempdir()?;
    let home = folder.path().join("home");
    let [api, port, other] = free_ports()?;
    let listen = format!("127.0.0.1:{api}");
    let place = home.to_str().context("the path of temporary files is not UTF-8")?;
    let values: Vec<(String, String)> = vec![
        ("${home}".into(), place.into()),
        ("${port}".into(), port.to_string()),
        ("${other_port}".into(), other.to_string()),
    ];
    let report = DegradationReport {
        subject: None,
        subsystem: draft.runbook.matcher.subsystem.clone(),
        code: draft.runbook.matcher.code.clone(),
        target: target.clone(),
        severity: draft.runbook.matcher.severity.iter().flatten().next().copied().unwrap_or(Severity::Error),
        summary: "made up by a rehearsal".to_owned(),
        detail: None,
        attributes: rehearsal.attributes.iter().map(|(k, v)| (k.clone(), replaced(v, &values))).collect(),
        observed_at: None,
        id: None,
    };
    report.check().map_err(|e| anyhow::anyhow!("its made-up degradation breaks a rule: {e}"))?;
    let (relies_on, services) = rests_on(draft, &rehearsal, &report)?;
    let copy = Replica { folder, home, listen, target, rehearsal, values, services, relies_on, report };
    write(&copy, draft)?;
    Ok(copy)
}

/// Three ports that differ. Somebody else may still take one before we do, which the daemon or service then says.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let held: Vec<TcpListener> = (0..3)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()
        .context("no free port on 127.0.0.1")?;
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// The content files that it rests on in the real folder, and the services that run in the copy.
fn rests_on(
    draft: &Draft<'_>,
    rehearsal: &Rehearsal,
    report: &DegradationReport,
) -> anyhow::Result<(BTreeMap<String, FileDigest>, Vec<String>)> {
    let mut services: Vec<String> = rehearsal.services.keys().cloned().collect();
    let seen = super::super::test::seen_of(report);
    // With stand-ins for what the real folder lacks the plan of the real one may well not resolve.
    let Ok(resolved) = draft.catalog.plan(draft.entry, &seen, PlanFor::DryRun) else {
        return Ok((BTreeMap::new(), services));
    };
    let steps =
        resolved.plan.steps.iter().flat_map(|step| [Some(&step.action), step.undo.as_ref()]).flatten();
    let acted = steps.filter_map(|action| match action {
        ActionPlan::Service(plan) => Some(plan.service.clone()),
        _ => None,
    });
    let named = draft.catalog.entries().filter(|e| e.kind == Kind::Service).filter(|entry| {
        resolved.relies_on.iter().any(|line| line.split(' ').next() == Some(entry.name().as_str()))
    });
    let mut relies_on = BTreeMap::new();
    for entry in named {
        if !services.contains(&entry.id) {
            relies_on.insert(entry.name(), entry.digest);
            services.push(entry.id.clone());
        }
    }
    for id in acted {
        anyhow::ensure!(
            services.contains(&id),
            "there is no service `{id}`: write one under `rehearsal.services`"
        );
    }
    Ok((relies_on, services))
}

fn write(copy: &Replica, draft: &Draft<'_>) -> anyhow::Result<()> {
    let keys = copy.folder.path().join("keys");
    fs::create_dir(&keys)?;
    let mut lines = String::new();
    for who in PEOPLE {
        let key = SshPrivateKey::generate("rehearsal, good for nothing else")?;
        files::write_private(&keys.join(who), key.to_openssh()?.as_bytes())?;
        let roles = Role::ALL.map(Role::namespace);
        let roles: &[&str] = if who == PEOPLE[0] { &roles } else { &[roles[0], roles[1]] };
        lines += &format!("{}\n", signers::line(who, roles, &key.public()?));
    }
    let (person, author) = (keys.join(PEOPLE[0]), keys.join(PEOPLE[1]));
    let wish = home::Wish {
        home: copy.home.clone(),
        principal: PEOPLE[0].to_owned(),
        key: person.clone(),
        solo: true,
        evidence: LiveEvidence::None,
        listen: copy.listen.clone(),
        sample: None,
    };
    home::make(&wish, &mut |_| Ok(home::Answer::ObserveOnly))?;
    for top in ["runbooks", "proposals"] {
        for entry in fs::read_dir(copy.home.join(top))?.flatten().filter(|e| e.file_name() != "trust") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let trust = copy.home.join("proposals/trust");
    let policy = "v: 1\napprovals: {fleet: 1, irreversible: 1}\nlive_evidence: none\n";
    for (name, text) in [("allowed_signers", lines.as_str()), ("policy.yaml", policy)] {
        fs::write(trust.join(name), text)?;
        authoring::sign_file(&trust.join(name), &person, Role::Trust)?;
    }
    let content = content(copy, draft)?;
    let eye = eye(copy, draft)?;
    checked(content.iter().map(|(path, text)| (path.as_str(), text.as_str())))?;
    checked([("runbooks/copy/healed.yaml", eye.as_str())].into_iter())?;
    for (path, text) in &content {
        files::write_new(&copy.home.join(path), text.as_bytes())?;
        let role = authoring::role_of(path).with_context(|| format!("{path} has no role"))?;
        authoring::sign_file(&copy.home.join(path), &author, role)?;
    }
    approve(copy, &content, &person)?;
    for (path, text) in &copy.rehearsal.files {
        let text = replaced(text, &copy.values).replace("${target}", &copy.target);
        files::write_new(&copy.home.join(path), text.as_bytes())?;
    }
    files::write_new(&copy.eye(), eye.as_bytes())
}

/// The copy's daemon would leave out what is not well-formed, and nobody would be told why.
fn checked<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> anyhow::Result<()> {
    for (path, text) in files.filter(|(path, _)| path.starts_with("runbooks/")) {
        if let Err(rejected) = checks::read(path, text.as_bytes()) {
            let first = rejected.problems.first().map(ToString::to_string).unwrap_or_default();
            anyhow::bail!("a file of the copy is not right: {first}");
        }
    }
    Ok(())
}

/// Every file of the copy: its path and text.
fn content(copy: &Replica, draft: &Draft<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    let text_of = |path: &str| Ok::<_, anyhow::Error>(copy.stood_in(text(draft, path)?));
    let mut content = BTreeMap::new();
    content.insert("runbooks/copy/runbook.yaml".to_owned(), text_of(&draft.entry.path)?);
    let mut proposals = vec![draft.runbook.proposal.clone(), "rehearsal".to_owned()];
    for id in &copy.services {
        let path = format!("runbooks/copy/{id}.service.yaml");
        if let Some(entry) =
            draft.catalog.get(Kind::Service, id).filter(|_| !copy.rehearsal.services.contains_key(id))
        {
            proposals.extend(entry.content().map(|c| c.proposal().to_owned()));
            content.insert(path, text_of(&entry.path)?);
            continue;
        }
        let written = written(&draft.entry.path, text(draft, &draft.entry.path)?)?;
        let mut service = json!({"v": 1, "kind": "service", "id": id, "title": "Of a rehearsal",
            "proposal": "rehearsal"});
        for (key, value) in written["rehearsal"]["services"][id].as_object().into_iter().flatten() {
            service[key] = value.clone();
        }
        content.insert(path, replaced(&service.to_string(), &copy.values[1..]) + "\n");
    }
    content.insert("runbooks/copy/start.yaml".to_owned(), start());
    for id in proposals {
        anyhow::ensure!(is_id(&id), "`{id}` is no id of a proposal");
        content.insert(format!("proposals/{id}/proposal.yaml"), proposal(&id, &draft.runbook.credentials));
    }
    Ok(content)
}

/// A file of the folder that the draft lies in.
fn text<'a>(draft: &'a Draft<'_>, path: &str) -> anyhow::Result<&'a str> {
    let bytes = draft.catalog.folder().get(path).with_context(|| format!("{path} is not there"))?;
    Ok(std::str::from_utf8(bytes)?)
}

/// A runbook as it is written, to take parts of it as they are.
fn written(file: &str, text: &str) -> anyhow::Result<Value> {
    yaml::typed(Source { file, text }).map_err(|problem| anyhow::anyhow!("{problem}"))
}

fn start() -> String {
    let runbook = json!({"v": 1, "kind": "runbook", "id": "rehearsal-start", "title": "Start a service of the copy",
        "proposal": "rehearsal", "matcher": {"subsystem": START.0, "code": START.1}, "blast_radius": "process",
        "limits": {"attempts": 9, "window": "1h", "cooldown": "1s", "runtime": "1m"},
        "steps": [{"id": "start", "service": {"restart": "${target}"}, "timeout": "20s", "idempotent": true}],
        "verification": {"probe": {"service": "${target}"}, "settle": "100ms", "successes": 1, "every": "1s",
            "within": "20s"}});
    runbook.to_string() + "\n"
}

fn proposal(id: &str, credentials: &[String]) -> String {
    let steps = crate::runbook::model::Action::WORDS;
    let proposal = json!({"v": 1, "id": id, "title": "A rehearsal", "failure_class": "a rehearsal",
        "may": {"steps": steps, "targets": ["*"], "blast_radius": "fleet", "credentials": credentials,
            "model_tier": "tier3"},
        "risks": ["none: it is a copy"], "undo": "the copy is thrown away"});
    proposal.to_string() + "\n"
}

fn approve(copy: &Replica, content: &BTreeMap<String, String>, key: &Path) -> anyhow::Result<()> {
    let files: Vec<(&str, FileDigest)> = content
        .iter()
        .filter(|(path, _)| path.starts_with("runbooks/"))
        .map(|(path, text)| (path.as_str(), FileDigest::of(text.as_bytes())))
        .collect();
    for (path, text) in content.iter().filter(|(path, _)| path.ends_with("/proposal.yaml")) {
        let id = path.trim_start_matches("proposals/").trim_end_matches("/proposal.yaml");
        authoring::approve(&Approve {
            folder: &copy.home,
            proposal: (id, FileDigest::of(text.as_bytes())),
            runbook: None,
            resolves: &files,
            principal: PEOPLE[0],
            key,
            adopt_before_us: out::now_us().saturating_add(86_400_000_000),
            reason: "a rehearsal",
        })?;
    }
    Ok(())
}

/// A sentinel that looks at the copy: as the rehearsal says, else as the verification does.
fn eye(copy: &Replica, draft: &Draft<'_>) -> anyhow::Result<String> {
    let written = written(&draft.entry.path, &copy.stood_in(text(draft, &draft.entry.path)?))?;
    let healed = &written["rehearsal"]["healed"];
    let probe = if healed.is_null() { &written["verification"]["probe"] } else { healed };
    let sentinel = json!({"v": 1, "kind": "sentinel", "id": "rehearsal-healed", "title": "Is the copy healthy?",
        "proposal": "rehearsal", "probe": probe,
        "report": {"subsystem": "rehearsal", "code": "REHEARSAL_LOOK", "target": "copy", "summary": "not healthy"}});
    let text = sentinel.to_string().replace("${target}", &copy.target);
    let text = copy
        .report
        .attributes
        .iter()
        .fold(text, |text, (name, value)| text.replace(&format!("${{attributes.{name}}}"), value));
    Ok(replaced(&text, &copy.values) + "\n")
}
