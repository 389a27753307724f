//! What runs on this machine: programs that listen and that we know something about, and database files that listening
//! programs hold open. For each known one a sentinel and a runbook are written into the home, switched off: their names
//! end in `.off`, so nothing reads them until a person has renamed, read and signed them. Only what this user may see.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use procfs::net::TcpState;
use procfs::process::{FDTarget, all_processes};
use serde::Serialize;

use super::files;

/// A program that we know something about.
struct Known {
    /// Its name in /proc/PID/comm (15 bytes at most).
    comm: &'static str,
    /// The name of its systemd unit on Debian.
    unit: &'static str,
    /// Port and path that tell over HTTP whether it is well; port 0 is the one that it listens on.
    http: Option<(u16, &'static str)>,
}

const fn known(comm: &'static str, unit: &'static str, http: Option<(u16, &'static str)>) -> Known {
    Known { comm, unit, http }
}

/// The registry: one line a program.
const KNOWN: &[Known] = &[
    known("nginx", "nginx", Some((0, "/"))),
    known("apache2", "apache2", Some((0, "/"))),
    known("caddy", "caddy", Some((0, "/"))),
    known("prometheus", "prometheus", Some((0, "/-/healthy"))),
    known("alertmanager", "prometheus-alertmanager", Some((0, "/-/healthy"))),
    known("nats-server", "nats-server", Some((8222, "/healthz"))),
    known("postgres", "postgresql", None),
    known("redis-server", "redis-server", None),
    known("mariadbd", "mariadb", None),
    known("mysqld", "mysql", None),
];

/// Programs and files that are named at most.
const NAMED_MAX: usize = 64;

/// A program that listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its name.
    pub program: String,
    /// Where it listens.
    pub ports: BTreeSet<u16>,
    /// Where the sentinel and runbook for it are, under the home; none for a program that we know nothing about.
    pub offered: Option<String>,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Machine {
    /// Programs that listen, by name.
    pub listening: Vec<Found>,
    /// Database files that they hold open.
    pub databases: BTreeSet<String>,
}

/// Looks around. What this user may not see is not there.
pub fn look() -> Machine {
    let mut listens: BTreeMap<u64, SocketAddr> = BTreeMap::new();
    for table in [procfs::net::tcp(), procfs::net::tcp6()] {
        let open = table.unwrap_or_default().into_iter().filter(|entry| entry.state == TcpState::Listen);
        listens.extend(open.map(|entry| (entry.inode, entry.local_address)));
    }
    let (mut programs, mut databases) = (BTreeMap::<String, BTreeSet<u16>>::new(), BTreeSet::new());
    for process in all_processes().into_iter().flatten().flatten() {
        let (Ok(stat), Ok(open)) = (process.stat(), process.fd()) else { continue };
        let (mut ports, mut files) = (BTreeSet::new(), Vec::new());
        for target in open.flatten().map(|fd| fd.target) {
            match target {
                FDTarget::Socket(inode) => ports.extend(listens.get(&inode).map(SocketAddr::port)),
                FDTarget::Path(path) if is_database(&path) => files.push(path.display().to_string()),
                _ => {}
            }
        }
        if !ports.is_empty() {
            programs.entry(stat.comm).or_default().extend(ports);
            databases.extend(files);
        }
    }
    let found = |(program, ports)| Found { program, ports, offered: None };
    let databases = databases.into_iter().take(NAMED_MAX).collect();
    Machine { listening: programs.into_iter().take(NAMED_MAX).map(found).collect(), databases }
}

fn is_database(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "db" | "sqlite" | "sqlite3"))
}

/// Writes what is offered for each known program into the home.
pub fn offer(home: &Path, machine: &mut Machine) -> anyhow::Result<()> {
    for found in &mut machine.listening {
        let Some(known) = KNOWN.iter().find(|known| known.comm == found.program) else { continue };
        let folder = format!("runbooks/found-{}", known.comm);
        for (name, text) in texts(known, &found.ports) {
            files::write_new(&home.join(format!("{name}.off")), text.as_bytes())?;
        }
        found.offered = Some(folder);
    }
    Ok(())
}

