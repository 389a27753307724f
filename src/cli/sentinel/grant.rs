//! `sentinel grant`: a token for a program that reports from outside, with the subsystems it may speak of (RM-3). A
//! signed statement that becomes an entry; the entry holds a hash of the token, which stands nowhere else.

use serde::Serialize;
use serde_json::json;

use crate::api::tokens;
use crate::base::digest::Blake3;
use crate::cli::client::{Client, NoAnswer};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out, statement};
use crate::remediator::Control;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The token is printed once and can be read nowhere later; a further grant of the same name\n\
takes its place.\n\nExit codes: 0 granted, 2 wrong use, 4 refused, 69 no daemon.\n\n\
Examples:\n  remediator sentinel grant backup-eye --subsystem backup --reason \"new job\"\n  \
remediator sentinel grant backup-eye --revoke --reason \"job is gone\""
)]
pub struct Args {
    /// The external sentinel's name: lower-case letters, digits and dashes.
    name: String,
    /// What it may speak of, literally; as often as needed.
    #[arg(long = "subsystem", value_name = "NAME", required_unless_present = "revoke")]
    subsystems: Vec<String>,
    /// Take its grant back instead. That needs no signature.
    #[arg(long, conflicts_with = "subsystems")]
    revoke: bool,
    #[command(flatten)]
    signing: statement::Signing,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    sentinel: &'a str,
    subsystems: &'a [String],
    token: &'a str,
    seq: u64,
}

/// Grants or takes back.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    if args.revoke {
        let body = json!({ "reason": args.signing.reason() }).to_string();
        let path = format!("/v1/sentinels/{}/revoke", args.name);
        let text = Client::new(&home)?.post(&path, body).map_err(NoAnswer::into_failure)?;
        match global.output {
            Output::Json => out::json(&text)?,
            Output::Human => out::say(format!("{} may report no longer", out::line(&args.name)))?,
        }
        return Ok(Exit::Ok);
    }
    let token =
        tokens::mint().map_err(|e| Failure::new(Exit::Unavailable, "cannot make a token").because(e))?;
    let grant = json!({ "subsystems": args.subsystems, "token": Blake3::of(token.as_bytes()) });
    let text =
        statement::send_with(&home, Control::Grant, Some(&args.name), Some(("grant", grant)), args.signing)?;
    let answer: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    match global.output {
        Output::Json => out::json_of(&Report {
            v: 1,
            sentinel: &args.name,
            subsystems: &args.subsystems,
            token: &token,
            seq: answer["seq"].as_u64().unwrap_or_default(),
        })?,
        Output::Human => {
            anstream::eprintln!(
                "{} may report {}. Its token, which is shown only now:",
                args.name,
                args.subsystems.join(", ")
            );
            out::say(&token)?;
        }
    }
    Ok(Exit::Ok)
}
