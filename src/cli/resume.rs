//! `remediator resume`: more power needs a signed statement (RM-44).

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::client::Client;
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out, signing};
use crate::audit::StatusView;
use crate::base::ids::Receipt;
use crate::base::time::rfc3339;

/// Let attempts start again. Signs a statement with your SSH key: your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator resume --reason \"the disk was replaced\"\n  remediator resume --reason \"done\" --key ~/.ssh/id_ed25519"
)]
pub struct Args {
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
    /// Your SSH key (ed25519): the private key, or the public one of a key that an agent holds.
    #[arg(long, value_name = "PATH")]
    key: Option<PathBuf>,
}

/// Resumes.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "resuming needs a reason").hint("--reason \"why\""));
    }
    let home = Home::existing(global)?;
    let client = Client::new(&home)?;
    let status = client.get("/v1/status").map_err(super::client::NoAnswer::into_failure)?;
    let status: StatusView = serde_json::from_str(&status).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    let statement = json!({
        "v": 1, "action": "resume", "node": status.node, "reason": reason,
        // Unpredictable enough: a statement is good once, and it is signed.
        "nonce": Receipt::fresh(), "issued_at": rfc3339(out::now_us()),
    });
    let statement = statement.to_string().into_bytes();
    let key = signing::key(&home, args.key)?;
    let signature = signing::sign(&key, "control@remediator", &statement)?;
    let body = json!({"statement": STANDARD.encode(&statement), "signature": signature});
    let text = client.post("/v1/control/resume", body.to_string());
    let text = text.map_err(super::client::NoAnswer::into_failure)?;
    // The daemon has the pause on record as lifted; the file that may have made it must not make it again.
    match std::fs::remove_file(home.paused()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("resumed, but {} cannot be removed and pauses again", home.paused().display());
            return Err(Failure::new(Exit::Findings, what).hint("remove it by hand").because(e));
        }
        _ => {}
    }
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("resumed: attempts may start again")?,
    }
    Ok(Exit::Ok)
}
