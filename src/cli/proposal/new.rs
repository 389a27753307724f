//! `proposal new`: a proposal to begin with, each line explained, from nothing or from what a file does. It lints; it
//! says nothing for anybody until it is signed.

use std::path::PathBuf;

use super::draft::{self, Draft};
use super::{desk, evidence};
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::files;
use crate::cli::runbook::folder;
use crate::cli::{Global, Outcome, Output, out, propose};
use crate::runbook::{Content, proposals};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 written, 1 the file has problems, 2 wrong use, or it is there already.\n\n\
Examples:\n  remediator proposal new web --title 'Keep the web server answering'\n  \
remediator proposal new web --title 'Keep it up' --from web.yaml"
)]
pub struct Args {
    /// Its id: lower-case letters, digits and dashes.
    id: String,
    /// What is proposed, in one line.
    #[arg(long)]
    title: String,
    /// A content file whose facts are filled in.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Content folder. Default: the home's.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = match &args.folder {
        Some(folder) => folder.clone(),
        None => folder::root(global)?,
    };
    let text = match &args.from {
        Some(file) => from_file(&args, file, global)?,
        None => blank(&args.id, &args.title),
    };
    let name = desk::path_of(&args.id);
    proposals::parse_proposal(&name, text.as_bytes()).map_err(|problem| {
        Failure::new(Exit::Usage, format!("a proposal cannot be called that: {problem}"))
            .hint("an id has lower-case letters, digits and dashes; a title says something")
    })?;
    let path = root.join(&name);
    if path.exists() {
        let what = format!("{} is there already; nothing was written", path.display());
        return Err(Failure::new(Exit::Usage, what).hint("choose another id, or edit that file"));
    }
    files::write_new(&path, text.as_bytes())
        .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    if global.output == Output::Json {
        out::json_of(&serde_json::json!({"v": 1, "id": args.id, "proposal": path}))?;
        return Ok(Exit::Ok);
    }
    out::say(format!("written: {}", path.display()))?;
    propose::say_next(&args.id)
}

fn from_file(args: &Args, file: &std::path::Path, global: &Global) -> Result<String, Failure> {
    let (name, content) = propose::read(file, global)?;
    let evidence = match &content {
        Content::Runbook(runbook) => {
            evidence::incidents(global, &runbook.matcher.subsystem, &runbook.matcher.code)
        }
        _ => Vec::new(),
    };
    if content.proposal() != args.id {
        anstream::eprintln!(
            "note: {} names the proposal `{}`",
            out::line(&name),
            out::line(content.proposal())
        );
    }
    Draft { id: &args.id, title: &args.title, of: (&name, &content), evidence: &evidence }.text()
}

/// From nothing.
fn blank(id: &str, title: &str) -> String {
    let text = TEMPLATE.replace("@ID@", id).replace("@TITLE@", &draft::quoted(title));
    format!("{}{}", draft::HEAD, text.replace("@EVIDENCE@", &draft::evidence(&[])))
}

const TEMPLATE: &str = r#"# Why its files may exist, for whoever approves them. `remediator proposal lint` checks it.
v: 1
id: @ID@
title: @TITLE@
# Which kind of failure it is about.
failure_class: What is broken, and how that is told
@EVIDENCE@# What its files may do at most. One that does more is not live, however it was signed.
may:
  # Kinds of steps, undos included: run, service, http, signal, wait, file, notify. None for services and sentinels.
  steps: [run]
  # Targets that may be named; * stands for any run of characters.
  targets: ["*"]
  # The largest thing that may be affected: process, machine or fleet.
  blast_radius: machine
  # Names of credentials, and the largest model that may be asked.
  credentials: []
  model_tier: tier1
  # At most so many attempts and so long a runtime, at least so long a window and cooldown.
  # limits: {attempts: 3, window: 24h, cooldown: 30s, runtime: 2m}
# What can go wrong when it acts.
risks:
  - What could be lost or made worse, and how likely that is.
# How a person takes it back.
undo: What a person does to take it back
"#;
