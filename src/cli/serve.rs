//! `remediator serve`: runs the daemon of a home until it is told to stop. The work is in `remediator`.

use super::exit::{Exit, Failure};
use super::{Global, Home, Outcome};
use crate::api::{self, Tokens};
use crate::remediator::{self, Options};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 stopped in order, 69 it could not start, 75 try again: the address or the journal is in use, or \
the journal could not be written.\n\n\
Examples:\n  remediator serve\n  remediator serve --listen 127.0.0.1:9000 --observe-only"
)]
pub struct Args {
    /// Address of the HTTP interface. Default: `listen` of remediator.yaml, else 127.0.0.1:8855.
    #[arg(long, env = "REMEDIATOR_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// Watches, decides and records, but starts nothing.
    #[arg(long)]
    observe_only: bool,
}

/// Serves.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::existing(global)?;
    start_log()?;
    let options =
        Options { home: home.root().to_owned(), listen: args.listen, observe_only: args.observe_only };
    let tokens = Tokens::load(&home.tokens())
        .map_err(|e| Failure::new(Exit::Unavailable, "the HTTP interface has no tokens").because(e))?;
    match remediator::serve(options, |face| api::serve(face.listener, face.handle, tokens, face.stopped)) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(failure(error)),
    }
}

/// The daemon's own exit code, as far as it is one of the documented ones.
fn failure(error: remediator::Error) -> Failure {
    let exit = match error.exit_code() {
        2 => Exit::Usage,
        4 => Exit::Refused,
        5 => Exit::Damage,
        75 => Exit::Temporary,
        _ => Exit::Unavailable,
    };
    Failure::new(exit, error.to_string()).because(error)
}

/// Log lines go to standard error: for people, or JSON with `REMEDIATOR_LOG_FORMAT=json`; levels in `REMEDIATOR_LOG`.
fn start_log() -> Result<(), Failure> {
    let wrong = |what: String| Failure::new(Exit::Usage, what);
    let levels = std::env::var("REMEDIATOR_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&levels)
        .map_err(|e| wrong(format!("REMEDIATOR_LOG=`{levels}` cannot be understood")).because(e))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match std::env::var("REMEDIATOR_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().try_init(),
        Ok("human") | Err(_) => {
            let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder
                .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none())
                .with_target(false)
                .try_init()
        }
        Ok(other) => {
            let what = format!("REMEDIATOR_LOG_FORMAT=`{other}` is not known");
            return Err(wrong(what).hint("write `human` or `json`"));
        }
    };
    started.map_err(|e| Failure::new(Exit::Unavailable, "the log is set up already").because(e))
}
