//! Placeholders are known ones and stand only where they are resolved.

use super::Lint;
use crate::runbook::model::{Probe, ProbeLook, ProcessProbe};
use crate::runbook::placeholder::{Allowed, check as check_text};
use crate::runbook::steps::Texts;

/// The check.
pub fn check(lint: &mut Lint) {
    let allowed = if lint.runbook().is_some() { Allowed::All } else { Allowed::HomeOnly };
    let mut texts: Vec<(String, &str, Allowed)> = Vec::new();
    for (path, probe) in lint.probes() {
        probe_texts(&path, probe, allowed, &mut texts);
    }
    if let Some(runbook) = lint.runbook() {
        let mut found = Texts::new(allowed);
        for (path, _, action) in super::actions(runbook) {
            action.spelling().texts(&path, &mut found);
        }
        texts.extend(found.into_found());
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
    match probe.look() {
        Some(ProbeLook::Http(http)) => {
            out.push((format!("{path}.http.url"), &http.url, allowed));
            out.extend(http.expect_body.iter().map(|t| {
                let at = format!("{path}.http.expect_body");
                (at, t.as_str(), Allowed::Nothing)
            }));
        }
        Some(ProbeLook::Service(service)) => out.push((format!("{path}.service"), service, allowed)),
        Some(ProbeLook::Process(
            ProcessProbe::Service(text) | ProcessProbe::PidFile(text) | ProcessProbe::Name(text),
        )) => out.push((format!("{path}.process"), text, allowed)),
        None => {}
    }
}
