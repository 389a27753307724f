//! `remediator.yaml`: strict, every key optional, every default here. What a decision may read goes into the
//! journal as `content.config_loaded`; the rest (addresses, folders) is only about this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::overrides;
pub use super::tls::{CommandsFile, TlsConfig, TlsFile};
use crate::base::formats;
use crate::base::limits::{HOSTS_MAX, MESSAGE_BYTES_MAX, SHOWN_BYTES_MAX, WITNESSED_LOGS_MAX};
use crate::base::text::shown;
use crate::base::time::Span;
use crate::event::content::ConfigLoaded;
use crate::ingest::{IngestFile, Mappings};
use crate::notify::{self, ChannelFile};
use crate::runbook::problem::{Problem, Source};
use crate::runbook::yaml;
use crate::tlog::checkpoint::LogKey;
use crate::tlog::note::Verifier;

/// Name of the file in a home.
pub const FILE: &str = "remediator.yaml";
/// Where HTTP is served unless said otherwise.
pub const LISTEN: &str = "127.0.0.1:8855";

/// The file as people write it.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Version of this file's format: 1.
    pub v: Option<u32>,
    /// Address of the HTTP interface. `REMEDIATOR_LISTEN` wins over it. Default 127.0.0.1:8855.
    pub listen: Option<String>,
    /// Host names under which the page may be opened besides addresses and `localhost`, such as the one of a proxy before
    /// it: docs/page.md. Default none.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Encryption of the HTTP interface: docs/http.md. Default none.
    #[serde(default)]
    pub tls: TlsFile,
    /// Folder that holds `runbooks/` and `proposals/`. Default: the home itself.
    pub content: Option<String>,
    /// What bounds acting.
    #[serde(default)]
    pub limits: LimitsFile,
    /// Who is told, by name: docs/channels.md. `log` is always there.
    #[serde(default)]
    pub channels: BTreeMap<String, ChannelFile>,
    /// Channels that are told of everything that is announced. Default `[log]`.
    #[serde(default)]
    pub announce: Option<Vec<String>>,
    /// Channels (webhook or command) that are told how each attempt ended. Default none.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// How what other programs send becomes reports: docs/ingest.md.
    #[serde(default)]
    pub ingest: IngestFile,
    /// The logs of others that this daemon is a witness of: docs/transparency.md. Default none.
    #[serde(default)]
    pub witness: WitnessFile,
    /// How the transparency log of this journal is witnessed: docs/transparency.md.
    #[serde(default)]
    pub log: LogFile,
}

/// Who witnesses the log.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// A policy (c2sp.org/tlog-policy), relative to the home. Its witnesses that have a URL there are asked to cosign each
    /// new checkpoint, and its quorum says how many are enough. Default: nobody is asked.
    pub policy: Option<String>,
}

/// What a witness knows.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessFile {
    /// Keys of logs, as `name+id+key` (a vkey). Their checkpoints are taken in and cosigned.
    #[serde(default)]
    pub logs: Vec<String>,
}

impl WitnessFile {
    /// The keys, checked.
    fn keys(&self) -> Result<Vec<LogKey>, (String, String)> {
        if self.logs.len() > WITNESSED_LOGS_MAX {
            return Err(("witness.logs".into(), format!("names more than {WITNESSED_LOGS_MAX} logs")));
        }
        let key = |(n, vkey): (usize, &String)| {
            let key = Verifier::parse(vkey).map_err(|error| error.to_string());
            let key = key.and_then(|key| LogKey::of(&key).ok_or_else(|| "is no key of a log (1)".to_owned()));
            key.map_err(|problem| (format!("witness.logs[{n}]"), problem))
        };
        self.logs.iter().enumerate().map(key).collect()
    }
}

/// What bounds acting.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Attempts that may run at once. Default 2.
    pub attempts_at_once: Option<u32>,
    /// From this many attempts for one fingerprint within `fingerprint_window` on it is announced only. Default 3.
    pub fingerprint_attempts: Option<u32>,
    /// Default 4h.
    pub fingerprint_window: Option<Span>,
    /// How long precondition probes may take. Default 30s.
    pub preconditions_timeout: Option<Span>,
    /// How long an attempt waits for its lock. Default 60s.
    pub lock_timeout: Option<Span>,
    /// How long a frozen attempt waits for a person. Default 24h.
    pub frozen_for: Option<Span>,
    /// Pause between looks of a held escalation. Default 30s.
    pub reprobe_every: Option<Span>,
    /// Lifts caps, cooldowns and attempts at once. For benchmarks only. Default false.
    pub lifted: Option<bool>,
}

