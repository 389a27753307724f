//! The post-mortem as Markdown: for a ticket, a wiki, a mail. Text from outside is shown as text: it makes no heading,
//! link, table cell or HTML.

use super::compare::Comparison;
use super::model::*;
use super::span::{say, since};
use super::word;

/// The page.
pub(super) fn page(it: &PostMortem) -> String {
    let mut page = Page(String::new());
    head(&mut page, it);
    course(&mut page, it);
    seen(&mut page, it);
    decided(&mut page, it);
    it.attempts.iter().zip(1..).for_each(|(attempt, n)| attempt_part(&mut page, attempt, n));
    around(&mut page, it);
    proof(&mut page, it);
    page.0
}

/// Two incidents beside each other.
pub(super) fn comparison(both: &Comparison) -> String {
    let mut page = Page(String::new());
    page.line(format!("# Two incidents: {}\n\nA is `{}`, B is `{}`.", text(&both.title), both.a, both.b));
    page.section("What differs");
    let differ = both.rows.iter().filter(|row| !row.same);
    let rows = differ.map(|row| vec![text(&row.what), text(&row.a), text(&row.b)]);
    page.table(&["", "A", "B"], rows.collect(), "Nothing.");
    page.section("What was the same");
    let rows = both.rows.iter().filter(|row| row.same).map(|row| vec![text(&row.what), text(&row.a)]);
    page.table(&["", "in both"], rows.collect(), "Nothing.");
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }
    fn section(&mut self, title: &str) {
        self.line(format!("\n## {title}\n"));
    }
    /// A table; one without rows is a sentence.
    fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>, none: &str) {
        if rows.is_empty() {
            return self.line(none);
        }
        self.line(format!("| {} |", header.join(" | ")));
        self.line(format!("|{}", "---|".repeat(header.len())));
        for row in rows {
            self.line(format!("| {} |", row.join(" | ")));
        }
    }
    /// A block that nothing inside can end.
    fn block(&mut self, text: &str) {
        let mut longest = 0;
        let mut run = 0;
        for c in text.chars() {
            run = if c == '`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        let fence = "`".repeat(longest.max(2) + 1);
        self.line(format!("{fence}text\n{}\n{fence}\n", text.trim_end()));
    }
}

