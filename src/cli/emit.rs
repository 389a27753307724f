//! `remediator emit`: reports a degradation. Without a daemon it becomes one synced file in `state/spool/`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use serde::Deserialize;

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::nearest::{self, Unmatched};
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::api::{Bearer, Tokens};
use crate::base::ids::{Receipt, Seq};
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::event::degradation::{DegradationReport, Severity};
use crate::remediator::SealedWords;
use crate::remediator::spool::{self, Spooled};
use crate::subject::Subjects;

/// Report a degradation. It is durable when this command ends with 0.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator emit --subsystem service --code PROCESS_DEAD --target web \\\n    --severity error --summary \"web is gone\"\n  echo '{\"subsystem\":\"disk\",\"code\":\"DISK_SLOW\",\"target\":\"sda\",' \\\n    '\"severity\":\"warning\",\"summary\":\"slow\"}' | remediator emit --file -"
)]
pub struct Args {
    /// A report as JSON; `-` reads it from stdin. Instead of the other options.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subsystem", "code", "target", "severity", "summary", "detail", "attribute", "id", "observed_at", "subject"])]
    file: Option<PathBuf>,
    /// Part of the system, such as `service`.
    #[arg(long, required_unless_present = "file")]
    subsystem: Option<String>,
    /// What is wrong, in capitals, such as PROCESS_DEAD.
    #[arg(long, required_unless_present = "file")]
    code: Option<String>,
    /// What is degraded.
    #[arg(long, required_unless_present = "file")]
    target: Option<String>,
    /// info, warning, error or critical.
    #[arg(long, default_value = "error", value_parser = severity)]
    severity: Severity,
    /// One line, at most 512 bytes.
    #[arg(long, required_unless_present = "file")]
    summary: Option<String>,
    /// A paragraph, at most 8 KiB.
    #[arg(long)]
    detail: Option<String>,
    /// A further value. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    attribute: Vec<(String, String)>,
    /// Your own id: the same id again is accepted once only.
    #[arg(long)]
    id: Option<String>,
    /// When it was seen, RFC 3339.
    #[arg(long, value_name = "TIME")]
    observed_at: Option<String>,
    /// Whom or what summary and detail are about: they are sealed, and `erase` forgets them.
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
}

fn severity(word: &str) -> Result<Severity, String> {
    serde_json::from_value(word.into()).map_err(|_| "one of info, warning, error, critical".into())
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What the daemon answers.
#[derive(Deserialize)]
struct Accepted {
    receipt: Receipt,
    seq: Seq,
}

/// Reports.
pub fn run(args: Args, global: &Global) -> Outcome {
    let mut report = report(args)?;
    // With an id it can be handed in a second time, when nobody can tell whether the first try arrived.
    report.id.get_or_insert_with(|| format!("emit-{}", Receipt::fresh()));
    report.check().map_err(|e| Failure::new(Exit::Usage, format!("the report breaks a rule: {e}")))?;
    let home = Home::acting(global)?;
    let body = serde_json::to_string(&report)
        .map_err(|e| Failure::new(Exit::Usage, "the report cannot be written as JSON").because(e))?;
    let client = match Client::new(&home) {
        Ok(client) => client,
        // Where its daemon listens is not known: it finds the report when it is right again.
        Err(failure) => return keep(&home, report, &failure.to_string(), global),
    };
    let unmatched = nearest::look(global, &report);
    match client.try_post("/v1/degradations", body) {
        Ok(text) => accepted(&text, &report, unmatched.as_ref(), global),
        Err(NoAnswer::NoDaemon { address, .. }) => {
            keep(&home, report, &format!("no daemon answers at {address}"), global)
        }
        Err(NoAnswer::OtherHome { address }) => {
            keep(&home, report, &format!("the daemon at {address} is another home's"), global)
        }
        Err(NoAnswer::Silent { address, .. }) => {
            keep(&home, report, &format!("the daemon at {address} hangs"), global)
        }
        Err(NoAnswer::Problem(problem)) if problem.code == "NOT_READY" => {
            keep(&home, report, "the daemon is still starting", global)
        }
        Err(NoAnswer::Problem(problem)) if problem.code == "STOPPING" => {
            keep(&home, report, "the daemon is stopping", global)
        }
        Err(other) => Err(other.into_failure()),
    }
}

fn accepted(
    text: &str,
    report: &DegradationReport,
    unmatched: Option<&Unmatched>,
    global: &Global,
) -> Outcome {
    let accepted: Accepted = serde_json::from_str(text).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    match global.output {
        Output::Json => match (unmatched, serde_json::from_str::<serde_json::Value>(text)) {
            (Some(unmatched), Ok(mut answer)) => {
                answer["unmatched"] = serde_json::json!(unmatched);
                out::json_of(&answer)?;
            }
            _ => out::json(text)?,
        },
        Output::Human => {
            out::say(format!("accepted: receipt {}, seq {}", accepted.receipt, accepted.seq))?;
            out::say(out::faint(format!("what becomes of it: remediator explain {}", accepted.receipt)))?;
            say(report, unmatched)?;
        }
    }
    Ok(Exit::Ok)
}

/// A word when no runbook is for it.
fn say(report: &DegradationReport, unmatched: Option<&Unmatched>) -> Result<(), Failure> {
    let lines = unmatched.map(|unmatched| unmatched.lines(report));
    lines.iter().flatten().try_for_each(out::say)
}

fn report(args: Args) -> Result<DegradationReport, Failure> {
    let Some(file) = args.file else {
        let mut attributes = BTreeMap::new();
        for (name, value) in args.attribute {
            if attributes.contains_key(&name) {
                return Err(Failure::new(Exit::Usage, format!("the attribute `{name}` is given twice"))
                    .hint("give each name once"));
            }
            attributes.insert(name, value);
        }
        return Ok(DegradationReport {
            subsystem: args.subsystem.unwrap_or_default(),
            code: args.code.unwrap_or_default(),
            target: args.target.unwrap_or_default(),
            severity: args.severity,
            summary: args.summary.unwrap_or_default(),
            detail: args.detail,
            attributes,
            observed_at: args.observed_at,
            id: args.id,
            subject: args.subject,
        });
    };
    let stdin = file.as_os_str() == "-";
    let name = if stdin { "standard input".to_owned() } else { file.display().to_string() };
    let cannot = |e: std::io::Error| Failure::new(Exit::Usage, format!("cannot read {name}")).because(e);
    let mut bytes = Vec::new();
    // One byte more than is allowed tells too long from just right.
    let limit = REQUEST_BYTES_MAX as u64 + 1;
    if stdin {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        std::fs::File::open(&file).and_then(|f| f.take(limit).read_to_end(&mut bytes)).map_err(cannot)?;
    }
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(Failure::new(Exit::Usage, format!("{name} is longer than {REQUEST_BYTES_MAX} bytes"))
            .hint("a report is a summary and a paragraph; name the log file in `detail`"));
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| Failure::new(Exit::Usage, format!("{name} is not a report: {e}")).because(e))
}

