//! What an eye looks at, resolved: one variant per probe kind. Bounds that nobody set are absent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RunPlan;
use crate::base::time::Span;

/// A look at a target, and how long it may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbePlan {
    /// What is looked at.
    pub look: LookPlan,
    /// A look that takes longer is *unknown*, unless that proves something: an http service that took the
    /// connection and did not answer has failed.
    pub timeout: Span,
}

/// One variant per probe kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookPlan {
    /// Is a process there and not a zombie?
    Process(ProcessLook),
    /// Does a URL answer as expected?
    Http(HttpLook),
    /// Does a port take connections?
    Tcp(TcpLook),
    /// Is a file there, and of the right age, size and growth?
    File(Box<FileLook>),
    /// Has a file system room?
    Disk(DiskLook),
    /// Is there memory, or does a process take too much of it?
    Memory(MemoryLook),
    /// Has a process file descriptors left?
    Fd(FdLook),
    /// What does a program say?
    Run(Box<RunPlan>),
    /// Did somebody say in time that he lives?
    Heartbeat(HeartbeatLook),
    /// Does a log hold certain words?
    Log(LogLook),
    /// Is a value that another look measures within its band?
    Setpoint(SetpointLook),
    /// Does a supervised service's own process run, and is the look good that the service declares?
    Service(ServiceLook),
}

impl LookPlan {
    /// Whether what it says is free text: whoever can write the text would decide what it says. Such a report
    /// is kept and shown, and never starts an action.
    pub fn is_free_text(&self) -> bool {
        match self {
            Self::Log(_) => true,
            Self::Setpoint(setpoint) => setpoint.of.is_free_text(),
            Self::Service(service) => service.of.is_free_text(),
            _ => false,
        }
    }

    /// One line for people: what is looked at, then its bounds.
    pub fn say(&self) -> String {
        match self {
            Self::Process(of) => of.say(),
            Self::Http(http) => {
                let body = http.expect_body.as_ref().map(|text| format!(" with `{text}`"));
                format!("{} answering {:?}{}", http.url, http.expect_status, body.unwrap_or_default())
            }
            Self::Tcp(tcp) => {
                let expect = tcp.expect.as_ref().map(|text| format!(" and saying `{}`", text.escape_debug()));
                format!("{}:{} taking connections{}", tcp.host, tcp.port, expect.unwrap_or_default())
            }
            Self::File(file) => file.say(),
            Self::Disk(disk) => {
                let bounds = [
                    disk.min_free_bytes.map(|bytes| format!("{bytes} bytes")),
                    disk.min_free_percent.map(|percent| format!("{percent} % of its bytes")),
                    disk.min_free_inodes_percent.map(|percent| format!("{percent} % of its inodes")),
                ];
                format!("the disk of {} with {} free", disk.path, joined(bounds))
            }
            Self::Memory(MemoryLook::System { min_available_bytes, min_available_percent }) => {
                let bounds = [
                    min_available_bytes.map(|bytes| format!("{bytes} bytes")),
                    min_available_percent.map(|percent| format!("{percent} %")),
                ];
                format!("the machine's memory with {} available", joined(bounds))
            }
            Self::Memory(MemoryLook::Process { of, max_rss_bytes }) => {
                format!("the memory of {} and its children: at most {max_rss_bytes} bytes", of.say())
            }
            Self::Fd(fd) => {
                let bounds = [
                    fd.max_open.map(|open| open.to_string()),
                    fd.max_percent.map(|percent| format!("{percent} % of its limit")),
                ];
                format!("open files of {}: at most {}", fd.of.say(), joined(bounds))
            }
            Self::Run(run) => format!("what {} says", run.argv.join(" ")),
            Self::Heartbeat(beat) => format!("a heartbeat {} in the last {}", beat.name, beat.max_age),
            Self::Log(log) => {
                let (LogWords::Contains(words) | LogWords::Matches(words)) = &log.words;
                let (count, path, within) = (log.count, &log.path, log.within);
                format!("fewer than {count} lines with `{}` in {path} within {within}", words.escape_debug())
            }
            Self::Setpoint(setpoint) => {
                let bound = |bound: Option<i64>| bound.map_or("any".to_owned(), |bound| bound.to_string());
                let (low, high) = (bound(setpoint.low), bound(setpoint.high));
                format!("{} from {low} to {high}, measured by {}", setpoint.value, setpoint.of.say())
            }
            Self::Service(service) => {
                format!("{}, while service {}'s own process runs", service.of.say(), service.service)
            }
        }
    }
}

