//! Views on a synthetic history: complete, the same from a projection and from the journal alone.

use std::sync::Arc;

use remediator::audit::memory::Memory;
use remediator::audit::{Audit, Entries as _, Error, IncidentFilter};
use remediator::base::digest::Blake3;
use remediator::base::ids::IncidentId;
use remediator::base::limits::CLOSED_INCIDENTS_MAX;
use remediator::context::{IncidentState, World};
use remediator::event::incident::{Closure, IncidentClosed};

use super::story::{beginning, opened, receipt, seen, story};

fn following(memory: &Arc<Memory>) -> Audit {
    Audit::follow(memory.clone(), World::new(Blake3::ZERO)).expect("a thread")
}

#[test]
fn an_incident_shows_its_four_parts_and_where_everything_came_from() {
    let story = story();
    let audit = following(&story.memory);
    let view = audit.incident(story.healed).expect("there");
    assert_eq!(view.state, IncidentState::Closed);
    assert_eq!(view.alarm, None);
    assert_eq!(view.originating_signal.source, "sentinel:web-up");
    let chosen = view.chosen_runbook.expect("chosen");
    assert_eq!(chosen.runbook.as_deref(), Some("process-dead"));
    assert_eq!(chosen.approvers, ["ada"]);
    let attempt = &view.intermediate_state.attempts[0];
    assert_eq!((attempt.steps[0].state.as_str(), attempt.steps[0].tries), ("done", 1));
    assert_eq!(attempt.steps[0].action, "run /bin/true");
    assert_eq!(view.verification_results[0].looks, 1);
    assert_eq!(view.timeline.first().map(|e| e.kind.as_str()), Some("degradation.seen"));
    assert_eq!(view.timeline.last().map(|e| e.kind.as_str()), Some("incident.closed"));
    assert!(view.timeline.iter().all(|e| !e.said.is_empty()), "every entry says something");
}

#[test]
fn explain_walks_from_a_step_back_to_the_report_with_the_lock_and_the_catalog() {
    let story = story();
    let audit = following(&story.memory);
    let view = audit.explain(&story.intent.to_string()).expect("there");
    let kinds: Vec<&str> = view.walk.iter().map(|l| l.entry.kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"step.intended"));
    assert_eq!(kinds.last(), Some(&"degradation.seen"));
    assert!(kinds.contains(&"content.catalog_loaded") && kinds.contains(&"lock.granted"), "{kinds:?}");
    assert_eq!(view.authority[0].proposal, "process-dead");
    assert_eq!(view.limits[0].used, 1, "the attempt counts");
}

#[test]
fn explain_says_why_nothing_is_done() {
    let story = story();
    let audit = following(&story.memory);
    let view = audit.explain(&story.held.to_string()).expect("there");
    assert!(
        view.answer.contains("limits") && view.answer.contains("process-dead: attempts"),
        "{}",
        view.answer
    );
    assert_eq!(view.decisions[0].candidates[0].why, "attempts");
    assert_eq!(view.holds[0].reason, "limits");
    assert!(matches!(audit.explain("nonsense"), Err(Error::NotAName(_))));
    assert!(matches!(audit.explain("99999"), Err(Error::NotFound { .. })));
}

#[test]
fn a_receipt_is_found_when_it_is_recent_and_when_only_its_time_tells() {
    let story = story();
    let recent = following(&story.memory);
    let late = {
        // A world that was folded before the read model began: as after a start from a snapshot.
        let mut world = World::new(Blake3::ZERO);
        let head = story.memory.head().expect("memory").expect("entries").seq;
        for seq in 0..=head {
            world.apply(&story.memory.record(seq).expect("memory").expect("there"));
        }
        Audit::still(story.memory.clone(), world)
    };
    let view = recent.receipt(story.healed_receipt).expect("there");
    assert_eq!(view.incident, Some(story.healed));
    assert_eq!(view.closure, Some(Closure::Healed));
    assert_eq!(late.receipt(story.healed_receipt).expect("there"), view);
    assert!(matches!(recent.receipt(receipt(9_999)), Err(Error::NotFound { .. })));
}

#[test]
fn status_counts_and_says_what_mends() {
    let status = following(&story().memory).status().expect("a status");
    assert_eq!(status.incidents.get("held"), Some(&1));
    let catalog = status.catalog;
    assert_eq!((catalog.live, catalog.observe_only, catalog.refused), (1, 1, 1));
    assert!(catalog.not_live.iter().any(|c| c.reason.contains("remediator runbook sign")));
    assert!(status.head.is_some_and(|h| h.at.starts_with("2023-")));
}

#[test]
fn incidents_that_the_projection_no_longer_holds_are_rebuilt_the_same() {
    let memory = Arc::new(Memory::new());
    beginning(&memory);
    let mut ids = Vec::new();
    for n in 0..CLOSED_INCIDENTS_MAX as u64 + 3 {
        let target = format!("t{n}");
        let receipt = receipt(memory.head().expect("memory").map_or(0, |h| h.seq) + 1);
        let id = IncidentId::derive(&Blake3::ZERO, &receipt, n);
        let report = memory.push(Some(id), None, seen(receipt, &target)).seq;
        let open = memory.push(Some(id), Some(report), opened(&target)).seq;
        let (closure, evidence) = (Closure::RecoveredUnaided, "good again".to_owned());
        memory.push(Some(id), Some(open), IncidentClosed { closure, evidence, parents: Default::default() });
        ids.push(id);
    }
    let audit = following(&memory);
    let first = audit.incident(ids[0]).expect("rebuilt");
    assert_eq!((first.state, first.timeline.len()), (IncidentState::Closed, 3));

    // All of them, page by page, newest first, none twice.
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let filter = IncidentFilter { before, limit: 100, ..IncidentFilter::default() };
        let list = audit.incidents(&filter).expect("a list");
        seen.extend(list.incidents.into_iter().map(|i| i.id));
        match list.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    ids.reverse();
    assert_eq!(seen, ids);

    // Those that only the journal knows are narrowed like the others.
    let target =
        |glob: &str| IncidentFilter { target: Some(glob.into()), limit: 100, ..IncidentFilter::default() };
    let oldest = audit.incidents(&target("t0")).expect("a list").incidents;
    assert_eq!(oldest.iter().map(|i| i.id).collect::<Vec<_>>(), ids[ids.len() - 1..]);
    let since = Some(1_700_000_000_000_000 + 10_000_000_000_000);
    let later = IncidentFilter { since_us: since, ..target("*") };
    assert!(audit.incidents(&later).expect("a list").incidents.is_empty());
    let other = IncidentFilter { code: Some("OTHER".into()), ..target("*") };
    assert!(audit.incidents(&other).expect("a list").incidents.is_empty());
}

#[test]
fn pages_give_stored_lines_byte_for_byte() {
    let story = story();
    let audit = following(&story.memory);
    let page = audit.page(Some(1), 2).expect("a page");
    assert_eq!(page.next, Some(3));
    assert_eq!(page.lines[0], story.memory.line(2).expect("memory").expect("there"));
    let json: serde_json::Value = serde_json::from_str(&page.to_json()).expect("JSON");
    assert_eq!(json["entries"][1]["seq"], 3);
    let end = audit.page(Some(1_000), 2).expect("a page");
    assert_eq!((end.lines.len(), end.next), (0, Some(1_000)));
    assert_eq!(audit.page(None, 0).expect("a page").to_json(), r#"{"v":1,"entries":[],"next":-1}"#);
}
