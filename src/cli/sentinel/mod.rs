//! `remediator sentinel …`: write, check and try eyes, see what they see, and let others report. One file per verb,
//! one line each below.

mod find;
mod grant;
mod lint;
mod list;
mod new;
mod snippet;
mod test;

use super::{Global, Outcome};

/// Write, check, try and list sentinels, and let others report.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write a sentinel with everything it may hold, explained. It passes `lint`; it watches once it is approved.
    New(new::Args),
    /// Check the text of sentinels: every problem with its place and its mend.
    Lint(lint::Args),
    /// Look once with a sentinel's eyes: what it says and what it measures. Nothing is reported.
    Test(test::Args),
    /// What every sentinel sees just now, and who else may report.
    List(list::Args),
    /// Give a program of yours a token with which it may report certain subsystems. Signed with your SSH key.
    Grant(grant::Args),
    /// Print the line of shell that gives a heartbeat, or that reports.
    Snippet(snippet::Args),
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.verb {
        Verb::New(args) => new::run(args, global),
        Verb::Lint(args) => lint::run(args, global),
        Verb::Test(args) => test::run(args, global),
        Verb::List(args) => list::run(args, global),
        Verb::Grant(args) => grant::run(args, global),
        Verb::Snippet(args) => snippet::run(args, global),
    }
}
