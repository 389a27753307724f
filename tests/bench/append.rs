//! `IntentJournal::append`: one producer, 256 in bursts, 256 sustained; each beside the bare loop with
//! the same group sizes, measured between the rounds.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use remediator::base::ids::{BootId, NodeId};
use remediator::base::limits::INDEX_LAG_ENTRIES_MAX;
use remediator::base::sign::JournalKey;
use remediator::journal::{IndexMode, IntentJournal, Options};

use crate::machine::Signing;
use crate::producers::{Way, produce};
use crate::sample::{Sample, eventually, number, pass, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub const PRODUCERS: u64 = 256;

/// A new one.
pub fn journal(run: &Run, index: IndexMode) -> Done<IntentJournal> {
    let key = JournalKey::from_seed(&[9; 32]);
    let options = Options { index, ..Options::new(run.folder("journal")?, BootId::fresh(), key) };
    Ok(IntentJournal::create(options, NodeId::fresh().map_err(|e| e.to_string())?, Default::default())?)
}

/// Waits until sled has everything.
pub fn index_caught_up(journal: &IntentJournal) -> Done {
    let ask = || journal.by_kind("journal.genesis", None, 1).is_ok().then_some(());
    let patience = Duration::from_secs(120);
    eventually(patience, Duration::from_millis(5), ask).ok_or_else(|| "sled does not catch up".into())
}

/// Entries per batch behind `after`: entries of one batch name the same `synced`.
fn group_size(journal: &IntentJournal, after: u64) -> Done<f64> {
    let (mut batches, mut entries, mut last) = (0_u64, 0_u64, None);
    let mut next = Some(after);
    while let Some(from) = next {
        let lines = journal.lines(Some(from), 1_000)?;
        for line in &lines {
            let synced = line.parsed()?.synced;
            batches += u64::from(synced != last);
            (last, entries) = (synced, entries + 1);
        }
        next = lines.last().map(|line| line.seq());
        if entries > 50_000 {
            break;
        }
    }
    Ok(entries as f64 / batches.max(1) as f64)
}

struct Compared {
    product: Sample,
    bare: Sample,
    ratio: Sample,
    same_signing: Sample,
    group: f64,
}

/// Rounds of the product with rounds of the bare loop in between.
fn compare(run: &Run, journal: &IntentJournal, way: Way, producers: u64, entries: u64) -> Done<Compared> {
    let bound = Duration::from_secs(60);
    let before = journal.head().seq;
    produce(journal, way, producers, entries, bound)?;
    let group = group_size(journal, before)?;
    let (mut product, mut bare, mut ratio, mut same_signing) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Many short rounds in turn: what else runs on the machine then weighs on both.
    for _ in 0..run.rounds() * 3 {
        if journal.index_is_ready() {
            index_caught_up(journal)?;
        }
        let ours = produce(journal, way, producers, entries, bound)?;
        // What a burst has left for later must not weigh on the peer.
        if journal.index_is_ready() {
            index_caught_up(journal)?;
        }
        let loops = |signing| run.machine()?.bare(signing, group.round() as usize, run.pick(0.7, 0.1));
        let peer = loops(Signing::Portable)?;
        product.push(ours);
        bare.push(peer);
        ratio.push(ours / peer * 100.0);
        same_signing.push(ours / loops(Signing::AsTheJournal)? * 100.0);
    }
    let sample = |values: Vec<f64>| values.into_iter().collect::<Sample>();
    let [product, bare, ratio, same_signing] = [product, bare, ratio, same_signing].map(sample);
    Ok(Compared { product, bare, ratio, same_signing, group })
}

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let with_sled = journal(run, IndexMode::On)?;
    let alone = journal(run, IndexMode::Off)?;
    let mut add = |what: &str, compared: &Compared| {
        table.row(
            what,
            "≥ 85 % of the bare loop",
            format!("{}: {}", compared.ratio.says("%"), compared.product.says("entries/s")),
            format!(
                "bare, groups of {}: {}; of one that signs as the journal does it is {}",
                number(compared.group),
                compared.bare.says("entries/s"),
                compared.same_signing.says("%")
            ),
            Holds::when(compared.ratio.median() >= 85.0),
        );
    };
    let one = run.pick(500, 50);
    add("append, 1 producer", &compare(run, &with_sled, Way::ThreadEach, 1, one)?);
    let burst = run.pick(INDEX_LAG_ENTRIES_MAX / 2, 2_000);
    for (what, journal) in [("bursts within sled's lag bound", &with_sled), ("without sled", &alone)] {
        for way in [Way::BehindOne, Way::ThreadEach] {
            add(&format!("append, {way}, {what}"), &compare(run, journal, way, PRODUCERS, burst)?);
        }
    }
    for way in [Way::BehindOne, Way::ThreadEach] {
        sustained(run, table, &with_sled, way)?;
    }
    let (seconds, stopped) = timed(|| with_sled.clean_stop());
    stopped?;
    if seconds > 5.0 {
        eprintln!("  (stopping took {} s)", number(seconds));
    }
    alone.clean_stop()?;
    Ok(())
}

