//! `remediator audit query`: a page of the entries that fit, from the oldest on.

use super::super::exit::Failure;
use super::super::reader::{Reader, asking};
use super::super::{Exit, Global, Outcome, Output, out};
use super::filters::{self, Filters};
use super::tail::{Page, print};
use crate::base::ids::Seq;
use crate::base::limits::AUDIT_PAGE_MAX;

/// Search the journal: entries that fit everything that is asked, oldest first, a page at a time. With --output json the
/// page as `GET /v1/audit` gives it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator audit query --target web-1 --outcome healthy --since 7d\n  remediator audit query --runbook process-dead --kind attempt. --limit 20\n  remediator audit query --actor ada --output json | jq '.entries[].kind'"
)]
pub struct Args {
    #[command(flatten)]
    filters: Filters,
    /// Only entries behind this seq (-1 = from the start).
    #[arg(long, value_name = "SEQ", allow_negative_numbers = true, default_value_t = -1)]
    after: i64,
    /// At most so many, up to 1,000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Prints a page.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let filter = args.filters.read(&reader)?;
    let limit = args.limit.clamp(1, AUDIT_PAGE_MAX);
    let mut parameters = filters::parameters(&filter);
    parameters.extend([("after", Some(args.after.max(-1).to_string())), ("limit", Some(limit.to_string()))]);
    let text = match reader.ask(&asking("/v1/audit", &parameters))? {
        Some(text) => text,
        None => reader.entries()?.page_of(&filter, Seq::try_from(args.after).ok(), None, limit)?.to_json(),
    };
    if global.output == Output::Json {
        out::json(&text)?;
        return Ok(Exit::Ok);
    }
    let page: Page<'_> = serde_json::from_str(&text)
        .map_err(|e| Failure::new(Exit::Unavailable, "the daemon's answer is not understood").because(e))?;
    page.entries.iter().try_for_each(|line| print(&reader, line.get(), Output::Human))?;
    match page.entries.len() {
        0 => out::say("no entries that fit")?,
        full if full == limit => out::say(out::faint(format!("perhaps more: add --after {}", page.next)))?,
        _ => {}
    }
    Ok(Exit::Ok)
}
