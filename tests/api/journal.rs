//! The same history in a real journal: what the projection of the open journal says and what the segments say
//! without it are the same bytes.

use std::sync::Arc;

use remediator::audit::{Audit, Entries as _, EntryFilter, IncidentFilter};
use remediator::base::digest::Blake3;
use remediator::base::ids::{BootId, NodeId};
use remediator::base::sign::JournalKey;
use remediator::context::{IncidentState, World};
use remediator::event::Draft;
use remediator::journal::{FixedClock, IntentJournal, Options};
use uuid::Uuid;

use super::story::{Story, story};

fn real(state: &std::path::Path, story: &Story) -> IntentJournal {
    let boot = BootId(Uuid::from_u128(1));
    let mut options = Options::new(state, boot, JournalKey::from_seed(&[1; 32]));
    let begin = story.memory.record(0).expect("memory").expect("genesis").at;
    options.clock = Arc::new(FixedClock(begin));
    let node = NodeId(Uuid::from_u128(2));
    let journal = IntentJournal::create(options, node, Default::default()).expect("a journal");
    let head = story.memory.head().expect("memory").expect("entries").seq;
    let drafts = (1..=head).map(|seq| {
        let record = story.memory.record(seq).expect("memory").expect("there");
        Draft { at: record.at, incident: record.incident, cause: record.cause, event: record.event }
    });
    let appended = journal.append(drafts.collect()).expect("appended");
    assert_eq!(appended.committed.last().map(|c| c.seq()), Some(head), "seqs are those of the story");
    journal
}

fn narrowed(audit: &Audit, filter: EntryFilter) -> String {
    let page = audit.page_of(&filter, None, Some(3), 1_000).expect("a page");
    assert!(!page.lines.is_empty() && page.lines.len() <= 3, "{filter:?}");
    page.to_json()
}

fn answers(audit: &Audit, story: &Story) -> Vec<String> {
    let json = |value: serde_json::Result<String>| value.expect("JSON");
    let all = IncidentFilter { limit: 10, ..IncidentFilter::default() };
    let closed = IncidentFilter { state: Some(IncidentState::Closed), ..all.clone() };
    vec![
        json(serde_json::to_string(&audit.status().expect("status"))),
        json(serde_json::to_string(&audit.incidents(&all).expect("incidents"))),
        json(serde_json::to_string(&audit.incidents(&closed).expect("incidents"))),
        json(serde_json::to_string(&audit.incident(story.healed).expect("incident"))),
        json(serde_json::to_string(&audit.incident(story.held).expect("incident"))),
        json(serde_json::to_string(&audit.explain(&story.intent.to_string()).expect("explain"))),
        json(serde_json::to_string(&audit.receipt(story.healed_receipt).expect("receipt"))),
        audit.page(None, 1_000).expect("a page").to_json(),
        audit.page(Some(5), 3).expect("a page").to_ndjson(),
        narrowed(audit, EntryFilter { kind: Some("step.".into()), ..EntryFilter::default() }),
        narrowed(audit, EntryFilter { incident: Some(story.held), ..EntryFilter::default() }),
        narrowed(audit, EntryFilter { since_us: Some(1_700_000_003_000_000), ..EntryFilter::default() }),
        audit.line(4).expect("a line"),
    ]
}

#[test]
fn the_open_journal_and_its_segments_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = story();
    let journal = real(folder.path(), &story);
    let live = Audit::of(journal.clone(), World::new(journal.genesis())).expect("a thread");
    let from_journal = answers(&live, &story);
    assert_eq!(answers(&Audit::offline(folder.path()).expect("readable"), &story), from_journal);
    drop(live);
    journal.clean_stop().expect("stopped");
    drop(journal);
    assert_eq!(answers(&Audit::offline(folder.path()).expect("readable"), &story), from_journal);
}

#[test]
fn an_answer_after_an_append_rests_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = story();
    let journal = real(folder.path(), &story);
    let audit = Audit::of(journal.clone(), World::new(journal.genesis())).expect("a thread");
    for n in 0..200 {
        let at = story.memory.record(1).expect("memory").expect("there").at;
        let event = remediator::event::control::Paused { by: "person:ada".into(), reason: n.to_string() };
        let appended = journal.append(vec![Draft { at, incident: None, cause: None, event: event.into() }]);
        let seq = appended.expect("appended").committed[0].seq();
        let paused = audit.status().expect("status").paused.expect("paused");
        assert_eq!((paused.seq, paused.reason), (Some(seq), n.to_string()));
    }
}

#[test]
fn a_damaged_folder_is_an_error_with_the_place_and_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = story();
    real(folder.path(), &story).clean_stop().expect("stopped");
    assert!(Audit::offline(&folder.path().join("nothing")).is_err());
    let segments = folder.path().join("journal");
    let file = std::fs::read_dir(&segments)
        .expect("listed")
        .filter_map(|e| e.ok().map(|e| e.path()))
        .find(|p| p.extension().is_some_and(|e| e == "ndjson"))
        .expect("a segment");
    let mut bytes = std::fs::read(&file).expect("read");
    let at = bytes.iter().position(|b| *b == b'\n').expect("a line") + 40;
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    assert!(Audit::offline(folder.path()).is_err());
}

