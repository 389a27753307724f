//! What the screen of `watch` says: lines made from what is known, cut to the size of the terminal.
//! Not for getting it (`mod`) nor for putting it there (`screen`).

use std::collections::VecDeque;

use super::super::out;
use crate::audit::{IncidentView, StatusView};
use crate::base::ids::Seq;

/// Steps of an incident that are shown.
const STEPS_SHOWN: usize = 3;
/// Sentinels that are shown by name; what sees trouble comes first.
const SENTINELS_SHOWN: usize = 6;

/// An entry as it is shown.
pub struct Seen {
    pub seq: Seq,
    pub at: String,
    pub kind: String,
    pub said: String,
}

/// What is known now.
pub struct Scene {
    pub status: StatusView,
    pub incidents: Vec<IncidentView>,
    pub lost: bool,
}

/// One entry on one line.
pub fn entry(seen: &Seen) -> String {
    let (at, kind) = (out::short(&seen.at), out::line(&seen.kind));
    format!("{:>7}  {at}  {kind:<29} {}", seen.seq, out::line(&seen.said))
}

/// The whole picture: at most as many lines as there are rows, none longer than there are columns.
pub fn lines(scene: &Scene, entries: &VecDeque<Seen>, (columns, rows): (usize, usize)) -> Vec<String> {
    let mut lines = vec![head(scene), String::new(), title(&scene.status, scene.incidents.len())];
    scene.incidents.iter().for_each(|view| incident(view, &mut lines));
    lines.push(String::new());
    sentinels(&scene.status, &mut lines);
    lines.push(String::new());
    lines.push("ENTRIES".to_owned());
    // Whatever is open, some of what just happened is seen.
    let room = rows.saturating_sub(2);
    let below = room.saturating_sub(lines.len()).max(room / 4);
    lines.truncate(room.saturating_sub(below));
    let shown = entries.len().saturating_sub(below);
    lines.extend(entries.range(shown..).map(entry));
    lines.resize(rows.saturating_sub(1).max(lines.len()), String::new());
    lines.truncate(rows.saturating_sub(1));
    lines.push("q ends".to_owned());
    lines.iter().map(|line| out::cut(line, columns)).collect()
}

fn head(scene: &Scene) -> String {
    let status = &scene.status;
    let seq = status.head.as_ref().map_or(0, |head| head.seq);
    let mut words = vec![format!("remediator {}  seq {seq}", status.version)];
    if scene.lost {
        words.push("THE DAEMON IS AWAY, waiting for it".to_owned());
    }
    if let Some(paused) = &status.paused {
        words.push(format!("PAUSED by {}: {}", paused.by, paused.reason));
    }
    if let Some(drain) = &status.draining {
        let how = if drain.drained.is_some() {
            "DRAINED".to_owned()
        } else {
            format!("DRAINING ({} left)", drain.running)
        };
        words.push(format!("{how} by {}: {}", drain.by, drain.reason));
    }
    if status.observe_only.is_some() {
        words.push("OBSERVE ONLY".to_owned());
    }
    if let Some(sealed) = &status.journal.sealed {
        words.push(format!("SEALED: {sealed}"));
    }
    words.join("  ")
}

fn title(status: &StatusView, shown: usize) -> String {
    let open: u64 = status.incidents.values().sum();
    match open.checked_sub(shown as u64) {
        Some(more) if more > 0 => format!("INCIDENTS  {open} open, the newest {shown}"),
        _ => format!("INCIDENTS  {open} open"),
    }
}

fn incident(view: &IncidentView, lines: &mut Vec<String>) {
    let signal = &view.originating_signal;
    let id: String = view.id.to_string().chars().take(8).collect();
    let state = out::word(&view.state);
    let what = format!("{}/{} on {}", signal.subsystem, signal.code, signal.target);
    lines.push(format!("  {id}  {state:<12} {what}: {}", signal.summary));
    if let Some(held) = &view.intermediate_state.held {
        lines.push(format!("      held: {}", held.detail));
    }
    let Some(attempt) = view.intermediate_state.attempts.last() else { return };
    let state = out::word(&attempt.state);
    lines.push(format!("      {} ({state})", attempt.runbook));
    let begun: Vec<_> = attempt.steps.iter().filter(|step| step.state != "waiting").collect();
    for step in begun.iter().skip(begun.len().saturating_sub(STEPS_SHOWN)) {
        let took = step.took_ms.map(|ms| format!(" in {}", out::span(ms))).unwrap_or_default();
        lines.push(format!("        {} {}{took}: {}", step.id, step.state, step.action));
    }
}

fn sentinels(status: &StatusView, lines: &mut Vec<String>) {
    lines.push(format!("SENTINELS  {}", status.sentinels.len()));
    let word = |name: &String| {
        let state = &status.sentinels[name];
        match (&state.trouble, &state.degraded) {
            (Some(trouble), _) => (0, format!("  {name}  troubled: {trouble}")),
            (None, Some(_)) => (1, format!("  {name}  degraded")),
            (None, None) => (2, format!("  {name}  good")),
        }
    };
    let mut words: Vec<(u8, String)> = status.sentinels.keys().map(word).collect();
    words.sort();
    lines.extend(words.into_iter().take(SENTINELS_SHOWN).map(|(_, text)| text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_fits_the_terminal_and_shows_the_newest_entries_last() {
        let audit = crate::audit::Audit::still(
            std::sync::Arc::new(crate::audit::memory::Memory::new()),
            crate::context::World::new(crate::base::digest::Blake3::ZERO),
        );
        let status = audit.status().expect("a status");
        let scene = Scene { status, incidents: Vec::new(), lost: true };
        let seen = |seq| Seen {
            seq,
            at: "2026-01-01T00:00:00.000000Z".into(),
            kind: "a.b".into(),
            said: "é\u{1b}[2J".repeat(99),
        };
        let entries: VecDeque<Seen> = (0..100).map(seen).collect();
        for (columns, rows) in [(80, 24), (20, 5), (1, 1), (200, 300)] {
            let lines = lines(&scene, &entries, (columns, rows));
            assert_eq!(lines.len(), rows.max(1));
            assert!(lines.iter().all(|line| line.chars().count() <= columns && !line.contains('\u{1b}')));
        }
        let lines = lines(&scene, &entries, (80, 24));
        assert!(lines[0].contains("AWAY"));
        assert!(
            lines[22].trim_start().starts_with("99 ") || lines[21].trim_start().starts_with("99 "),
            "{lines:?}"
        );
    }
}
