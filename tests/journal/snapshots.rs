//! A snapshot and what follows it are the whole history: at every entry of random logs, in a real journal, and a snapshot
//! whose bytes are not those that its entry names is not used.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use proptest::prelude::*;
use remediator::audit::Entries as _;
use remediator::base::ids::Seq;
use remediator::base::time::Stamp;
use remediator::context::{FOLD_VERSION, World};
use remediator::event::{Draft, Record};
use remediator::journal::{IntentJournal, Opened, Options};

use crate::common::{AT, Home, node, options};
use crate::story::story;

/// Entries of a log: every pair of a snapshot and a later entry is compared.
const ENTRIES_MAX: usize = 40;

fn versioned(home: &Home) -> Options {
    Options { fold_version: FOLD_VERSION, segment_bytes_max: 6_000, ..options(&home.state) }
}

/// Entries of a real story, in runs that begin anywhere: much of it is legal where it stands, some is not.
fn drafts(runs: &[(usize, usize, u64)]) -> Vec<Draft> {
    let memory = story().memory;
    let head = memory.head().expect("memory").expect("entries").seq;
    let told: Vec<Record> =
        (1..=head).map(|seq| memory.record(seq).expect("memory").expect("there")).collect();
    let mut drafts = Vec::new();
    let mut at = AT;
    for (from, length, ms) in runs {
        for record in told.iter().cycle().skip(from % told.len()).take(*length) {
            at = Stamp { time_us: at.time_us + *ms as i64 * 1_000, mono_ms: at.mono_ms + ms };
            let Record { incident, event, .. } = record.clone();
            drafts.push(Draft { at, incident, cause: None, event });
        }
    }
    drafts.truncate(ENTRIES_MAX);
    drafts
}

/// The state after each entry, folded from the start.
fn states(journal: &IntentJournal) -> BTreeMap<Seq, Vec<u8>> {
    let mut states = BTreeMap::new();
    fold(journal, None, World::new(journal.genesis()), &mut |seq, world| {
        states.insert(seq, world.snapshot().expect("written down"));
    });
    states
}

/// The state at a world's last entry, folded from the start. The journal may have grown since: an index that was stopped
/// before it had anything is built anew by the next start, which says so in an entry when it is done.
fn state_at_end_of(world: &World, journal: &IntentJournal) -> Option<Vec<u8>> {
    states(journal).remove(&(world.next_seq - 1))
}

fn fold(
    journal: &IntentJournal,
    after: Option<Seq>,
    mut world: World,
    seen: &mut dyn FnMut(Seq, &World),
) -> World {
    let read = journal.replay(after, &mut |record| {
        world.apply(&record);
        seen(record.seq, &world);
        ControlFlow::Continue(())
    });
    read.expect("readable");
    world
}

fn newest_file(home: &Home) -> PathBuf {
    let files = std::fs::read_dir(home.state.join("snapshots")).expect("a folder");
    files.map(|file| file.expect("a file").path()).max().expect("a snapshot")
}

/// Opens and folds as a start does; gives the snapshot that was used.
fn started(home: &Home) -> (IntentJournal, Option<Seq>, World) {
    let (journal, opened) = IntentJournal::open(versioned(home)).expect("opened");
    let Opened { snapshot, genesis, .. } = opened;
    let (after, world) = match &snapshot {
        Some((seq, bytes)) => (Some(*seq), World::from_snapshot(bytes).expect("our own")),
        None => (None, World::new(genesis)),
    };
    let world = fold(&journal, after, world, &mut |_, _| ());
    (journal, after, world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn a_snapshot_and_its_tail_are_the_full_fold_at_every_entry(
        runs in proptest::collection::vec((0_usize..64, 1_usize..12, 0_u64..90_000), 2..7),
        taken in (1_usize..8, 1_usize..8),
        flipped in any::<prop::sample::Index>(),
    ) {
        let home = Home::new();
        let journal = IntentJournal::create(versioned(&home), node(), BTreeMap::new()).expect("made");
        let mut world = fold(&journal, None, World::new(journal.genesis()), &mut |_, _| ());
        let mut snapshots = Vec::new();
        for (n, draft) in drafts(&runs).into_iter().enumerate() {
            journal.append(vec![draft]).expect("appended");
            if n % 9 == taken.0 || n % 13 == taken.1 {
                world = fold(&journal, world.next_seq.checked_sub(1), world, &mut |_, _| ());
                let seq = world.next_seq - 1;
                journal.take_snapshot(seq, FOLD_VERSION, &world.snapshot().expect("written down")).expect("taken");
                snapshots.push(seq);
            }
        }
        let states = states(&journal);
        for (seq, bytes) in &states {
            let world = World::from_snapshot(bytes).expect("read back");
            fold(&journal, Some(*seq), world, &mut |at, world| {
                assert_eq!(world.snapshot().expect("written down"), states[&at], "from {seq} at {at}");
            });
        }
        journal.clean_stop().expect("stopped");
        drop(journal);

        let (journal, used, world) = started(&home);
        prop_assert_eq!(used, snapshots.last().copied());
        prop_assert_eq!(Some(world.snapshot().expect("written down")), state_at_end_of(&world, &journal));
        drop(journal);
        if let Some(newest) = snapshots.pop() {
            let path = newest_file(&home);
            let mut bytes = std::fs::read(&path).expect("read");
            let at = flipped.index(bytes.len());
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).expect("changed");
            let (journal, used, world) = started(&home);
            prop_assert_ne!(used, Some(newest), "its bytes are not those that the entry names");
            prop_assert_eq!(Some(world.snapshot().expect("written down")), state_at_end_of(&world, &journal));
        }
    }
}