/// As long as it takes for the lag bound to be what limits.
fn sustained(run: &Run, table: &mut Table, journal: &IntentJournal, way: Way) -> Done {
    let seconds = run.pick(30, 2);
    let bound = Duration::from_secs(seconds);
    let mut bare = peers(run, Signing::Portable)?;
    let mut same_signing = peers(run, Signing::AsTheJournal)?;
    let before = journal.head().seq;
    let stop = Arc::new(AtomicBool::new(false));
    let windows = std::thread::spawn({
        let (journal, stop) = (journal.clone(), Arc::clone(&stop));
        move || {
            let (mut rates, mut last, mut since) = (Vec::new(), journal.head().seq, Instant::now());
            while !stop.load(Ordering::Relaxed) {
                pass(Duration::from_secs(seconds) / 5 - Duration::from_millis(20));
                let now = journal.head().seq;
                rates.push((now - last) as f64 / since.elapsed().as_secs_f64());
                (last, since) = (now, Instant::now());
            }
            rates.into_iter().take(5).collect::<Sample>()
        }
    });
    let whole = produce(journal, way, PRODUCERS, u64::MAX, bound)?;
    stop.store(true, Ordering::Relaxed);
    let windows = windows.join().map_err(|_| "the watcher panicked")?;
    let group = group_size(journal, before)?;
    bare.extend(peers(run, Signing::Portable)?);
    same_signing.extend(peers(run, Signing::AsTheJournal)?);
    let [bare, same_signing] = [bare, same_signing].map(|all| all.into_iter().collect::<Sample>());
    let percent = whole / bare.median() * 100.0;
    index_caught_up(journal)?;
    table.row(
        format!("append, {way}, sustained {seconds} s, sled keeping up"),
        "≥ 60 % of the bare loop",
        format!(
            "{} %: {} entries/s; fifths of it {}",
            number(percent),
            number(whole),
            windows.says("entries/s")
        ),
        format!(
            "bare, groups of {PRODUCERS}: {}; of one that signs as the journal does ({}) it is {} %; groups of ours {}",
            bare.says("entries/s"),
            same_signing.says("entries/s"),
            number(whole / same_signing.median() * 100.0),
            number(group)
        ),
        Holds::when(percent >= 60.0),
    );
    Ok(())
}

/// The bare loop in groups as large as they can be, some rounds.
fn peers(run: &Run, signing: Signing) -> Done<Vec<f64>> {
    (0..run.rounds()).map(|_| run.machine()?.bare(signing, PRODUCERS as usize, run.pick(1.0, 0.1))).collect()
}

/// Whether a walk goes on.
pub fn go_on(yes: bool) -> ControlFlow<()> {
    if yes { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
