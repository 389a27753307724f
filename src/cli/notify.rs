//! `remediator notify list|test`: who can be told, and whether telling them works, with the real error text.

use serde::{Deserialize, Serialize};

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::action::{Programs, StepProgram};
use crate::base::ids::NodeId;
use crate::base::text::file_name;
use crate::event::notice::{Delivery, NoticeQueued};
use crate::notify::{LOG, Message};
use crate::remediator::{self, config};

/// Channels: list them, or send a test through one.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Test(Test),
}

/// Every channel with its kind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator notify list")]
struct List {}

/// Send a test through a channel now, once, and print what its receiver says. With a daemon the daemon sends it, from
/// where it runs, and both are entries; without one this command does.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 delivered, 1 not delivered, 2 no such channel or wrong configuration.\n\n\
Example:\n  remediator notify test log"
)]
struct Test {
    /// Name of the channel.
    channel: String,
}

/// What a test comes to; the same as the HTTP interface answers, with `notice` only where it is an entry.
#[derive(Debug, Serialize, Deserialize)]
struct Tested {
    v: u32,
    channel: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<u64>,
    result: String,
    said: String,
}

/// The list, the same as the HTTP interface answers.
#[derive(Debug, Serialize, Deserialize)]
struct Channels {
    v: u32,
    channels: Vec<Channel>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Channel {
    name: String,
    kind: String,
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::existing(global)?;
    match args.command {
        Command::List(List {}) => list(&home, global),
        Command::Test(Test { channel }) => test(&home, &channel, global),
    }
}

fn configured(home: &Home) -> Result<config::Config, Failure> {
    config::read(home.root(), None).map_err(|e| {
        Failure::new(Exit::Usage, e.to_string()).hint("docs/channels.md shows every kind of channel")
    })
}

fn list(home: &Home, global: &Global) -> Outcome {
    // The daemon knows the channels it was started with; without one the file says what it would be started with.
    let text = match Client::new(home)?.get("/v1/channels") {
        Ok(text) => text,
        Err(_) => {
            let log = (LOG.to_owned(), LOG.to_owned());
            let all = std::iter::once(log).chain(configured(home)?.decisions.channels);
            let channels = all.map(|(name, kind)| Channel { name, kind }).collect();
            serde_json::to_string(&Channels { v: 1, channels }).unwrap_or_default()
        }
    };
    if global.output == Output::Json {
        out::json(&text)?;
        return Ok(Exit::Ok);
    }
    let list: Channels = serde_json::from_str(&text).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    for Channel { name, kind } in &list.channels {
        out::say(format!("{name:<24} {kind}"))?;
    }
    out::say(out::faint("does it work? remediator notify test NAME"))?;
    Ok(Exit::Ok)
}

fn test(home: &Home, channel: &str, global: &Global) -> Outcome {
    let client = Client::new(home)?;
    // As one part of a path: a name of a channel has nothing in it that would need an escape.
    if channel != file_name(channel) {
        return Err(unknown(channel));
    }
    let (text, tested) = match client.post(&format!("/v1/channels/{channel}/test"), "{}".into()) {
        Ok(text) => {
            let tested = serde_json::from_str(&text).map_err(|e| {
                Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
            })?;
            (text, tested)
        }
        Err(NoAnswer::NoDaemon { .. } | NoAnswer::OtherHome { .. }) => {
            let tested = here(home, channel)?;
            let text = serde_json::to_string(&tested).unwrap_or_default();
            (text, tested)
        }
        Err(NoAnswer::Problem(problem)) if problem.status == 404 => return Err(unknown(channel)),
        Err(other) => return Err(other.into_failure()),
    };
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => say(&tested)?,
    }
    Ok(if tested.result == "delivered" { Exit::Ok } else { Exit::Findings })
}

fn say(tested: &Tested) -> Result<(), Failure> {
    let then = match tested.result.as_str() {
        "delivered" => "",
        "failed" => " (a notice would be tried again)",
        _ => " (a notice would not be tried again)",
    };
    let said = if tested.said.is_empty() { String::new() } else { format!(": {}", out::line(&tested.said)) };
    out::say(format!("{} {}{then}{said}", tested.channel, tested.result))?;
    if tested.notice.is_none() {
        out::say(out::faint("no daemon runs: sent by this command, and recorded nowhere"))?;
    }
    Ok(())
}

fn unknown(channel: &str) -> Failure {
    Failure::new(Exit::Usage, format!("there is no channel `{}` in remediator.yaml", out::line(channel)))
        .hint("`remediator notify list` shows them all; a running daemon knows those it was started with")
}

/// Without a daemon: sent from here.
fn here(home: &Home, channel: &str) -> Result<Tested, Failure> {
    let config = configured(home)?;
    if channel != LOG && !config.channels.contains_key(channel) {
        return Err(unknown(channel));
    }
    let cannot = |what: &str| Failure::new(Exit::Unavailable, format!("cannot {what}"));
    let node = NodeId::fresh().map_err(|e| cannot("make an id").because(e.to_string()))?;
    let step = StepProgram::this_one().map_err(|e| cannot("find this program's own file").because(e))?;
    let channels = remediator::channels(config.channels, &home.state(), Programs::new(step, node))
        .map_err(|e| cannot("make the channels").because(e))?;
    let queued = NoticeQueued::test(channel, "the command line");
    let message = Message { node, notice: 0, incident: None, queued };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| cannot("start the HTTP client").because(e))?;
    let (result, said) = match runtime.block_on(channels.deliver(&message)) {
        Delivery::Delivered { said } => ("delivered", said),
        Delivery::Failed { reason, .. } => ("failed", reason),
        Delivery::Refused { reason } => ("refused", reason),
    };
    Ok(Tested { v: 1, channel: channel.to_owned(), notice: None, result: result.into(), said })
}
