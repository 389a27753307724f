//! `remediator audit tail`: the last entries, and those to come.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::client::NoAnswer;
use super::super::exit::Failure;
use super::super::follow::{Came, Follow};
use super::super::reader::{Reader, asking};
use super::super::{Exit, Global, Outcome, Output, out};
use super::filters::{self, Filters};
use super::show::Decoded;
use crate::audit::{EntryFilter, StatusView};
use crate::base::ids::Seq;

/// The longest single wait of `--follow`.
const PAUSE: Duration = Duration::from_secs(5);
/// Entries of one request.
const PAGE: usize = 500;

/// Print the last entries; with --output json the stored lines byte for byte.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator audit tail -n 50\n  remediator audit tail --follow --kind attempt.\n  remediator audit tail --incident 0190a5a0 --since 24h\n  remediator audit tail -n 1000 --output json | jq .kind"
)]
pub struct Args {
    /// So many of the last entries.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u64,
    /// All entries after this seq instead (-1 = from the start).
    #[arg(long, value_name = "SEQ", allow_negative_numbers = true)]
    after: Option<i64>,
    #[command(flatten)]
    filters: Filters,
    /// Go on with what is new, until interrupted.
    #[arg(short, long)]
    follow: bool,
}

/// A page as HTTP gives it, the lines untouched.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub entries: Vec<&'a RawValue>,
    pub next: i64,
}

/// Prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let filter = args.filters.read(&reader)?;
    let printed = match reader.ask("/v1/status")? {
        Some(status) => online(&args, &filter, &reader, &status, global.output)?,
        None if args.follow => {
            return Err(Failure::new(Exit::Unavailable, "following needs a daemon that answers")
                .hint("start it with `remediator serve`; without --follow the segments are read"));
        }
        None => offline(&args, &filter, &reader, global.output)?,
    };
    if !printed {
        let none = if filter.is_all() { "no entries" } else { "no entries that fit" };
        match global.output {
            Output::Human => out::say(none)?,
            // Its lines are entries and nothing else.
            Output::Json => anstream::eprintln!("note: {none}"),
        }
    }
    Ok(Exit::Ok)
}

/// After which seq to begin: the last ones are never more than there are above the minimum.
fn begin(args: &Args, filter: &EntryFilter, head: Option<Seq>, minimum: Seq) -> i64 {
    let signed = |seq| i64::try_from(seq).unwrap_or(i64::MAX);
    let lines = i64::try_from(args.lines).unwrap_or(i64::MAX);
    let last = head.map_or(-1, signed).saturating_sub(lines).max(signed(minimum) - 1);
    let all = if filter.is_all() { last } else { -1 };
    args.after.unwrap_or(all).max(-1)
}

/// How many of those that fit: where the last ones begin is not known before they are looked for.
fn last(args: &Args, filter: &EntryFilter) -> Option<u64> {
    (args.after.is_none() && !filter.is_all()).then_some(args.lines)
}

/// Whether anything was printed.
fn online(
    args: &Args,
    filter: &EntryFilter,
    reader: &Reader,
    status: &str,
    output: Output,
) -> Result<bool, Failure> {
    let not_understood = |e: serde_json::Error| {
        Failure::new(Exit::Unavailable, "the daemon's answer is not understood").because(e)
    };
    let status: StatusView = serde_json::from_str(status).map_err(not_understood)?;
    let head = status.head.map_or(-1, |h| i64::try_from(h.seq).unwrap_or(i64::MAX));
    let (mut after, mut last) =
        (begin(args, filter, Seq::try_from(head).ok(), status.minimum), last(args, filter));
    if args.follow && filter.is_all() {
        return follow(reader, Seq::try_from(after).ok(), filter, output);
    }
    let mut printed = false;
    loop {
        let mut parameters = filters::parameters(filter);
        parameters.extend([
            ("after", Some(after.to_string())),
            ("limit", Some(PAGE.to_string())),
            ("last", last.take().map(|last| last.to_string())),
        ]);
        let Some(text) = reader.ask(&asking("/v1/audit", &parameters))? else {
            return Err(Failure::new(Exit::Temporary, "the daemon does not answer any more")
                .hint("what was printed is right but not all; ask again"));
        };
        let page: Page<'_> = serde_json::from_str(&text).map_err(not_understood)?;
        page.entries.iter().try_for_each(|line| print(reader, line.get(), output))?;
        after = page.next;
        printed |= !page.entries.is_empty();
        if page.entries.is_empty() || after >= head {
            break;
        }
    }
    match args.follow {
        true => follow(reader, Seq::try_from(after.max(head)).ok(), filter, output),
        false => Ok(printed),
    }
}

/// Goes on until interrupted, also across a restart of the daemon.
fn follow(
    reader: &Reader,
    after: Option<Seq>,
    filter: &EntryFilter,
    output: Output,
) -> Result<bool, Failure> {
    let narrowed = filters::parameters(filter);
    let mut follow = Follow::new(reader.client(), narrowed, after).map_err(NoAnswer::into_failure)?;
    loop {
        match follow.next(PAUSE)? {
            Came::Line(line) => {
                reader.heard(&line);
                print(reader, &line, output)?;
            }
            Came::Lost => anstream::eprintln!("note: the daemon went away; waiting until it is back"),
            Came::Back => anstream::eprintln!("note: the daemon is back"),
            Came::Nothing => {}
        }
    }
}

/// Whether anything was printed.
fn offline(args: &Args, filter: &EntryFilter, reader: &Reader, output: Output) -> Result<bool, Failure> {
    let audit = reader.entries()?;
    let mut after = Seq::try_from(begin(args, filter, audit.head()?, audit.minimum())).ok();
    let mut last = last(args, filter).map(|last| usize::try_from(last).unwrap_or(usize::MAX));
    let mut printed = false;
    loop {
        let page = audit.page_of(filter, after, last.take(), PAGE)?;
        if page.lines.is_empty() {
            return Ok(printed);
        }
        page.lines.iter().try_for_each(|line| print(reader, line, output))?;
        (after, printed) = (page.next, true);
    }
}

pub(super) fn print(reader: &Reader, line: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => out::json(line),
        Output::Human => {
            let decoded = Decoded::of(&reader.opened(line)?)?;
            let kind = out::faint(format!("{:<29}", out::line(&decoded.kind)));
            let (seq, at) = (decoded.seq, out::short(&decoded.at));
            out::say(format!("{seq:>7}  {at}  {kind} {}", out::line(&decoded.said)))
        }
    }
}
