//! `remediator doctor`: what could keep this home from healing anything, each with what mends it. One file per family
//! of checks, one line each in [`CHECKS`]. Changes nothing, and works with and without a daemon.

mod clock;
mod content;
mod disk;
mod files;
mod keys;
mod place;
mod port;
mod state;
mod tls;
mod tools;
mod witnesses;

use std::cell::OnceCell;

use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::client::Client;
use super::exit::Failure;
use super::hung::{self, Hung};
use super::reader::Reader;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::audit::StatusView;
use crate::journal::{Depth, Report, verify};

/// Look at everything this home rests on: clock, permissions, keys, address, disk, tools, locks, journal, content,
/// sentinels. Every finding says what mends it. Changes nothing; needs no daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing found, 1 findings.\n\n\
Example:\n  remediator doctor\n  remediator doctor --output json")]
pub struct Args {}

/// How a check ended. What cannot be told is said so, and is no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    Finding,
    Unknown,
}

/// What one check says.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    check: &'static str,
    state: State,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// What checks look at. What costs something is looked at once.
pub(super) struct Patient {
    pub home: Home,
    pub client: Option<Client>,
    /// Why there is no configuration.
    pub config: Result<crate::remediator::config::Config, String>,
    reader: Option<Reader>,
    /// The daemon takes connections and does not answer.
    pub hung: Option<Hung>,
    status: OnceCell<Result<StatusView, String>>,
    report: OnceCell<Result<Report, String>>,
}

impl Patient {
    /// How things are, from the daemon or the segments.
    pub fn status(&self) -> Result<&StatusView, String> {
        let look = || {
            let reader = self.reader.as_ref().ok_or("the configuration is not usable")?;
            reader.view("/v1/status", |audit| audit.status()).map(|a| a.view).map_err(|f| f.to_string())
        };
        self.status.get_or_init(look).as_ref().map_err(Clone::clone)
    }
    /// The journal as its own segments have it.
    pub fn report(&self) -> Result<&Report, String> {
        let look = || verify(&self.home.state(), Depth::Quick, &mut |_| {}).map_err(|e| e.to_string());
        self.report.get_or_init(look).as_ref().map_err(Clone::clone)
    }
    /// Whether a daemon answers with our token.
    pub fn daemon(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.get("/v1/status").is_ok())
    }
}

/// What checks write to.
#[derive(Default)]
pub(super) struct Sheet {
    check: &'static str,
    said: Vec<Said>,
}

impl Sheet {
    pub fn ok(&mut self, what: impl Into<String>) {
        self.push(State::Ok, what.into(), None);
    }
    pub fn finding(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.push(State::Finding, what.into(), Some(fix.into()));
    }
    pub fn unknown(&mut self, what: impl Into<String>) {
        self.push(State::Unknown, what.into(), None);
    }
    fn push(&mut self, state: State, what: String, fix: Option<String>) {
        self.said.push(Said { check: self.check, state, what, fix });
    }
}

type Check = fn(&Patient, &mut Sheet);

/// The registry: one line a check.
const CHECKS: &[(&str, Check)] = &[
    ("configuration", place::configuration),
    ("clock", clock::check),
    ("permissions", files::check),
    ("keys", keys::check),
    ("address", port::check),
    ("encryption", tls::check),
    ("disk", disk::check),
    ("tools", tools::check),
    ("locks", place::locks),
    ("processes", place::processes),
    ("journal", state::journal),
    ("operation", state::operation),
    ("sentinels", state::sentinels),
    ("content", content::check),
    ("witnesses", witnesses::check),
];

/// Looks at everything.
pub fn run(_: Args, global: &Global) -> Outcome {
    let home = Home::existing(global)?;
    let listen = std::env::var("REMEDIATOR_LISTEN").ok().filter(|said| !said.is_empty());
    let config = crate::remediator::config::read(home.root(), listen.as_deref());
    let (client, reader) = (Client::new(&home).ok(), Reader::quiet(global).ok());
    let hung = reader.as_ref().and_then(hung::look);
    if let (Some(client), Some(_)) = (&client, &hung) {
        client.give_up();
    }
    let patient = Patient {
        config: config.map_err(|e| e.to_string()),
        client,
        reader,
        hung,
        home,
        status: OnceCell::new(),
        report: OnceCell::new(),
    };
    let mut sheet = Sheet::default();
    for (name, check) in CHECKS {
        sheet.check = name;
        check(&patient, &mut sheet);
    }
    let findings = sheet.said.iter().filter(|s| s.state == State::Finding).count();
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "home": patient.home.root(), "daemon": patient.daemon(), "ok": findings == 0,
            "checks": sheet.said,
        }))?,
        Output::Human => print(&sheet.said, findings)?,
    }
    Ok(if findings == 0 { Exit::Ok } else { Exit::Findings })
}

fn print(said: &[Said], findings: usize) -> Result<(), Failure> {
    for s in said {
        let mark = match s.state {
            State::Ok => "ok     ".green().to_string(),
            State::Finding => "finding".red().to_string(),
            State::Unknown => "unknown".yellow().to_string(),
        };
        out::say(format!("{mark}  {:<13}  {}", s.check, out::line(&s.what)))?;
        if let Some(fix) = &s.fix {
            out::say(format!("{:>24}mend: {}", "", out::line(fix)))?;
        }
    }
    out::say(match findings {
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    })
}
