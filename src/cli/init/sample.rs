//! The sample: a supervised HTTP service, three sentinels and three runbooks for it, as content files that a
//! person signs like any others. `demo` breaks and heals it; `init --sample-service` gives it to a new operator.
//! Its runbooks have a short verification and no watch, so that a demonstration does not take minutes; the
//! shipped runbooks stand beside them with a lower priority.

use std::collections::BTreeMap;

use crate::cli::demo_service::data_file;

/// The file that the service serves, under the home.
pub const DATA: &str = "sample/data.txt";
/// Its last good copy.
pub const GOOD_COPY: &str = "sample/data.good.txt";
/// Index, in the runbook for corrupted data, of the step that takes two seconds.
pub const SLOW_STEP: u64 = 2;

/// What the files need to know.
pub struct Facts<'a> {
    /// Absolute path of this program.
    pub program: &'a str,
    /// Port of the service.
    pub port: u16,
}

/// Every file: path under the home → text. Those under `runbooks/` and the proposal are to be signed.
pub fn files(facts: &Facts<'_>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (path, text) in [
        ("runbooks/demo-web/service.yaml", SERVICE_YAML),
        ("runbooks/demo-web/sentinel-process.yaml", SENTINEL_PROCESS),
        ("runbooks/demo-web/sentinel-http.yaml", SENTINEL_HTTP),
        ("runbooks/demo-web/sentinel-data.yaml", SENTINEL_DATA),
        ("runbooks/demo-web/dead.yaml", RUNBOOK_DEAD),
        ("runbooks/demo-web/wedged.yaml", RUNBOOK_WEDGED),
        ("runbooks/demo-web/corrupted.yaml", RUNBOOK_CORRUPTED),
        ("proposals/demo-web/proposal.yaml", PROPOSAL),
    ] {
        let program = serde_json::to_string(facts.program).unwrap_or_default();
        let text = text.replace("@PROGRAM@", &program).replace("@PORT@", &facts.port.to_string());
        files.insert(path.to_owned(), text);
    }
    let data = data_file("This file is what the sample service serves.\nDamage it and watch it come back.\n");
    files.insert(DATA.to_owned(), data.clone());
    files.insert(GOOD_COPY.to_owned(), data);
    files
}

const SERVICE_YAML: &str = r#"# A real HTTP service that remediator starts, watches and restarts.
v: 1
kind: service
id: demo-web
title: The sample web service
proposal: demo-web
argv: [@PROGRAM@, "__demo-service", "--port", "@PORT@", "--data", "${home}/sample/data.txt"]
stop_timeout: 2s
probe:
  http: {url: "http://127.0.0.1:@PORT@/health"}
  timeout: 500ms
"#;

// Slow on purpose: an exit is noticed at once anyway, and a stopped process is the HTTP sentinel's to see.
const SENTINEL_PROCESS: &str = r#"v: 1
kind: sentinel
id: demo-web-process
title: Is the sample service's process there?
proposal: demo-web
probe:
  process: {service: demo-web}
  timeout: 1s
every: 5s
failures: 2
successes: 1
report: {subsystem: service, code: PROCESS_DEAD, target: demo-web, severity: critical, summary: "The process of demo-web is gone"}
"#;

const SENTINEL_HTTP: &str = r#"v: 1
kind: sentinel
id: demo-web-http
title: Does the sample service answer?
proposal: demo-web
probe:
  service: demo-web
  timeout: 400ms
every: 250ms
failures: 2
successes: 1
report: {subsystem: service, code: HTTP_WEDGED, target: demo-web, severity: error, summary: "demo-web does not answer on /health"}
"#;

// A dead or wedged service is for the other two: without an answer nothing is known of the data.
const SENTINEL_DATA: &str = r#"v: 1
kind: sentinel
id: demo-web-data
title: Does the sample service serve intact data?
proposal: demo-web
probe:
  setpoint:
    of: {http: {url: "http://127.0.0.1:@PORT@/data"}}
    value: status
    high: 200
  timeout: 400ms
every: 250ms
failures: 2
successes: 1
unknowns: 100
report: {subsystem: service, code: DATA_CORRUPTED, target: demo-web, severity: error, summary: "demo-web says that its data file is damaged"}
"#;

const RUNBOOK_DEAD: &str = r#"v: 1
kind: runbook
id: demo-web-dead
title: Start the sample service again when its process has died
proposal: demo-web
matcher: {subsystem: service, code: PROCESS_DEAD, target: demo-web}
priority: 1000
blast_radius: process
limits: {attempts: 5, window: 1h, cooldown: 0s, runtime: 30s}
locks: ["service/${target}"]
preconditions:
  - id: still-dead
    probe: {process: {service: "${target}"}, timeout: 1s}
    expect: 'observed.verdict != "healthy"'