/// The configuration, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the HTTP interface.
    pub listen: SocketAddr,
    /// Names of the page, in lower case.
    pub hosts: Vec<String>,
    /// Encryption of the HTTP interface.
    pub tls: Option<TlsConfig>,
    /// Folder of `runbooks/` and `proposals/`.
    pub content: PathBuf,
    /// What a decision may read.
    pub decisions: ConfigLoaded,
    /// Channels, checked.
    pub channels: BTreeMap<String, ChannelFile>,
    /// How what other programs send becomes reports.
    pub ingest: Mappings,
    /// Logs that it is a witness of.
    pub witnessed: Vec<LogKey>,
    /// The policy whose witnesses cosign the log.
    pub log_policy: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not as it should be.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// A value is not usable.
    #[error("`{}` in {FILE}: {}", shown(key, SHOWN_BYTES_MAX), shown(problem, MESSAGE_BYTES_MAX))]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong and what to write.
        problem: String,
    },
    /// A value of the environment is not usable.
    #[error("{variable}: {problem}")]
    Variable {
        /// Which variable.
        variable: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A value under a name that people chose is not usable.
    #[error("`{}` in {FILE}: {}", shown(key, SHOWN_BYTES_MAX), shown(problem, MESSAGE_BYTES_MAX))]
    Named {
        /// Which key.
        key: String,
        /// What is wrong and what to write.
        problem: String,
    },
    /// An address that was said outside the file.
    #[error(
        "--listen or REMEDIATOR_LISTEN: `{said}` is not an address and port such as {LISTEN}: {source}; unset it to \
         use `listen` of {FILE}"
    )]
    Listen {
        /// What was said.
        said: String,
        /// What is wrong with it.
        source: std::net::AddrParseError,
    },
}

/// Reads the configuration of a home; a missing file is all defaults. `listen` is what the command line or the
/// environment said.
pub fn read(home: &Path, listen: Option<&str>) -> Result<Config, ConfigError> {
    let path = home.join(FILE);
    let mut file = match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => ConfigFile::default(),
        Err(source) => return Err(ConfigError::Io { path, source }),
    };
    overrides::apply(&mut file, &|name| std::env::var(name).ok())?;
    resolve(home, file, listen)
}

/// Reads the file's text.
pub fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
    let only_comments = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if only_comments {
        return Ok(ConfigFile::default());
    }
    let file: ConfigFile =
        yaml::typed(Source { file: FILE, text }).map_err(|p| ConfigError::Problem(Box::new(p)))?;
    match file.v {
        None | Some(formats::CONFIG) => Ok(file),
        Some(v) => Err(ConfigError::Value { key: "v", problem: formats::unknown(v, formats::CONFIG) }),
    }
}

/// Checks a file's text by itself, as if it were a home's, without the environment.
pub fn check(text: &str) -> Result<(), ConfigError> {
    resolve(Path::new("."), parse(text)?, None).map(|_| ())
}

/// What a file's text says of decisions, without the environment.
pub fn decisions(text: &str) -> Result<ConfigLoaded, ConfigError> {
    resolve(Path::new("."), parse(text)?, None).map(|config| config.decisions)
}

fn resolve(home: &Path, file: ConfigFile, listen: Option<&str>) -> Result<Config, ConfigError> {
    let listen = match listen {
        Some(said) => said.parse().map_err(|source| ConfigError::Listen { said: said.to_owned(), source })?,
        None => {
            let written = file.listen.unwrap_or_else(|| LISTEN.to_owned());
            written.parse().map_err(|e| ConfigError::Value {
                key: "listen",
                problem: format!("`{written}` is not an address and port such as {LISTEN}: {e}"),
            })?
        }
    };
    let content = file.content.map_or_else(|| home.to_owned(), |folder| home.join(folder));
    let (l, d) = (file.limits, ConfigLoaded::default());
    if l.attempts_at_once == Some(0) {
        let problem = "is 0: nothing could ever run; use `remediator pause` for that".into();
        return Err(ConfigError::Value { key: "limits.attempts_at_once", problem });
    }
    let kinds = notify::check(&file.channels)
        .map_err(|(name, problem)| ConfigError::Named { key: format!("channels.{name}"), problem })?;
    let announce = file.announce.unwrap_or_else(|| d.announce.clone());
    if announce.is_empty() {
        let problem = "names nobody: nothing that is announced would ever be told; write `[log]`".into();
        return Err(ConfigError::Value { key: "announce", problem });
    }
    check_list("announce", &announce, &kinds, ChannelFile::KINDS)?;
    check_list("outcomes", &file.outcomes, &kinds, &["command", "webhook"])?;
    let decisions = ConfigLoaded {
        attempts_at_once: l.attempts_at_once.unwrap_or(d.attempts_at_once),
        fingerprint_attempts: l.fingerprint_attempts.unwrap_or(d.fingerprint_attempts),
        fingerprint_window: l.fingerprint_window.unwrap_or(d.fingerprint_window),
        preconditions_timeout: l.preconditions_timeout.unwrap_or(d.preconditions_timeout),
        lock_timeout: l.lock_timeout.unwrap_or(d.lock_timeout),
        frozen_for: l.frozen_for.unwrap_or(d.frozen_for),
        reprobe_every: l.reprobe_every.unwrap_or(d.reprobe_every),
        limits_lifted: l.lifted.unwrap_or(d.limits_lifted),
        channels: kinds,
        announce,
        outcomes: file.outcomes,
    };
    let ingest = Mappings::new(file.ingest).map_err(|(key, problem)| ConfigError::Named { key, problem })?;
    let witnessed = file.witness.keys().map_err(|(key, problem)| ConfigError::Named { key, problem })?;
    let hosts = hosts(&file.hosts)?;
    let tls = file.tls.resolve(home, &hosts);
    let tls = tls.map_err(|(key, problem)| ConfigError::Named { key, problem })?;
    let log_policy = file.log.policy.map(|path| home.join(path));
    let channels = file.channels;
    Ok(Config { listen, hosts, tls, content, decisions, channels, ingest, witnessed, log_policy })
}

