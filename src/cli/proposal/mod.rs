//! `remediator proposal …`: why runbooks may exist. An argument is written, signed, reviewed, approved, and taken back.
//! One file per verb, one line each below; the others are what several verbs need.
//! Not for the runbooks themselves (`runbook`).

pub(super) mod against;
pub(super) mod approve;
mod counted;
pub(super) mod desk;
pub(super) mod draft;
pub(super) mod evidence;
mod lint;
mod list;
mod new;
mod past;
mod review;
mod revoke;
pub(super) mod show;
mod sign;

use super::{Global, Outcome};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write a proposal to begin with, each line explained.
    New(new::Args),
    /// Check proposals, and hold every file that names them against what they argue for.
    Lint(lint::Args),
    /// Sign the argument with your SSH key.
    Sign(sign::Args),
    /// Show an argument, its files, who approved them, and what is missing.
    Show(show::Args),
    /// Review the files of a proposal, and approve exactly these bytes with your SSH key.
    Approve(approve::Args),
    /// Take back approvals, a proposal or a content file: it stops being live.
    Revoke(revoke::Args),
    /// List proposals with their standing.
    List(list::Args),
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.verb {
        Verb::New(args) => new::run(args, global),
        Verb::Lint(args) => lint::run(args, global),
        Verb::Sign(args) => sign::run(args, global),
        Verb::Show(args) => show::run(args, global),
        Verb::Approve(args) => approve::run(args, global),
        Verb::Revoke(args) => revoke::run(args, global),
        Verb::List(args) => list::run(args, global),
    }
}