impl FileLook {
    fn say(&self) -> String {
        let bytes = |words: &str, bound: Option<u64>| bound.map(|bytes| format!("{words} {bytes} bytes"));
        let growth = self.growth.as_ref();
        let bounds = [
            Some(format!("the file {} {}", self.path, if self.exists { "there" } else { "not there" })),
            bytes("at least", self.min_size_bytes),
            bytes("at most", self.max_size_bytes),
            self.max_age.map(|age| format!("written in the last {age}")),
            growth.and_then(|growth| bytes("growing at least", growth.min_bytes)),
            growth.and_then(|growth| bytes("growing at most", growth.max_bytes)),
            growth.map(|growth| format!("in {}", growth.over)),
        ];
        joined(bounds)
    }
}

fn joined<const N: usize>(bounds: [Option<String>; N]) -> String {
    bounds.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProcessLook {
    /// A service that remediator supervises.
    Service(String),
    /// A process whose pid stands in a file.
    PidFile(String),
    /// Processes whose name (first 15 bytes, as in /proc/PID/comm) is this.
    Name(String),
}

impl ProcessLook {
    /// A few words for people.
    pub fn say(&self) -> String {
        match self {
            Self::Service(service) => format!("service {service}"),
            Self::PidFile(file) => format!("the process of {file}"),
            Self::Name(name) => format!("processes named {name}"),
        }
    }
}

/// Which answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpLook {
    /// http:// or https:// URL.
    pub url: String,
    /// Status codes that mean healthy.
    pub expect_status: Vec<u16>,
    /// Text that the first 64 KiB of the body must contain.
    pub expect_body: Option<String>,
}

/// Which port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpLook {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Text sent once connected.
    pub send: Option<String>,
    /// Text that must be among the first 4 KiB that come back.
    pub expect: Option<String>,
}

/// Which file, and what of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLook {
    /// Absolute path. A symbolic link is followed.
    pub path: String,
    /// Whether it must be there (true) or must not (false).
    pub exists: bool,
    /// Longest time since it was last written.
    pub max_age: Option<Span>,
    /// Smallest size in bytes.
    pub min_size_bytes: Option<u64>,
    /// Largest size in bytes.
    pub max_size_bytes: Option<u64>,
    /// Growth within a time.
    pub growth: Option<GrowthLook>,
}

/// How much a file may, or must, grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrowthLook {
    /// Measured over at least this time; until then the growth is unknown.
    pub over: Span,
    /// Least growth in bytes in that time.
    pub min_bytes: Option<u64>,
    /// Most growth in bytes in that time.
    pub max_bytes: Option<u64>,
}

/// Which file system, and what must be left of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskLook {
    /// Any path on it.
    pub path: String,
    /// Bytes that must be free for ordinary users.
    pub min_free_bytes: Option<u64>,
    /// The same in whole percent of all bytes.
    pub min_free_percent: Option<u8>,
    /// Inodes that must be free, in whole percent of all.
    pub min_free_inodes_percent: Option<u8>,
}

/// Which memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MemoryLook {
    /// The machine's.
    System {
        /// Bytes that must be available.
        min_available_bytes: Option<u64>,
        /// The same in whole percent of all.
        min_available_percent: Option<u8>,
    },
    /// What a process and its children hold.
    Process {
        /// Which.
        of: ProcessLook,
        /// Resident bytes at most.
        max_rss_bytes: u64,
    },
}

/// Whose file descriptors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FdLook {
    /// Which process, and its children.
    pub of: ProcessLook,
    /// Most that may be open, in whole percent of the process's own limit.
    pub max_percent: Option<u8>,
    /// Most that may be open.
    pub max_open: Option<u64>,
}

/// Whose sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatLook {
    /// Its name in `POST /v1/heartbeats/NAME`.
    pub name: String,
    /// Longest time since the last beat, or since the daemon's start.
    pub max_age: Span,
}

/// Which words in which log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLook {
    /// Absolute path, followed across rotation and truncation.
    pub path: String,
    /// The words.
    pub words: LogWords,
    /// Lines that count as too many …
    pub count: u64,
    /// … within this time.
    pub within: Span,
}

/// What a line must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogWords {
    /// This text.
    Contains(String),
    /// A match of this regular expression (linear time, bounded size).
    Matches(String),
}

/// Which value of which look, and its band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetpointLook {
    /// What measures it.
    pub of: Box<LookPlan>,
    /// The name of the value.
    pub value: String,
    /// Least good value.
    pub low: Option<i64>,
    /// Most good value.
    pub high: Option<i64>,
}

/// Which service, and what it declares as its probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceLook {
    /// A service that remediator supervises: whoever else answers in its place does not make it healthy.
    pub service: String,
    /// The look that it declares.
    pub of: Box<LookPlan>,
}
