//! `token revoke`: a token that counts no more, and with it the sessions that stand for it.

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::api::Bearer;

/// Take a token back. From the next request on it is not known, and sessions of browsers that stand for it are over.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 revoked, 1 no token is called that, 4 it is the one that commands use.\n\n\
Example:\n  remediator token list\n  remediator token revoke ID"
)]
pub struct Args {
    /// The token's id, as `token list` shows it.
    id: String,
}

/// Takes it back.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let id = args.id.to_ascii_lowercase();
    let gone = super::change(&home, |tokens| {
        if super::own(&home, tokens).is_some_and(|own| own.id() == id) {
            let what = "that is the token in state/token, which the commands of this home use";
            return Err(Failure::new(Exit::Refused, what).hint(
                "stop the daemon, remove state/token and start it: it makes another; then revoke this one",
            ));
        }
        tokens.revoke(&id).ok_or_else(|| {
            let what = format!("no token has the id {}", out::line(&id));
            Failure::new(Exit::Findings, what).hint("`remediator token list` shows them all")
        })
    })?;
    let (Bearer::Person { name, .. } | Bearer::Sentinel { name, .. }) = &gone.bearer;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({"v": 1, "id": id, "name": name}))?,
        Output::Human => out::say(format!("the token {id} of {} counts no more", out::line(name)))?,
    }
    Ok(Exit::Ok)
}
