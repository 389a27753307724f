//! Placeholders are known ones and stand only where they are resolved.

use super::Lint;
use crate::runbook::model::{Action, Probe, ProbeLook, Run};
use crate::runbook::placeholder::{Allowed, check as check_text};
use crate::runbook::probe::Filled;

/// The check.
pub fn check(lint: &mut Lint) {
    let allowed = if lint.runbook().is_some() { Allowed::All } else { Allowed::HomeOnly };
    let mut texts: Vec<(String, &str, Allowed)> = Vec::new();
    for (path, run) in lint.runs() {
        run_texts(&path, run, allowed, &mut texts);
    }
    for (path, probe) in lint.probes() {
        probe_texts(&path, probe, allowed, &mut texts);
    }
    if let Some(runbook) = lint.runbook() {
        for (index, step) in runbook.steps.iter().enumerate() {
            for (path, action) in
                [("service", step.action()), ("undo.service", step.undo.as_ref().and_then(|u| u.action()))]
            {
                if let Some(Action::Service(service)) = action {
                    texts.push((format!("steps[{index}].{path}"), service.parts().1, allowed));
                }
            }
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

fn run_texts<'a>(path: &str, run: &'a Run, allowed: Allowed, out: &mut Vec<(String, &'a str, Allowed)>) {
    let argv = run.argv.iter().enumerate();
    out.extend(argv.map(|(i, text)| (format!("{path}.argv[{i}]"), text.as_str(), allowed)));
    out.extend(run.env.iter().map(|(name, text)| (format!("{path}.env.{name}"), text.as_str(), allowed)));
    out.push((format!("{path}.cwd"), &run.cwd, allowed));
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
