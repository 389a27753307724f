//! `runbook retire`: takes a runbook out of service and leaves a note beside its proposal that says why. What was
//! approved stays approved: bytes that come back run again. Not for taking approvals back (`proposal revoke`).

use serde::Serialize;

use super::show;
use crate::base::digest::FileDigest;
use crate::base::glob;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::files;
use crate::cli::proposal::desk::Desk;
use crate::cli::proposal::draft::quoted;
use crate::cli::{Global, Outcome, Output, out};
use crate::event::content::Standing;
use crate::runbook::model::{Report as Reported, is_id};
use crate::runbook::problem::likely;
use crate::runbook::{Catalog, Entry, Kind, Runbook, retired};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 retired, 1 it is not there or still needed, 2 wrong use.\n\n\
Example:\n  remediator runbook retire disk-filling --reason 'logrotate does it now'")]
pub struct Args {
    /// The runbook's id.
    id: String,
    /// Why, for those who ask later why nothing answers any more.
    #[arg(long)]
    reason: String,
    /// The runbook that does its work now.
    #[arg(long, value_name = "ID")]
    replaced_by: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    runbook: &'a str,
    digest: FileDigest,
    /// What was removed.
    removed: Vec<String>,
    /// The note that stays.
    note: &'a str,
}

/// Retires it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let entry = show::find(&desk.catalog, &args.id)?;
    let runbook = runbook_of(entry)?;
    must_be_replaced(&desk.catalog, &args)?;
    must_not_be_needed(&desk.catalog, entry, runbook)?;
    let note = retired::path(&runbook.proposal, &entry.id);
    let text = note_of(entry, &args);
    retired::parse(&note, text.as_bytes())
        .map_err(|problem| Failure::new(Exit::Usage, format!("nothing was retired: {problem}")))?;
    let file = desk.root.join(&entry.path);
    let unreadable = |e: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot take {} away", file.display())).because(e)
    };
    if FileDigest::of(&std::fs::read(&file).map_err(unreadable)?) != entry.digest {
        let what = format!("{} was changed this moment; nothing was retired", file.display());
        return Err(Failure::new(Exit::Temporary, what).hint("look at it, then try again"));
    }
    // First the note: what is gone has said why.
    files::replace(&desk.root.join(&note), text.as_bytes())
        .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    std::fs::remove_file(&file).map_err(unreadable)?;
    let mut removed = vec![entry.path.clone()];
    match std::fs::remove_file(file.with_added_extension("sig")) {
        Ok(()) => removed.push(format!("{}.sig", entry.path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(error)),
    }
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, runbook: &entry.id, digest: entry.digest, removed, note: &note })?;
        return Ok(Exit::Ok);
    }
    out::say(format!("retired: runbook/{}\nremoved: {}\nnote:    {note}", entry.id, removed.join(", ")))?;
    Ok(Exit::Ok)
}

fn runbook_of(entry: &Entry) -> Result<&Runbook, Failure> {
    if entry.kind != Kind::Runbook {
        let what = format!("{} is no runbook, and only runbooks are retired", entry.name());
        return Err(Failure::new(Exit::Usage, what).hint(format!("remove {}", entry.path)));
    }
    entry.runbook().ok_or_else(|| {
        let what = format!("{} has problems, so nobody can tell its proposal", entry.path);
        Failure::new(Exit::Findings, what).hint(format!("remediator runbook lint {}", entry.path))
    })
}

fn must_be_replaced(catalog: &Catalog, args: &Args) -> Result<(), Failure> {
    let Some(by) = &args.replaced_by else { return Ok(()) };
    if *by == args.id {
        return Err(Failure::new(Exit::Usage, format!("`{by}` cannot replace itself")));
    }
    if is_id(by) && catalog.get(Kind::Runbook, by).is_some() {
        return Ok(());
    }
    let ids = catalog.entries().filter(|entry| entry.kind == Kind::Runbook).map(|entry| entry.id.as_str());
    let near = likely(by, ids).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let what = format!("there is no runbook `{}` that could do its work", out::line(by));
    Err(Failure::new(Exit::Usage, what).hint(format!("{near}`remediator runbook list` lists them")))
}

/// Whether a live eye reports what nothing else would answer: that would only be announced from then on.
fn must_not_be_needed(catalog: &Catalog, entry: &Entry, runbook: &Runbook) -> Result<(), Failure> {
    if entry.standing != Standing::Live {
        return Ok(());
    }
    let live = || {
        catalog
            .entries()
            .filter(move |other| other.standing == Standing::Live && other.name() != entry.name())
    };
    let others = |report: &Reported| live().filter_map(Entry::runbook).any(|other| answers(other, report));
    let needs = live()
        .find(|eye| eye.sentinel().is_some_and(|eye| answers(runbook, &eye.report) && !others(&eye.report)));
    let Some(eye) = needs else { return Ok(()) };
    let what =
        format!("nothing was retired: {} relies on it, and no other live runbook answers it", eye.name());
    let hint = format!("let another runbook for it go live first, or remove {} before", eye.path);
    Err(Failure::new(Exit::Findings, what).hint(hint))
}

fn answers(runbook: &Runbook, report: &Reported) -> bool {
    let matcher = &runbook.matcher;
    let target = matcher.target.as_deref().unwrap_or("*");
    matcher.subsystem == report.subsystem
        && matcher.code == report.code
        && glob::matches(target, &report.target)
}

fn note_of(entry: &Entry, args: &Args) -> String {
    let mut text = format!(
        "# Why {} is gone. What was approved stays approved: the same bytes would run again.\nv: 1\nrunbook: {}\ndigest: \
         \"{}\"\nreason: {}\n",
        entry.path,
        entry.id,
        entry.digest,
        quoted(args.reason.trim())
    );
    text.extend(args.replaced_by.iter().map(|by| format!("replaced_by: {by}\n")));
    text
}
