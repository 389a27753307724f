//! `remediator whatif --at SEQ`: history forks there with another runbook, catalog or limits; where does it part first?

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure};
use super::{Global, Outcome, Output, backtest, out, postmortem, runbook};
use crate::backtest::{Fork, Report, Swap};
use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::content::CatalogLoaded;
use crate::replay::{History, whatif};
use crate::runbook::Catalog;

/// Fork history at an entry with another runbook, catalog or limits, and show where it would have gone another way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Without anything different it decides everything anew and finds no difference.\n\n\
Exit codes: 0 told, whether it parts or not, 2 wrong use, 5 the journal is damaged\n(told as far as it goes), 69 no journal, or one of a newer version.\n\n\
Example:\n  remediator whatif --at 120 --policy stricter.yaml\n  remediator whatif --at 120 --catalog ./other-home --output json\n  remediator whatif --at 0 --runbook fix.yaml")]
pub struct Args {
    /// The last entry that is taken as it is.
    #[arg(long, value_name = "SEQ")]
    at: Seq,
    /// A content folder (with runbooks/ and proposals/) instead of every catalog from there on.
    #[arg(long, value_name = "FOLDER", conflicts_with = "runbook")]
    catalog: Option<PathBuf>,
    /// A runbook over every catalog from there on; it counts as live.
    #[arg(long, value_name = "FILE")]
    runbook: Option<PathBuf>,
    /// Another policy than was in force: trust, in a file like proposals/trust/policy.yaml; or limits, in one like
    /// remediator.yaml, of which `limits` counts.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A journal, a home or an export elsewhere.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let history = postmortem::open(args.from.clone(), global)?;
    let (limits, policy) = backtest::policy(args.policy.as_deref())?;
    let swap = Swap {
        candidate: args.runbook.as_deref().map(|path| backtest::candidate(path, global)).transpose()?,
        catalog: args.catalog.as_deref().map(catalog).transpose()?,
        limits,
        policy,
    };
    let (report, damage) = read(&history, Fork::After(args.at), swap)?;
    if report.from.is_none() {
        let what = format!("there is no entry behind {}: the journal ends before", args.at);
        return Err(Failure::new(Exit::Findings, what).hint("`remediator audit tail` shows the last entries"));
    }
    match global.output {
        Output::Json => out::json_of(&report)?,
        Output::Human => print(&report)?,
    }
    Ok(end(&report, damage.as_deref()))
}

/// Reads the journal through it, with a word of progress where somebody watches.
pub fn read(history: &History, fork: Fork, swap: Swap) -> Result<(Report, Option<String>), Failure> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("deciding anew {spinner} {human_pos} entries") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = whatif(history, fork, swap, &mut |entries| bar.set_position(entries));
    bar.finish_and_clear();
    Ok(report?)
}

/// A content folder as a catalog: judged by its own trust files.
fn catalog(folder: &Path) -> Result<(CatalogLoaded, Catalog), Failure> {
    let files = runbook::folder::read(folder)?;
    let catalog = runbook::folder::catalog(folder, files, &Default::default());
    // Nothing of it becomes an entry: the digest only has to be one that no blob has.
    let loaded = CatalogLoaded::new(Blake3::ZERO, catalog.contents(), catalog.unreadable_contents());
    Ok((loaded, catalog))
}

fn print(report: &Report) -> Result<(), Failure> {
    out::say(format!("{} entry {}", out::head("What if, from"), report.from.unwrap_or(report.to)))?;
    match &report.first_divergence {
        None => out::say("every decision would have been the same")?,
        Some(d) => {
            out::say(format!(
                "the first difference is at entry {}, {}: {}",
                d.seq,
                out::short(&d.at),
                out::line(&d.what)
            ))?;
            let say =
                |side: &Option<String>| side.as_deref().map_or("nothing is decided".to_owned(), out::line);
            out::say(format!("  recorded   {}", say(&d.recorded)))?;
            out::say(format!("  what if    {}", say(&d.simulated)))?;
        }
    }
    differences(report)?;
    model(report)
}

/// Which incidents went another way.
pub fn differences(report: &Report) -> Result<(), Failure> {
    let s = &report.summary;
    out::say(format!(
        "\n{} {} of {} incidents; newly acted on {}, no longer acted on {}",
        out::head("Different:"),
        s.different,
        s.incidents,
        s.newly_acted,
        s.no_longer_acted
    ))?;
    for example in &report.examples {
        let d = &example.divergence;
        out::say(format!("  {}  entry {}  {}", d.incident, d.seq, out::line(&d.what)))?;
        let course = |words: &[String]| match words.is_empty() {
            true => "-".to_owned(),
            false => out::line(&words.join(", ")),
        };
        out::say(format!("    recorded: {}", course(&example.recorded_course)))?;
        out::say(format!("    what if:  {}", course(&example.simulated_course)))?;
    }
    let shown = report.examples.len() as u64;
    match s.different.checked_sub(shown).filter(|more| *more > 0) {
        Some(more) => out::say(format!("  and {more} more")),
        None => Ok(()),
    }
}

/// What was assumed.
pub fn model(report: &Report) -> Result<(), Failure> {
    out::say(format!("\n{}", out::head("How targets are taken to have reacted")))?;
    for sentence in &report.model {
        out::say(out::faint(format!("  {sentence}")))?;
    }
    out::say(format!(
        "  taken as done: {} step(s); unknown: {} look(s)",
        report.assumed_steps, report.unknown_looks
    ))
}

/// What is absent or damaged is said where a script sees it.
pub fn end(report: &Report, damage: Option<&str>) -> Exit {
    for manifest in &report.absent {
        anstream::eprintln!("note: blob {manifest} is absent: nothing could be decided with that catalog");
    }
    match damage {
        Some(damage) => {
            anstream::eprintln!(
                "warning: the journal is damaged at {}: told as far as it goes",
                out::line(damage)
            );
            Exit::Damage
        }
        None => Exit::Ok,
    }
}
