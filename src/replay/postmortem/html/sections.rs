//! The sections of the page, one function each.

use super::super::model::*;
use super::super::span::{say, since};
use super::super::word;
use super::{Cell, escape, state, table};

fn plain(cells: Vec<Cell>) -> (&'static str, Vec<Cell>) {
    ("", cells)
}

fn when(moment: &Moment) -> Cell {
    Cell::Plain(since(moment.since_ms))
}

fn entry(moment: &Moment) -> Cell {
    Cell::Plain(moment.seq.to_string())
}

pub(super) fn states(it: &PostMortem) -> String {
    let row = |name: Cell, from: u64, to: u64| {
        plain(vec![name, Cell::Plain(since(from)), Cell::Plain(say(to.saturating_sub(from)))])
    };
    let states = it.states.iter().map(|s| row(Cell::State(word(&s.state)), s.from_ms, s.to_ms));
    let phases = it.attempts.iter().zip(1..).flat_map(|(attempt, n)| {
        attempt
            .phases
            .iter()
            .map(move |p| row(Cell::Plain(format!("attempt {n}: {}", p.name)), p.from_ms, p.to_ms))
    });
    let rows = states.chain(phases).collect();
    "<h3>Where the time went</h3>\n".to_owned()
        + &table("Where the time went", &["", "from", "for"], rows, "It was over at once.")
}

pub(super) fn seen(it: &PostMortem) -> String {
    let s = &it.signal;
    let mut out = format!("<p>{}</p>\n", escape(&s.summary));
    match &s.detail {
        Some(Text { text: Some(text), .. }) => out += &format!("<pre>{}</pre>\n", escape(text)),
        Some(_) => out += "<p class=\"soft\">The detail is absent.</p>\n",
        None => {}
    }
    let attributes = s.attributes.iter();
    let attributes =
        attributes.map(|(name, value)| plain(vec![Cell::Code(name.clone()), Cell::Text(value.clone())]));
    let attributes: Vec<_> = attributes.collect();
    if !attributes.is_empty() {
        out += &table("Attributes", &["attribute", "value"], attributes, "");
        out += "<h3>Reports</h3>\n";
    }
    let rows = s.reports.iter().map(|r| {
        let how = if r.good { "good again" } else { "bad" };
        let said = match &r.observed_at {
            Some(at) => format!("{} (seen at {at}, as the sender claims)", r.said),
            None => r.said.clone(),
        };
        plain(vec![
            entry(&r.moment),
            when(&r.moment),
            Cell::Code(r.source.clone()),
            Cell::State(how.into()),
            Cell::Text(said),
        ])
    });
    out + &table("Reports", &["entry", "after", "who", "", "what"], rows.collect(), "Nothing was reported.")
}

pub(super) fn decisions(it: &PostMortem) -> String {
    let mut out = String::new();
    if it.decisions.is_empty() {
        out += "<p class=\"soft\">No runbook was looked for.</p>\n";
    }
    for d in &it.decisions {
        let chosen = d.chosen.as_deref().unwrap_or("no runbook");
        let after = since(d.moment.since_ms);
        out += &format!("<h3>{after}: {} <small>entry {}</small></h3>\n", escape(chosen), d.moment.seq);
        let rows = d.candidates.iter().map(|c| {
            let mark = if d.chosen.as_ref() == Some(&c.runbook) { "chosen" } else { "" };
            plain(vec![
                Cell::Code(c.runbook.clone()),
                Cell::Plain(c.priority.to_string()),
                Cell::State(mark.into()),
                Cell::Plain(c.why.replace('_', " ")),
                Cell::Text(c.detail.clone()),
            ])
        });
        let none = "No runbook names this subsystem and code.";
        out += &table("Candidates", &["runbook", "priority", "", "why", "detail"], rows.collect(), none);
        let limits = d
            .limits
            .iter()
            .map(|l| format!("{} {} of {}", l.name.replace('_', " "), l.used.unwrap_or(0), l.allowed));
        let others = match d.more + d.not_candidates {
            0 => String::new(),
            n => format!("; {n} other runbooks were no candidates"),
        };
        let limits = limits.collect::<Vec<_>>().join(", ");
        out += &format!("<p class=\"soft\">Limits then: {}{others}.</p>\n", escape(&limits));
    }
    if !it.holds.is_empty() {
        let rows = it.holds.iter().map(|h| {
            plain(vec![
                entry(&h.moment),
                when(&h.moment),
                Cell::Plain(h.reason.replace('_', " ")),
                Cell::Text(h.detail.clone()),
            ])
        });
        out += "<h3>When nothing was done</h3>\n";
        out += &table("When nothing was done", &["entry", "after", "reason", "detail"], rows.collect(), "");
    }
    out
}

