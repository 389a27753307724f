//! `remediator backtest`: what a runbook or other limits would have done in recorded history. Acts on nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::{Global, Outcome, Output, out, postmortem, runbook, whatif};
use crate::backtest::{Candidate, Counted, Fork, Report, Swap};
use crate::base::digest::FileDigest;
use crate::base::time::Since;
use crate::event::content::ConfigLoaded;
use crate::runbook::backtested::{self, Backtested};
use crate::runbook::model::V1;
use crate::runbook::{Content, Policy, checks};

/// Incidents that people are shown; JSON has more.
const SHOWN: usize = 10;

/// Say what a runbook, or other limits, would have done in recorded history: nothing is acted upon.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The runbook counts as live, signed or not. How targets are taken to have reacted\nis said in every report; what no record tells stays unknown.\n\n\
Exit codes: 0 told, 2 wrong use or a file that does not lint, 5 the journal is\ndamaged (told as far as it goes), 69 no journal, or one of a newer version.\n\n\
Example:\n  remediator backtest --runbook runbooks/disk-slow/runbook.yaml\n  remediator backtest --runbook fix.yaml --policy stricter.yaml --since 30d\n  remediator backtest --runbook fix.yaml --from ./evidence --output json\n  remediator backtest --runbook runbooks/disk-slow/runbook.yaml --keep"
)]
pub struct Args {
    /// The runbook: a content file. Services beside it are taken with it where history had none of their name.
    #[arg(long, value_name = "FILE", required_unless_present = "policy")]
    runbook: Option<PathBuf>,
    /// Another policy than was in force: trust, in a file like proposals/trust/policy.yaml; or limits, in one like
    /// remediator.yaml, of which `limits` counts.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Only from then on: how long ago (24h, 30d), or a time (2026-01-31T08:00:00Z). Before, history is taken as it is.
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Option<Since>,
    /// A journal, a home or an export elsewhere.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Keep what came of it beside the runbook's proposal, signed: `proposal show` shows it, and a policy may ask for it.
    #[arg(long, requires = "runbook", conflicts_with_all = ["policy", "since"])]
    keep: bool,
    /// Your SSH key, to keep it. Default: the one that `init` would take.
    #[arg(long, requires = "keep", value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let history = postmortem::open(args.from.clone(), global)?;
    let fork = match args.since {
        Some(since) => Fork::Since(since.time_us(out::now_us())),
        None => Fork::Start,
    };
    let candidate = args.runbook.as_deref().map(|path| candidate(path, global)).transpose()?;
    let (limits, policy) = policy(args.policy.as_deref())?;
    let swap = Swap { candidate, catalog: None, limits, policy };
    let (report, damage) = whatif::read(&history, fork, swap)?;
    if args.keep
        && let Some(path) = &args.runbook
    {
        keep(&report, history.genesis().node.to_string(), path, args.key.as_deref(), global)?;
    }
    match global.output {
        Output::Json => out::json_of(&report)?,
        Output::Human => print(&report)?,
    }
    Ok(whatif::end(&report, damage.as_deref()))
}

/// Signed, beside the proposal, bound to the runbook's bytes.
fn keep(
    report: &Report,
    node: String,
    path: &Path,
    key: Option<&Path>,
    global: &Global,
) -> Result<(), Failure> {
    let path = runbook::folder::locate(global, path);
    let changed = || Failure::new(Exit::Findings, format!("{} has just changed", path.display()));
    let bytes = std::fs::read(&path).unwrap_or_default();
    let Ok(Content::Runbook(content)) = checks::read(&path.display().to_string(), &bytes) else {
        return Err(changed());
    };
    let (Some(counted), Some(digest)) = (&report.candidate, report.digest) else { return Ok(()) };
    if FileDigest::of(&bytes) != digest {
        return Err(changed());
    }
    let root = match runbook::folder::root_of(&path) {
        Some(root) => root,
        None => runbook::folder::root(global)?,
    };
    let trust = runbook::recorded::Recorded::of(global, &root).trust(&runbook::folder::read(&root)?);
    let kept = Backtested {
        v: V1,
        runbook: digest,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        at_us: out::now_us(),
        node,
        from: report.from.unwrap_or(report.to),
        to: report.to,
        fired: counted.fired,
        incidents: counted.incidents,
        targets_at_once: counted.targets_at_once,
        blocked: counted.blocked.clone(),
        line: report.line.clone(),
    };
    let place = root.join(backtested::path(&content.proposal, &content.id));
    let (place, by) = runbook::sign_at(place, &kept, &trust, key)?;
    anstream::eprintln!("kept in {}, signed by {}", place.display(), out::line(&by));
    Ok(())
}

