//! `runbook approve`: shows every file of a proposal, asks, and writes a signed approval of exactly those bytes.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::recorded::Recorded;
use super::{folder, sign, view};
use crate::base::digest::FileDigest;
use crate::base::time::Span;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out};
use crate::event::content::Standing;
use crate::runbook::authoring::{self, Approve};
use crate::runbook::{Catalog, Entry, Kind, Role};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 approved, 1 not approved or none of it is live, 2 wrong use, 3 waiting for your yes, 4 your key has no \
such role.\n\nExample:\n  remediator runbook approve process-dead --reason 'tried on staging' --yes"
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
}

/// Shows, asks, approves.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = folder::root(global)?;
    let recorded = Recorded::of(global, &root);
    let catalog = folder::catalog(&root, folder::read(&root)?, &recorded);
    let path = folder::name_in(&root, &folder::locate(global, Path::new(&args.proposal)));
    let proposal = proposal_of(&catalog, &args.proposal, path.as_deref())?;
    let entries: Vec<&Entry> =
        catalog.entries().filter(|e| e.content().is_some_and(|c| c.proposal() == proposal)).collect();
    if entries.is_empty() {
        let what = format!("no content file belongs to the proposal `{proposal}`");
        return Err(Failure::new(Exit::Findings, what).hint("a file names its proposal: `proposal: ID`"));
    }
    let key = sign::key_of(catalog.trust(), args.key.as_deref(), Role::Approval)?;
    let principal = sign::holder_of(catalog.trust(), &key, Role::Approval)?;
    if args.principal.as_ref().is_some_and(|named| *named != principal) {
        let what = format!("the key {} is `{principal}`'s", key.display());
        return Err(Failure::new(Exit::Refused, what).hint("name your own key with --key"));
    }
    for entry in &entries {
        anstream::eprintln!(
            "  {:<30} {}\n  {:<30} {}",
            entry.name(),
            out::line(entry.title()),
            "",
            entry.digest
        );
    }
    let argument = argument(&catalog, &proposal)?;
    anstream::eprintln!("  {:<30} {argument}", format!("proposal/{proposal}"));
    left_out(&catalog);
    if !args.yes && !confirmed(&proposal, &principal)? {
        return Ok(Exit::Findings);
    }
    let approval = approve_files(&root, (&proposal, argument), &principal, &key, &entries, &args)?;
    let files: Vec<String> = entries.iter().map(|e| e.path.clone()).collect();
    let judged = folder::catalog(&root, folder::read(&root)?, &recorded);
    let standing: Vec<view::Line> =
        judged.entries().filter(|e| files.contains(&e.path)).map(view::line).collect();
    if global.output == Output::Json {
        let report = Report { v: 1, proposal: &proposal, principal: &principal, approval, files, standing };
        out::json_of(&report)?;
    } else {
        out::say(format!("{proposal} approved by {principal}: {}", approval.display()))?;
        standing.iter().try_for_each(what_it_makes)?;
    }
    // An approval that brings nothing about is not what anybody meant: a script must not take it for one.
    let live = judged
        .entries()
        .any(|e| e.standing == Standing::Live && entries.iter().any(|was| was.path == e.path));
    Ok(if live { Exit::Ok } else { Exit::Findings })
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

/// The digest of the argument as it was read with everything else.
fn argument(catalog: &Catalog, proposal: &str) -> Result<FileDigest, Failure> {
    let path = format!("proposals/{proposal}/proposal.yaml");
    catalog.folder().get(&path).map(FileDigest::of).ok_or_else(|| {
        Failure::new(Exit::Findings, format!("there is no proposal `{proposal}`"))
            .hint(format!("write {path}, and sign it"))
    })
}

fn proposal_of(catalog: &Catalog, name: &str, path: Option<&str>) -> Result<String, Failure> {
    if catalog.proposals().contains_key(name) {
        return Ok(name.to_owned());
    }
    if let Some(content) = catalog.get(Kind::Runbook, name).and_then(Entry::content) {
        return Ok(content.proposal().to_owned());
    }
    let argued = catalog.proposals().iter().find(|(_, proposed)| path == Some(proposed.path.as_str()));
    let there = catalog.entries().find(|entry| path == Some(entry.path.as_str()));
    let there = there.and_then(Entry::content).map(|content| content.proposal());
    if let Some(id) = argued.map(|(id, _)| id.as_str()).or(there) {
        return Ok(id.to_owned());
    }
    let known: Vec<&str> = catalog.proposals().keys().map(String::as_str).collect();
    let what = format!("there is no proposal `{}`", out::line(name));
    Err(Failure::new(Exit::Usage, what).hint(format!("there are: {}", known.join(", "))))
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
