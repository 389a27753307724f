//! `runbook test FILE --rehearse`: the runbook at work on a throw-away copy. A home, keys, a daemon and services of its
//! own; healthy, broken, healed by this very file, healthy again. What came of it is signed evidence (RM-30).

mod copy;
mod ending;
pub(super) mod record;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::base::time::Span;
use crate::cli::client::Client;
use crate::cli::demo::daemon::{self, Daemon};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out};
use crate::event::degradation::DegradationReport;
use crate::runbook::{Catalog, Entry, Runbook};
use copy::Replica;
use ending::Ending;

/// How long the daemon of the copy may take until it is ready.
const READY: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Report {
    v: u32,
    runbook: String,
    healed: bool,
    /// From the report of the degradation to its verification, ms.
    healed_ms: u64,
    evidence: Option<PathBuf>,
    signed_by: Option<String>,
}

/// What is to be rehearsed.
pub struct Draft<'a> {
    /// Its file.
    pub file: &'a Path,
    /// The content folder that it belongs to, with it in it.
    pub catalog: &'a Catalog,
    /// Its entry there.
    pub entry: &'a Entry,
    /// The runbook.
    pub runbook: &'a Runbook,
}

/// Rehearses, and writes the evidence unless the person does not want any.
pub fn run(draft: &Draft<'_>, keep: bool, key: Option<&Path>, no_evidence: bool, global: &Global) -> Outcome {
    let ending = Ending::watched()?;
    let copy = Replica::of(draft)?;
    let began = Instant::now();
    let result = Stage::play(&copy, &ending);
    let relies_on = copy.relies_on().clone();
    let kept = keep.then(|| copy.keep());
    if let Some(place) = &kept {
        anstream::eprintln!("the copy is kept: {}", place.display());
    }
    let (healed_ms, head) = result.map_err(|failure| {
        let log = "`--keep` leaves the copy behind: its state/demo-daemon.log and journal say more";
        let ours = !matches!(failure.exit, Exit::Interrupted | Exit::Terminated);
        if failure.hint.is_none() && ours && !keep { failure.hint(log) } else { failure }
    })?;
    say(&format!("rehearsed in {}", out::span(ms(began.elapsed()))));
    let written = match no_evidence {
        true => None,
        false => Some(record::write(draft, &relies_on, healed_ms, head, key, global)?),
    };
    let report = Report {
        v: 1,
        runbook: draft.entry.id.clone(),
        healed: true,
        healed_ms,
        evidence: written.as_ref().map(|(path, _)| path.clone()),
        signed_by: written.map(|(_, by)| by),
    };
    if global.output == Output::Json {
        out::json_of(&report)?;
        return Ok(Exit::Ok);
    }
    out::say(format!("{} healed the copy in {}", report.runbook, out::span(healed_ms)))?;
    match (&report.evidence, &report.signed_by) {
        (Some(path), Some(by)) => out::say(format!("evidence: {}, signed by {by}", path.display()))?,
        _ => out::say("no evidence was written (--no-evidence)")?,
    }
    Ok(Exit::Ok)
}

fn say(text: &str) {
    anstream::eprintln!("  {text}");
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The copy with its daemon.
struct Stage<'a> {
    copy: &'a Replica,
    ending: &'a Ending,
    program: PathBuf,
    client: Client,
    daemon: Daemon,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.daemon.stop();
        daemon::started_services(self.copy.home()).into_iter().for_each(daemon::Supervised::end);
    }
}

impl<'a> Stage<'a> {
    /// The whole rehearsal: how long healing took, and the head of the journal then.
    fn play(copy: &'a Replica, ending: &'a Ending) -> Result<(u64, String), Failure> {
        let program = std::env::current_exe()
            .map_err(|e| Failure::new(Exit::Unavailable, "cannot find this program's own file").because(e))?;
        for argv in copy.setup() {
            say(&format!("set up: {}", out::line(&argv.join(" "))));
            let done = copy.program("setup", &argv);
            // Ctrl-C ends the program as well.
            ending.asked()?;
            done?;
        }
        let locks = Some(copy.home().join("state/locks"));
        let started = Daemon::start_with(&program, copy.home(), copy.listen(), locks)
            .map_err(|e| Failure::new(Exit::Unavailable, format!("{e:#}")))?;
        let global = Global { home: Some(copy.home().to_owned()), output: Output::Json };
        let client = Client::at(&Home::existing(&global)?, copy.listen())?;
        let mut stage = Self { copy, ending, program, client, daemon: started };
        stage.ready()?;
        for service in copy.services() {
            say(&format!("starting {service}"));
            stage.heal(&copy.start_of(service), "start", READY)?;
        }
        stage.looks_healthy(true, "before anything is broken")?;
        for argv in copy.breaks(&stage.pids()?)? {
            say(&format!("break: {}", out::line(&argv.join(" "))));
            let done = copy.program("break", &argv);
            ending.asked()?;
            done?;
        }
        stage.looks_healthy(false, "after it was broken")?;
        say("reported; healing");
        let began = Instant::now();
        stage.heal(&copy.degradation(), "heal", duration(copy.within()))?;
        let healed_ms = ms(began.elapsed());
        stage.looks_healthy(true, "after it was healed")?;
        let status = stage.view("/v1/status")?;
        let head = status["head"]["hash"].as_str();
        Ok((healed_ms, head.unwrap_or_default().to_owned()))
    }

