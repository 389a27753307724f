//! `sentinel lint`: the text of sentinels. Not for signatures and approvals (`runbook list`).

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::folder;
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::problem::Problem;
use crate::runbook::{Kind, checks};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing found, 1 problems, 2 wrong use.\n\n\
Examples:\n  remediator sentinel lint\n  remediator sentinel lint runbooks/disk/sentinel.yaml")]
pub struct Args {
    /// Files. Default: every sentinel in the content folder of the home.
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    files: usize,
    problems: &'a [Problem],
}

/// Checks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let (mut files, mut problems) = (0, Vec::new());
    for (name, bytes) in texts(&args.files, global)? {
        match checks::read(&name, &bytes) {
            Ok(content) if content.kind() == Kind::Sentinel => files += 1,
            Err(rejected) if args.files.is_empty() && rejected.kind != Some(Kind::Sentinel) => {}
            Err(rejected) => {
                files += 1;
                problems.extend(rejected.problems);
            }
            Ok(_) if args.files.is_empty() => {}
            Ok(other) => {
                let what = format!("{name} is a {}, not a sentinel", other.kind().word());
                return Err(
                    Failure::new(Exit::Usage, what).hint("`remediator runbook lint` checks every kind")
                );
            }
        }
    }
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, files, problems: &problems })?;
    } else {
        for problem in &problems {
            out::say(format!("{problem}\n"))?;
        }
        out::say(match problems.len() {
            0 => format!("{files} sentinel(s): nothing found"),
            count => format!("{files} sentinel(s): {count} problem(s)"),
        })?;
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn texts(files: &[PathBuf], global: &Global) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    if files.is_empty() {
        let content = folder::read(&folder::root(global)?)?;
        return Ok(content.content_files().map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).collect());
    }
    let read = |path: &PathBuf| {
        let bytes = std::fs::read(path).map_err(|e| {
            Failure::new(Exit::Usage, format!("cannot read {}", path.display()))
                .because(e)
                .hint("name a file")
        })?;
        Ok((path.to_string_lossy().into_owned(), bytes))
    };
    files.iter().map(read).collect()
}
