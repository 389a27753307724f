//! A home with services that go bad, volumes that are small real file systems, and the real daemon among them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::troubles::{Pauses, TROUBLES, Trouble};
use crate::home::{Daemon, Home};
use crate::run::until;
use crate::tail::{Entry, Tail};

pub const PATIENCE: Duration = Duration::from_secs(90);
/// A volume has room for a few files of 4 MiB beyond the 16 MiB that the runbook keeps.
const VOLUME: &str = "48m";
const PROPOSAL: &str = "v: 1\nid: lab\ntitle: Services that go bad\nfailure_class: None, they are made for tests.\nevidence:\n  - The fault runs need them.\nmay:\n  steps: [service]\n  targets: [\"*\"]\n  blast_radius: process\nrisks:\n  - None.\nundo: Delete the home.\n";

/// Nobody else starts the services for the first time.
const START: &str = r#"v: 1
kind: runbook
id: lab-start
title: Start a service for the first time
proposal: lab
matcher: {subsystem: lab, code: NOT_STARTED}
blast_radius: process
limits: {attempts: 10, window: 1h, cooldown: 0s, runtime: 1m}
steps:
  - id: start
    service: {start: "${target}"}
    timeout: 20s
    idempotent: true
verification: {probe: {process: {service: "${target}"}}, settle: 0s, successes: 1, every: 100ms, watch: 0s}
escalation:
  - {channel: log, message: "${target} does not start"}
"#;

/// One target of one runbook.
pub struct Target {
    pub trouble: &'static Trouble,
    pub name: String,
}

impl Target {
    pub fn of(trouble: &'static Trouble, case: &str) -> Self {
        Self { trouble, name: format!("{}-{case}", trouble.id) }
    }

    /// Whether it is the one of that case.
    pub fn is_of(&self, case: &str) -> bool {
        self.name.strip_prefix(self.trouble.id).is_some_and(|rest| rest == format!("-{case}"))
    }
}

/// See the module.
pub struct Lab {
    pub home: Home,
    pub daemon: Option<Daemon>,
    /// Holds the mount namespace with the small volumes.
    holder: Option<Child>,
    tail: Tail,
    /// What happened, by code and target of the incident.
    stories: BTreeMap<(String, String), Vec<Entry>>,
    names: BTreeMap<String, (String, String)>,
    services: BTreeMap<String, i32>,
}

impl Lab {
    /// Makes the home and starts the daemon. Troubles whose tools this machine lacks are left out by the caller.
    pub fn new(targets: &[Target], pauses: Pauses) -> Result<Self, String> {
        let python = python()?;
        let mut content: Vec<(String, String)> = vec![
            ("proposals/lab/proposal.yaml".into(), PROPOSAL.into()),
            ("runbooks/lab/start.yaml".into(), START.into()),
        ];
        for target in targets {
            content.extend(content_of(target, &python, pauses)?);
        }
        if pauses == Pauses::Short {
            content.extend(TROUBLES.iter().flat_map(|trouble| [trouble.runbook(), trouble.twice()]));
        }
        let borrowed: Vec<(&str, &str)> = content.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let mut home = Home::with(&borrowed)?;
        if pauses == Pauses::Short {
            for trouble in &TROUBLES {
                home.command(&["runbook", "approve", trouble.id, "--yes"])?;
                home.command(&["runbook", "approve", &format!("{}-twice", trouble.id), "--yes"])?;
            }
        }
        let settings = home.path().join("remediator.yaml");
        let text = std::fs::read_to_string(&settings).map_err(|e| e.to_string())?;
        let text = text.replace("attempts_at_once: 2", "attempts_at_once: 16");
        let text = text.replace("fingerprint_attempts: 3", "fingerprint_attempts: 100");
        std::fs::write(&settings, text).map_err(|e| e.to_string())?;
        std::fs::write(home.path().join("thing.py"), include_str!("thing.py")).map_err(|e| e.to_string())?;
        let volumes: Vec<PathBuf> =
            targets.iter().map(|t| home.path().join("volumes").join(&t.name)).collect();
        for folder in &volumes {
            std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        }
        let small = targets.iter().zip(&volumes).filter(|(t, _)| t.trouble.id == "disk-filling");
        let small: Vec<&PathBuf> = small.map(|(_, folder)| folder).collect();
        let mut holder = None;
        if !small.is_empty() {
            let (child, enter) = mounts(&small)?;
            holder = Some(child);
            home.enter(enter);
        }
        let tail = Tail::new(&home.state());
        let (daemon, stories, names, services) = Default::default();
        let mut lab = Self { home, daemon, holder, tail, stories, names, services };
        for target in targets {
            target.trouble.prepare(&lab.folder(target), pauses)?;
        }
        lab.start()?;
        Ok(lab)
    }

