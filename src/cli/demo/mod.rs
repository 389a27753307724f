//! `remediator demo`: a real service, really broken, healed and proved, with nothing installed. Starts the daemon
//! as a child process and talks to it only over HTTP, like anybody else; its exit status tells whether all held.

pub(super) mod daemon;
mod feed;
mod folder;
mod rounds;
mod screen;
mod story;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::{Global, Outcome, Output, out};
use daemon::Daemon;
use feed::Feed;
use folder::Folder;
use rounds::{Breakage, Round, Stage};
use screen::Screen;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 everything held, 1 something did not, 130 interrupted.\n\n\
Examples:\n  remediator demo\n  remediator demo --home ./demo --keep")]
pub struct Args {
    /// Leave the daemon and the folder as they are at the end.
    #[arg(long)]
    keep: bool,
}

/// What is printed at the end.
#[derive(Debug, Serialize)]
struct Report {
    v: u32,
    held: bool,
    home: PathBuf,
    kept: bool,
    daemon_pid: Option<u32>,
    rounds: Vec<Round>,
    journal: Option<Value>,
    trouble: Option<String>,
}

/// How the demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything held.
    Held,
    /// Something did not.
    Not,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// Runs the demo. The folder is the one of `--home`; a home in the environment is never touched.
pub fn run(args: Args, global: &Global) -> Outcome {
    let named = global
        .home
        .as_deref()
        .filter(|home| std::env::var_os("REMEDIATOR_HOME").as_deref() != Some(home.as_os_str()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(Exit::Unavailable, "cannot start the demo").because(e))?;
    match runtime.block_on(whole(&args, named, global.output == Output::Json))? {
        End::Held => Ok(Exit::Ok),
        End::Not => Ok(Exit::Findings),
        End::Interrupted => Ok(Exit::Interrupted),
        End::Terminated => Ok(Exit::Terminated),
    }
}

async fn whole(args: &Args, home: Option<&Path>, json: bool) -> anyhow::Result<End> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let mut stage = set_up(&program, home, json)?;
    let mut rounds = Vec::new();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = play(&mut stage, &mut rounds) => Ok(outcome),
        _ = tokio::signal::ctrl_c() => Err(End::Interrupted),
        _ = terminate.recv() => Err(End::Terminated),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(signal) => {
            stage.screen.finish();
            stage.end();
            return Ok(signal);
        }
    };
    let journal = outcome.is_ok().then(|| verify(&program, &stage));
    finish(args, home, stage, rounds, outcome, journal, json)
}

fn set_up(program: &Path, home: Option<&Path>, json: bool) -> anyhow::Result<Stage> {
    let mut screen = Screen::new(json);
    screen.chapter("A fresh home: keys, runbooks, approvals");
    let folder = Folder::make(home, program, &mut |shown| {
        let radius =
            if shown.radius.is_empty() { String::new() } else { format!("; radius {}", shown.radius) };
        screen.phase(None, &format!("approved: {} ({}{radius})", shown.id, shown.title));
    })?;
    screen.phase(None, &format!("in {}", folder.home.display()));
    let daemon = Daemon::start(program, &folder.home, &folder.listen)?;
    let feed = Feed::new(&folder.listen, folder.token.clone())?;
    Ok(Stage::new(folder, daemon, feed, screen))
}

async fn play(stage: &mut Stage, rounds: &mut Vec<Round>) -> anyhow::Result<()> {
    stage.ready().await?;
    for breakage in Breakage::ALL {
        rounds.push(stage.round(breakage).await?);
    }
    Ok(())
}

/// `audit verify --full` by the program itself, which reads the files and asks no daemon.
fn verify(program: &Path, stage: &Stage) -> anyhow::Result<Value> {
    stage.screen.waiting("verifying every entry and every signature of the journal");
    let output = Command::new(program)
        .args(["audit", "verify", "--full", "--output", "json", "--home"])
        .arg(&stage.folder.home)
        .output()
        .context("cannot start `audit verify`")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(
        output.status.success(),
        "`audit verify --full` did not pass ({}): {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&said)
        .with_context(|| format!("`audit verify` printed something else than JSON: {said}"))
}

fn finish(
    args: &Args,
    home: Option<&Path>,
    mut stage: Stage,
    rounds: Vec<Round>,
    outcome: anyhow::Result<()>,
    journal: Option<anyhow::Result<Value>>,
    json: bool,
) -> anyhow::Result<End> {
    let mut trouble = outcome.err().map(|e| format!("{e:#}"));
    let journal = journal.and_then(|result| match result {
        Ok(report) => Some(report),
        Err(e) => {
            trouble.get_or_insert(format!("{e:#}"));
            None
        }
    });
    let held = trouble.is_none() && journal.is_some() && rounds.len() == Breakage::ALL.len();
    let held = held && rounds.iter().all(|round| round.held);
    let stays = args.keep && stage.daemon.pid().is_some();
    if stays {
        stage.folder.keep(stage.daemon.pid())?;
    } else if !stage.end() {
        trouble.get_or_insert("the daemon did not end in order within 10 s and was killed".to_owned());
    }
    stage.screen.finish();
    let held = held && trouble.is_none();
    let kept = stays || home.is_some();
    let home = stage.folder.home.clone();
    let daemon_pid = if stays { stage.daemon.leave() } else { None };
    print(&Report { v: 1, held, home, kept, daemon_pid, rounds, journal, trouble }, json)?;
    Ok(if held { End::Held } else { End::Not })
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        return out::json_of(report);
    }
    let ms = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n} ms"));
    let mut text =
        format!("\n{:<28} {:>10} {:>10} {:>10}  runbook\n", "what was broken", "noticed", "acting", "healed");
    for round in &report.rounds {
        let runbook = round.runbook.as_deref().unwrap_or("-");
        let (noticed, acting, healed) = (ms(round.noticed_ms), ms(round.acting_ms), ms(round.healed_ms));
        text += &format!("{:<28} {noticed:>10} {acting:>10} {healed:>10}  {runbook}\n", round.name);
        if let Some(recovery) = &round.recovery {
            text += &format!("{:<28} recovery decided: {recovery}\n", "");
        }
        if let Some(trouble) = &round.trouble {
            text += &format!("{:<28} NOT OK: {trouble}\n", "");
        }
    }
    if let Some(journal) = &report.journal {
        text +=
            &format!("\njournal: {} entries, every link and every signature checked\n", journal["entries"]);
    }
    if let Some(trouble) = &report.trouble {
        text += &format!("\nNOT OK: {trouble}\n");
    }
    text += &what_next(report);
    out::say(text.trim_end())
}

fn what_next(report: &Report) -> String {
    if !report.kept {
        return "\nnothing is left behind; `remediator demo --keep` leaves it running to look around\n"
            .to_owned();
    }
    let home = report.home.display();
    let incident = report.rounds.iter().rev().find_map(|round| round.incident.as_deref()).unwrap_or("ID");
    let mut text = format!("\nwhat to look at next:\n  export REMEDIATOR_HOME={home}\n");
    for (command, why) in [
        ("remediator incidents".to_owned(), "what happened"),
        (format!("remediator incident show {incident}"), "one healing, with its four parts"),
        (format!("remediator explain {incident}"), "why this runbook and not another"),
        ("remediator audit tail".to_owned(), "the journal itself"),
        ("remediator runbook list".to_owned(), "what may run, and why"),
    ] {
        text += &format!("  {command:<58} {why}\n");
    }
    if let Some(pid) = report.daemon_pid {
        text += &format!("the daemon runs as pid {pid}; end it with: kill {pid}\n");
    }
    text
}
