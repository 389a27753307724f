//! The same history in a real journal: what the projection of the open journal says and what the segments say
//! without it are the same bytes.

use std::sync::Arc;

use remediator::audit::{Audit, Entries as _, EntryFilter, IncidentFilter};
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