steps:
  - id: restart
    service: {restart: "${target}"}
    timeout: 10s
    idempotent: true
verification:
  probe: {service: "${target}", timeout: 500ms}
  settle: 50ms
  successes: 2
  every: 100ms
  within: 10s
  watch: 0s
escalation:
  - {channel: log, message: "${target} could not be started again"}
"#;

const RUNBOOK_WEDGED: &str = r#"v: 1
kind: runbook
id: demo-web-wedged
title: Restart the sample service when it does not answer
proposal: demo-web
matcher: {subsystem: service, code: HTTP_WEDGED, target: demo-web}
priority: 1000
blast_radius: process
limits: {attempts: 5, window: 1h, cooldown: 0s, runtime: 30s}
locks: ["service/${target}"]
preconditions:
  - id: still-silent
    probe: {service: "${target}", timeout: 400ms}
    expect: 'observed.verdict != "healthy"'
steps:
  - id: restart
    service: {restart: "${target}"}
    timeout: 10s
    idempotent: true
verification:
  probe: {service: "${target}", timeout: 500ms}
  settle: 50ms
  successes: 2
  every: 100ms
  within: 10s
  watch: 0s
escalation:
  - {channel: log, message: "${target} still does not answer"}
"#;

// `swap` is the one step that must not be repeated: it is atomic, and its undo puts the damaged file back.
const RUNBOOK_CORRUPTED: &str = r#"v: 1
kind: runbook
id: demo-data-corrupted
title: Restore the sample service's data file from the last good copy
proposal: demo-web
matcher: {subsystem: service, code: DATA_CORRUPTED, target: demo-web}
priority: 1000
blast_radius: machine
limits: {attempts: 5, window: 1h, cooldown: 0s, runtime: 60s}
locks: ["service/${target}"]
preconditions:
  - id: still-corrupted
    probe: {http: {url: "http://127.0.0.1:@PORT@/data"}, timeout: 1s}
    expect: '"status" in observed.values && observed.values.status == 500'
steps:
  - id: keep
    run: {argv: ["/bin/cp", "--", "${home}/sample/data.txt", "${home}/sample/data.damaged.txt"]}
    timeout: 5s
    idempotent: true
    undo: {run: {argv: ["/bin/rm", "-f", "--", "${home}/sample/data.damaged.txt"]}}
    undo_when_unknown: true
  - id: copy
    run: {argv: ["/bin/cp", "--", "${home}/sample/data.good.txt", "${home}/sample/data.new.txt"]}
    timeout: 5s
    idempotent: true
    undo: {run: {argv: ["/bin/rm", "-f", "--", "${home}/sample/data.new.txt"]}}
    undo_when_unknown: true
  - id: drain
    run: {argv: ["/bin/sleep", "2"]}
    timeout: 10s
    idempotent: true
  - id: swap
    run: {argv: ["/bin/mv", "-f", "--", "${home}/sample/data.new.txt", "${home}/sample/data.txt"]}
    timeout: 5s
    undo: {run: {argv: ["/bin/cp", "--", "${home}/sample/data.damaged.txt", "${home}/sample/data.txt"]}}
  - id: restart
    service: {restart: "${target}"}
    timeout: 10s
    idempotent: true
verification:
  probe: {http: {url: "http://127.0.0.1:@PORT@/data"}, timeout: 500ms}
  settle: 50ms
  successes: 3
  every: 100ms
  within: 10s
  watch: 0s
escalation:
  - {channel: log, message: "the data file of ${target} could not be restored"}
"#;

const PROPOSAL: &str = r#"v: 1
id: demo-web
title: Keep the sample web service answering with intact data
failure_class: The sample service dies, hangs, or its data file is damaged
evidence:
  - It is there to be broken; `remediator demo` does so.
may:
  steps: [run, service]
  targets: [demo-web]
  blast_radius: machine
risks:
  - Requests in flight are lost when the service is restarted.
  - What was written to the data file after the last good copy is lost; the damaged file is kept beside it.
undo: Delete runbooks/demo-web and sample/, and stop the service.
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_unfilled_and_the_slow_step_is_where_it_is_said() {
        let files = files(&Facts { program: "/opt/r \"x\"", port: 4711 });
        assert!(files.values().all(|text| !text.contains('@')), "{files:#?}");
        assert!(files["runbooks/demo-web/service.yaml"].contains(r#"["/opt/r \"x\"", "__demo-service""#));
        let steps: Vec<&str> =
            RUNBOOK_CORRUPTED.lines().filter_map(|l| l.strip_prefix("  - id: ")).skip(1).collect();
        assert_eq!(steps.get(SLOW_STEP as usize), Some(&"drain"));
        assert_eq!(files[DATA], files[GOOD_COPY]);
    }
}
