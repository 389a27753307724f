//! `sentinel new`: a file with everything that a sentinel may hold, explained. It passes `lint`; signing and approving
//! it is the author's and the approver's work.

use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::folder;
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::checks;
use crate::runbook::model::{ProbeLook, is_id};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 written, 2 wrong use.\n\n\
Examples:\n  remediator sentinel new disk-full --probe disk\n  \
remediator sentinel new web-slow --probe setpoint --file ./web-slow.yaml")]
pub struct Args {
    /// Its id: lower-case letters, digits and dashes.
    id: String,
    /// What it looks at.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(ProbeLook::WORDS))]
    probe: String,
    /// Where to write it. Default: runbooks/ID/sentinel.yaml in the content folder of the home.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    sentinel: &'a str,
    file: String,
}

/// Writes it.
pub fn run(args: Args, global: &Global) -> Outcome {
    if !is_id(&args.id) {
        let what = format!("`{}` cannot be an id", out::line(&args.id));
        return Err(Failure::new(Exit::Usage, what).hint("^[a-z][a-z0-9-]{1,62}$, such as disk-full"));
    }
    let path = match args.file {
        Some(path) => path,
        None => folder::root(global)?.join("runbooks").join(&args.id).join("sentinel.yaml"),
    };
    let text = text(&args.id, &args.probe);
    let name = path.to_string_lossy().into_owned();
    if let Err(rejected) = checks::read(&name, text.as_bytes()) {
        let problem = rejected.problems.first().map(ToString::to_string).unwrap_or_default();
        return Err(Failure::new(Exit::Findings, format!("the new file would not pass: {problem}"))
            .hint("this is a defect, please report it"));
    }
    let fail = |e: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot write {name}"))
            .because(e)
            .hint("it must not be there already, and its folder must be yours")
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut file = std::fs::File::create_new(&path).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    match global.output {
        Output::Json => out::json_of(&Report { v: 1, sentinel: &args.id, file: name })?,
        Output::Human => {
            out::say(format!("wrote {name}"))?;
            let next = "then: edit it · `remediator sentinel test FILE` · write proposals/ID/proposal.yaml that \
                        argues for it · `remediator runbook sign` and `approve` both";
            out::say(out::faint(next))?;
        }
    }
    Ok(Exit::Ok)
}

fn text(id: &str, probe: &str) -> String {
    let (code, look) = look(probe);
    format!(
        r#"# A sentinel: one look again and again, and what it reports when the answer changes for good.
# docs/sentinels.md explains every key. Try it: remediator sentinel test {id}
v: 1
kind: sentinel
id: {id}
title: Say here in one line what it watches
proposal: {id} # proposals/{id}/proposal.yaml, which argues for it

# What it looks at: exactly one kind of probe. Three answers: healthy, failed (only what is proven), unknown.
probe:
{look}  timeout: 2s # a look that takes longer can tell nothing

every: 5s # the pause between two looks
failures: 2 # failed looks in a row before it reports
successes: 2 # healthy looks in a row before it reports recovery
unknowns: 5 # looks in a row that tell nothing before it says that it is blind

# What it reports. Runbooks match `subsystem` and `code`; what the look measured goes along as attributes.
report:
  subsystem: service
  code: {code}
  target: {id}
  severity: error # info, warning, error, critical
  summary: Say here in one line what is wrong then
"#
    )
}

/// A code and the keys of each kind, explained.
fn look(probe: &str) -> (&'static str, &'static str) {
    match probe {
        "process" => {
            ("PROCESS_DEAD", "  process:\n    name: nginx # or service: ID, or pid_file: /run/x.pid\n")
        }
        "http" => (
            "HTTP_WEDGED",
            "  http:\n    url: http://127.0.0.1:8080/health\n    expect_status: [200]\n    \
             # expect_body: ok # text that the first 64 KiB must contain\n",
        ),
        "tcp" => (
            "PORT_CLOSED",
            "  tcp:\n    host: 127.0.0.1\n    port: 6379\n    # send: \"PING\\r\\n\" # said once connected\n    \
             # expect: +PONG # must be among the first 4 KiB that come back\n",
        ),
        "file" => (
            "FILE_STALE",
            "  file:\n    path: /var/backups/last.tar\n    max_age: 26h # since it was last written\n    \
             # exists: false # it must not be there\n    # min_size_bytes: 1\n    # max_size_bytes: 1000000000\n    \
             # growth: {over: 10m, max_bytes: 100000000} # or min_bytes\n",
        ),
        "disk" => (
            "DISK_FILLING",
            "  disk:\n    path: /var # any path on it\n    min_free_percent: 10\n    # min_free_bytes: 1000000000\n    \
             # min_free_inodes_percent: 5\n",
        ),
        "memory" => (
            "MEMORY_LOW",
            "  memory:\n    min_available_percent: 10 # of the machine; or min_available_bytes\n    \
             # of: {service: ID} # instead: what a process and its children hold …\n    \
             # max_rss_bytes: 500000000 # … at most\n",
        ),
        "fd" => (
            "FD_LEAK",
            "  fd:\n    of: {name: nginx} # or {service: ID}, or {pid_file: /run/x.pid}\n    \
             max_percent: 80 # of its own limit\n    # max_open: 10000\n",
        ),
        "run" => (
            "PROBE_FAILED",
            "  run: # prints one JSON object: {\"v\":1,\"verdict\":\"healthy\",\"evidence\":\"…\",\"values\":{}}\n    \
             argv: [/usr/local/bin/my-probe, --check]\n    # env: {LANG: C}\n    # rlimits: {memory_mib: 256, cpu_secs: 5}\n",
        ),
        "heartbeat" => (
            "HEARTBEAT_MISSED",
            "  heartbeat:\n    name: nightly-backup # POST /v1/heartbeats/nightly-backup; see `remediator sentinel \
             snippet`\n    max_age: 25h # longest time since the last beat\n",
        ),
        "log" => (
            "LOG_ERRORS",
            "  log: # free text: what it reports is kept and shown, and starts nothing\n    \
             path: /var/log/app.log\n    contains: \"panic:\" # or matches: a regular expression\n    \
             count: 3 # so many lines …\n    within: 1m # … in this time\n",
        ),
        "setpoint" => (
            "OUT_OF_BAND",
            "  setpoint:\n    of: {http: {url: \"http://127.0.0.1:8080/health\"}} # any other probe\n    \
             value: latency_ms # what it measures: docs/sentinels.md\n    high: 250 # and low:, or both\n",
        ),
        _ => ("SERVICE_DOWN", "  service: web # the look that this service declares for itself\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Content;

    #[test]
    fn a_new_sentinel_of_every_kind_passes_the_linter_with_its_own_probe() {
        for word in ProbeLook::WORDS {
            let text = text("my-eye", word);
            let content = checks::read("x.yaml", text.as_bytes()).map_err(|r| r.problems[0].to_string());
            let Ok(Content::Sentinel(sentinel)) = content else { panic!("{word}: {content:?}") };
            assert_eq!(sentinel.probe.look().map(|look| look.word()), Some(*word));
            assert!(!sentinel.probe.says().is_empty());
        }
    }
}
