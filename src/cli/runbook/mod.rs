//! `remediator runbook …`: what authors and approvers do with content files. One file per verb, one line each below.

mod evidence;
pub(super) mod folder;
pub(super) mod lint;
mod list;
mod new;
pub(super) mod recorded;
mod rehearse;
mod retire;
pub(super) mod show;
pub(super) mod sign;
mod test;
pub(super) mod view;

pub(super) use rehearse::record::sign_at;

use super::{Global, Outcome, proposal};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write a runbook and its proposal to begin with, each line explained.
    New(new::Args),
    /// Check the text of content files: every problem with its place and its mend.
    Lint(lint::Args),
    /// Sign a content file, a proposal or a trust file with your SSH key.
    Sign(sign::Args),
    /// The same as `remediator proposal approve`.
    Approve(proposal::approve::Args),
    /// List content files: what each may do, why, and how to change that.
    List(list::Args),
    /// Show one content file as it is understood, with who signed and approved it.
    Show(show::Args),
    /// Write down the recorded dry runs of a runbook, signed: evidence for going live.
    Evidence(evidence::Args),
    /// Try a draft on a made-up degradation: exactly what would be run. Nothing is run.
    Test(test::Args),
    /// Take a runbook out of service, and leave a note that says why.
    Retire(retire::Args),
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.verb {
        Verb::New(args) => new::run(args, global),
        Verb::Lint(args) => lint::run(args, global),
        Verb::Sign(args) => sign::run(args, global),
        Verb::Approve(args) => proposal::approve::run(args, global),
        Verb::List(args) => list::run(args, global),
        Verb::Show(args) => show::run(args, global),
        Verb::Evidence(args) => evidence::run(args, global),
        Verb::Test(args) => test::run(args, global),
        Verb::Retire(args) => retire::run(args, global),
    }
}
