//! Hindsight over a million entries: a runbook tried against all of history, and the post-mortem of one old incident.

use std::collections::BTreeMap;
use std::sync::Arc;

use remediator::backtest::{Candidate, Fork, Swap};
use remediator::base::digest::{Blake3, FileDigest};
use remediator::event::content::CatalogLoaded;
use remediator::replay::{History, PostMortem, whatif};
use remediator::runbook::{Catalog, ContentFolder, LoadContext, Platform, Trust};

use crate::sample::{Sample, number, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const RUNBOOK: &str = "v: 1\nkind: runbook\nid: tried\ntitle: Tried\nproposal: tried\n\
matcher: {subsystem: web, code: HTTP_WEDGED}\nblast_radius: process\n\
steps: [{id: kick, run: {argv: [/usr/bin/true]}, timeout: 5s, idempotent: true}]\n\
verification: {probe: {tcp: {address: '127.0.0.1:1'}}}\n";

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let corpus = run.corpus()?;
    let history = History::open(&corpus.home.root)?;
    let (mut backtests, mut told) = (Vec::new(), Vec::new());
    let mut line = String::new();
    for _ in 0..run.rounds().min(3) {
        let (seconds, report) = timed(|| whatif(&history, Fork::Start, swap(), &mut |_| ()));
        line = report?.0.line;
        backtests.push(seconds);
        let (seconds, page) = timed(|| PostMortem::of(&history, corpus.incident).map(|it| it.to_html()));
        if page?.is_empty() {
            return Err("the post-mortem is empty".into());
        }
        told.push(seconds);
    }
    let (backtests, told): (Sample, Sample) = (backtests.into_iter().collect(), told.into_iter().collect());
    table.row(
        format!("backtest of a runbook over {} entries", number(corpus.entries as f64)),
        "≤ 10 s",
        backtests.says("s"),
        line,
        Holds::when(backtests.median() <= 10.0),
    );
    table.row(
        format!("post-mortem of an incident among {} entries", number(corpus.entries as f64)),
        "–",
        told.says("s"),
        "as HTML, from the segments".to_owned(),
        Holds::when(true),
    );
    Ok(())
}

/// One runbook instead of whatever was in force; it counts as live.
fn swap() -> Swap {
    let files = BTreeMap::from([("runbooks/tried.yaml".to_owned(), RUNBOOK.as_bytes().to_vec())]);
    let folder = ContentFolder { files: files.clone(), unreadable: BTreeMap::new() };
    let context = LoadContext {
        now_us: 0,
        adopted: BTreeMap::new(),
        first_live: BTreeMap::new(),
        home: "/srv/home".into(),
        platform: Platform::Linux,
        credentials: Default::default(),
    };
    let catalog = Catalog::load(Arc::new(folder), &Trust::none(), &context);
    let loaded = CatalogLoaded::new(Blake3::ZERO, catalog.contents(), catalog.unreadable_contents());
    let digest = FileDigest::of(RUNBOOK.as_bytes());
    let candidate = Candidate { id: "tried".into(), digest, files };
    Swap { candidate: Some(candidate), catalog: Some((loaded, catalog)), limits: None, policy: None }
}