/// Names, checked: no address, port or scheme, which need no word here.
fn hosts(written: &[String]) -> Result<Vec<String>, ConfigError> {
    if written.len() > HOSTS_MAX {
        let problem = format!("names more than {HOSTS_MAX} hosts");
        return Err(ConfigError::Value { key: "hosts", problem });
    }
    let label = |label: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let check = |(n, host): (usize, &String)| match host.len() <= 253 && host.split('.').all(label) {
        true => Ok(host.to_ascii_lowercase()),
        false => Err(ConfigError::Named {
            key: format!("hosts[{n}]"),
            problem: format!(
                "`{host}` is not a host name such as ops.example; write it without scheme and port"
            ),
        }),
    };
    written.iter().enumerate().map(check).collect()
}

/// A list of channels: each there, once, and of a kind that can take what it is for.
fn check_list(
    key: &str,
    list: &[String],
    kinds: &BTreeMap<String, String>,
    may: &[&str],
) -> Result<(), ConfigError> {
    let wrong = |problem: String| Err(ConfigError::Named { key: key.to_owned(), problem });
    for (index, name) in list.iter().enumerate() {
        if list[..index].contains(name) {
            return wrong(format!("names `{name}` twice"));
        }
        match kinds.get(name).map(String::as_str) {
            _ if name == notify::LOG && key == "announce" => {}
            Some(kind) if may.contains(&kind) => {}
            Some(kind) => {
                return wrong(format!("`{name}` is of kind {kind}: write one of kind {}", may.join(" or ")));
            }
            None => return wrong(format!("there is no channel `{name}` under `channels`")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_and_a_wrong_value_say_where() {
        let error = parse("v: 1\nlimits:\n  atempts_at_once: 3\n").expect_err("misspelt").to_string();
        assert!(error.contains("remediator.yaml:3:") && error.contains("attempts_at_once"), "{error}");
        let home = Path::new("/home");
        let file = parse("listen: nowhere\n").expect("parses");
        assert!(resolve(home, file, None).expect_err("address").to_string().contains("listen"));
        let channels =
            |text: &str| resolve(home, parse(text).expect("parses"), None).expect_err("refused").to_string();
        assert!(channels("channels: {a: {}}\n").contains("`channels.a`"));
        assert!(channels("channels: {log: {command: {argv: [/bin/x]}}}\n").contains("always there"));
        assert!(channels("channels: {a: {command: {argv: [x]}}}\n").contains("absolute path"));
        assert!(channels("announce: [pager]\n").contains("no channel `pager`"));
        assert!(channels("announce: []\n").contains("names nobody"));
        assert!(channels("outcomes: [log]\n").contains("`outcomes`"));
        assert!(channels("witness: {logs: [\"a+00000000+AQ==\"]}\n").contains("`witness.logs[0]`"));
        assert!(channels("hosts: [\"https://ops.example\"]\n").contains("`hosts[0]`"));
        let named = resolve(home, parse("hosts: [Ops.Example]\n").expect("parses"), None).expect("a name");
        assert_eq!(named.hosts, ["ops.example"]);
        let hostile = format!("listen: \"{}\\e[2J\"\n", "x".repeat(100_000));
        let hostile = check(&hostile).expect_err("no address").to_string();
        assert!(hostile.len() < 2_048 && !hostile.contains(char::is_control), "{hostile:?}");
        let file = parse("# nothing\n").expect("comments only");
        assert_eq!(resolve(home, file, Some("127.0.0.1:1")).expect("defaults").listen.port(), 1);
    }
}
