//! `proposal approve`: shows every file of a proposal and what changed in it, asks, and writes a signed approval of
//! exactly those bytes. Not for what the page says (`review`).

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::desk::Desk;
use super::{counted, review};
use crate::base::digest::FileDigest;
use crate::base::time::Span;
use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::{sign, view};
use crate::cli::{Global, Outcome, Output, out};
use crate::event::content::Standing;
use crate::runbook::authoring::{self, Approve};
use crate::runbook::{Catalog, Entry, Kind, Role};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 approved, 1 not approved or none of it is live, 2 wrong use, 3 waiting for your yes or for another's approval, 4 your key has no \
such role.\n\nExample:\n  remediator proposal approve process-dead --reason 'tried on staging' --yes"
)]
pub struct Args {
    /// The proposal: the name of its folder under proposals/. A runbook's id, or the path of one of its files, does as well.
    proposal: String,
    /// Why, for those who read it later.
    #[arg(long, default_value = "read and approved")]
    reason: String,
    /// Who you are; must be the owner of the key. Default: the owner of the key.
    #[arg(long)]
    principal: Option<String>,
    /// Your SSH key. Default: the one that `init` would take.
    #[arg(long)]
    key: Option<PathBuf>,
    /// How long it may take until the files are adopted for the first time.
    #[arg(long, default_value = "30d", value_parser = Span::parse)]
    adopt_before: Span,
    /// Approve without being asked. Needed without a terminal.
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    proposal: &'a str,
    principal: &'a str,
    approval: PathBuf,
    files: Vec<String>,
    /// What the approval makes of them.
    standing: Vec<view::Line>,
    /// How many have approved, of how many that have to.
    quorum: counted::Quorum,
}

/// Shows, asks, approves.
pub fn run(args: Args, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let proposal = desk.proposal_of(&args.proposal, global)?;
    let entries = desk.files_of(&proposal);
    if entries.is_empty() {
        let what = format!("no content file belongs to the proposal `{proposal}`");
        return Err(Failure::new(Exit::Findings, what).hint("a file names its proposal: `proposal: ID`"));
    }
    let key = sign::key_of(desk.catalog.trust(), args.key.as_deref(), Role::Approval)?;
    let principal = sign::holder_of(desk.catalog.trust(), &key, Role::Approval)?;
    if args.principal.as_ref().is_some_and(|named| *named != principal) {
        let what = format!("the key {} is `{principal}`'s", key.display());
        return Err(Failure::new(Exit::Refused, what).hint("name your own key with --key"));
    }
    let argument = desk.argument(&proposal)?;
    for line in review::page(&desk, &proposal, &argument, &entries) {
        anstream::eprintln!("{line}");
    }
    left_out(&desk.catalog);
    if !args.yes && !confirmed(&proposal, &principal)? {
        return Ok(Exit::Findings);
    }
    let approval =
        approve_files(&desk.root, (&proposal, argument.digest), &principal, &key, &entries, &args)?;
    let files: Vec<String> = entries.iter().map(|e| e.path.clone()).collect();
    told(&desk.again()?, &proposal, &principal, approval, files, global)
}

/// Says what the approval makes of the files.
fn told(
    desk: &Desk,
    proposal: &str,
    principal: &str,
    approval: PathBuf,
    files: Vec<String>,
    global: &Global,
) -> Outcome {
    let now = || desk.catalog.entries().filter(|e| files.contains(&e.path));
    // An approval that brings nothing about is not what anybody meant: a script must not take it for one.
    let live = now().any(|e| e.standing == Standing::Live);
    let standing: Vec<view::Line> = now().map(view::line).collect();
    let quorum = counted::quorum(desk, proposal, &counted::approvals(desk, proposal));
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, proposal, principal, approval, files, standing, quorum })?;
    } else {
        out::say(format!("{proposal} approved by {principal}: {}", approval.display()))?;
        standing.iter().try_for_each(what_it_makes)?;
    }
    Ok(match live {
        true => Exit::Ok,
        // It counts, and others have to approve as well.
        false if quorum.reached > 0 && quorum.is_short() => Exit::Waiting,
        false => Exit::Findings,
    })
}

/// Files that cannot be read belong to no proposal: whoever approves should know that they are not in it.
fn left_out(catalog: &Catalog) {
    let unread = catalog.entries().filter(|e| e.content().is_none()).map(|e| &e.path);
    for path in unread.chain(catalog.unreadable().keys()) {
        anstream::eprintln!(
            "note: {path} has problems, so it is not in this: remediator runbook lint {path}"
        );
    }
}

/// What the approval makes of one file.
fn what_it_makes(line: &view::Line) -> Result<(), Failure> {
    out::say(format!("  {:<30} {}", line.name, out::state(line.standing)))?;
    for wrong in &line.reasons {
        out::say(format!("    {}\n    mend: {}", out::line(&wrong.problem), wrong.mend))?;
    }
    Ok(())
}

fn confirmed(proposal: &str, principal: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = "nothing was approved: there is no terminal to ask on";
        return Err(Failure::new(Exit::Waiting, what).hint("say it with --yes"));
    }
    anstream::eprint!("Approve these bytes for `{proposal}` as {principal}? [y/N] ");
    let mut said = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut said)
        .map_err(|e| Failure::new(Exit::Unavailable, "cannot read your answer").because(e))?;
    Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}

fn approve_files(
    root: &Path,
    proposal: (&str, FileDigest),
    principal: &str,
    key: &Path,
    entries: &[&Entry],
    args: &Args,
) -> Result<PathBuf, Failure> {
    // The digests are those of the bytes that were shown, whatever lies on disk by now.
    let files = || entries.iter().map(|e| (e.path.as_str(), e.digest));
    let mut runbooks =
        entries.iter().filter(|e| e.kind == Kind::Runbook).map(|e| (e.path.as_str(), e.digest));
    // One runbook is the approval's subject; of several each is named beside its services and sentinels.
    let subject = runbooks.next().filter(|_| runbooks.next().is_none());
    let resolves: Vec<(&str, FileDigest)> = files().filter(|file| Some(*file) != subject).collect();
    let span_us = i64::try_from(args.adopt_before.ms()).unwrap_or(i64::MAX).saturating_mul(1000);
    let request = Approve {
        folder: root,
        proposal,
        runbook: subject,
        resolves: &resolves,
        principal,
        key,
        adopt_before_us: out::now_us().saturating_add(span_us),
        reason: &args.reason,
    };
    authoring::approve(&request)
        .map_err(|e| Failure::new(Exit::Findings, format!("cannot approve `{}`", proposal.0)).because(e))
}