    /// Starts the daemon, again.
    pub fn start(&mut self) -> Result<(), String> {
        let daemon = self.home.start()?;
        daemon.ready()?;
        self.daemon = Some(daemon);
        Ok(())
    }

    pub fn kill(&mut self) -> Result<(), String> {
        self.daemon.take().map_or(Ok(()), Daemon::kill)
    }

    /// The target's folder, as the daemon sees it.
    pub fn folder(&self, target: &Target) -> PathBuf {
        let folder = self.home.path().join("volumes").join(&target.name);
        match &self.holder {
            Some(holder) => Path::new(&format!("/proc/{}/root", holder.id()))
                .join(folder.strip_prefix("/").unwrap_or(&folder)),
            None => folder,
        }
    }

    /// The service's process.
    pub fn pid(&mut self, target: &Target) -> Option<i32> {
        self.read();
        self.services.get(&target.name).copied()
    }

    /// Takes in what the journal has; the number of entries.
    pub fn read(&mut self) -> usize {
        let mut entries = 0;
        while let Some(entry) = self.tail.next() {
            entries += 1;
            self.take(entry);
        }
        entries
    }

    fn take(&mut self, entry: Entry) {
        match entry.kind.as_str() {
            "service.started" => {
                let pid = entry.data["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
                self.services.extend(pid.map(|pid| (entry.text("service").to_owned(), pid)));
            }
            "service.exited" => drop(self.services.remove(entry.text("service"))),
            _ => {}
        }
        let Some(incident) = entry.incident.clone() else { return };
        if entry.kind == "incident.opened" {
            let name = (entry.text("code").to_owned(), entry.text("target").to_owned());
            self.names.insert(incident.clone(), name);
        }
        if let Some(name) = self.names.get(&incident) {
            self.stories.entry(name.clone()).or_default().push(entry);
        }
    }

    /// What happened about a target's own trouble so far.
    pub fn story(&self, target: &Target) -> &[Entry] {
        let name = (target.trouble.code.to_owned(), target.name.clone());
        self.stories.get(&name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Forgets what happened so far.
    pub fn forget(&mut self) {
        self.read();
        self.stories.clear();
    }

    /// Waits for something to be true of a target's story.
    pub fn wait(
        &mut self,
        target: &Target,
        what: &str,
        at_most: Duration,
        holds: impl Fn(&[Entry]) -> bool,
    ) -> Result<(), String> {
        let deadline = Instant::now() + at_most;
        loop {
            self.read();
            if holds(self.story(target)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let words = self.daemon.as_ref().map(Daemon::last_words).unwrap_or_default();
                let told = tell(self.story(target));
                return Err(format!(
                    "{}: not within {} s: {what}; what happened: {told}; the daemon: {words}",
                    target.name,
                    at_most.as_secs()
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.kill();
        self.read();
        for pid in self.services.values().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        if let Some(mut holder) = self.holder.take() {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// A story in a line.
pub fn tell(story: &[Entry]) -> String {
    let words = story.iter().map(|entry| {
        let word =
            ["outcome", "closure", "reason", "result", "verdict", "resumption"].iter().find_map(|name| {
                match &entry.data[*name] {
                    Value::Null => None,
                    value => Some(format!(" {value}")),
                }
            });
        format!("{}{}", entry.kind, word.unwrap_or_default())
    });
    let words: Vec<String> = words.collect();
    words[words.len().saturating_sub(60)..].join(", ")
}

fn content_of(target: &Target, python: &str, pauses: Pauses) -> Result<Vec<(String, String)>, String> {
    let (trouble, name) = (target.trouble, target.name.as_str());
    let path = |file: &str| format!("runbooks/lab/{name}/{file}.yaml");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|l| l.local_addr())
        .map_err(|e| e.to_string())?
        .port();
    let mut content = vec![(path("sees"), trouble.sentinel(name, &format!("{name}-sees"), pauses))];
    content.extend(trouble.service(name, python, port).map(|service| (path("service"), service)));
    Ok(content)
}

/// Where the interpreter really is: an absolute path that needs no search.
fn python() -> Result<String, String> {
    let script = "import os, sys; print(os.path.realpath(sys.executable))";
    let output =
        Command::new("python3").args(["-c", script]).output().map_err(|e| format!("python3: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Gives each folder a small file system of its own, in a mount namespace that lives as long as the process that is given
/// back, and the words that enter it.
fn mounts(folders: &[&PathBuf]) -> Result<(Child, Vec<String>), String> {
    let mut script = String::from("set -e\n");
    for folder in folders {
        script += &format!("mount -t tmpfs -o size={VOLUME} volume '{}'\n", folder.display());
    }
    script += "echo ready; exec sleep 3600";
    for (ways, enter) in
        [(vec!["-m"], vec!["-m"]), (vec!["-m", "-r"], vec!["-m", "-U", "--preserve-credentials"])]
    {
        let mut command = Command::new("unshare");
        command
            .args(&ways)
            .args(["sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { continue };
        let mut said = String::new();
        let ready = child.stdout.take().is_some_and(|out| {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).is_ok()
                && said.trim() == "ready"
        });
        if ready {
            let pid = child.id().to_string();
            let words =
                ["nsenter", "-t", &pid].into_iter().chain(enter).chain(["--"]).map(str::to_owned).collect();
            return Ok((child, words));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    Err("small file systems cannot be mounted here (neither as root nor in a user namespace)".to_owned())
}

/// Whether a trouble can be made on this machine; why not.
pub fn possible(trouble: &Trouble) -> Result<(), String> {
    let needs = |program: &str| {
        let found = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
        if found { Ok(()) } else { Err(format!("{program} is not installed")) }
    };
    match trouble.id {
        "disk-filling" => {
            let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
            mounts(&[&folder.path().to_path_buf()]).map(|(mut child, _)| {
                let _ = child.kill();
                let _ = child.wait();
            })
        }
        "database-corrupt" | "delivery-stuck" => needs("sqlite3"),
        _ => needs("python3"),
    }
}

/// Waits until a target's service runs and nothing that happened about it is still going on.
pub fn settled(lab: &mut Lab, target: &Target, pauses: Pauses) -> Result<(), String> {
    if target.trouble.id != "disk-filling" && lab.pid(target).is_none() {
        // Its sentinel may have been quicker: then there is nothing to do.
        let _ = lab.home.report("lab", "NOT_STARTED", &target.name, "it is new");
        let running = until("the service runs", PATIENCE, || lab.pid(target).map(drop));
        running.map_err(|e| format!("{}: {e}; {}", target.name, tell(lab.story(target))))?;
    }
    lab.wait(target, "it is quiet", PATIENCE, |story| {
        let count = |kind: &str| story.iter().filter(|entry| entry.kind == kind).count();
        let healthy = |entry: &&Entry| entry.kind == "attempt.ended" && entry.text("outcome") == "healthy";
        let over = match pauses {
            Pauses::Short => count("incident.closed"),
            // What was healed is watched for minutes; what was left alone is over once its eye has seen that it is well.
            Pauses::AsShipped => story.iter().filter(healthy).count() + count("incident.closed"),
        };
        over == count("incident.opened") && count("attempt.planned") == count("attempt.ended")
    })
}
