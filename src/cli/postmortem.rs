//! `remediator postmortem INCIDENT`: what happened, from the journal alone. Not for what is being done now
//! (`incident show`, `explain`).

use std::path::PathBuf;

use clap::ValueEnum;

use super::exit::{Exit, Failure, NOT_THERE};
use super::{Global, Home, Outcome, Output, out};
use crate::base::ids::IncidentId;
use crate::replay::postmortem::{self, Comparison, Error, PostMortem};
use crate::replay::{History, named};

/// Tell one incident from the journal: course, evidence, decisions, authority, limits, what was not tried, proof.
#[derive(Debug, clap::Args)]
#[command(after_help = "The same entries give the same bytes, here and from an export elsewhere.\n\n\
Exit codes: 0 told, 1 no such incident, 2 wrong use, 5 the journal is damaged or a\nsignature does not hold (it is told as far as it goes), 69 no journal, or one of a\nnewer version.\n\n\
Example:\n  remediator postmortem 6f1c0e8a --format html --to incident.html\n  remediator postmortem 6f1c0e8a --from ./evidence\n  remediator postmortem --diff 6f1c0e8a 0d2b91c4")]
pub struct Args {
    /// The incident: its id, or the beginning of it.
    #[arg(value_name = "INCIDENT", required_unless_present = "diff")]
    incident: Option<String>,
    /// Two incidents of one fingerprint beside each other.
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "incident")]
    diff: Vec<String>,
    /// How to write it.
    #[arg(long, value_enum, value_name = "HOW")]
    format: Option<Format>,
    /// A journal, a home or an export elsewhere.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Into this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// How to write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown, for tickets and mails.
    Md,
    /// One file for a browser or paper; it loads nothing and runs nothing.
    Html,
    /// For programs.
    Json,
}

/// Tells it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let history = open(args.from.clone(), global)?;
    let format = match (args.format, global.output) {
        (Some(format), _) => format,
        (None, Output::Json) => Format::Json,
        (None, Output::Human) => Format::Md,
    };
    let tell = |text: &str| -> Result<PostMortem, Failure> {
        let id = incident(&history, text)?;
        PostMortem::of(&history, id).map_err(failure)
    };
    let (text, told) = match (&args.incident, args.diff.as_slice()) {
        (_, [a, b]) => {
            let (a, b) = (tell(a)?, tell(b)?);
            (beside(&a, &b, format)?, vec![a, b])
        }
        (Some(text), _) => {
            let told = tell(text)?;
            (written(&told, format)?, vec![told])
        }
        _ => return Err(Failure::new(Exit::Usage, "which incident?").hint(NOT_THERE)),
    };
    match &args.to {
        Some(file) => std::fs::write(file, text).map_err(|e| {
            Failure::new(Exit::Unavailable, format!("cannot write {}", file.display())).because(e)
        })?,
        None => out::raw(&text)?,
    }
    Ok(end(&told))
}

/// The journal that is told from: another folder, or the home's.
pub fn open(from: Option<PathBuf>, global: &Global) -> Result<History, Failure> {
    let folder = match from {
        Some(folder) => folder,
        None => Home::readable(global)?.state(),
    };
    Ok(History::open(&folder)?)
}

/// The incident that `text` names.
pub fn incident(history: &History, text: &str) -> Result<IncidentId, Failure> {
    let text = text.trim().trim_end_matches('…');
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    if !super::incident::named::is_beginning(text) {
        let what = format!("`{}` is not the id of an incident", out::cut(text, 80));
        return Err(Failure::new(Exit::Usage, what)
            .hint("`remediator incidents` lists them; the first digits are enough, from four on"));
    }
    let fitting = named(history, text)?;
    match fitting.as_slice() {
        [id] => Ok(*id),
        [] => {
            let what = format!("no incident's id begins with `{text}`");
            Err(Failure::new(Exit::Findings, what).hint(NOT_THERE))
        }
        more => {
            let what = format!("`{text}` is the beginning of {} incidents' ids", more.len());
            Err(Failure::new(Exit::Usage, what).hint("write more of it"))
        }
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Journal(error) => error.into(),
        Error::Unwritable { .. } => Failure::new(Exit::Unavailable, error.to_string()),
        Error::Unknown { ref nearest, ref damage, .. } => {
            let exit = if damage.is_some() { Exit::Damage } else { Exit::Findings };
            let nearest: Vec<String> = nearest.iter().map(ToString::to_string).collect();
            let hint = match nearest.is_empty() {
                true => format!("there are no incidents in it; {NOT_THERE}"),
                false => format!("nearest are {}; {NOT_THERE}", nearest.join(", ")),
            };
            Failure::new(exit, error.to_string()).hint(hint)
        }
    }
}

fn written(it: &PostMortem, format: Format) -> Result<String, Failure> {
    it.written(match format {
        Format::Md => postmortem::Format::Md,
        Format::Html => postmortem::Format::Html,
        Format::Json => postmortem::Format::Json,
    })
    .map_err(failure)
}

fn beside(a: &PostMortem, b: &PostMortem, format: Format) -> Result<String, Failure> {
    let Some(both) = Comparison::of(a, b) else {
        let of = |it: &PostMortem| {
            let s = &it.signal;
            format!("{}/{} on {}", s.subsystem, s.code, s.target)
        };
        let what = format!("they are of different trouble: {} and {}", of(a), of(b));
        return Err(Failure::new(Exit::Usage, what)
            .hint("`remediator incidents --code … --target …` lists those of one fingerprint"));
    };
    Ok(match format {
        Format::Md => both.to_markdown(),
        Format::Html => both.to_html(),
        Format::Json => out::json_text(&both)? + "\n",
    })
}

/// What is wrong under it is said once more where a script sees it.
fn end(told: &[PostMortem]) -> Exit {
    let mut exit = Exit::Ok;
    for it in told {
        if let Some(damage) = &it.proof.damage {
            anstream::eprintln!(
                "warning: the journal is damaged at {}: told as far as it goes",
                out::line(damage)
            );
            exit = Exit::Damage;
        }
        if !it.proof.bad_signatures.is_empty() {
            let bad = &it.proof.bad_signatures;
            anstream::eprintln!(
                "warning: signatures do not hold: entries {bad:?}; `remediator audit verify --full`"
            );
            exit = Exit::Damage;
        }
        for absent in &it.absent {
            let (blob, state, what) = (absent.blob, &absent.state, out::line(&absent.what));
            anstream::eprintln!("note: blob {blob} is {state}: {what}");
        }
    }
    exit
}