/// What a file says: limits, or a trust policy.
pub fn policy(path: Option<&Path>) -> Result<(Option<ConfigLoaded>, Option<Policy>), Failure> {
    let Some(path) = path else { return Ok((None, None)) };
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e))?;
    let wrong = |what: String| {
        Failure::new(Exit::Usage, what).hint(
            "write it like remediator.yaml: `limits: {attempts_at_once: 1}`; or like proposals/trust/policy.yaml: \
             `v: 1` and `trust_level: cautious`",
        )
    };
    let name = path.display().to_string();
    if path.ends_with("policy.yaml") || Policy::is_written_like(&text) {
        return Policy::read(&name, &text).map(|policy| (None, Some(policy))).map_err(wrong);
    }
    let limits = crate::remediator::config::decisions(&text);
    limits.map(|limits| (Some(limits), None)).map_err(|e| wrong(format!("{name}: {e}")))
}

/// A runbook with the content files beside it.
pub fn candidate(path: &Path, global: &Global) -> Result<Candidate, Failure> {
    let path = &runbook::folder::locate(global, path);
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e))
    };
    let bytes = read(path)?;
    let name = path.display().to_string();
    let id = match checks::read(&name, &bytes) {
        Ok(Content::Runbook(runbook)) => runbook.id.clone(),
        Ok(other) => {
            let what = format!("{name} is a {}, not a runbook", other.kind().word());
            return Err(Failure::new(Exit::Usage, what).hint("name the file that says `kind: runbook`"));
        }
        Err(rejected) => {
            let first = rejected.problems.first().map(ToString::to_string).unwrap_or_default();
            return Err(Failure::new(Exit::Usage, format!("{name} cannot be tried: {first}"))
                .hint(format!("remediator runbook lint {name}")));
        }
    };
    let place = |file: &Path| {
        let file = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        format!("runbooks/{id}/{file}")
    };
    let mut files = BTreeMap::from([(place(path), bytes.clone())]);
    for other in beside(path) {
        if let Ok(bytes) = std::fs::read(&other)
            // Another runbook beside it is not what is tried.
            && checks::read(&other.display().to_string(), &bytes)
                .is_ok_and(|content| !matches!(content, Content::Runbook(_)))
        {
            files.insert(place(&other), bytes);
        }
    }
    Ok(Candidate { id, digest: FileDigest::of(&bytes), files })
}

/// Other content files of a folder, by name.
fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let yaml = |file: &PathBuf| file.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|file| yaml(file) && file != path && file.is_file())
        .collect();
    files.sort();
    files
}

fn print(report: &Report) -> Result<(), Failure> {
    let name = report.runbook.as_deref().unwrap_or("this policy");
    out::say(format!("{} {}", out::head("Backtest of"), out::line(name)))?;
    if let Some(digest) = report.digest {
        out::say(out::faint(digest))?;
    }
    let from = report.from_at.as_deref().unwrap_or("-");
    out::say(format!(
        "over entries {} to {}, {} to {}, {} incidents",
        report.from.unwrap_or(report.to),
        report.to,
        out::short(from),
        out::short(&report.to_at),
        report.summary.incidents
    ))?;
    if let Some(counted) = &report.candidate {
        counts(counted)?;
    }
    whatif::differences(report)?;
    whatif::model(report)
}

fn counts(c: &Counted) -> Result<(), Failure> {
    out::say("")?;
    let row =
        |name: &str, value: String| out::say(format!("  {} {value}", out::faint(format!("{name:<18}"))));
    row("would have acted", format!("{} time(s) on {} incident(s)", c.fired, c.incidents))?;
    for id in c.on.iter().take(SHOWN) {
        row("", id.to_string())?;
    }
    if c.incidents > SHOWN as u64 {
        row("", format!("and {} more", c.incidents - SHOWN as u64))?;
    }
    row("targets at once", format!("at most {}", c.targets_at_once))?;
    if let (Some(first), Some(last)) = (&c.first, &c.last) {
        row("first and last", format!("{} and {}", out::short(first), out::short(last)))?;
    }
    row("planned", format!("{}, of which {} ended at a precondition", c.planned, c.declined))?;
    let list = |map: &BTreeMap<String, u64>| {
        let all: Vec<String> =
            map.iter().map(|(word, n)| format!("{} {n}", out::line(&word.replace('_', " ")))).collect();
        if all.is_empty() { "-".to_owned() } else { all.join(", ") }
    };
    row("ended", list(&c.outcomes))?;
    row("blocked by", list(&c.blocked))?;
    row("did not fit", list(&c.not_matched))?;
    for (detail, n) in &c.unresolved {
        row("not resolved", format!("{n}: {}", out::cut(detail, 120)))?;
    }
    for (runbook, conflict) in &c.conflicts {
        let refused = if conflict.refused {
            "; same priority and overlapping matchers: the newcomer is refused"
        } else {
            ""
        };
        let (wins, loses) = (conflict.wins, conflict.loses);
        row("beside", format!("{}: chosen before it {wins}, after it {loses}{refused}", out::line(runbook)))?;
    }
    Ok(())
}