pub(super) fn authority(it: &PostMortem) -> String {
    if it.authority.is_empty() {
        return "<p class=\"soft\">No attempt was planned, so nobody's authority was used.</p>\n".to_owned();
    }
    let mut out = String::new();
    for a in &it.authority {
        let title = a.title.as_deref().map(|t| format!(": {}", escape(t))).unwrap_or_default();
        out += &format!("<h3>{}{title}</h3>\n<p><code>{}</code></p>\n", escape(&a.runbook), a.digest);
        let mut rows = vec![
            ("signed by", a.signer.clone()),
            ("proposal", a.proposal.clone()),
            ("approved by", a.approvers.join(", ")),
        ];
        rows.extend(a.argument.clone().map(|argument| ("argument", argument)));
        for approval in &a.approvals {
            let by = approval.by.as_deref().unwrap_or("it does not count");
            rows.push(("approval", format!("{by}: {} ({})", approval.reason, approval.path)));
        }
        rows.extend(a.relies_on.iter().map(|other| ("relies on", other.clone())));
        rows.push(("catalog", format!("entry {}", a.catalog)));
        let again = a.judged_again.as_deref().map(|w| w.replace('_', " "));
        rows.push((
            "judged again",
            again.unwrap_or_else(|| "not possible: the catalog's blob is absent".into()),
        ));
        let rows =
            rows.into_iter().map(|(name, value)| plain(vec![Cell::Plain(name.into()), Cell::Text(value)]));
        out += &table("Authority", &["", ""], rows.collect(), "");
    }
    out
}

pub(super) fn attempts(it: &PostMortem) -> String {
    if it.attempts.is_empty() {
        return "<p class=\"soft\">No attempt was made.</p>\n".to_owned();
    }
    it.attempts.iter().zip(1..).map(|(a, n)| attempt(a, n)).collect()
}

fn attempt(a: &AttemptPart, n: usize) -> String {
    let outcome = a.outcome.map_or("under way".to_owned(), |o| word(&o));
    let dry = if a.dry_run { " · dry run, nothing was run" } else { "" };
    let mut out = format!(
        "<h3>Attempt {n}: {} on {} · {}{dry}</h3>\n",
        escape(&a.runbook),
        escape(&a.target),
        state(&outcome)
    );
    if let Some(reason) = &a.reason {
        out += &format!("<p>{}</p>\n", escape(reason));
    }
    out += &preconditions(a);
    if !a.locks.is_empty() {
        let rows = a
            .locks
            .iter()
            .map(|(moment, said)| plain(vec![entry(moment), when(moment), Cell::Text(said.clone())]));
        out += &table("Lock", &["entry", "after", "lock"], rows.collect(), "");
    }
    out += "<h3>Steps</h3>\n";
    out += &steps(a);
    if let Some((why, outcome)) = &a.undo {
        out += &format!("<p><strong>Taken back</strong> ({}): {}</p>\n", state(&word(outcome)), escape(why));
    }
    let verdict = a.verdict.map_or("unknown".to_owned(), |v| word(&v));
    out += &format!(
        "<h3>Verification · {}</h3>\n<p class=\"soft\">{}</p>\n",
        state(&verdict),
        escape(&a.verification)
    );
    let rows = a.looks.iter().map(|look| {
        let values: Vec<String> = look.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
        plain(vec![
            entry(&look.moment),
            when(&look.moment),
            Cell::Plain(look.purpose.clone()),
            Cell::State(word(&look.verdict)),
            Cell::Text(format!("{}{values}", look.evidence)),
        ])
    });
    out + &table("Looks", &["entry", "after", "for", "verdict", "seen"], rows.collect(), "Nobody looked.")
}

fn preconditions(a: &AttemptPart) -> String {
    let rows = a.preconditions.iter().flat_map(|(moment, checked)| {
        checked.results.iter().map(move |r| {
            let holds = match r.holds {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None => "unknown",
            };
            plain(vec![
                entry(moment),
                when(moment),
                Cell::Plain(word(&checked.phase).replace('_', " ")),
                Cell::Code(r.id.clone()),
                Cell::State(holds.into()),
                Cell::Text(r.observation.evidence.clone()),
            ])
        })
    });
    let none = "It had no preconditions that were looked at.";
    table("Preconditions", &["entry", "after", "", "precondition", "", "seen"], rows.collect(), none)
}

