//! `remediator watch`: what is open, what the eyes see and what was just recorded, on one screen that is drawn anew as
//! entries come; without a terminal plain lines. It outlives restarts of the daemon.
//! Not for a terminal's details (`screen`) nor for what is shown (`frame`).

mod frame;
mod screen;

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use super::audit::Decoded;
use super::client::NoAnswer;
use super::exit::Failure;
use super::follow::{Came, Follow};
use super::reader::Reader;
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::{IncidentList, IncidentView, StatusView};
use crate::base::ids::Seq;
use frame::{Scene, Seen};
use screen::{Key, Screen};

/// Entries that are remembered for the lower part.
const ENTRIES_KEPT: usize = 200;
/// Entries before the head that a view begins with.
const ENTRIES_BEFORE: u64 = 20;
/// Incidents that are looked at whole for one picture.
const INCIDENTS_SHOWN: usize = 8;
/// The shortest time between two pictures: a burst of entries is one of them.
const REDRAW: Duration = Duration::from_millis(250);
/// How long a key or an entry is waited for.
const BREATH: Duration = Duration::from_millis(100);

/// Watch open incidents, sentinels and entries as they change. q or Ctrl-C ends it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator watch\n  remediator watch --plain | tee watched.txt")]
pub struct Args {
    /// Plain lines, as without a terminal.
    #[arg(long)]
    plain: bool,
}

/// Watches.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let Some(status) = ask::<StatusView>(&reader, "/v1/status")? else {
        return Err(Failure::new(Exit::Unavailable, "watching needs a daemon that answers")
            .hint("start it with `remediator serve`; `remediator status` reads without one"));
    };
    let head = status.head.as_ref().map_or(0, |head| head.seq);
    let after = head.checked_sub(ENTRIES_BEFORE);
    let mut follow = Follow::new(reader.client(), Vec::new(), after).map_err(NoAnswer::into_failure)?;
    let lines = args.plain || global.output == Output::Json || !std::io::stdout().is_terminal();
    if lines {
        return plain(&reader, &mut follow, global.output);
    }
    let screen = Screen::open()?;
    picture(&reader, &mut follow, &screen, status)?;
    Ok(Exit::Ok)
}

fn ask<T: serde::de::DeserializeOwned>(reader: &Reader, path: &str) -> Result<Option<T>, Failure> {
    let Some(text) = reader.ask(path)? else { return Ok(None) };
    let not_understood =
        |e| Failure::new(Exit::Unavailable, "the daemon's answer is not understood").because(e);
    serde_json::from_str(&text).map(Some).map_err(not_understood)
}

/// One line for each entry, until interrupted.
fn plain(reader: &Reader, follow: &mut Follow<'_>, output: Output) -> Outcome {
    loop {
        match follow.next(Duration::from_secs(5))? {
            Came::Line(line) if output == Output::Json => out::json(&line)?,
            Came::Line(line) => {
                reader.heard(&line);
                out::say(frame::entry(&seen(reader, &line)?))?;
            }
            Came::Lost => anstream::eprintln!("note: the daemon went away; waiting until it is back"),
            Came::Back => anstream::eprintln!("note: the daemon is back"),
            Came::Nothing => {}
        }
    }
}

/// With its sealed text opened, where the key is in this home.
fn seen(reader: &Reader, line: &str) -> Result<Seen, Failure> {
    let d = Decoded::of(&reader.opened(line)?)?;
    Ok(Seen { seq: d.seq, at: d.at, kind: d.kind, said: d.said })
}

/// Draws until a person ends it.
fn picture(
    reader: &Reader,
    follow: &mut Follow<'_>,
    screen: &Screen,
    status: StatusView,
) -> Result<(), Failure> {
    // As they are stored: what is erased while they are on the screen is not there in the next picture.
    let mut entries: VecDeque<(Seq, String)> = VecDeque::new();
    let mut scene = Scene { status, incidents: incidents(reader)?.unwrap_or_default(), lost: false };
    let (mut stale, mut drawn) = (true, None::<Instant>);
    let mut asked: Option<Seq> = None;
    loop {
        match screen.key(Duration::ZERO)? {
            Some(Key::End) => return Ok(()),
            Some(Key::Other) => stale = true,
            None => {}
        }
        match follow.next(BREATH)? {
            Came::Line(line) => {
                reader.heard(&line);
                entries.push_back((Decoded::of(&line)?.seq, line));
                if entries.len() > ENTRIES_KEPT {
                    entries.pop_front();
                }
                stale = true;
            }
            Came::Lost => (scene.lost, stale) = (true, true),
            Came::Back => (scene.lost, stale, asked) = (false, true, None),
            Came::Nothing => stale |= screen.resized(),
        }
        let due = drawn.is_none_or(|at| at.elapsed() >= REDRAW);
        if stale && due {
            let newest = entries.back().map(|(seq, _)| *seq);
            if !scene.lost && (asked.is_none() || asked != newest) {
                refresh(reader, &mut scene)?;
                asked = newest;
            }
            let shown = entries.iter().map(|(_, line)| seen(reader, line)).collect::<Result<_, _>>()?;
            screen.draw(&frame::lines(&scene, &shown, screen.size()))?;
            (stale, drawn) = (false, Some(Instant::now()));
        }
    }
}

/// What the daemon says now; what it cannot say now stays as it was.
fn refresh(reader: &Reader, scene: &mut Scene) -> Result<(), Failure> {
    if let Some(status) = ask(reader, "/v1/status")? {
        scene.status = status;
    }
    if let Some(incidents) = incidents(reader)? {
        scene.incidents = incidents;
    }
    Ok(())
}

/// Open incidents, newest first, each with its steps.
fn incidents(reader: &Reader) -> Result<Option<Vec<IncidentView>>, Failure> {
    let Some(list) = ask::<IncidentList>(reader, "/v1/incidents?limit=200")? else { return Ok(None) };
    let open = list.incidents.iter().filter(|incident| incident.closure.is_none()).take(INCIDENTS_SHOWN);
    let mut views = Vec::new();
    for incident in open {
        views.extend(ask::<IncidentView>(reader, &format!("/v1/incidents/{}", incident.id))?);
    }
    Ok(Some(views))
}