fn seqs(audit: &Audit, filter: &EntryFilter) -> Vec<u64> {
    let mut found: Vec<u64> = Vec::new();
    // Page by page, so that the cursor is tried as well.
    loop {
        let page = audit.page_of(filter, found.last().copied(), None, 3).expect("a page").numbered();
        if page.is_empty() {
            return found;
        }
        found.extend(page.into_iter().map(|(seq, _)| seq));
    }
}

/// Every way to ask, alone and together.
fn filters(story: &Story) -> Vec<EntryFilter> {
    let none = EntryFilter::default;
    let alone = [
        EntryFilter { kind: Some("attempt.".into()), ..none() },
        EntryFilter { kind: Some("".into()), ..none() },
        EntryFilter { incident: Some(story.healed), ..none() },
        EntryFilter { runbook: Some("process-dead".into()), ..none() },
        EntryFilter { target: Some("web-1".into()), ..none() },
        EntryFilter { target: Some("web-".into()), ..none() },
        EntryFilter { actor: Some("sentinel:web-up".into()), ..none() },
        EntryFilter { outcome: Some("healthy".into()), ..none() },
        EntryFilter { outcome: Some("healed".into()), ..none() },
        EntryFilter { since_us: Some(1_700_000_004_000_000), ..none() },
        EntryFilter { until_us: Some(1_700_000_009_000_000), ..none() },
        EntryFilter { before: Some(9), ..none() },
    ];
    let both = |a: &EntryFilter, b: &EntryFilter| EntryFilter {
        kind: a.kind.clone().or(b.kind.clone()),
        incident: a.incident.or(b.incident),
        runbook: a.runbook.clone().or(b.runbook.clone()),
        target: a.target.clone().or(b.target.clone()),
        actor: a.actor.clone().or(b.actor.clone()),
        outcome: a.outcome.clone().or(b.outcome.clone()),
        since_us: a.since_us.or(b.since_us),
        until_us: a.until_us.or(b.until_us),
        before: a.before.or(b.before),
    };
    alone.iter().flat_map(|a| alone.iter().map(move |b| both(a, b))).collect()
}

#[test]
fn every_filter_gives_the_same_from_the_index_the_segments_and_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = story();
    let list = Audit::follow(story.memory.clone(), World::new(Blake3::ZERO)).expect("a thread");
    let journal = real(folder.path(), &story);
    let live = Audit::of(journal.clone(), World::new(journal.genesis())).expect("a thread");
    let offline = Audit::offline(folder.path()).expect("readable");
    for filter in filters(&story) {
        let from_list = seqs(&list, &filter);
        assert_eq!(seqs(&live, &filter), from_list, "{filter:?} by index");
        assert_eq!(seqs(&offline, &filter), from_list, "{filter:?} by segments");
        let last = live.page_of(&filter, None, Some(2), 1_000).expect("a page").numbered();
        let wanted = &from_list[from_list.len().saturating_sub(2)..];
        assert_eq!(last.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>(), wanted, "{filter:?} newest");
    }
    // What they mean: all of the attempt and not only the entry that names its runbook, all of the incident.
    let kinds = |filter: EntryFilter| -> Vec<String> {
        seqs(&live, &filter)
            .into_iter()
            .map(|seq| live.record(seq).expect("there").event.kind().to_owned())
            .collect()
    };
    let of_runbook = kinds(EntryFilter { runbook: Some("process-dead".into()), ..EntryFilter::default() });
    for kind in ["incident.matched", "attempt.planned", "step.intended", "step.finished", "attempt.ended"] {
        assert!(of_runbook.iter().any(|found| found == kind), "{kind}: {of_runbook:?}");
    }
    assert!(!of_runbook.contains(&"incident.opened".to_owned()));
    let seen = kinds(EntryFilter { actor: Some("sentinel:web-up".into()), ..EntryFilter::default() });
    assert!(!seen.is_empty() && seen.iter().all(|kind| kind == "degradation.seen"), "{seen:?}");
}

#[test]
fn an_index_that_was_closed_in_the_middle_of_an_incident_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = story();
    let journal = real(folder.path(), &story);
    let id = story.held;
    let held = |n: u64| Draft {
        at: story.memory.record(0).expect("memory").expect("genesis").at,
        incident: Some(id),
        cause: None,
        event: remediator::event::incident::IncidentHeld {
            reason: "paused".into(),
            detail: format!("number {n}"),
            until_elapsed_ms: None,
        }
        .into(),
    };
    let first = journal.append(vec![held(1)]).expect("appended").committed[0].seq();
    journal.clean_stop().expect("stopped");
    drop(journal);
    let options = Options::new(folder.path(), BootId(Uuid::from_u128(3)), JournalKey::from_seed(&[1; 32]));
    let (journal, _) = IntentJournal::open(options).expect("opened");
    let appended = journal.append(vec![held(2)]).expect("appended").committed[0].seq();
    let live = Audit::of(journal.clone(), World::new(journal.genesis())).expect("a thread");
    let target = live.incident(id).expect("an incident").originating_signal.target;
    let filter = EntryFilter { target: Some(target), ..EntryFilter::default() };
    let found = seqs(&live, &filter);
    assert!(found.contains(&appended) && found.contains(&first), "{found:?}");
    assert_eq!(found, seqs(&Audit::offline(folder.path()).expect("readable"), &filter));
}