/// Every try of every step, a row each; one that was not run has one as well.
fn steps(a: &AttemptPart) -> String {
    let mut rows = Vec::new();
    for s in &a.steps {
        let mut beside = Vec::new();
        beside.extend(s.undo.as_ref().map(|undo| format!("undo: {undo}")));
        beside.extend(s.irreversible.as_ref().map(|why| format!("cannot be taken back: {why}")));
        let mut action = Some(Cell::Action { what: s.action.clone(), beside });
        for t in &s.tries {
            let ended = match (&t.ended, t.succeeded) {
                (_, true) => Cell::State("succeeded".into()),
                (Some(ended), _) => Cell::Text(ended.clone()),
                (None, _) => Cell::Text("nobody knows how it ended".into()),
            };
            let what = if t.undo { "undo" } else { "try" };
            rows.push(plain(vec![
                Cell::Code(s.id.clone()),
                action.take().unwrap_or(Cell::Plain(String::new())),
                entry(&t.moment),
                when(&t.moment),
                Cell::Plain(format!("{what} {}", t.try_no)),
                ended,
                Cell::Plain(t.took_ms.map(say).unwrap_or_default()),
                Cell::Plain(t.token.to_string()),
            ]));
        }
        if let Some(action) = action {
            let blank = || Cell::Plain(String::new());
            let none = Cell::State("not run".into());
            let id = Cell::Code(s.id.clone());
            rows.push(plain(vec![id, action, blank(), blank(), blank(), none, blank(), blank()]));
        }
    }
    let header = ["step", "what it does", "entry", "after", "", "ended", "took", "token"];
    let mut out = table("Steps", &header, rows, "It has no steps.");
    for s in &a.steps {
        out += &s.tries.iter().map(|one| output(&s.id, one)).collect::<String>();
    }
    out
}

fn output(id: &str, one: &Try) -> String {
    let dropped = match one.dropped {
        0 => String::new(),
        n => format!("<p class=\"soft\">{n} bytes of output were not kept.</p>"),
    };
    let open = if one.succeeded { "" } else { " open" };
    match &one.output {
        Some(Text { text: Some(text), .. }) => format!(
            "<details{open}><summary>Output of {}, {} {}</summary><pre>{}</pre>{dropped}</details>\n",
            escape(id),
            if one.undo { "undo" } else { "try" },
            one.try_no,
            escape(text.trim_end())
        ),
        Some(Text { blob: Some(blob), .. }) => {
            format!("<p class=\"soft\">Its output is absent: blob <code>{blob}</code></p>{dropped}\n")
        }
        _ => dropped,
    }
}

pub(super) fn people(it: &PostMortem) -> String {
    let acts = it.people.iter().map(|a| {
        plain(vec![
            entry(&a.moment),
            when(&a.moment),
            Cell::Code(a.who.clone()),
            Cell::Text(a.did.clone()),
            Cell::Text(a.reason.clone()),
            Cell::Code(a.statement.map(|d| d.to_string()).unwrap_or_default()),
        ])
    });
    let header = ["entry", "after", "who", "what", "why", "signed statement"];
    let mut out = "<h3>What people did</h3>\n".to_owned();
    out += &table("What people did", &header, acts.collect(), "Nothing, as far as the journal knows.");
    let told = it.told.iter().map(|t| {
        let arrived = match &t.delivered {
            Some(moment) => since(moment.since_ms),
            None => t.answer.clone(),
        };
        plain(vec![
            entry(&t.moment),
            when(&t.moment),
            Cell::Code(t.channel.clone()),
            Cell::Plain(t.topic.replace('_', " ")),
            Cell::State(t.state.clone()),
            Cell::Text(arrived),
            Cell::Text(t.text.clone()),
        ])
    });
    let header = ["entry", "after", "channel", "about", "", "arrived", "text"];
    out += "<h3>Who was told</h3>\n";
    out + &table("Who was told", &header, told.collect(), "Nobody was told.")
}