/// One file, synced, renamed into place, its folder synced: then it is as good as accepted.
fn keep(home: &Home, mut report: DegradationReport, why: &str, global: &Global) -> Outcome {
    let id = Receipt::fresh();
    let person = person(home)?;
    let sealed = SealedWords::of(&mut report, &Subjects::of_state(&home.state())).map_err(|e| {
        Failure::new(Exit::Unavailable, format!("{why}, and what is said about the subject cannot be sealed"))
            .hint("nothing was kept: mend state/subjects, or start the daemon with `remediator serve`")
            .because(e)
    })?;
    let spooled = Spooled { v: 1, person, report, sealed };
    let folder = spool::folder(&home.state());
    let path = folder.join(format!("{id}.json"));
    let cannot = |e: std::io::Error| {
        Failure::new(
            Exit::Unavailable,
            format!("{why}, and the report cannot be written to {}", path.display()),
        )
        .hint("start the daemon with `remediator serve`, or make the folder writable")
        .because(e)
    };
    let text = serde_json::to_vec(&spooled)
        .map_err(|e| Failure::new(Exit::Usage, "the report cannot be written as JSON").because(e))?;
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(&folder).map_err(cannot)?;
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    file.persist(&path).map_err(|e| cannot(e.error))?;
    std::fs::File::open(&folder).and_then(|f| f.sync_all()).map_err(cannot)?;
    match global.output {
        Output::Json => {
            let answer = serde_json::json!({"v": 1, "spooled": path, "id": spooled.report.id});
            out::json(&answer.to_string())?;
        }
        Output::Human => {
            out::say(format!("{why}; the report waits in {}", path.display()))?;
            out::say(out::faint("it is taken in as soon as the daemon can"))?;
        }
    }
    Ok(Exit::Ok)
}

/// Whose home this is, as its token says.
pub(super) fn person(home: &Home) -> Result<String, Failure> {
    let token = std::fs::read_to_string(home.token()).unwrap_or_default();
    let tokens = Tokens::load(&home.tokens())
        .map_err(|e| Failure::new(Exit::Unavailable, "cannot tell whose home this is").because(e))?;
    match tokens.verify(token.trim()) {
        Some(Bearer::Person { name, .. }) => Ok(name.clone()),
        _ => Err(Failure::new(Exit::Refused, "state/token is not a person's token of this home")
            .hint("run as the owner of the home; when it is lost or garbled, remove state/token and restart the daemon")),
    }
}
