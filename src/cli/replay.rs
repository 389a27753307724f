//! `remediator replay`: step through any journal and see what each entry changed and asked for. Carries nothing out.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::{Global, Outcome, Output, out, postmortem};
use crate::base::ids::Seq;
use crate::replay::stepper::{Figures, Step, Stepper};

/// Step through a journal: the world before and after each entry, and what it asked of hands and eyes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal: Enter goes forward, `b` back, a number to that entry, `i` to the next\nentry of the same incident, `i ID` to the first of another, `$` to the last, `q` ends.\nThe same words are read from a pipe. Nothing is carried out, nothing is written.\n\n\
Exit codes: 0 shown, 1 no such entry or incident, 2 wrong use, 5 the journal is damaged\n(shown as far as it goes), 69 no journal, or one of a newer version.\n\n\
Example:\n  remediator replay --at 17\n  remediator replay --incident 6f1c0e8a --count 20\n  remediator replay --at 17 --count 3 --output json"
)]
pub struct Args {
    /// Begin with this entry.
    #[arg(long, value_name = "SEQ")]
    at: Option<Seq>,
    /// Begin with the first entry of this incident, and show only its entries.
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    incident: Option<String>,
    /// Show so many entries and end; without it and on a terminal, step by hand.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// A journal, a home or an export elsewhere.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
}

/// Steps.
pub fn run(args: Args, global: &Global) -> Outcome {
    let history = postmortem::open(args.from.clone(), global)?;
    let incident = args.incident.as_deref().map(|text| postmortem::incident(&history, text)).transpose()?;
    let mut stepper = Stepper::new(history)?;
    let first = match (args.at, incident) {
        (Some(seq), _) => Some(seq),
        (None, Some(id)) => stepper.next_of(id, None)?,
        (None, None) => Some(stepper.history().minimum()),
    };
    let Some(first) = first else {
        let what = format!("incident {} has no entry in this journal", args.incident.unwrap_or_default());
        return Err(Failure::new(Exit::Findings, what).hint(super::exit::NOT_THERE));
    };
    let by_hand =
        args.count.is_none() && global.output == Output::Human && (args.at, incident) == (None, None)
            || args.count.is_none() && global.output == Output::Human && std::io::stdin().is_terminal();
    if by_hand {
        walk(&mut stepper, first)?;
    } else {
        let mut next = Some(first);
        for _ in 0..args.count.unwrap_or(1) {
            let Some(seq) = next else { break };
            let step = there(&mut stepper, seq)?;
            show(&step, global.output)?;
            next = match incident {
                Some(id) => stepper.next_of(id, Some(seq))?,
                None => seq.checked_add(1).filter(|next| stepper.head().is_some_and(|head| *next <= head)),
            };
        }
    }
    match &stepper.damage {
        Some(damage) => {
            anstream::eprintln!(
                "warning: the journal is damaged at {}: shown as far as it goes",
                out::line(&damage.to_string())
            );
            Ok(Exit::Damage)
        }
        None => Ok(Exit::Ok),
    }
}

fn there(stepper: &mut Stepper, seq: Seq) -> Result<Step, Failure> {
    let head = stepper.head();
    stepper.at(seq)?.ok_or_else(|| {
        let end = head.map_or("it is empty".to_owned(), |head| format!("its last entry is {head}"));
        Failure::new(Exit::Findings, format!("entry {seq} is not in this journal"))
            .hint(format!("{end}; {}", super::exit::NOT_THERE))
    })
}

/// Where a word leads.
enum Way {
    To(Seq),
    Stay(String),
    End,
}

/// One entry after another, as the reader says.
fn walk(stepper: &mut Stepper, first: Seq) -> Result<(), Failure> {
    let screen = std::io::stdout().is_terminal();
    let mut seq = first;
    let mut note = String::new();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        let step = there(stepper, seq)?;
        if screen {
            // Each entry has the screen to itself.
            out::raw("\u{1b}[2J\u{1b}[H")?;
        }
        show(&step, Output::Human)?;
        loop {
            if !note.is_empty() {
                out::say(std::mem::take(&mut note))?;
            }
            if screen {
                out::raw("\nEnter forward, b back, NUMBER, i, i ID, $ last, q end > ")?;
                std::io::stdout().flush().ok();
            }
            let Some(Ok(line)) = lines.next() else { return Ok(()) };
            match way(stepper, &step, line.trim())? {
                Way::End => return Ok(()),
                Way::Stay(why) => note = why,
                Way::To(next) => {
                    seq = next;
                    break;
                }
            }
        }
    }
}

