//! Which of 1,000 runbooks are for a degradation: each with a code of its own, and all with the same code and a `when`
//! that has to be evaluated. The first look, with nothing compiled yet, is said beside the later ones.

use std::sync::Arc;

use remediator::runbook::{Catalog, ContentFolder, LoadContext, Platform, Trust};

use crate::producers::seen;
use crate::sample::{Sample, number, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const RUNBOOKS: usize = 1_000;

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let distinct = |n: usize| (format!("HTTP_{n:04}"), String::new());
    let same = |n: usize| {
        let (count, region) = (n % 7, n % 5);
        let when = format!(
            "event.attributes.region == 'eu-{region}' && count > {count} || event.target == 'web-{n}'"
        );
        ("HTTP_WEDGED".to_owned(), format!(", when: \"{when}\""))
    };
    row(run, table, "distinct codes", distinct)?;
    row(run, table, "one code, each with its `when`", same)
}

fn row(run: &Run, table: &mut Table, what: &str, matcher: impl Fn(usize) -> (String, String)) -> Done {
    let catalog = catalog(matcher);
    if catalog.entries().count() != RUNBOOKS || !catalog.unreadable().is_empty() {
        return Err(format!("the catalog did not load: {:?}", catalog.unreadable().iter().next()).into());
    }
    let mut seen = seen(3);
    if !what.contains("when") {
        seen.code = "HTTP_0777".into();
    }
    let (cold, matches) = timed(|| catalog.candidates(&seen, 1).considered.len());
    let events = run.pick(200, 3);
    let warm: Sample = (0..run.rounds() * events)
        .map(|n| timed(|| catalog.candidates(&seen, n as u64).considered.len()).0 * 1e3)
        .collect();
    table.row(
        format!("match one event against 1,000 runbooks, {what}"),
        "≤ 2 ms",
        format!("{}; the first {} ms", warm.says_tail("ms"), number(cold * 1e3)),
        format!("{matches} candidates"),
        Holds::when(warm.median() <= 2.0),
    );
    Ok(())
}

/// Unsigned files: they observe only, and are matched all the same.
fn catalog(matcher: impl Fn(usize) -> (String, String)) -> Catalog {
    let mut folder = ContentFolder::default();
    for n in 0..RUNBOOKS {
        let (code, when) = matcher(n);
        let text = format!(
            "v: 1\nkind: runbook\nid: bench-{n}\ntitle: A runbook\nproposal: bench\n\
             matcher: {{subsystem: web, code: {code}, target: 'web-*'{when}}}\npriority: {n}\nblast_radius: machine\n\
             limits: {{attempts: 3, window: 1h, cooldown: 0s, runtime: 30s}}\n\
             steps: [{{id: do, run: {{argv: [/bin/true]}}, timeout: 5s, idempotent: true}}]\n\
             verification: {{probe: {{http: {{url: 'http://127.0.0.1:1/'}}}}}}\n"
        );
        folder.files.insert(format!("runbooks/bench/{n:04}.yaml"), text.into_bytes());
    }
    let context = LoadContext {
        now_us: 0,
        adopted: Default::default(),
        first_live: Default::default(),
        home: "/srv/home".into(),
        platform: Platform::Linux,
        credentials: Default::default(),
    };
    Catalog::load(Arc::new(folder), &Trust::none(), &context)
}
