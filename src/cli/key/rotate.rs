//! `remediator key rotate`: another key signs the journal from the next entry on.

use std::time::{Duration, Instant};

use super::super::client::{Client, NoAnswer};
use super::super::exit::Failure;
use super::super::statement::{self, Signing};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::audit::StatusView;
use crate::remediator::Control;

/// How long the daemon may take to carry out its own order.
const PATIENCE: Duration = Duration::from_secs(10);

/// Give the journal another key: made by the daemon, brought into force by an entry of the old one, whose private half
/// is gone afterwards. What the old key signed stays verifiable. At most three times a day. Signs a statement with your
/// SSH key: your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 too often or not possible now, 4 the signature does not count.\n\n\
Example:\n  remediator key rotate --reason \"a backup with keys was lost\"\n  remediator key ls"
)]
pub struct Args {
    #[command(flatten)]
    signing: Signing,
}

/// Rotates.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let client = Client::new(&home)?;
    let text = statement::send(&home, Control::RotateKey, None, args.signing)?;
    let ordered = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|v| v["seq"].as_u64());
    let key = wait(&client, ordered.unwrap_or_default())?;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({"v": 1, "seq": ordered, "key": key}))?,
        Output::Human => {
            out::say(format!("the journal is signed with key {key} from now on"))?;
            out::say(out::faint(
                "backups with keys from before hold a key that signs no more: make another",
            ))?;
        }
    }
    Ok(Exit::Ok)
}

fn wait(client: &Client, ordered: u64) -> Result<String, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = client.get("/v1/status").map_err(NoAnswer::into_failure)?;
        let status: StatusView = serde_json::from_str(&text).map_err(|e| {
            Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
        })?;
        match status.key {
            Some(key) if key.since > ordered => return Ok(key.id.to_string()),
            Some(key) if key.refused.as_ref().is_some_and(|refused| refused.seq > ordered) => {
                let reason = key.refused.map(|refused| refused.reason).unwrap_or_default();
                return Err(Failure::new(Exit::Findings, format!("the journal keeps its key: {reason}")));
            }
            _ if Instant::now() >= until => {
                let what = "the order is recorded, but nothing came of it yet";
                return Err(Failure::new(Exit::Temporary, what).hint("`remediator key ls` shows when it has"));
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
