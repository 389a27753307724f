//! What the hands that start no program do, resolved: requests, signals, waiting, files, notices.
//! Not for programs and services (`action`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProbePlan, ProcessLook};
use crate::base::time::Span;

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl HttpMethod {
    /// As it is sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request. It holds no secret: credentials have names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpPlan {
    /// Its method.
    pub method: HttpMethod,
    /// http:// or https:// URL.
    pub url: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Option<String>,
    /// Answers that mean that the request was taken; never that it helped (RM-18).
    pub expect_status: Vec<u16>,
    /// Bytes of the answer's body that are read and kept as output.
    pub max_body: u64,
    /// Redirects that are followed.
    pub redirects: u32,
}

/// Signals that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// Hang up; for many programs: read the configuration again.
    Hup,
    /// Interrupt.
    Int,
    /// Quit.
    Quit,
    /// End.
    Term,
    /// Be ended.
    Kill,
    /// The program's own.
    Usr1,
    /// The program's own.
    Usr2,
    /// Stop.
    Stop,
    /// Go on.
    Cont,
}

impl SignalName {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// A signal to processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalPlan {
    /// Which.
    pub send: SignalName,
    /// To whom.
    pub to: ProcessLook,
    /// More processes than this are not signalled at all.
    pub at_most: u32,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WaitPlan {
    /// For a time.
    For(Span),
    /// Until a look is healthy.
    Until {
        /// The look.
        probe: Box<ProbePlan>,
        /// Consecutive healthy looks.
        successes: u32,
        /// Pause between looks.
        every: Span,
        /// Longest time.
        within: Span,
    },
}

/// Work on files below a folder: no path leads out of it, and no symbolic link is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePlan {
    /// The folder (absolute).
    pub root: String,
    /// What is done; paths are relative to the folder.
    pub work: FileWork,
    /// Bytes that are written or removed at most.
    pub max_bytes: u64,
    /// Files that are removed at most.
    pub max_files: u32,
}

/// What is done with files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileWork {
    /// Copy a file to a name that is free.
    Copy {
        /// From here.
        from: String,
        /// To there.
        to: String,
    },
    /// Give a file or folder another name that is free.
    Move {
        /// From here.
        from: String,
        /// To there.
        to: String,
    },
    /// Cut a file to its first bytes.
    Truncate {
        /// Which.
        path: String,
        /// Bytes that stay.
        size: u64,
    },
    /// Remove the oldest regular files of a folder (not of folders in it).
    Prune {
        /// Which folder.
        within: String,
        /// Names: `*` and `?`.
        name: String,
        /// Only those last written longer ago than this.
        older_than: Option<Span>,
        /// Only until the files of that name have no more bytes than this together.
        keep_bytes: Option<u64>,
    },
    /// Put a copy in a file's place at once; the file before is kept aside.
    Restore {
        /// From here.
        from: String,
        /// To there.
        to: String,
    },
    /// Put back what a restore of the same attempt kept aside.
    PutBack {
        /// The file.
        to: String,
    },
}

impl FileWork {
    /// See [`super::ActionPlan::natural_undo`].
    pub fn natural_undo(&self) -> Option<Self> {
        match self {
            Self::Move { from, to } => Some(Self::Move { from: to.clone(), to: from.clone() }),
            Self::Restore { to, .. } => Some(Self::PutBack { to: to.clone() }),
            _ => None,
        }
    }

    /// A few words for people.
    pub fn say(&self) -> String {
        match self {
            Self::Copy { from, to } => format!("copy {from} to {to}"),
            Self::Move { from, to } => format!("move {from} to {to}"),
            Self::Truncate { path, size } => format!("truncate {path} to {size} bytes"),
            Self::Prune { within, name, .. } => format!("prune {within}/{name}"),
            Self::Restore { from, to } => format!("restore {to} from {from}"),
            Self::PutBack { to } => format!("put back {to}"),
        }
    }
}

/// Something that people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyPlan {
    /// On which channel.
    pub channel: String,
    /// What.
    pub message: String,
}
