//! `remediator erase`: a subject is forgotten by destroying its key, with a daemon or without.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::client::{Client, NoAnswer};
use super::emit::person;
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::ids::{BootId, Seq, SubjectId};
use crate::base::sealed;
use crate::event::degradation::is_subject;
use crate::journal::{Options, read_offline};
use crate::remediator::{ErasureError, Forgotten, erase_offline, read_journal_key};
use crate::subject::{SubjectError, Subjects};

/// Forget a subject: destroy the key with which everything that was reported about it is sealed. Nothing of it can be read
/// from then on, in no copy of the journal; an entry says so. There is no way back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 it is forgotten, 1 no such subject has a key here, 4 your token does not allow it, 75 a daemon hangs.\n\n\
Example:\n  remediator erase --list\n  remediator erase --subject customer:4711 --reason \"asked for on paper\""
)]
pub struct Args {
    /// Whom or what, as in the reports.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    subject: Option<String>,
    /// Why. It stands in the journal in plain: name nobody.
    #[arg(long, default_value = "asked for")]
    reason: String,
    /// Show the subjects that have a key, and how many entries are sealed with it.
    #[arg(long, conflicts_with_all = ["subject", "reason"])]
    list: bool,
}

/// Erases, or lists.
pub fn run(args: Args, global: &Global) -> Outcome {
    let Some(subject) = args.subject.filter(|_| !args.list) else { return list(global) };
    if !is_subject(&subject) {
        return Err(Failure::new(Exit::Usage, "that is no name of a subject")
            .hint("1 to 128 letters, digits and `._:@-`; `remediator erase --list` shows them"));
    }
    if args.reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "the reason is empty").hint("--reason \"why\""));
    }
    let home = Home::acting(global)?;
    let body = serde_json::json!({ "subject": subject, "reason": args.reason }).to_string();
    let erased = match Client::new(&home)?.try_post("/v1/subjects/erase", body) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| {
            Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
        })?,
        Err(NoAnswer::NoDaemon { .. } | NoAnswer::OtherHome { .. }) => alone(&home, &subject, &args.reason)?,
        Err(NoAnswer::Problem(problem)) if problem.status == 404 => return Err(unknown(problem.detail)),
        Err(other) => return Err(other.into_failure()),
    };
    match global.output {
        Output::Json => out::json_of(&serde_json::json!(erased))?,
        Output::Human => {
            let entry = erased.seq.map(|seq| format!(", entry {seq} says so")).unwrap_or_default();
            out::say(format!("forgotten: the key {} is destroyed{entry}", erased.subject))?;
            for other in &erased.others {
                out::say(format!("and its key {other}, of an old copy"))?;
            }
            out::say(out::faint("copies of state/subjects that you made hold it still: destroy them too"))?;
        }
    }
    Ok(Exit::Ok)
}

/// As HTTP answers.
#[derive(Serialize, Deserialize)]
struct Erased {
    v: u32,
    subject: SubjectId,
    seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<SubjectId>,
}

/// Without a daemon: the journal's lock makes sure that none runs.
fn alone(home: &Home, subject: &str, reason: &str) -> Result<Erased, Failure> {
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e))?;
    let by = format!("person:{}", person(home)?);
    let options = Options::new(home.state(), BootId::fresh(), key);
    let Forgotten { subject, seq, others } = erase_offline(options, subject, &by, reason).map_err(failure)?;
    Ok(Erased { v: 1, subject, seq, others })
}

fn failure(error: ErasureError) -> Failure {
    match error {
        ErasureError::Journal(error) => error.into(),
        ErasureError::Read(error) => error.into(),
        ErasureError::Subject(error @ SubjectError::Unknown) => unknown(error.to_string()),
        ErasureError::Subject(error) => {
            Failure::new(Exit::Temporary, error.to_string()).hint("the same command goes on from there")
        }
    }
}

fn unknown(what: String) -> Failure {
    Failure::new(Exit::Findings, what).hint("`remediator erase --list` shows the subjects that have a key")
}

/// One subject in the list.
#[derive(Serialize)]
struct Row {
    subject: String,
    id: SubjectId,
    entries: u64,
}

fn list(global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    let cannot =
        |e: SubjectError| Failure::new(Exit::Unavailable, "the subjects cannot be listed").because(e);
    let all = Subjects::of_state(&home.state()).list().map_err(cannot)?;
    let mut entries: BTreeMap<SubjectId, u64> = BTreeMap::new();
    if !all.is_empty() {
        read_offline(&home.state())?.lines(None, &mut |line| {
            let mut of = std::collections::BTreeSet::new();
            sealed::replaced(line.as_str(), &mut |sealed| {
                of.extend(sealed.subjects.iter().copied());
                String::new()
            });
            of.into_iter().for_each(|id| *entries.entry(id).or_default() += 1);
            ControlFlow::Continue(())
        })?;
    }
    let rows: Vec<Row> = all
        .into_iter()
        .map(|listed| {
            let entries = entries.get(&listed.id).copied().unwrap_or_default();
            Row { subject: listed.subject, id: listed.id, entries }
        })
        .collect();
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({ "v": 1, "subjects": rows }))?,
        Output::Human if rows.is_empty() => out::say("no subject has a key: nothing can be forgotten")?,
        Output::Human => rows.iter().try_for_each(|row| {
            out::say(format!("{}  {}  {} entries", row.id, out::line(&row.subject), row.entries))
        })?,
    }
    Ok(Exit::Ok)
}
