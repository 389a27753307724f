//! The command line: one file per command and one line in the registry. Data goes to stdout, everything else to
//! stderr. Not for: what the commands show (audit) or do (the layers below).

mod audit;
mod backtest;
mod backup;
mod client;
mod completions;
mod config;
mod demo;
mod demo_service;
mod doctor;
mod drain;
mod emit;
mod erase;
mod exit;
mod explain;
mod follow;
mod home;
mod hung;
mod incident;
mod incidents;
mod init;
mod journal;
mod key;
mod lock;
mod man;
mod nearest;
mod notify;
mod out;
mod pause;
mod postmortem;
mod proposal;
mod propose;
mod reader;
mod replay;
mod restore;
mod resume;
mod runbook;
mod schema;
mod sentinel;
mod serve;
mod signing;
mod statement;
mod status;
mod target;
mod tls;
mod token;
mod uninstall;
mod variables;
mod watch;
mod whatif;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use exit::{Exit, Failure};
pub use home::Home;

/// What a command that runs gives back.
pub type Outcome = Result<Exit, Failure>;

const EXIT_CODES: &str = "\
Exit codes:
  0    all is well
  1    there is a finding, or what was asked for failed
  2    the command line or the configuration is wrong
  3    waiting for an approval
  4    refused by policy, token or signature
  5    damage found in the journal: something is not what was signed
  6    truncated or rolled back: entries that were there are missing
  7    forked: two histories where there may be one
  8    unknown key: nobody who is believed signed it
  9    stale: older than it may be
  10   quorum missing: too few witnesses cosigned it
  69   not available: no home, no daemon
  75   temporary: try again
  130  interrupted
  143  terminated

Environment:
  REMEDIATOR_HOME      the home (else $STATE_DIRECTORY, else $XDG_STATE_HOME/remediator)
  REMEDIATOR_LISTEN    address of the daemon (default 127.0.0.1:8855)
  NO_COLOR             no colours";

/// Notices degradations, heals them with signed runbooks inside agreed bounds, and can prove every step.
#[derive(Debug, Parser)]
#[command(name = "remediator", version, after_help = EXIT_CODES, propagate_version = true)]
#[command(infer_subcommands = false, disable_help_subcommand = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The home: content, configuration and `state/`.
    #[arg(long, global = true, env = "REMEDIATOR_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// How to print: for people, or JSON for programs.
    #[arg(long, global = true, value_enum, default_value = "human", value_name = "HOW")]
    pub output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// For programs: the same bytes as the HTTP interface gives.
    Json,
}

/// The registry: one line per command. A command is a module with `Args` and `run(Args, &Global) -> Outcome`.
macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident => $($module:ident)::+),+ $(,)?) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$meta])* $name($($module)::+::Args),)+
        }
        impl Command {
            fn run(self, global: &Global) -> Outcome {
                match self { $(Self::$name(args) => $($module)::+::run(args, global),)+ }
            }
        }
    };
}

commands! {
    /// Make a home: keys, trust, shipped runbooks, journal.
    Init => init,
    /// Run the daemon of a home.
    Serve => serve,
    /// See it work: a real service, really broken, healed and proved. Needs nothing.
    Demo => demo,
    Status => status,
    Watch => watch,
    Incidents => incidents,
    Incident => incident,
    Explain => explain,
    Postmortem => postmortem,
    Replay => replay,
    Backtest => backtest,
    Whatif => whatif,
    Emit => emit,
    Erase => erase,
    Notify => notify,
    Audit => audit,
    Journal => journal,
    Doctor => doctor,
    Pause => pause,
    Drain => drain,
    Resume => resume,
    Target => target,
    /// Check the configuration, and show what is in force and why.
    Config => config,
    /// Who holds which lock, and taking one away.
    Lock => lock,
    /// The keys that sign the journal.
    Key => key,
    /// Tokens of people and their programs: make one with a role, list, revoke.
    Token => token,
    Schema => schema,
    /// Check, sign, approve, list, show and try content files.
    Runbook => runbook,
    /// Why runbooks may exist: argue, sign, review, approve, revoke.
    Proposal => proposal,
    Propose => propose,
    Sentinel => sentinel,
    Backup => backup,
    Restore => restore,
    Uninstall => uninstall,
    Completions => completions,
    Man => man,
    #[command(name = "__demo-service", hide = true)]
    DemoService => demo_service,
}

/// The whole command line, for completions and manual pages.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Reads the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap knows where each is printed.
            let wanted = !error.use_stderr();
            let printed = error.print();
            return if wanted && printed.is_ok() { Exit::Ok.into() } else { Exit::Usage.into() };
        }
    };
    match cli.command.run(&cli.global) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        Cli::command().debug_assert();
        fn leaf(command: &clap::Command) {
            let subs: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
            if subs.is_empty() && !command.is_hide_set() {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("remediator "), "`{}` has no example", command.get_name());
                // A wrapped command cannot be copied; clap wraps at the width of the terminal.
                let wide = after.lines().find(|line| line.starts_with("  ") && line.len() > 80);
                assert_eq!(wide, None, "an example of `{}` is too wide", command.get_name());
            }
            subs.into_iter().for_each(leaf);
        }
        leaf(&Cli::command());
    }
}
