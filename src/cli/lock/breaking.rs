//! `remediator lock break`: takes a lock from whoever holds it; the holder is refused by its token from then on.

use std::time::{Duration, Instant};

use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::statement::{self, Signing};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::ls;
use crate::audit::{LockState, LocksView};
use crate::remediator::Control;

/// How long the daemon may take to carry out its own order.
const PATIENCE: Duration = Duration::from_secs(10);

/// Take a lock from an attempt that hangs, of this home or of another on this machine. Its next step is refused by its
/// token; what already runs is not ended. Signs a statement with your SSH key: your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 broken, 1 nobody holds it, or not with that token, 4 the signature does not count.\n\n\
Example:\n  remediator lock ls\n  remediator lock break service:web --reason \"its step hangs, I looked\""
)]
pub struct Args {
    /// The resource, as `remediator lock ls` shows it.
    resource: String,
    /// Its token; a holder with another one is left alone. Default: the one that is held now.
    #[arg(long)]
    token: Option<u64>,
    #[command(flatten)]
    signing: Signing,
}

/// Breaks.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let reader = Reader::new(global)?;
    let token = match args.token {
        Some(token) => token,
        None => held(&locks(&reader)?, &args.resource)?,
    };
    let subject = format!("{}#{token}", args.resource);
    let text = statement::send(&home, Control::Break, Some(&subject), args.signing)?;
    let ordered = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|v| v["seq"].as_u64());
    if let Some(problem) = outcome(&reader, &args.resource, ordered.unwrap_or_default())? {
        return Err(Failure::new(Exit::Findings, format!("the lock was not broken: {problem}")));
    }
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => {
            let resource = out::line(&args.resource);
            out::say(format!("broken: whoever held {resource} with token {token} is refused from now on"))?
        }
    }
    Ok(Exit::Ok)
}

fn locks(reader: &Reader) -> Result<LocksView, Failure> {
    Ok(reader.view("/v1/locks", |audit| audit.locks())?.view)
}

/// The token that is held now: by this home, else by another one of this machine.
fn held(view: &LocksView, resource: &str) -> Result<u64, Failure> {
    let own = view.locks.iter().find(|l| l.resource == resource && l.state == LockState::Held);
    if let Some(token) = own.and_then(|l| l.token) {
        return Ok(token);
    }
    let other = ls::of_machine()?.into_iter().find(|seen| seen.resource == resource);
    other.map(|seen| seen.token).ok_or_else(|| {
        Failure::new(Exit::Findings, format!("nobody holds the lock `{}`", out::line(resource)))
            .hint("`remediator lock ls` and `remediator lock ls --machine` list what is held")
    })
}

/// Why the order could not be carried out, if so.
fn outcome(reader: &Reader, resource: &str, ordered: u64) -> Result<Option<String>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let view = locks(reader)?;
        let order = view.breaks.iter().find(|b| b.resource == resource && b.ordered >= ordered);
        if let Some(order) = order.filter(|b| b.ended.is_some()) {
            return Ok(order.problem.clone());
        }
        if Instant::now() >= until {
            let what = "the order is recorded, but nothing came of it yet";
            return Err(Failure::new(Exit::Temporary, what).hint("`remediator lock ls` shows when it has"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
