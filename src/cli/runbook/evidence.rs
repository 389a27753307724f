//! `runbook evidence`: the dry runs of a runbook that the journal of the home recorded, as signed evidence (RM-30).
//! Not for rehearsals (`test --rehearse`).

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use super::recorded::Recorded;
use super::rehearse::record::{self, Place};
use super::{folder, show};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out};
use crate::event::Event;
use crate::event::attempt::Outcome as Ended;
use crate::runbook::Entry;
use crate::runbook::evidence::{Evidence, Seen};
use crate::runbook::model::V1;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 written and enough, 1 written and not enough, or none recorded.\n\n\
Example:\n  remediator runbook evidence web-restart")]
pub struct Args {
    /// The runbook's id.
    id: String,
    /// Your SSH key. Default: the one that `init` would take.
    #[arg(long)]
    key: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    runbook: String,
    evidence: PathBuf,
    signed_by: String,
    dry_runs: u32,
    falls_short: Option<String>,
}

/// Counts, writes, signs.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = folder::root(global)?;
    let recorded = Recorded::of(global, &root);
    let catalog = folder::catalog(&root, folder::read(&root)?, &recorded);
    let entry = show::find(&catalog, &args.id)?;
    let runbook = entry.runbook().ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} is no runbook that can be read", entry.name()))
            .hint(format!("remediator runbook lint {}", entry.path))
    })?;
    let seen = dry_runs(global, entry)?;
    let now_us = out::now_us();
    let count = if let Seen::DryRuns { count, .. } = &seen { *count } else { 0 };
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let (v, relies_on) = (V1, Default::default());
    let evidence = Evidence { v, runbook: entry.digest, relies_on, program, at_us: now_us, seen };
    let place = Place { root: &root, proposal: &runbook.proposal, runbook: &runbook.id };
    let (path, signed_by) = record::sign(&place, &evidence, catalog.trust(), args.key.as_deref())?;
    let falls_short = evidence.falls_short(&entry.digest, now_us);
    let enough = falls_short.is_none();
    if global.output == Output::Json {
        let runbook = runbook.id.clone();
        out::json_of(&Report { v: 1, runbook, evidence: path, signed_by, dry_runs: count, falls_short })?;
    } else {
        out::say(format!("{count} dry runs of {}: {}, signed by {signed_by}", entry.name(), path.display()))?;
        falls_short.iter().try_for_each(|why| out::say(format!("not enough yet: {why}")))?;
    }
    Ok(if enough { Exit::Ok } else { Exit::Findings })
}

/// Attempts of these very bytes that were planned only, and ended so.
fn dry_runs(global: &Global, entry: &Entry) -> Result<Seen, Failure> {
    let journal = crate::journal::read_offline(&Home::existing(global)?.state())?;
    let (mut planned, mut runs) = (std::collections::BTreeSet::new(), Vec::new());
    journal.records(None, &mut |record| {
        match record.event {
            Event::AttemptPlanned(news) if news.dry_run && news.digest == entry.digest => {
                planned.insert(news.attempt);
            }
            Event::AttemptEnded(news) if news.outcome == Ended::DryRun && planned.remove(&news.attempt) => {
                runs.push((record.at.time_us, record.seq));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        let what = format!("the journal holds no dry run of {} as it is now", entry.name());
        return Err(Failure::new(Exit::Findings, what).hint(
            "while it is observe only, each degradation that it matches records one; or rehearse it: \
             remediator runbook test FILE --rehearse",
        ));
    };
    let node = journal.genesis().node.to_string();
    let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    Ok(Seen::DryRuns { node, count, first_us: first.0, last_us: last.0, last_seq: last.1 })
}
