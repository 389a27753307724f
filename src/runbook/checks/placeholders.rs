//! Placeholders are known ones and stand only where they are resolved.

use super::Lint;
use crate::runbook::model::{Probe, ProbeLook, Step};
use crate::runbook::placeholder::{Allowed, check as check_text};
use crate::runbook::probe::Filled;
use crate::runbook::steps::Texts;

/// The check.
pub fn check(lint: &mut Lint) {
    let allowed = if lint.runbook().is_some() { Allowed::All } else { Allowed::HomeOnly };
    let mut texts: Vec<(String, &str, Allowed)> = Vec::new();
    for (path, probe) in lint.probes() {
        let several = |(index, step): (usize, &Step)| {
            step.targets.is_some() && path.starts_with(&format!("steps[{index}]."))
        };
        let mut steps = lint.runbook().into_iter().flat_map(|runbook| runbook.steps.iter().enumerate());
        let allowed = if steps.any(several) { Allowed::Each } else { allowed };
        probe_texts(&path, probe, allowed, &mut texts);
    }
    if let Some(runbook) = lint.runbook() {
        for (path, step, action) in super::actions(runbook) {
            let mut found = Texts::new(if step.targets.is_some() { Allowed::Each } else { allowed });
            action.spelling().texts(&path, &mut found);
            texts.extend(found.into_found());
        }
        for (index, targets) in
            runbook.steps.iter().enumerate().filter_map(|(i, s)| Some((i, s.targets.as_ref()?)))
        {
            let at = format!("steps[{index}].targets");
            texts.push((format!("{at}.lock"), &targets.lock, Allowed::Each));
            let list = targets.list.iter().enumerate();
            texts.extend(list.map(|(i, name)| (format!("{at}.list[{i}]"), name.as_str(), allowed)));
        }
        let locks = runbook.locks.iter().enumerate();
        texts.extend(locks.map(|(i, lock)| (format!("locks[{i}]"), lock.as_str(), allowed)));
        let rungs = runbook.escalation.iter().enumerate();
        texts.extend(
            rungs.map(|(i, rung)| (format!("escalation[{i}].message"), rung.message.as_str(), allowed)),
        );
        texts.push(("matcher.subsystem".into(), &runbook.matcher.subsystem, Allowed::Nothing));
        texts.extend(
            runbook.matcher.target.iter().map(|t| ("matcher.target".into(), t.as_str(), Allowed::Nothing)),
        );
    }
    if let Some(service) = lint.service() {
        let argv = service.argv.iter().enumerate();
        texts.extend(argv.map(|(i, text)| (format!("argv[{i}]"), text.as_str(), allowed)));
        texts.extend(service.env.iter().map(|(name, text)| (format!("env.{name}"), text.as_str(), allowed)));
        texts.push(("cwd".into(), &service.cwd, allowed));
    }
    if let Some(sentinel) = lint.sentinel() {
        let report = &sentinel.report;
        texts.push(("report.subsystem".into(), &report.subsystem, Allowed::Nothing));
        texts.push(("report.target".into(), &report.target, Allowed::Nothing));
        texts.push(("report.summary".into(), &report.summary, Allowed::Nothing));
    }
    for (path, text, allowed) in texts {
        if let Err(error) = check_text(text, allowed) {
            lint.report(&path, error.to_string(), "correct the placeholder, or write the text out");
        }
    }
}

fn probe_texts<'a>(
    path: &str,
    probe: &'a Probe,
    allowed: Allowed,
    out: &mut Vec<(String, &'a str, Allowed)>,
) {
    let Some(look) = probe.look() else { return };
    let path = format!("{path}.{}", look.word());
    match (look, look.spelling()) {
        (ProbeLook::Service(service), _) => out.push((path, service, allowed)),
        (_, None) => {}
        (_, Some(spelling)) => {
            for (key, text, filled) in spelling.texts() {
                let at = if key.is_empty() { path.clone() } else { format!("{path}.{key}") };
                match filled {
                    Filled::Yes => out.push((at, text, allowed)),
                    Filled::No => out.push((at, text, Allowed::Nothing)),
                    Filled::Elsewhere => {}
                }
            }
        }
    }
}
