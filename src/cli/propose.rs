//! `propose`: the proposal that a content file names, made from what the file does and what the journal knows of the
//! trouble. It lints; the words in it are for a person to make better. Not for signing or approving it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::init::files;
use super::proposal::draft::Draft;
use super::proposal::{against, desk, evidence};
use super::runbook::folder;
use super::{Global, Outcome, Output, out};
use crate::runbook::{Content, checks, difference};

/// Write the proposal that a content file names, from what the file does and what the journal knows.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 written, 1 the file has problems, 2 wrong use, or it is there already.\n\n\
Example:\n  remediator propose runbooks/process-dead/runbook.yaml --replace"
)]
pub struct Args {
    /// The content file; a relative path is looked for here, then in the home.
    file: PathBuf,
    /// Write it anew if it is there, and show what changes.
    #[arg(long)]
    replace: bool,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    id: String,
    proposal: PathBuf,
    /// What changed, when it was there before.
    difference: Vec<String>,
    evidence: Vec<String>,
    /// What other files that name it do beyond it.
    beyond: Vec<String>,
}

/// Writes it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let file = folder::locate(global, &args.file);
    let (name, content) = read(&file, global)?;
    let root = match folder::root_of(&file) {
        Some(root) => root,
        None => folder::root(global)?,
    };
    let evidence = match &content {
        Content::Runbook(runbook) => {
            evidence::incidents(global, &runbook.matcher.subsystem, &runbook.matcher.code)
        }
        _ => Vec::new(),
    };
    let id = content.proposal();
    let draft = Draft { id, title: content.title(), of: (&name, &content), evidence: &evidence };
    let text = draft.text()?;
    let path = root.join(desk::path_of(id));
    let difference = write(&path, text.as_bytes(), args.replace)?;
    let others = |other: &str, content: &Content| content.proposal() == id && other != name;
    let beyond = against::hold(&folder::read(&root)?, others);
    let beyond =
        beyond.iter().map(|p| format!("{}:{}:{}: {}", p.file, p.line, p.column, p.message)).collect();
    let report = Report { v: 1, id: id.to_owned(), proposal: path, difference, evidence, beyond };
    if global.output == Output::Json {
        out::json_of(&report)?;
        return Ok(Exit::Ok);
    }
    out::say(format!("written: {}", report.proposal.display()))?;
    for line in &report.difference {
        out::say(format!("  {}", out::line(line)))?;
    }
    if !report.difference.is_empty() && report.proposal.with_added_extension("sig").exists() {
        out::say(
            "note: its signature and every approval were of the bytes before; they do not count any more",
        )?;
    }
    for line in &report.beyond {
        out::say(format!("note: it does not argue for all of {}", out::line(line)))?;
    }
    say_next(id)
}

/// A content file, and its name in the content folder (or as it was called).
pub fn read(file: &Path, global: &Global) -> Result<(String, Content), Failure> {
    let file = folder::locate(global, file);
    let bytes = std::fs::read(&file)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", file.display())).because(e))?;
    let name = folder::root_of(&file).and_then(|root| folder::name_in(&root, &file));
    let name = name.unwrap_or_else(|| file.to_string_lossy().into_owned());
    let content = checks::read(&name, &bytes).map_err(|rejected| {
        let first = rejected.problems.first().map(ToString::to_string).unwrap_or_default();
        Failure::new(Exit::Findings, format!("nothing is proposed for a file with problems: {first}"))
            .hint(format!("remediator runbook lint {}", file.display()))
    })?;
    Ok((name, content))
}

/// Writes it, and says what changed in what was there.
fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<Vec<String>, Failure> {
    let fail = |e: anyhow::Error| Failure::new(Exit::Unavailable, e.to_string()).because(e);
    let before = match std::fs::read(path) {
        Ok(before) => before,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files::write_new(path, bytes).map_err(fail)?;
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(
                Failure::new(Exit::Unavailable, format!("cannot read {}", path.display())).because(error)
            );
        }
    };
    if !replace {
        let what = format!("{} is there already; nothing was written", path.display());
        return Err(Failure::new(Exit::Usage, what).hint("--replace writes it anew and shows what changes"));
    }
    files::replace(path, bytes).map_err(fail)?;
    Ok(difference::say(&before, bytes))
}

/// What comes after a proposal was written.
pub fn say_next(id: &str) -> Outcome {
    out::say("make its words yours, then:")?;
    for (verb, more) in [("lint", ""), ("sign", " --files"), ("approve", "")] {
        out::say(format!("  remediator proposal {verb} {id}{more}"))?;
    }
    Ok(Exit::Ok)
}