fn way(stepper: &Stepper, step: &Step, word: &str) -> Result<Way, Failure> {
    let (seq, head) = (step.entry.seq, step.head);
    let to = |found: Option<Seq>, none: &str| found.map_or(Way::Stay(none.to_owned()), Way::To);
    Ok(match word.split_once(' ').map_or((word, ""), |(word, rest)| (word, rest.trim())) {
        ("" | "n", _) => to(Some(seq + 1).filter(|next| *next <= head), "this is the last entry"),
        ("b" | "p", _) => {
            let minimum = stepper.history().minimum();
            to(seq.checked_sub(1).filter(|before| *before >= minimum), "this is the first entry")
        }
        ("$", _) => Way::To(head),
        ("q", _) => Way::End,
        ("i", "") => match step.entry.incident {
            Some(id) => to(stepper.next_of(id, Some(seq))?, "no further entry of this incident"),
            None => Way::Stay("this entry belongs to no incident; `i ID` goes to one".into()),
        },
        ("i", text) => match postmortem::incident(stepper.history(), text) {
            Ok(id) => to(stepper.next_of(id, None)?, "no such incident"),
            Err(failure) => Way::Stay(out::line(&failure.what)),
        },
        (number, _) => match number.parse::<Seq>() {
            Ok(seq) if seq <= head => Way::To(seq),
            Ok(_) => Way::Stay(format!("the last entry is {head}")),
            Err(_) => Way::Stay("Enter, b, a number, i, i ID, $ or q".into()),
        },
    })
}

fn show(step: &Step, output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        return out::json_of(step);
    }
    let entry = &step.entry;
    let kind = out::faint(out::line(&entry.kind));
    out::say(format!(
        "{} {} of {}  {kind}  {}",
        out::head("Entry"),
        entry.seq,
        step.head,
        out::short(&entry.at)
    ))?;
    out::say(out::line(&entry.said))?;
    if let Some(id) = entry.incident {
        out::say(format!("incident {id}"))?;
    }
    if let Some(illegal) = &step.illegal {
        out::say(format!("{} {}", out::state("refused"), out::line(illegal)))?;
    }
    out::say(format!("\n{}", out::head("World")))?;
    let [before, after] = &step.world;
    figures(before, after)?;
    for change in &step.changes {
        let side = |side: &Option<String>| side.as_deref().map_or("-".to_owned(), |text| out::cut(text, 200));
        out::say(format!("  {}", out::line(&change.at)))?;
        out::say(format!("    {} {}", out::faint("before"), side(&change.before)))?;
        out::say(format!("    {} {}", out::faint("after "), side(&change.after)))?;
    }
    if step.more > 0 {
        out::say(format!("  and {} more", step.more))?;
    }
    out::say(format!("\n{}", out::head("Asked of hands and eyes (not carried out)")))?;
    if step.effects.is_empty() {
        out::say("  nothing")?;
    }
    step.effects.iter().try_for_each(|effect| out::say(format!("  {}", out::line(effect))))
}

fn figures(before: &Figures, after: &Figures) -> Result<(), Failure> {
    let row = |name: &str, before: u64, after: u64| match before == after {
        true => out::say(out::faint(format!("  {name:<18} {after}"))),
        false => out::say(format!("  {name:<18} {before} -> {after}")),
    };
    row("open incidents", before.open_incidents, after.open_incidents)?;
    row("attempts under way", before.active_attempts, after.active_attempts)?;
    row("locks held", before.locks_held, after.locks_held)?;
    row("notices waiting", before.notices_waiting, after.notices_waiting)?;
    row("paused", before.paused.into(), after.paused.into())
}
