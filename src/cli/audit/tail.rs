//! `remediator audit tail`: the last entries, and those to come.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::client::NoAnswer;
use super::super::exit::Failure;
use super::super::follow::{Came, Follow};
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use super::show::Decoded;
use crate::audit::StatusView;
use crate::base::ids::Seq;

/// The longest single wait of `--follow`.
const PAUSE: Duration = Duration::from_secs(5);
/// Entries of one request.
const PAGE: u64 = 500;

/// Print the last entries; with --output json the stored lines byte for byte.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator audit tail -n 50\n  remediator audit tail --follow\n  remediator audit tail -n 1000 --output json | jq .kind"
)]
pub struct Args {
    /// So many of the last entries.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u64,
    /// All entries after this seq instead (-1 = from the start).
    #[arg(long, value_name = "SEQ", allow_negative_numbers = true)]
    after: Option<i64>,
    /// Go on with what is new, until interrupted.
    #[arg(short, long)]
    follow: bool,
}

/// A page as HTTP gives it, the lines untouched.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
    next: i64,
}

/// Prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    match reader.ask("/v1/status")? {
        Some(status) => online(&args, &reader, &status, global.output),
        None if args.follow => Err(Failure::new(Exit::Unavailable, "following needs a daemon that answers")
            .hint("start it with `remediator serve`; without --follow the segments are read")),
        None => offline(&args, &reader, global.output),
    }
}

/// Where to begin: after the seq given, or so that the last `lines` come.
fn begin(args: &Args, head: Option<Seq>) -> i64 {
    let head = head.map_or(-1, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let lines = i64::try_from(args.lines).unwrap_or(i64::MAX);
    args.after.unwrap_or_else(|| head.saturating_sub(lines)).max(-1)
}

fn online(args: &Args, reader: &Reader, status: &str, output: Output) -> Outcome {
    let not_understood = |e: serde_json::Error| {
        Failure::new(Exit::Unavailable, "the daemon's answer is not understood").because(e)
    };
    let status: StatusView = serde_json::from_str(status).map_err(not_understood)?;
    let head = status.head.map(|h| h.seq);
    let mut after = begin(args, head);
    if args.follow {
        return follow(reader, Seq::try_from(after).ok(), output);
    }
    loop {
        let Some(text) = reader.ask(&format!("/v1/audit?after={after}&limit={PAGE}"))? else {
            return Ok(Exit::Temporary);
        };
        let page: Page<'_> = serde_json::from_str(&text).map_err(not_understood)?;
        for line in &page.entries {
            print(line.get(), output)?;
        }
        after = page.next;
        let reached = page.entries.is_empty() || head.is_some_and(|h| after >= h as i64);
        if reached {
            return Ok(Exit::Ok);
        }
    }
}

/// Goes on until interrupted, also across a restart of the daemon.
fn follow(reader: &Reader, after: Option<Seq>, output: Output) -> Outcome {
    let mut follow = Follow::new(reader.client(), after).map_err(NoAnswer::into_failure)?;
    loop {
        match follow.next(PAUSE)? {
            Came::Line(line) => print(&line, output)?,
            Came::Lost => anstream::eprintln!("note: the daemon went away; waiting until it is back"),
            Came::Back => anstream::eprintln!("note: the daemon is back"),
            Came::Nothing => {}
        }
    }
}

fn offline(args: &Args, reader: &Reader, output: Output) -> Outcome {
    let audit = reader.offline()?;
    let mut after = Seq::try_from(begin(args, audit.head()?)).ok();
    loop {
        let page = audit.page(after, PAGE as usize)?;
        if page.lines.is_empty() {
            return Ok(Exit::Ok);
        }
        page.lines.iter().try_for_each(|line| print(line, output))?;
        after = page.next;
    }
}

fn print(line: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => out::json(line),
        Output::Human => {
            let decoded = Decoded::of(line)?;
            let kind = out::faint(format!("{:<29}", out::line(&decoded.kind)));
            let (seq, at) = (decoded.seq, out::short(&decoded.at));
            out::say(format!("{seq:>7}  {at}  {kind} {}", out::line(&decoded.said)))
        }
    }
}
