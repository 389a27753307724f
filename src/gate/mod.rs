//! `runbook-gate`: may this change land? It feeds the bytes that are about to be committed to the same checks as the
//! loader, by the trust of the revision before the change, and says what blocks and what mends it.
//! Not for running anything, nor for the checks of single files (`runbook::checks`).

mod change;
mod checks;
mod finding;
mod git;
mod install;
mod judge;
mod past;
mod report;
mod scope;

use std::io::Write as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;

use crate::base::redact;
use crate::base::text::for_shell;
use change::{Change, ChangeError, Ends};
use finding::Finding;
use git::{Git, GitError};
use judge::Judge;
use report::{Form, Report};

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing blocks
  1    blocked: there are findings
  2    the command line is wrong
  69   it could not be judged, which blocks as well

Examples:
  runbook-gate                              what is staged, before a commit
  runbook-gate --range origin/main..HEAD    in CI
  runbook-gate runbooks/web                 files as they lie here, as if they were staged
  runbook-gate install                      as a git hook";

/// Says whether a change of runbooks, proposals and trust may land.
#[derive(Debug, Parser)]
#[command(name = "runbook-gate", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    check: Check,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Judge every commit: a git hook, before the one that is there.
    Install,
    /// Take the hook away, and put back what was there.
    Uninstall,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// Judge what lies between two commits, by the trust of the first: BASE..HEAD.
    #[arg(long, value_name = "BASE..HEAD")]
    range: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "human", value_name = "FORM")]
    output: Form,
    /// Write a report into a file besides, as often as wanted.
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = form_and_file)]
    reports: Vec<(Form, PathBuf)>,
    /// Judge also what the change does not reach. What is wrong there blocks nothing; it is told.
    #[arg(long)]
    all: bool,
    /// Let the sample keys of remediator's own repository count. Everybody has them: nowhere else.
    #[arg(long)]
    sample_keys: bool,
    /// Judge these files or folders as they lie here, as if they were staged. Default: what is staged.
    #[arg(conflicts_with = "range")]
    paths: Vec<PathBuf>,
}

fn form_and_file(text: &str) -> Result<(Form, PathBuf), String> {
    let (form, file) = text.split_once('=').ok_or("write FORM=FILE, such as sarif=gate.sarif")?;
    Ok((<Form as clap::ValueEnum>::from_str(form, false)?, PathBuf::from(file)))
}

/// It could not be judged.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Install(#[from] install::InstallError),
    #[error("`{0}` is no range: write BASE..HEAD, such as origin/main..HEAD")]
    Range(String),
    #[error("{head} does not contain {base}, so it cannot be judged by it: rebase or merge it first")]
    Apart { base: String, head: String },
    #[error("cannot find out which program this is: {0}")]
    Program(std::io::Error),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Reads the command line, judges, says what it found.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wanted = !error.use_stderr();
            let printed = error.print();
            return if wanted && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    let done = match cli.verb {
        Some(Verb::Install) => installed(),
        Some(Verb::Uninstall) => Git::here()
            .map_err(Error::from)
            .and_then(|git| Ok(install::uninstall(&git)?))
            .map(|text| (text + "\n", true)),
        None => checked(&cli.check),
    };
    match done {
        Ok((text, passes)) => {
            // A reader that went away hears nothing; whether it may land is told by the exit code.
            let _ = std::io::stdout().write_all(text.as_bytes());
            if passes { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "runbook-gate: {error}\nIt could not be judged, so it is blocked."
            );
            match error {
                Error::Range(_) => ExitCode::from(2),
                _ => ExitCode::from(69),
            }
        }
    }
}

fn installed() -> Result<(String, bool), Error> {
    let program = std::env::current_exe().map_err(Error::Program)?;
    Ok((install::install(&Git::here()?, &program)? + "\n", true))
}

fn checked(args: &Check) -> Result<(String, bool), Error> {
    let git = match &args.paths[..] {
        [] => Git::here()?,
        paths => Git::here()?.with_files(paths)?,
    };
    let report = judged(&git, args)?;
    for (form, path) in &args.reports {
        write(path, &form.write(&report), false)?;
    }
    if args.output == Form::Github
        && let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY")
    {
        write(Path::new(&path), &report::summary(&report), true)?;
    }
    Ok((args.output.write(&report), report.passes()))
}

fn write(path: &Path, text: &str, append: bool) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).append(append).truncate(!append);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn judged(git: &Git, args: &Check) -> Result<Report, Error> {
    // What every file is searched for takes a while to prepare, and git is asked meanwhile.
    std::thread::spawn(|| redact::findings(""));
    let ends = match &args.range {
        Some(range) => named(git, range)?,
        None => Ends { base: git.head()?, head: None },
    };
    let judged = match &ends.head {
        Some(head) => head.clone(),
        None if args.paths.is_empty() => "what is staged".to_owned(),
        None => "the files named".to_owned(),
    };
    let (before, after) = std::thread::scope(|scope| {
        let before = scope.spawn(|| ends.base.as_deref().map(|base| git.tree(base)).transpose());
        let after = ends.head.as_deref().map_or_else(|| git.index(), |head| git.tree(head));
        (before.join().unwrap_or_else(|panic| resume_unwind(panic)), after)
    });
    let (before, after) = (before?.unwrap_or_default(), after?);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_us = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    let judge = Judge { now_us, sample_keys: args.sample_keys, all: args.all };
    let mut report = Report { base: ends.base.clone(), judged, ..Report::default() };
    for root in change::roots(&before, &after) {
        let Some(change) = Change::between(git, &ends, &root, (&before, &after))? else { continue };
        let judgement = judge.judge(&change)?;
        report.findings.extend(judgement.findings);
        report.bootstrap |= judgement.bootstrap;
        report.folders += 1;
        report.files += judgement.files;
    }
    if ends.head.is_none() && args.paths.is_empty() && !report.passes() {
        unstaged(git, &mut report);
    }
    Ok(report)
}

/// Unstaged files that are told when something blocks.
const UNSTAGED_MAX: usize = 24;

/// A change that is blocked may be half of one: a signature or an approval that lies here and was forgotten is told. It is
/// blocked all the same where the working tree cannot be looked at.
fn unstaged(git: &Git, report: &mut Report) {
    let of_content =
        |path: &&String| path.split('/').any(|folder| matches!(folder, "runbooks" | "proposals"));
    for path in git.unstaged().unwrap_or_default().iter().filter(of_content).take(UNSTAGED_MAX) {
        let message = "it lies here otherwise than it is staged: what is judged is what is staged";
        let mend = format!("git add {}, if it belongs to this change", for_shell(path));
        report.findings.push(Finding::of("unstaged", path.clone(), message, mend).note());
    }
}

/// Both commits of a range. The second must contain the first: else what happened at the base since would look as if it
/// was taken back, and the trust there might be younger than what it judges.
fn named(git: &Git, range: &str) -> Result<Ends, Error> {
    let wrong = || Error::Range(range.to_owned());
    let (base, head) = range.split_once("..").ok_or_else(wrong)?;
    if base.is_empty() || head.starts_with('.') {
        return Err(wrong());
    }
    let (base, head) = (git.commit(base)?, git.commit(if head.is_empty() { "HEAD" } else { head })?);
    match git.merge_base(&base, &head)? == base {
        true => Ok(Ends { base: Some(base), head: Some(head) }),
        false => Err(Error::Apart { base, head }),
    }
}
