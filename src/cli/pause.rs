//! `remediator pause`: less power is free and immediate, with or without a daemon that answers (RM-44).

use std::io::Write as _;

use super::client::Client;
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out};

/// Start no new attempt from now on; running ones finish. Needs no signature and works without a daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator pause --reason \"maintenance of the disk\"")]
pub struct Args {
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
}

/// Pauses.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "a pause needs a reason").hint("--reason \"why\""));
    }
    let home = Home::acting(global)?;
    // A configuration that cannot be read does not keep anybody from pausing: the file needs none.
    let client = match Client::new(&home) {
        Ok(client) => client,
        Err(unreadable) => {
            by_file(&home, &reason, &unreadable.to_string(), global)?;
            return Ok(Exit::Ok);
        }
    };
    match client.try_post("/v1/control/pause", serde_json::json!({ "reason": reason }).to_string()) {
        Ok(text) => match global.output {
            Output::Json => out::json(&text)?,
            Output::Human => {
                out::say("paused: no new attempt starts")?;
                out::say(out::faint("to go on: remediator resume --reason \"…\""))?;
            }
        },
        // A pause is never refused by a daemon that has other troubles: the file stops it as well.
        Err(no) if no.leaves_the_file() => {
            by_file(&home, &reason, &no.into_failure().to_string(), global)?;
        }
        Err(other) => return Err(other.into_failure()),
    }
    Ok(Exit::Ok)
}

/// Pauses by the file `state/PAUSED`, without HTTP, and says why it had to. What the file does it does when a daemon sees it:
/// nothing more is promised.
pub(super) fn by_file(home: &Home, reason: &str, why: &str, global: &Global) -> Result<(), Failure> {
    let path = home.paused();
    let cannot = |e: std::io::Error| {
        Failure::new(
            Exit::Unavailable,
            format!("no daemon takes the pause, and {} cannot be written", path.display()),
        )
        .hint("stop the daemon to be safe")
        .because(e)
    };
    let mut file = tempfile::NamedTempFile::new_in(home.state()).map_err(cannot)?;
    writeln!(file, "{reason}").and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    file.persist(&path).map_err(|e| cannot(e.error))?;
    std::fs::File::open(home.state()).and_then(|f| f.sync_all()).map_err(cannot)?;
    match global.output {
        Output::Json => out::json(&serde_json::json!({"v": 1, "file": path}).to_string()),
        Output::Human => {
            anstream::eprintln!("note: {}", out::line(why));
            out::say(format!("written: {}", path.display()))?;
            out::say(
                "a daemon of this home pauses when it sees that file: within a second while it runs, else at its start",
            )?;
            out::say(out::faint(
                "to go on: remediator resume --reason \"…\"; where no daemon ever saw the file, remove it",
            ))
        }
    }
}