/// Path without `.off` → text.
fn texts(known: &Known, ports: &BTreeSet<u16>) -> [(String, String); 3] {
    let first = ports.iter().next().copied().unwrap_or_default();
    let http = known.http.filter(|(port, _)| *port == 0 || ports.contains(port));
    let probe = match http {
        Some((port, path)) => {
            let port = if port == 0 { first } else { port };
            // Whatever it says, it answers; narrow this to what your own page says.
            let status = "[200, 204, 301, 302, 401, 403, 404]";
            format!(
                "{{http: {{url: \"http://127.0.0.1:{port}{path}\", expect_status: {status}}}, timeout: 2s}}"
            )
        }
        None => format!("{{process: {{name: {}}}, timeout: 2s}}", known.comm),
    };
    let fill = |template: &str| {
        template.replace("@NAME@", known.comm).replace("@UNIT@", known.unit).replace("@PROBE@", &probe)
    };
    let folder = format!("runbooks/found-{}", known.comm);
    [
        (format!("{folder}/sentinel.yaml"), fill(SENTINEL)),
        (format!("{folder}/runbook.yaml"), fill(RUNBOOK)),
        (format!("proposals/found-{}/proposal.yaml", known.comm), fill(PROPOSAL)),
    ]
}

const SENTINEL: &str = r#"# Offered by `remediator init`, which found @NAME@ running. Switched off: rename all three files (without .off), read and
# change them, then sign and approve. docs/runbooks.md goes through it.
v: 1
kind: sentinel
id: found-@NAME@
title: Is @NAME@ there?
proposal: found-@NAME@
probe: @PROBE@
every: 10s
failures: 3
successes: 2
report: {subsystem: service, code: SERVICE_DOWN, target: @NAME@, severity: error, summary: "@NAME@ is not there or does not answer"}
"#;

const RUNBOOK: &str = r#"# Restarts it through systemd. remediator's user must be allowed to (a polkit rule for this unit), or the step fails.
v: 1
kind: runbook
id: found-@NAME@
title: Restart @NAME@ when it is not there or does not answer
proposal: found-@NAME@
matcher: {subsystem: service, code: SERVICE_DOWN, target: @NAME@}
blast_radius: machine
limits: {attempts: 3, window: 24h, cooldown: 5m, runtime: 3m}
preconditions:
  - id: still-down
    probe: @PROBE@
    expect: 'observed.verdict != "healthy"'
steps:
  - id: restart
    run: {argv: ["/usr/bin/systemctl", "--no-ask-password", "restart", "@UNIT@"]}
    timeout: 90s
    idempotent: true
verification:
  probe: @PROBE@
  settle: 2s
  successes: 3
  every: 2s
  within: 60s
  watch: 5m
  watch_every: 15s
escalation:
  - {after: 0s, channel: log, message: "@NAME@ could not be brought back"}
"#;

const PROPOSAL: &str = r#"v: 1
id: found-@NAME@
title: Restart @NAME@ when it is not there or does not answer
failure_class: "@NAME@ has ended, or takes connections and does not answer"
evidence:
  - Say here when that happened, and that a restart helped.
may:
  steps: [run]
  targets: [@NAME@]
  blast_radius: machine
risks:
  - Connections that are open when it is restarted are lost.
undo: A restart cannot be taken back; remediator pause stops further ones.
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{checks, proposals};

    #[test]
    fn everything_that_is_offered_lints() {
        for known in KNOWN {
            for (path, text) in texts(known, &BTreeSet::from([80, 8222])) {
                if path.starts_with("proposals/") {
                    proposals::parse_proposal(&path, text.as_bytes()).unwrap_or_else(|p| panic!("{p}"));
                } else if let Err(rejected) = checks::read(&path, text.as_bytes()) {
                    panic!("{path}: {:?}", rejected.problems);
                }
            }
        }
    }
}
