//! `proposal revoke`: approvals, an argument or a content file that no longer count, as lines of `proposals/trust/revoked`.
//! The lines that are there stay; the file is replaced whole. Nothing that others changed in it is signed on the way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::counted;
use super::desk::{Desk, path_of};
use crate::base::digest::FileDigest;
use crate::base::time::rfc3339;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::{files, texts};
use crate::cli::runbook::{folder, sign};
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::content::TRUST_DIR;
use crate::runbook::revoked::Revoked;
use crate::runbook::{Role, Trust, authoring};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 revoked and signed, 1 nothing to revoke, 2 wrong use, 3 somebody else has to sign it.\n\n\
Examples:\n  remediator proposal revoke web --reason 'it hid a leak'\n  \
remediator proposal revoke web --approvals-of bob --reason 'left the team'"
)]
pub struct Args {
    /// The proposal: the name of its folder under proposals/. Without more, every approval of it is revoked.
    #[arg(value_name = "PROPOSAL")]
    id: String,
    /// Only the approvals of this person.
    #[arg(long, value_name = "PRINCIPAL", conflicts_with_all = ["argument", "file"])]
    approvals_of: Option<String>,
    /// The argument itself: no file that names it is live until another one is written.
    #[arg(long = "proposal", conflicts_with = "file")]
    argument: bool,
    /// One of its content files: these bytes never run again.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Why, for those who read it later.
    #[arg(long)]
    reason: String,
    /// Your SSH key. Default: the one that `init` would take.
    #[arg(long)]
    key: Option<PathBuf>,
}

/// The file, as the content folder names it.
const REVOKED: &str = "revoked";

#[derive(Serialize)]
struct Report {
    v: u32,
    proposal: String,
    revoked: Vec<Thing>,
    /// Who signed the trust file; none when somebody else has to.
    signer: Option<String>,
    /// Who may sign it, when that is needed.
    waiting_for: BTreeSet<String>,
    /// What others changed in the file that is not in force.
    pending: Vec<String>,
    /// What stops being live once it is in force.
    stops: Vec<String>,
    /// The command that puts it in force, when it is not signed.
    next: Option<String>,
}

#[derive(Serialize)]
struct Thing {
    digest: FileDigest,
    what: String,
}

/// Writes the lines, and signs them if the caller may.
pub fn run(args: Args, global: &Global) -> Outcome {
    if args.reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "the reason says nothing").hint("--reason WHY"));
    }
    let desk = Desk::open(global)?;
    let id = desk.proposal_of(&args.id, global)?;
    let path = desk.root.join(TRUST_DIR).join(REVOKED);
    let before = read(&path)?;
    let known = Revoked::parse(&before).map_err(|(line, problem)| {
        Failure::new(Exit::Findings, format!("nothing was revoked: {TRUST_DIR}{REVOKED}:{line}: {problem}"))
            .hint("mend that line first")
    })?;
    let named = named(&args, &desk, &id, global)?;
    let things: Vec<Thing> = named.into_iter().filter(|thing| !known.has_file(&thing.digest)).collect();
    let by_hand = format!("remediator runbook sign {TRUST_DIR}{REVOKED}");
    if things.is_empty() {
        let in_force = desk.recorded.in_force(REVOKED).is_none_or(|bytes| bytes == before.as_bytes());
        let failure = Failure::new(Exit::Findings, "nothing was written: that is revoked already");
        return Err(if in_force { failure } else { failure.hint(format!("put it in force: {by_hand}")) });
    }
    let after = with_lines(&before, &things, &args.reason);
    let trust = trust_with(&desk, &after)?;
    let pending = pending(desk.recorded.in_force(REVOKED), &before);
    let signer = may_sign(&desk, args.key.as_deref()).filter(|_| pending.is_empty());
    // First the signature, then what it is of: a daemon never sees a change that is not signed.
    if let Some((key, _)) = &signer {
        authoring::sign_beside(&path, after.as_bytes(), key, Role::Trust).map_err(|e| {
            Failure::new(Exit::Findings, format!("cannot sign {}", path.display())).because(e)
        })?;
    }
    files::replace(&path, after.as_bytes())
        .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    let report = Report {
        v: 1,
        stops: stops(&desk, &trust),
        proposal: id,
        revoked: things,
        waiting_for: match signer {
            Some(_) => BTreeSet::new(),
            None => desk.catalog.trust().holders(Role::Trust, out::now_us()),
        },
        next: signer.is_none().then_some(by_hand),
        signer: signer.map(|(_, principal)| principal),
        pending,
    };
    if global.output == Output::Json {
        out::json_of(&report)?
    } else {
        print(&report)?
    }
    Ok(if report.signer.is_some() { Exit::Ok } else { Exit::Waiting })
}

/// The file as it lies there now; one that is not there begins with what it is for.
fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(texts::REVOKED.to_owned()),
        Err(error) => {
            Err(Failure::new(Exit::Unavailable, format!("cannot read {}", path.display())).because(error))
        }
    }
}