    fn view(&self, path: &str) -> Result<Value, Failure> {
        let text = self.client.get(path).map_err(|e| e.into_failure())?;
        serde_json::from_str(&text)
            .map_err(|e| Failure::new(Exit::Unavailable, "the copy's daemon is not understood").because(e))
    }

    fn ready(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + READY;
        while Instant::now() < deadline {
            self.ending.asked()?;
            if let Some(why) = self.daemon.ended() {
                return Err(Failure::new(Exit::Unavailable, why));
            }
            if self.client.get("/readyz").is_ok() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Err(Failure::new(Exit::Unavailable, "the copy's daemon does not become ready"))
    }

    /// Reports, and waits until the attempt that comes of it has healed.
    fn heal(&mut self, report: &DegradationReport, what: &str, within: Duration) -> Result<(), Failure> {
        let body = serde_json::to_string(report).unwrap_or_default();
        let answer = self.client.post("/v1/degradations", body).map_err(|e| e.into_failure())?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let path = format!("/v1/receipts/{}", answer["receipt"].as_str().unwrap_or_default());
        let deadline = Instant::now() + within;
        let mut view = Value::Null;
        while Instant::now() < deadline {
            self.ending.asked()?;
            view = self.view(&path).unwrap_or(view);
            match view["outcome"].as_str() {
                Some("healthy") => return Ok(()),
                Some(outcome) if view["state"] == "escalated" || outcome == "dry_run" => {
                    return Err(self.failed(what, &format!("the attempt ended as {outcome}"), &view));
                }
                None if view["state"] == "escalated" => {
                    return Err(self.failed(what, "it was not attempted", &view));
                }
                _ => {}
            }
            if let Some(why) = self.daemon.ended() {
                return Err(Failure::new(Exit::Findings, why));
            }
            std::thread::sleep(PAUSE);
        }
        Err(self.failed(what, &format!("it was not healed within {}", out::span(ms(within))), &view))
    }

    /// With what `explain` says of it, which is where the reasons stand.
    fn failed(&self, what: &str, why: &str, view: &Value) -> Failure {
        let incident = view["incident"].as_str().unwrap_or_default();
        let explain = Command::new(&self.program)
            .args(["incident", "show", incident, "--home"])
            .arg(self.copy.home())
            .env_remove("REMEDIATOR_LISTEN")
            .stdin(Stdio::null())
            .output();
        let said = explain.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
        anstream::eprintln!("{}", crate::base::text::clean(&said));
        Failure::new(Exit::Findings, format!("the rehearsal failed: could not {what}: {why}"))
    }

    /// Processes of the copy's services.
    fn pids(&self) -> Result<Vec<(String, i64)>, Failure> {
        let status = self.view("/v1/status")?;
        let services = status["services"].as_object().cloned().unwrap_or_default();
        Ok(services.into_iter().filter_map(|(id, s)| s["pid"].as_i64().map(|pid| (id, pid))).collect())
    }

    /// Looks until it is as it should be.
    fn looks_healthy(&self, wanted: bool, when: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + duration(self.copy.within());
        let mut last = Value::Null;
        while Instant::now() < deadline {
            self.ending.asked()?;
            let look = Command::new(&self.program)
                .args(["sentinel", "test", "--output", "json", "--home"])
                .arg(self.copy.home())
                .arg(self.copy.eye())
                .env("REMEDIATOR_LISTEN", self.copy.listen())
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output()
                .map_err(|e| Failure::new(Exit::Unavailable, "cannot look at the copy").because(e))?;
            last = serde_json::from_slice(&look.stdout).unwrap_or_default();
            if (last["verdict"] == "healthy") == wanted && last["verdict"] != "unknown" && !last.is_null() {
                say(&format!("{when}: {}", out::line(last["evidence"].as_str().unwrap_or_default())));
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        let seen =
            format!("{} ({})", last["verdict"], out::line(last["evidence"].as_str().unwrap_or_default()));
        let should = if wanted { "healthy" } else { "failed: it was not broken" };
        let what = format!("the rehearsal failed: {when} the copy should be {should}, and is seen as {seen}");
        Err(Failure::new(Exit::Findings, what))
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(span.ms())
}

/// The draft, when it says how it is rehearsed; else what to write.
pub fn of<'a>(file: &Path, runbook: &'a Runbook) -> Result<&'a Runbook, Failure> {
    if runbook.rehearsal.is_some() {
        return Ok(runbook);
    }
    let what = format!("{} says nothing about how it is rehearsed", file.display());
    Err(Failure::new(Exit::Usage, what).hint("write `rehearsal:`; docs/rehearsal.md shows how"))
}