/// Outside text within a line.
fn text(outside: &str) -> String {
    let mut out = String::with_capacity(outside.len() + 8);
    let mut chars = outside.chars().peekable();
    while let Some(c) = chars.next() {
        // Within a word it marks nothing.
        let inner = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
        match c {
            '_' if out.ends_with(char::is_alphanumeric) && inner(chars.peek()) => out.push('_'),
            '\n' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if crate::base::text::is_invisible(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    // An address would become a link by itself.
    out.replace("://", "\\://").replace("www.", "www\\.")
}

fn when(moment: &Moment) -> String {
    format!("{} (entry {})", since(moment.since_ms), moment.seq)
}

fn head(page: &mut Page, it: &PostMortem) {
    let s = &it.signal;
    page.line(format!("# Post-mortem: {}/{} on {}\n", text(&s.subsystem), text(&s.code), text(&s.target)));
    page.line(text(&it.verdict));
    page.line("");
    let mut rows = vec![
        vec!["incident".into(), format!("`{}`", it.incident)],
        vec!["state".into(), word(&it.state)],
        vec!["first report".into(), format!("{} (entry {})", it.opened.at, it.opened.seq)],
    ];
    match &it.closed {
        Some(closed) => rows.push(vec!["closed".into(), format!("{}, {}", closed.at, when(closed))]),
        None => rows.push(vec![
            "open".into(),
            format!("as of the journal's last entry, {}, {}", it.until.at, when(&it.until)),
        ]),
    }
    for measure in &it.measures {
        let how_long = measure.ms.map_or_else(|| "it did not come to that".to_owned(), say);
        rows.push(vec![format!("until {}", measure.what), how_long]);
    }
    rows.push(vec!["machine".into(), format!("`{}`", it.node)]);
    page.table(&["", ""], rows, "");
}

fn course(page: &mut Page, it: &PostMortem) {
    page.section("Where the time went");
    let state = |span: &StateSpan| (word(&span.state), span.from_ms, span.to_ms);
    let phases = it.attempts.iter().zip(1..).flat_map(|(attempt, n)| {
        attempt.phases.iter().map(move |p| (format!("attempt {n}: {}", p.name), p.from_ms, p.to_ms))
    });
    let rows = it.states.iter().map(state).chain(phases);
    let rows = rows.map(|(name, from, to)| vec![name, since(from), say(to.saturating_sub(from))]);
    page.table(&["", "from", "for"], rows.collect(), "It was over at once.");
    page.section("Timeline");
    let rows = it.timeline.iter().map(|row| {
        let (seq, at) = (row.moment.seq.to_string(), since(row.moment.since_ms));
        let kind = if row.own { format!("`{}`", row.kind) } else { format!("(around) `{}`", row.kind) };
        let took = row.took_ms.map(say).unwrap_or_default();
        vec![seq, row.moment.at.clone(), at, took, kind, text(&row.said)]
    });
    page.table(
        &["entry", "time", "since the report", "until the next", "kind", "what"],
        rows.collect(),
        "None.",
    );
    if it.left_out > 0 {
        page.line(format!("\n{} entries about repeated reports are left out between them.", it.left_out));
    }
}

fn seen(page: &mut Page, it: &PostMortem) {
    page.section("What was seen");
    let signal = &it.signal;
    page.line(format!("{} ({}).\n", text(&signal.summary), word(&signal.severity)));
    if let Some(detail) = &signal.detail {
        match &detail.text {
            Some(text) => page.block(text),
            None => page.line("The detail is absent.\n"),
        }
    }
    for (name, value) in &signal.attributes {
        page.line(format!("- {} = {}", text(name), text(value)));
    }
    page.line("");
    let rows = signal.reports.iter().map(|r| {
        let how = if r.good { "good again" } else { "bad" };
        let claim = r.observed_at.clone().unwrap_or_default();
        vec![when(&r.moment), text(&r.source), how.into(), text(&r.said), claim]
    });
    page.table(&["when", "who", "", "what", "seen at (claimed)"], rows.collect(), "Nothing.");
}

fn decided(page: &mut Page, it: &PostMortem) {
    page.section("Decisions");
    if it.decisions.is_empty() {
        page.line("No runbook was looked for.");
    }
    for decision in &it.decisions {
        let chosen = decision.chosen.as_deref().map_or("no runbook".to_owned(), text);
        page.line(format!("**{}: {chosen}**\n", when(&decision.moment)));
        let rows = decision.candidates.iter().map(|c| {
            let mark = if decision.chosen.as_ref() == Some(&c.runbook) { "chosen" } else { "" };
            vec![text(&c.runbook), c.priority.to_string(), mark.into(), text(&c.why), text(&c.detail)]
        });
        let none = format!("No runbook names this code; {} name others.", decision.not_candidates);
        page.table(&["runbook", "priority", "", "why", "detail"], rows.collect(), &none);
        for limit in &decision.limits {
            let used = limit.used.map_or_else(String::new, |used| format!("{used} of "));
            page.line(format!("\n{}: {used}{}", text(&limit.name), text(&limit.allowed)));
        }
        page.line("");
    }
    if !it.holds.is_empty() {
        page.line("Nothing was done then:\n");
        let rows = it.holds.iter().map(|h| vec![when(&h.moment), text(&h.reason), text(&h.detail)]);
        page.table(&["when", "reason", "detail"], rows.collect(), "");
    }
    page.section("On whose authority");
    if it.authority.is_empty() {
        page.line("No attempt was planned, so nobody's authority was used.");
    }
    for a in &it.authority {
        let title = a.title.as_deref().map(|t| format!(": {}", text(t))).unwrap_or_default();
        page.line(format!("- **{}**{title}, `{}`", text(&a.runbook), a.digest));
        let approvers = text(&a.approvers.join(", "));
        page.line(format!(
            "  signed by {}, approved by {approvers}, catalog of entry {}",
            text(&a.signer),
            a.catalog
        ));
        if let Some(argument) = &a.argument {
            page.line(format!("  proposal {}: {}", text(&a.proposal), text(argument)));
        }
        for approval in &a.approvals {
            let by = approval.by.as_deref().map_or("does not count".to_owned(), text);
            page.line(format!("  - approval by {by}: {}", text(&approval.reason)));
        }
        for other in &a.relies_on {
            page.line(format!("  - relies on {}", text(other)));
        }
        let again = a.judged_again.as_deref().unwrap_or("the catalog's blob is absent");
        page.line(format!("  - judged again from the catalog of then: {again}"));
    }
}

fn attempt_part(page: &mut Page, a: &AttemptPart, n: usize) {
    let outcome = a.outcome.map_or("under way".to_owned(), |o| word(&o));
    page.section(&format!("Attempt {n}: {} on {}, {outcome}", text(&a.runbook), text(&a.target)));
    let dry = if a.dry_run { " Dry run: nothing was run." } else { "" };
    page.line(format!(
        "Planned {}.{dry} {}\n",
        when(&a.planned),
        text(a.reason.as_deref().unwrap_or_default())
    ));
    let rows = a.preconditions.iter().flat_map(|(moment, checked)| {
        checked.results.iter().map(move |r| {
            let holds = match r.holds {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None => "cannot be told",
            };
            let phase = word(&checked.phase).replace('_', " ");
            vec![when(moment), phase, text(&r.id), holds.into(), text(&r.observation.evidence)]
        })
    });
    page.table(
        &["when", "", "precondition", "", "seen"],
        rows.collect(),
        "It had no preconditions that were looked at.",
    );
    page.line("");
    for (moment, said) in &a.locks {
        page.line(format!("- {}: {}", when(moment), text(said)));
    }
    for step in &a.steps {
        step_part(page, step);
    }
    if let Some((why, outcome)) = &a.undo {
        page.line(format!("\nTaken back ({}): {}", word(outcome), text(why)));
    }
    let verdict = a.verdict.map_or("none".to_owned(), |v| word(&v));
    page.line(format!("\nVerification ({verdict}): {}\n", text(&a.verification)));
    let rows = a.looks.iter().map(|look| {
        vec![when(&look.moment), look.purpose.clone(), word(&look.verdict), text(&look.evidence)]
    });
    page.table(&["when", "for", "verdict", "evidence"], rows.collect(), "Nobody looked.");
}

fn step_part(page: &mut Page, step: &StepPart) {
    page.line(format!("\n### Step {}\n\n{}\n", text(&step.id), text(&step.action)));
    if let Some(why) = &step.irreversible {
        page.line(format!("It cannot be taken back: {}\n", text(why)));
    }
    if step.tries.is_empty() {
        page.line("It was not run.");
    }
    for one in &step.tries {
        let what = if one.undo { "undo" } else { "try" };
        let ended = one.ended.as_deref().map_or("nobody knows how it ended".to_owned(), text);
        let took = one.took_ms.map(|ms| format!(" after {}", say(ms))).unwrap_or_default();
        page.line(format!(
            "- {}: {what} {} {ended}{took}, token {}\n",
            when(&one.moment),
            one.try_no,
            one.token
        ));
        match &one.output {
            Some(Text { text: Some(text), .. }) => page.block(text),
            Some(Text { blob: Some(blob), .. }) => {
                page.line(format!("Its output is absent: blob `{blob}`\n"))
            }
            _ => {}
        }
        if one.dropped > 0 {
            page.line(format!("{} bytes of output were not kept.\n", one.dropped));
        }
    }
}

fn around(page: &mut Page, it: &PostMortem) {
    page.section("What people did");
    let rows = it.people.iter().map(|act| {
        let signed = act.statement.map(|d| format!("signed `{d}`")).unwrap_or_default();
        vec![when(&act.moment), text(&act.who), text(&act.did), text(&act.reason), signed]
    });
    page.table(&["when", "who", "what", "why", ""], rows.collect(), "Nothing, as far as the journal knows.");
    page.section("Who was told");
    let rows = it.told.iter().map(|t| {
        let arrived = match &t.delivered {
            Some(moment) => format!("delivered {}", since(moment.since_ms)),
            None => format!("{} after {} tries {}", t.state, t.tries, text(&t.answer)),
        };
        vec![when(&t.moment), text(&t.channel), text(&t.topic), arrived, text(&t.text)]
    });
    page.table(&["when", "channel", "about", "", "text"], rows.collect(), "Nobody.");
    page.section("What was not tried");
    let rows = it
        .untried
        .iter()
        .map(|u| vec![text(&u.what), text(&u.why), u.seq.map(|seq| seq.to_string()).unwrap_or_default()]);
    page.table(&["what", "why", "entry"], rows.collect(), "Everything that was planned was done.");
    page.section("Limits that bound");
    let rows = it.bound.iter().map(|b| vec![when(&b.moment), text(&b.limit), text(&b.detail)]);
    page.table(&["when", "limit", "what it kept back"], rows.collect(), "None.");
    page.line("\nIn force when it began:\n");
    for limit in &it.limits {
        page.line(format!("- {}: {}", text(&limit.name), text(&limit.allowed)));
    }
    page.section("Similar incidents before");
    let (same, code) = (it.similar.same_fingerprint, it.similar.same_code);
    page.line(format!("{same} of this very trouble, {code} of this code on other targets; as they were when this one began.\n"));
    let rows = it.similar.newest.iter().map(|p| {
        let took = p.took_ms.map(say).unwrap_or_default();
        let which = if p.same { "same".to_owned() } else { text(&p.target) };
        let runbooks = text(&p.runbooks.join(", "));
        vec![p.at.clone(), format!("`{}`", p.incident), which, p.ended.clone(), took, runbooks]
    });
    page.table(&["opened", "incident", "target", "ended", "took", "tried"], rows.collect(), "None.");
}

fn proof(page: &mut Page, it: &PostMortem) {
    page.section("Chain and signatures");
    let proof = &it.proof;
    page.line(format!(
        "- {} entries, each chained to the one before, from genesis `{}`",
        proof.chained, it.genesis
    ));
    if let Some(hash) = proof.hash {
        page.line(format!("- to entry {}, chain hash `{hash}`", it.until.seq));
    }
    page.line(format!(
        "- {} signatures were checked: of every entry told here, and of each key change",
        proof.signatures
    ));
    match proof.bad_signatures.as_slice() {
        [] => page.line("- all of them hold"),
        bad => page.line(format!("- **NOT HELD: entries {bad:?}**")),
    }
    for (key, from) in &proof.keys {
        page.line(format!("- key `{key}` signs from entry {from} on"));
    }
    if let Some(damage) = &proof.damage {
        page.line(format!(
            "- **the journal is damaged ({}): what stands behind that is not told here**",
            text(damage)
        ));
    }
    page.section("What is absent");
    let rows = it
        .absent
        .iter()
        .map(|a| vec![format!("`{}`", a.blob), a.seq.to_string(), a.state.clone(), text(&a.what)]);
    page.table(
        &["blob", "named by entry", "", "what it held"],
        rows.collect(),
        "Nothing: every blob that these entries name is there.",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_makes_no_markup() {
        let hostile = "# h\n<script>alert(1)</script> [x](http://evil) | `code` ![i](x) www.evil.org";
        let said = text(hostile);
        for bad in ["\n", "<script", "[x](", "| `", "![", "http://", "www.evil"] {
            assert!(!said.contains(bad), "{bad}: {said}");
        }
        assert!(said.starts_with("\\# h"), "{said}");
    }

    #[test]
    fn a_block_ends_where_we_end_it() {
        let mut page = Page(String::new());
        page.block("a\n```\n# not a heading\n````\n");
        assert!(page.0.starts_with("`````text\n") && page.0.ends_with("\n`````\n\n"), "{}", page.0);
    }
}
