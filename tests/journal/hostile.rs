//! A post-mortem shows what others wrote as text: whatever it is, the page has the tags, tables, headings and links that it
//! has for harmless words, and no secret that was planted in it.

use proptest::prelude::*;
use remediator::base::ids::{Fingerprint, IncidentId, Receipt};
use remediator::base::text::OutsideText;
use remediator::event::degradation::DegradationSeen;
use remediator::event::incident::{Closure, IncidentClosed, IncidentEscalated, IncidentOpened};
use remediator::event::{Cause, Draft, Event};
use remediator::journal::IntentJournal;
use remediator::replay::{History, PostMortem};
use uuid::Uuid;

use crate::common::{AT, Home, draft, node, options};

/// What somebody would write who wants a page to do something, and what they want to get out of it.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</td></tr></table>",
    "\"><img src=x onerror=alert(2)>",
    "' onmouseover='alert(3)",
    "<!--",
    "]]>",
    "&lt;b&gt;&#60;i&#62;",
    "[x](javascript:alert(4))",
    "![x](http://evil.example/p.png)",
    "<http://evil.example>",
    "https://evil.example www.evil.example",
    "| a | b |",
    "# heading",
    "```",
    "~~~",
    "* * *",
    "- [ ] item",
    "1. one",
    "\\",
    "`code`",
    "**bold** __bold__",
    "\u{202E}evil\u{202C}\u{200B}",
    "\u{1b}[2J\u{1b}]0;t\u{7}",
    "\u{0}\u{8}\r",
    "{{7*7}} ${7*7} %0a",
    "é\u{1F600}",
];
/// Secrets, and how they are given away.
const SECRETS: &[&str] = &[
    "password=planted-secret-1",
    "Authorization: Bearer planted-secret-2-0123456789",
    "https://me:planted-secret-3@host.example/",
    "API_TOKEN=planted-secret-4",
    "--db-password planted-secret-5",
    "AKIAPLANTEDSECRET006",
];

fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(HOSTILE).prop_map(str::to_owned),
        2 => prop::sample::select(SECRETS).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| format!("x {}", pieces.join(" ")))
}

/// The pages about an incident in which these words stand wherever others' words can.
fn pages([summary, detail, attribute, target, evidence]: [&str; 5]) -> [String; 3] {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), [].into()).expect("made");
    let Event::DegradationSeen(seen) = draft(1).event else { unreachable!("it is a report") };
    let receipt = Receipt(Uuid::from_u128(7));
    let fingerprint = Fingerprint::of("service", "PROCESS_DEAD", target);
    let id = IncidentId::derive(&journal.genesis(), &receipt, 0);
    let seen = DegradationSeen {
        subject: None,
        receipt,
        summary: summary.into(),
        detail: Some(OutsideText::Text(detail.into())),
        attributes: [("unit".to_owned(), attribute.to_owned())].into(),
        target: target.into(),
        fingerprint,
        ..seen
    };
    let opened = IncidentOpened {
        fingerprint,
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
    };
    let escalated = IncidentEscalated { rung: 0, rungs: 1, reason: evidence.into(), next_elapsed_ms: None };
    let closed = IncidentClosed {
        closure: Closure::ClosedByPerson,
        evidence: format!("person:ada: {evidence}"),
        parents: [].into(),
    };
    let events: [Event; 4] = [seen.into(), opened.into(), escalated.into(), closed.into()];
    for (n, event) in events.into_iter().enumerate() {
        let cause = (n > 0).then_some(Cause::Seq(n as u64));
        journal.append(vec![Draft { at: AT, incident: Some(id), cause, event }]).expect("appended");
    }
    let history = History::open(&home.state).expect("readable");
    let it = PostMortem::of(&history, id).expect("told");
    [it.to_html(), it.to_markdown(), serde_json::to_string(&it).expect("JSON")]
}

/// Every tag with the names of its attributes, in order.
fn tags(html: &str) -> Vec<String> {
    html.split('<')
        .skip(1)
        .map(|rest| {
            let tag = rest.split('>').next().unwrap_or_default();
            // Values may differ (an incident's title in a label), names and their number may not.
            let mut parts = tag.split('"');
            let mut names = String::new();
            while let Some(outside) = parts.next() {
                names.push_str(outside);
                let _ = parts.next();
            }
            names
        })
        .collect()
}

/// What makes Markdown of a line: whether it is a heading, its cells, its links.
fn marks(markdown: &str) -> Vec<(bool, usize, usize)> {
    let bare = |line: &str| {
        let mut out = String::new();
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                c => out.push(c),
            }
        }
        out
    };
    let mut fenced = None;
    let mut found = Vec::new();
    for line in markdown.lines() {
        match fenced {
            Some(ref fence) if line == fence => fenced = None,
            // Within a fence nothing is markup.
            Some(_) => continue,
            None if line.starts_with("```") => fenced = Some(line.trim_end_matches("text").to_owned()),
            None => {}
        }
        let line = bare(line);
        let links = line.matches("](").count() + line.matches('<').count();
        found.push((line.starts_with('#'), line.matches('|').count(), links));
    }
    assert!(fenced.is_none(), "a block does not end: {markdown}");
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_wrote_is_text(said in prop::array::uniform5(words())) {
        let harmless = pages(["word"; 5]);
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let hostile = pages(said.clone().try_into().expect("five"));
        prop_assert_eq!(tags(&harmless[0]), tags(&hostile[0]), "{}", hostile[0]);
        prop_assert_eq!(marks(&harmless[1]), marks(&hostile[1]), "{}", hostile[1]);
        for page in &hostile {
            prop_assert!(!page.contains("planted-secret") && !page.contains("AKIAPLANTED"), "{}", page);
            prop_assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{:?}", page);
        }
    }
}
