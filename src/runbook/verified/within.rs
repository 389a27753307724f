//! Whether a runbook stays within what its proposal argued for: radius, step kinds, targets, credentials, limits, model.

use crate::base::glob;

use super::super::model::{Action, Content, May, Proposal, Runbook};
use super::super::reach::{self, Reach};

/// Everything in which a content file goes beyond its proposal: the path of the value, and what is wrong with it.
pub fn within(proposal: &Proposal, content: &Content) -> Vec<(String, String)> {
    let Content::Runbook(runbook) = content else { return Vec::new() };
    let may = &proposal.may;
    let mut outside = Vec::new();
    if runbook.blast_radius > may.blast_radius {
        outside.push((
            "blast_radius".to_owned(),
            "its blast radius is larger than its proposal argues for".to_owned(),
        ));
    }
    kinds(runbook, may, &mut outside);
    targets(runbook, may, &mut outside);
    for (index, name) in
        runbook.credentials.iter().enumerate().filter(|(_, name)| !may.credentials.contains(name))
    {
        let problem = format!("its proposal does not argue for the credential `{name}`");
        outside.push((format!("credentials[{index}]"), problem));
    }
    if runbook.model_tier > may.model_tier {
        outside.push((
            "model_tier".to_owned(),
            "it may ask a larger model than its proposal argues for".to_owned(),
        ));
    }
    limits(runbook, may, &mut outside);
    outside
}

/// Every action of a runbook, undos included, with its path.
fn actions(runbook: &Runbook) -> Vec<(String, Action<'_>)> {
    let mut found = Vec::new();
    for (index, step) in runbook.steps.iter().enumerate() {
        let undo = step.undo.as_ref().and_then(|undo| undo.action());
        for (at, action) in [("", step.action()), (".undo", undo)] {
            found.extend(action.map(|action| (format!("steps[{index}]{at}.{}", action.word()), action)));
        }
    }
    found
}

fn kinds(runbook: &Runbook, may: &May, outside: &mut Vec<(String, String)>) {
    for (at, action) in actions(runbook) {
        if !may.steps.contains(&action.kind()) {
            outside
                .push((at, format!("its proposal does not argue for steps of the kind {}", action.word())));
        }
    }
}

fn targets(runbook: &Runbook, may: &May, outside: &mut Vec<(String, String)>) {
    let matched = runbook.matcher.target.as_deref().unwrap_or("*");
    let mut named = vec![("matcher.target".to_owned(), matched)];
    for (index, step) in runbook.steps.iter().enumerate() {
        let listed = step.targets.iter().flat_map(|targets| targets.list.iter().enumerate());
        named.extend(listed.map(|(at, text)| (format!("steps[{index}].targets.list[{at}]"), text.as_str())));
    }
    for (at, action) in actions(runbook) {
        // `${target}` and `${each}` are among the others; what is unnamed is bound by the blast radius (lint).
        if let Reach::Service(service) = reach::of(action) {
            named.push((at, service));
        }
    }
    for (at, text) in named {
        // What an event will say cannot be told here: it may be anything.
        let target = match text {
            "${target}" | "${each}" => matched,
            text if text.contains("${") => "*",
            text => text,
        };
        if !may.targets.iter().any(|allowed| lies_within(target, allowed)) {
            outside.push((at, format!("its proposal does not argue for the targets `{target}`")));
        }
    }
}

fn limits(runbook: &Runbook, may: &May, outside: &mut Vec<(String, String)>) {
    let Some(most) = &may.limits else { return };
    let own = runbook.limits();
    let wider = [
        ("limits.attempts", own.attempts > most.attempts, "more attempts"),
        ("limits.window", own.window.ms() < most.window.ms(), "a shorter window for its attempts"),
        ("limits.cooldown", own.cooldown.ms() < most.cooldown.ms(), "a shorter pause between attempts"),
        ("limits.runtime", own.runtime.ms() > most.runtime.ms(), "a longer runtime"),
    ];
    for (at, _, what) in wider.into_iter().filter(|(_, wider, _)| *wider) {
        outside.push((at.to_owned(), format!("it takes {what} than its proposal argues for")));
    }
}

/// Whether every target that fits `inner` fits `outer`; where that is hard to tell: no.
fn lies_within(inner: &str, outer: &str) -> bool {
    // `*` in the inner glob read as a character fits `*` of the outer one, rightly, but also `?`, wrongly.
    inner == outer || (glob::matches(outer, inner) && !(inner.contains('*') && outer.contains('?')))
}