/// What is to be revoked.
fn named(args: &Args, desk: &Desk, id: &str, global: &Global) -> Result<Vec<Thing>, Failure> {
    if args.argument {
        let path = path_of(id);
        let bytes = desk.catalog.folder().get(&path).ok_or_else(|| {
            Failure::new(Exit::Findings, format!("{path} is not there, so nothing of it could be revoked"))
        })?;
        return Ok(vec![Thing { digest: FileDigest::of(bytes), what: format!("the proposal {id}") }]);
    }
    if let Some(file) = &args.file {
        let name = folder::name_in(&desk.root, &folder::locate(global, file));
        let entries = desk.files_of(id);
        let Some(entry) = entries.iter().find(|entry| name.as_deref() == Some(entry.path.as_str())) else {
            let known: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
            let what = format!("{} is no content file of `{id}`", file.display());
            return Err(Failure::new(Exit::Usage, what).hint(format!("its files: {}", known.join(", "))));
        };
        return Ok(vec![Thing { digest: entry.digest, what: format!("{} of {id}", entry.path) }]);
    }
    let all = counted::approvals(desk, id);
    let names: Vec<&str> = all.iter().map(|line| line.principal.as_str()).collect();
    let known = names.join(", ");
    let of = |line: &&counted::Line| args.approvals_of.as_ref().is_none_or(|name| *name == line.principal);
    let chosen: Vec<Thing> = all
        .iter()
        .filter(of)
        .map(|line| Thing {
            digest: line.digest,
            what: format!("the approval of {id} by {}", line.principal),
        })
        .collect();
    if chosen.is_empty() {
        let by =
            args.approvals_of.as_ref().map(|name| format!(" by `{}`", out::line(name))).unwrap_or_default();
        let hint = if known.is_empty() { "it has none".to_owned() } else { format!("there are: {known}") };
        return Err(Failure::new(Exit::Findings, format!("there is no approval of `{id}`{by}")).hint(hint));
    }
    Ok(chosen)
}

/// The text with a line for each thing behind what is there.
fn with_lines(before: &str, things: &[Thing], reason: &str) -> String {
    let mut text = before.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let day = out::short(&rfc3339(out::now_us()));
    for Thing { digest, what } in things {
        text.push_str(&format!("{digest}  # {what}, {day}: {}\n", out::line(reason.trim())));
    }
    text
}

/// The trust in force with this file in it.
fn trust_with(desk: &Desk, revoked: &str) -> Result<Trust, Failure> {
    let mut files = desk.catalog.trust().files().clone();
    files.insert(REVOKED.to_owned(), revoked.as_bytes().to_vec());
    Trust::load(&files)
        .map_err(|e| Failure::new(Exit::Findings, format!("nothing was revoked: {e}")).because(e))
}

/// Lines in which the file on disk differs from the one in force.
fn pending(in_force: Option<&[u8]>, on_disk: &str) -> Vec<String> {
    let Some(in_force) = in_force else { return Vec::new() };
    let in_force = String::from_utf8_lossy(in_force);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (had, has) = (lines(&in_force), lines(on_disk));
    let lost = had.difference(&has).map(|line| format!("is missing: {line}"));
    let gained = has.difference(&had).map(|line| format!("is new:     {line}"));
    lost.chain(gained).map(|line| out::line(&line)).collect()
}

/// The caller's key and name, if it may change the trust files.
fn may_sign(desk: &Desk, named: Option<&Path>) -> Option<(PathBuf, String)> {
    let key = sign::key_of(desk.catalog.trust(), named, Role::Trust).ok()?;
    let principal = sign::holder_of(desk.catalog.trust(), &key, Role::Trust).ok()?;
    Some((key, principal))
}

/// What is live now and is not under another trust.
fn stops(desk: &Desk, trust: &Trust) -> Vec<String> {
    let content = (**desk.catalog.folder()).clone();
    let after: BTreeSet<String> =
        folder::judged(&desk.root, content, &desk.recorded, trust).live_names().collect();
    desk.catalog.live_names().filter(|name| !after.contains(name)).collect()
}

fn print(report: &Report) -> Result<(), Failure> {
    for Thing { digest, what } in &report.revoked {
        out::say(format!("revoked: {} ({digest})", out::line(what)))?;
    }
    out::say(match report.stops.as_slice() {
        [] => "nothing that is live depends on it".to_owned(),
        stops if report.signer.is_some() => format!("no longer live: {}", stops.join(", ")),
        stops => format!("live until it is signed: {}", stops.join(", ")),
    })?;
    if let Some(signer) = &report.signer {
        return out::say(format!("signed by {signer}; a running daemon takes it up within seconds"));
    }
    if !report.pending.is_empty() {
        out::say(format!("not signed: {TRUST_DIR}{REVOKED} has other changes that are not in force"))?;
        report.pending.iter().try_for_each(|line| out::say(format!("  {line}")))?;
    }
    let who: Vec<&str> = report.waiting_for.iter().map(String::as_str).collect();
    let next = report.next.as_deref().unwrap_or_default();
    out::say(format!("not in force until {} has signed it: {next}", who.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_behind_those_that_are_there_and_read_back() {
        let digest = FileDigest::of(b"an approval");
        let thing = || Thing { digest, what: "the approval of web by bob".to_owned() };
        let before = "# why\nSHA256:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq  # lost";
        let after = with_lines(before, &[thing()], "left\n# the team");
        assert!(after.starts_with(&format!("{before}\n{digest}  # the approval of web by bob, ")), "{after}");
        assert!(after.ends_with(": left # the team\n") && after.lines().count() == 3, "{after}");
        assert!(Revoked::parse(&after).expect("it is read").has_file(&digest));
    }

    #[test]
    fn what_others_changed_is_told_and_a_file_without_a_journal_has_nothing_of_it() {
        assert_eq!(pending(Some(b"a\nb\n"), "b\nc\n"), ["is missing: a", "is new:     c"]);
        assert!(pending(Some(b"a\n"), "a\n").is_empty() && pending(None, "a\n").is_empty());
    }
}
