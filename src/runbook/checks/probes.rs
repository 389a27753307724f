//! Looks look at exactly one thing, in a way that can give an answer.

use super::Lint;
use crate::runbook::model::{Content, HttpProbe, ProbeLook, ProcessProbe};

/// The check.
pub fn check(lint: &mut Lint) {
    for (path, probe) in lint.probes() {
        if probe.timeout.is_some_and(|timeout| timeout.ms() == 0) {
            lint.report(
                &format!("{path}.timeout"),
                "a look needs time",
                "write a timeout above 0, such as 2s",
            );
        }
        match probe.look() {
            None => {
                let help = format!("write one of: {}", ProbeLook::WORDS.join(", "));
                lint.report(&path, "a probe must look at exactly one thing", help);
            }
            Some(ProbeLook::Http(http)) => check_http(lint, &path, http),
            Some(ProbeLook::Process(ProcessProbe::PidFile(file)))
                if !(file.starts_with('/') || file.starts_with("${home}")) =>
            {
                lint.report(&path, "the pid file must be an absolute path", "begin it with / or ${home}");
            }
            Some(ProbeLook::Service(_)) if matches!(lint.content, Content::Service(_)) => {
                lint.report(
                    &path,
                    "a service's own probe cannot be a service's probe",
                    "write `http` or `process`",
                );
            }
            Some(ProbeLook::Process(ProcessProbe::Service(name) | ProcessProbe::Name(name)))
                if name.is_empty() =>
            {
                lint.report(&path, "the name is empty", "name what is looked at");
            }
            Some(_) => {}
        }
    }
}

fn check_http(lint: &mut Lint, path: &str, http: &HttpProbe) {
    if !(http.url.starts_with("http://") || http.url.starts_with("https://")) || http.url.contains([' ', '@'])
    {
        let help = "begin it with http:// or https://; no blanks, no user name";
        lint.report(&format!("{path}.http.url"), "not a URL that can be looked at", help);
    }
    if http.expect_status.is_empty() || http.expect_status.iter().any(|code| !(100..=599).contains(code)) {
        lint.report(
            &format!("{path}.http.expect_status"),
            "no status could be expected",
            "list codes from 100 to 599",
        );
    }
    if http.expect_body.as_deref().is_some_and(|text| text.is_empty() || text.len() > 1024) {
        lint.report(
            &format!("{path}.http.expect_body"),
            "empty or too long",
            "1 to 1024 bytes, or leave it out",
        );
    }
}
