//! The registry of troubles: for each shipped runbook how the real thing is broken, and what its services look like.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What the shipped runbooks say must not be waited for in a test: the same steps, looks and conditions, shorter pauses.
/// A service needs its time to start, and to go wrong at its start: `settle` stays as it is.
const SHORTER: [(&str, &str); 10] = [
    ("cooldown: 30s", "cooldown: 500ms"),
    ("cooldown: 1m", "cooldown: 500ms"),
    ("every: 1s", "every: 300ms"),
    ("within: 30s", "within: 6s"),
    ("within: 2m", "within: 6s"),
    ("watch: 5m", "watch: 4s"),
    ("watch_every: 10s", "watch_every: 200ms"),
    ("after: 10m", "after: 1h"),
    // One person writes and approves here, which is not enough for what cannot be taken back.
    (
        "irreversible: rotated logs older than an hour are removed; keep what you need of them elsewhere",
        "idempotent: true",
    ),
    // The cap of memory: less to fill.
    ("536870912", "100000000"),
];

/// One shipped runbook.
pub struct Trouble {
    /// Its id.
    pub id: &'static str,
    /// The degradation that it is for.
    pub subsystem: &'static str,
    pub code: &'static str,
    /// A file that makes the service go wrong by itself, where there is one.
    pub how: Option<&'static str>,
    /// Steps of it, the ones of an undo not counted.
    pub steps: u64,
}

/// Every shipped runbook has its line.
pub const TROUBLES: [Trouble; 7] = [
    Trouble { id: "process-dead", subsystem: "service", code: "PROCESS_DEAD", how: Some("die"), steps: 1 },
    Trouble { id: "http-wedged", subsystem: "service", code: "HTTP_WEDGED", how: Some("wedge"), steps: 1 },
    Trouble { id: "disk-filling", subsystem: "disk", code: "DISK_FILLING", how: None, steps: 1 },
    Trouble { id: "database-corrupt", subsystem: "service", code: "DATABASE_CORRUPT", how: None, steps: 5 },
    Trouble {
        id: "delivery-stuck",
        subsystem: "service",
        code: "DELIVERY_STUCK",
        how: Some("stick"),
        steps: 1,
    },
    Trouble { id: "fd-leak", subsystem: "service", code: "FD_LEAK", how: Some("leak"), steps: 1 },
    Trouble { id: "memory-growth", subsystem: "service", code: "MEMORY_GROWTH", how: Some("grow"), steps: 1 },
];

/// Whether the shipped texts are used as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pauses {
    AsShipped,
    Short,
}

impl Trouble {
    fn embedded(&self, name: &str) -> String {
        let path = format!("runbooks/{}/{name}", self.id);
        let files = remediator::runbook::shipped::FILES.iter();
        let bytes = files.clone().find(|(p, _)| *p == path).map(|(_, bytes)| *bytes).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Bytes that a service grows to.
    pub fn grows_to(pauses: Pauses) -> &'static str {
        if pauses == Pauses::Short { "150000000" } else { "620000000" }
    }

    /// The runbook with shorter pauses, path and text.
    pub fn runbook(&self) -> (String, String) {
        let mut text = self.embedded("runbook.yaml");
        for (from, to) in SHORTER {
            text = text.replace(from, to);
        }
        (format!("runbooks/{}/runbook.yaml", self.id), text)
    }

    /// The same for the targets of the case `twice` alone, with each step standing there twice, path and text.
    pub fn twice(&self) -> (String, String) {
        let (_, text) = self.runbook();
        let own = [
            (format!("id: {}\n", self.id), format!("id: {}-twice\n", self.id)),
            (format!("code: {}}}", self.code), format!("code: {}, target: {}-twice}}", self.code, self.id)),
            ("priority: 100".to_owned(), "priority: 200".to_owned()),
            ("runtime: 15m".to_owned(), "runtime: 30m".to_owned()),
        ];
        // The rehearsal is about another target.
        let text = text.split("rehearsal:\n").next().unwrap_or_default().to_owned();
        let text = own.into_iter().fold(text, |text, (from, to)| text.replacen(&from, &to, 1));
        let (head, rest) = text.split_once("\nsteps:\n").unwrap_or((&text, ""));
        let (steps, tail) = rest.split_once("\nverification:").unwrap_or((rest, ""));
        let begins: Vec<usize> = steps.match_indices("  - id: ").map(|(at, _)| at).collect();
        let ends = begins.iter().skip(1).copied().chain([steps.len()]);
        let doubled: String = begins
            .iter()
            .zip(ends)
            .map(|(begin, end)| {
                let step = steps[*begin..end].trim_end();
                let (id, rest) = step.split_once('\n').unwrap_or((step, ""));
                format!("{step}\n{id}-again\n{rest}\n")
            })
            .collect();
        (format!("runbooks/{}/twice.yaml", self.id), format!("{head}\nsteps:\n{doubled}verification:{tail}"))
    }

