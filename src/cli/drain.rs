//! `remediator drain`: less power is free and immediate (RM-44), and this one says when nothing runs any more.

use std::time::{Duration, Instant};

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out, pause};
use crate::audit::StatusView;
use crate::base::time::Span;

/// How often it is asked whether something still runs.
const LOOK: Duration = Duration::from_millis(200);

/// Start no new attempt, let running ones finish, and wait until none is left: before an upgrade or maintenance.
/// Needs no signature. `remediator resume` ends it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing is acted upon any more, 75 something still is when the time is over, or nobody can tell.\n\n\
Example:\n  remediator drain --reason \"upgrade\"\n  remediator drain --reason \"upgrade\" --wait 0s"
)]
pub struct Args {
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
    /// How long to wait for running attempts; 0s only asks.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = span)]
    wait: Span,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|e| e.to_string())
}

/// Drains.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "a drain needs a reason").hint("--reason \"why\""));
    }
    let home = Home::acting(global)?;
    let client = match Client::new(&home) {
        Ok(client) => client,
        // Where its daemon listens is not known, nor whether there is one: the file stops it either way.
        Err(_) => return only_paused(&home, &reason, "the configuration cannot be read", global),
    };
    match client.try_post("/v1/control/drain", serde_json::json!({ "reason": reason }).to_string()) {
        Ok(text) => wait(&client, &text, args.wait, global),
        // A daemon that has other troubles is stopped by the file, and whether something runs cannot be told.
        Err(no) if no.leaves_the_file() && no.may_run() => {
            only_paused(&home, &reason, &no.into_failure().to_string(), global)
        }
        // One that is not there has nothing running.
        Err(no) if no.leaves_the_file() => {
            pause::by_file(&home, &reason, &no.into_failure().to_string(), global)?;
            Ok(Exit::Ok)
        }
        Err(other) => Err(other.into_failure()),
    }
}

/// Nothing new begins; what is under way may go on.
fn only_paused(home: &Home, reason: &str, why: &str, global: &Global) -> Outcome {
    pause::by_file(home, reason, why, global)?;
    let what = format!("paused, not drained: {why}, so nobody can tell what is still under way");
    Err(Failure::new(Exit::Temporary, what).hint("mend that and drain again, or stop the daemon"))
}

fn wait(client: &Client, answer: &str, at_most: Span, global: &Global) -> Outcome {
    let until = Instant::now() + Duration::from_millis(at_most.ms());
    let mut told = false;
    loop {
        let text = client.get("/v1/status").map_err(NoAnswer::into_failure)?;
        let status: StatusView = serde_json::from_str(&text).map_err(|e| {
            Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
        })?;
        let Some(drain) = status.draining else {
            return Err(Failure::new(Exit::Findings, "somebody resumed while this waited"));
        };
        let over = drain.drained.is_some();
        if over || Instant::now() >= until {
            if global.output == Output::Json {
                out::json(answer)?;
            } else if over {
                out::say("drained: nothing is acted upon any more and nothing new is begun")?;
                out::say(out::faint("to go on: remediator resume --reason \"…\""))?;
            }
            if over || at_most.ms() == 0 {
                return Ok(Exit::Ok);
            }
            let running = drain.running;
            let what = format!("{running} attempt(s) still under way after {at_most}; nothing new is begun");
            return Err(Failure::new(Exit::Temporary, what)
                .hint("`remediator status` shows what runs; ask again to wait on"));
        }
        if !told && global.output == Output::Human {
            anstream::eprintln!("note: {} attempt(s) under way; waiting for their end", drain.running);
            told = true;
        }
        std::thread::sleep(LOOK);
    }
}