pub(super) fn untried(it: &PostMortem) -> String {
    let rows = it.untried.iter().map(|u| {
        let seq = u.seq.map(|seq| seq.to_string()).unwrap_or_default();
        plain(vec![Cell::Plain(seq), Cell::Text(u.what.clone()), Cell::Text(u.why.clone())])
    });
    table("Not tried", &["entry", "what", "why"], rows.collect(), "Everything that was planned was done.")
}

pub(super) fn limits(it: &PostMortem) -> String {
    let rows = it.bound.iter().map(|b| {
        let limit = Cell::Plain(b.limit.replace('_', " "));
        plain(vec![entry(&b.moment), when(&b.moment), limit, Cell::Text(b.detail.clone())])
    });
    let mut out = table(
        "Limits that bound",
        &["entry", "after", "limit", "what it kept back"],
        rows.collect(),
        "No limit bound.",
    );
    let rows = it
        .limits
        .iter()
        .map(|l| plain(vec![Cell::Plain(l.name.replace('_', " ")), Cell::Text(l.allowed.clone())]));
    out += "<h3>In force when it began</h3>\n";
    out + &table("In force when it began", &["limit", "value"], rows.collect(), "")
}

pub(super) fn similar(it: &PostMortem) -> String {
    let (same, code) = (it.similar.same_fingerprint, it.similar.same_code);
    let rows = it.similar.newest.iter().map(|p| {
        let which = if p.same { "the same".to_owned() } else { p.target.clone() };
        plain(vec![
            Cell::Plain(p.at.clone()),
            Cell::Plain(format!("{} before", say(p.before_ms))),
            Cell::Code(p.incident.to_string()),
            Cell::Text(which),
            Cell::State(p.ended.clone()),
            Cell::Plain(p.took_ms.map(say).unwrap_or_default()),
            Cell::Text(p.runbooks.join(", ")),
        ])
    });
    let header = ["opened", "", "incident", "target", "ended", "took", "tried"];
    format!(
        "<p>{same} of this very trouble, {code} of this code on other targets; as they were when this one began.</p>\n"
    ) + &table("Similar incidents before", &header, rows.collect(), "None before it.")
}

pub(super) fn timeline(it: &PostMortem) -> String {
    let rows = it.timeline.iter().map(|row| {
        let class = if row.own { "" } else { "around" };
        let cells = vec![
            entry(&row.moment),
            Cell::Plain(row.moment.at.clone()),
            when(&row.moment),
            Cell::Plain(row.took_ms.map(say).unwrap_or_default()),
            Cell::Code(row.kind.clone()),
            Cell::Text(row.said.clone()),
        ];
        (class, cells)
    });
    let header = ["entry", "time (UTC)", "after", "until the next", "kind", "what"];
    let mut out = table("Timeline", &header, rows.collect(), "None.");
    if it.left_out > 0 {
        let n = it.left_out;
        out +=
            &format!("<p class=\"soft\">{n} entries about repeated reports are left out between them.</p>\n");
    }
    out += "<p class=\"soft\">Lines in italics happened around the incident and are no part of it.</p>\n";
    out
}

pub(super) fn proof(it: &PostMortem) -> String {
    let p = &it.proof;
    let mut rows = vec![
        ("chain", format!("{} entries, each chained to the one before", p.chained)),
        ("genesis", it.genesis.to_string()),
    ];
    rows.extend(p.hash.map(|hash| ("last entry", format!("{} {hash}", it.until.seq))));
    let held = match p.bad_signatures.as_slice() {
        [] => format!("{} checked, all hold: of every entry told here, and of each key change", p.signatures),
        bad => format!("{} checked; NOT HELD: entries {bad:?}", p.signatures),
    };
    rows.push(("signatures", held));
    rows.extend(p.keys.iter().map(|(key, from)| ("key", format!("{key} signs from entry {from} on"))));
    rows.extend(p.damage.iter().map(|damage| ("damage", damage.clone())));
    let rows = rows.into_iter().map(|(name, value)| plain(vec![Cell::Plain(name.into()), Cell::Text(value)]));
    table("Proof", &["", ""], rows.collect(), "")
}

pub(super) fn absent(it: &PostMortem) -> String {
    let rows = it.absent.iter().map(|a| {
        plain(vec![
            Cell::Plain(a.seq.to_string()),
            Cell::State(a.state.clone()),
            Cell::Text(a.what.clone()),
            Cell::Code(a.blob.to_string()),
        ])
    });
    let none = "Nothing: every blob that these entries name is there.";
    table("Absent", &["named by entry", "", "what it held", "blob"], rows.collect(), none)
}