    /// The sample sentinel, made one of this target that looks often.
    pub fn sentinel(&self, target: &str, id: &str, pauses: Pauses) -> String {
        let text = self.embedded("sentinel.yaml.off");
        let mut text = text.replace("every: 10s", "every: 300ms").replace("every: 5s", "every: 300ms");
        text = text.replace("every: 1m", "every: 500ms").replace("timeout: 5s", "timeout: 1s");
        if pauses == Pauses::Short {
            text = text.replace("536870912", "100000000");
        }
        let lines = text.lines().map(|line| match line.split_once(": ") {
            Some(("id", _)) => format!("id: {id}"),
            Some(("proposal", _)) => "proposal: lab".to_owned(),
            _ => line
                .replace("service: app}", &format!("service: {target}}}"))
                .replace("service: app", &format!("service: {target}"))
                .replace("volumes/app", &format!("volumes/{target}"))
                .replace("target: app,", &format!("target: {target},")),
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    /// The service that goes bad; none for a volume.
    pub fn service(&self, target: &str, python: &str, port: u16) -> Option<String> {
        let probe = match self.id {
            "disk-filling" => return None,
            "http-wedged" => {
                format!("{{http: {{url: \"http://127.0.0.1:{port}/\", expect_body: well}}, timeout: 500ms}}")
            }
            "delivery-stuck" => format!(
                "\n{UNSENT}      - \"${{home}}/volumes/{target}/outbox.db\"\n    env: {{PATH: \"/usr/bin:/bin\"}}\n  timeout: 5s"
            ),
            _ => format!("{{process: {{service: {target}}}}}"),
        };
        // Forty thousand files are what a machine allows; sixty-four are what it takes to run out of them soon.
        Some(format!(
            "v: 1\nkind: service\nid: {target}\ntitle: A service that goes bad\nproposal: lab\nargv: [\"{python}\", \"${{home}}/thing.py\", \"${{home}}/volumes/{target}\", \"{port}\"]\nrlimits: {{open_files: 64}}\nstop_timeout: 1s\nprobe: {probe}\n"
        ))
    }

    /// Makes the things that the target needs, healthy.
    pub fn prepare(&self, folder: &Path, pauses: Pauses) -> Result<(), String> {
        let write =
            |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(|e| e.to_string());
        std::fs::create_dir_all(folder.join("logs")).map_err(|e| e.to_string())?;
        match self.id {
            "memory-growth" => write("grows-to", Self::grows_to(pauses)),
            "delivery-stuck" => {
                sqlite(folder, "outbox.db", "CREATE TABLE outbox (queued_at REAL, sent_at REAL)")
            }
            "database-corrupt" => {
                std::fs::create_dir_all(folder.join("backup")).map_err(|e| e.to_string())?;
                let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                    INSERT INTO t SELECT i, 'row ' || i FROM n";
                sqlite(folder, "data.db", &format!("CREATE TABLE t (a INTEGER, b TEXT); {rows}"))?;
                std::fs::copy(folder.join("data.db"), folder.join("backup/data.db"))
                    .map(drop)
                    .map_err(|e| e.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Breaks it. `pid` is the service's process where it has one.
    pub fn break_it(&self, folder: &Path, pid: Option<i32>) -> Result<(), String> {
        match (self.id, self.how) {
            ("process-dead", _) => signal(pid, rustix::process::Signal::KILL),
            ("disk-filling", _) if folder.join("logs").exists() => fill(folder, "logs/app.log"),
            ("disk-filling", _) => fill(folder, "logs.away/app.log"),
            ("database-corrupt", _) => corrupt(&folder.join("data.db")),
            ("delivery-stuck", _) => {
                std::fs::write(folder.join("stick"), "").map_err(|e| e.to_string())?;
                let gone = || !folder.join("stick").exists();
                crate::run::until("the sender is stuck", Duration::from_secs(10), || gone().then_some(()))?;
                sqlite(folder, "outbox.db", "INSERT INTO outbox VALUES (unixepoch() - 90, NULL)")
            }
            (_, Some(how)) => std::fs::write(folder.join(how), "").map_err(|e| e.to_string()),
            (id, None) => Err(format!("nobody knows how to break {id}")),
        }
    }

    /// What a step put aside is still there: the damaged database, whoever wants to look at it.
    pub fn nothing_lost(&self, folder: &Path) -> Result<(), String> {
        if self.id != "database-corrupt" {
            return Ok(());
        }
        let names = std::fs::read_dir(folder).map_err(|e| e.to_string())?.flatten().map(|entry| entry.path());
        let damaged = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap_or_default();
            path.to_string_lossy().contains(".replaced-") && bytes.get(4096..8192) == Some(&[0xa5; 4096][..])
        };
        let kept = names.into_iter().any(|path| damaged(&path));
        kept.then_some(()).ok_or_else(|| "the damaged database is not kept".to_owned())
    }

    /// Makes it so that no step of the runbook can heal it.
    pub fn break_for_good(&self, folder: &Path, pid: Option<i32>) -> Result<(), String> {
        match self.id {
            "disk-filling" => fill(folder, "data.bin"),
            "database-corrupt" => {
                corrupt(&folder.join("backup/data.db")).and_then(|()| corrupt(&folder.join("data.db")))
            }
            "http-wedged" | "process-dead" | "fd-leak" | "memory-growth" | "delivery-stuck" => {
                let how = self.how.unwrap_or_default();
                std::fs::write(folder.join("from-the-start"), how).map_err(|e| e.to_string())?;
                self.break_it(folder, pid)
            }
            id => Err(format!("nobody knows how to break {id} for good")),
        }
    }

    /// Makes it so that the first try fails and a later one does not; what must be done for that in between.
    pub fn fail_once(&self, folder: &Path) -> Result<Option<Mend>, String> {
        let away = |name: &'static str| {
            let (from, to) = (folder.join(name), folder.join(format!("{name}.away")));
            std::fs::rename(&from, &to).map_err(|e| e.to_string())?;
            let mend: Mend = Box::new(move || std::fs::rename(&to, &from).map_err(|e| e.to_string()));
            Ok(Some(mend))
        };
        match self.id {
            "disk-filling" => away("logs"),
            "database-corrupt" => away("backup"),
            _ => {
                let how = self.how.unwrap_or_default();
                std::fs::write(folder.join("fails-once"), how).map(|()| None).map_err(|e| e.to_string())
            }
        }
    }
}

type Mend = Box<dyn FnOnce() -> Result<(), String>>;

/// The look that a sender declares: how old its oldest unsent message is.
const UNSENT: &str = r#"  run:
    argv:
      - /bin/sh
      - -c
      - |
        age=$(sqlite3 -readonly -cmd '.timeout 2000' "$1" "SELECT coalesce(max(cast(unixepoch() - queued_at AS INTEGER)), 0) FROM outbox WHERE sent_at IS NULL") || exit 1
        if [ "$age" -gt 60 ]; then verdict=failed; else verdict=healthy; fi
        printf '{"v":1,"verdict":"%s","evidence":"the oldest unsent message is %d s old","values":{"oldest_unsent_s":%d}}\n' "$verdict" "$age" "$age"
      - unsent
"#;

fn signal(pid: Option<i32>, signal: rustix::process::Signal) -> Result<(), String> {
    let pid = pid.and_then(rustix::process::Pid::from_raw).ok_or("the service does not run")?;
    rustix::process::kill_process(pid, signal).map_err(|e| e.to_string())
}

fn sqlite(folder: &Path, name: &str, sql: &str) -> Result<(), String> {
    let output =
        Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(folder.join(name)).arg(sql).output();
    let output = output.map_err(|e| format!("sqlite3: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("sqlite3 {name}: {said}")) }
}

/// Real damage: the second and the last page are overwritten.
fn corrupt(database: &Path) -> Result<(), String> {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().write(true).open(database).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    for at in [4096, length - 4096] {
        file.write_all_at(&[0xa5; 4096], at).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Files of two hours ago until hardly anything is free.
fn fill(folder: &Path, name: &str) -> Result<(), String> {
    let free =
        |path: &Path| rustix::fs::statvfs(path).map(|s| s.f_bavail * s.f_frsize).map_err(|e| e.to_string());
    let piece = vec![0x61; 4 << 20];
    for n in 1.. {
        if free(folder)? < 5 << 20 {
            break;
        }
        let path = folder.join(format!("{name}.{n}"));
        let file = std::fs::File::create(&path).map_err(|e| e.to_string())?;
        std::io::Write::write_all(&mut &file, &piece).map_err(|e| e.to_string())?;
        let then = SystemTime::now() - Duration::from_secs(7_200);
        file.set_modified(then).map_err(|e| e.to_string())?;
    }
    Ok(())
}
