//! A look at a target, as written. One file per probe kind with everything that an author's file says of it: its
//! keys, what is wrong with them, its placeholders, and how it becomes a plan. One line each in the registry.
//! Not for looking (`sentinel`).

mod disk;
mod fd;
mod file;
mod heartbeat;
mod http;
mod log;
mod memory;
mod process;
mod run;
mod setpoint;
mod tcp;

pub use disk::DiskProbe;
pub use fd::FdProbe;
pub use file::{FileProbe, Growth};
pub use heartbeat::HeartbeatProbe;
pub use http::HttpProbe;
pub use log::LogProbe;
pub use memory::MemoryProbe;
pub use process::ProcessProbe;
pub use setpoint::SetpointProbe;
pub use tcp::TcpProbe;

use serde::Deserialize;

use super::model::Run;
use super::placeholder::Place;
use super::planning::PlanError;
use crate::base::time::Span;
use crate::event::plan::{LookPlan, ProbePlan, RunPlan};

/// What a probe kind knows of its own spelling.
pub trait Spelling {
    /// Its texts: the key below the probe's own, the text, and whether placeholders are resolved in it.
    fn texts(&self) -> Vec<(String, &str, Filled)>;
    /// What is wrong with it.
    fn problems(&self) -> Vec<Wrong>;
    /// The look that it means.
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError>;
    /// Names of all values that it can measure; none when only a run can tell.
    fn measures(&self) -> Option<&'static [&'static str]>;
    /// The same for people: `… 127.0.0.1:80 taking connections`.
    fn says(&self) -> String;
}

/// Whether placeholders are resolved in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// They are.
    Yes,
    /// None may stand there.
    No,
    /// Somebody else looks after that.
    Elsewhere,
}

/// Something wrong with a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The key below the probe's own; empty for the probe itself.
    pub at: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: &'static str,
}

impl Wrong {
    fn new(at: &'static str, what: impl Into<String>, help: &'static str) -> Self {
        Self { at, what: what.into(), help }
    }
}

/// What resolves placeholders, services and other looks.
pub trait Resolve {
    /// A text with its placeholders filled.
    fn text(&self, text: &str, place: Place) -> Result<String, PlanError>;
    /// The id of a live service.
    fn live_service(&mut self, text: &str) -> Result<String, PlanError>;
    /// A program.
    fn program(&self, run: &Run) -> Result<RunPlan, PlanError>;
    /// Another look.
    fn look(&mut self, probe: &Probe) -> Result<ProbePlan, PlanError>;
}

/// The registry of probe kinds: its documentation, its key, its name and its spelling.
macro_rules! probes {
    ($($(#[doc = $doc:literal])+ $word:ident: $kind:ident($spelling:ty),)+) => {
        /// A look: exactly one kind of probe.
        #[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Probe {
            $($(#[doc = $doc])+
            #[serde(default)]
            pub $word: Option<$spelling>,)+
            /// The look that this service declares for itself (its id, or a placeholder that gives it).
            #[serde(default)]
            pub service: Option<String>,
            /// A look that takes longer can tell nothing. Default 2s; for `service` what that service says.
            #[serde(default)]
            pub timeout: Option<Span>,
        }

        /// The one thing that a probe looks at.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum ProbeLook<'a> {
            $($(#[doc = $doc])+
            $kind(&'a $spelling),)+
            /// What a service declares.
            Service(&'a str),
        }

        impl<'a> ProbeLook<'a> {
            /// Every probe kind, as written.
            pub const WORDS: &'static [&'static str] = &[$(stringify!($word),)+ "service"];

            /// The kind, as written.
            pub fn word(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($word),)+
                    Self::Service(_) => "service",
                }
            }

            /// What it knows of itself; none for a service's look, which is spelled elsewhere.
            pub fn spelling(&self) -> Option<&'a dyn Spelling> {
                match self {
                    $(Self::$kind(spelling) => Some(*spelling),)+
                    Self::Service(_) => None,
                }
            }
        }

        impl Probe {
            /// What it looks at; none when it says nothing or several things.
            pub fn look(&self) -> Option<ProbeLook<'_>> {
                let mut looks = Vec::new();
                $(looks.extend(self.$word.as_ref().map(ProbeLook::$kind));)+
                looks.extend(self.service.as_deref().map(ProbeLook::Service));
                if looks.len() == 1 { looks.pop() } else { None }
            }
        }
    };
}

probes! {
    /// Is a process there and not a zombie?
    process: Process(ProcessProbe),
    /// Does a URL answer as expected?
    http: Http(HttpProbe),
    /// Does a port take connections?
    tcp: Tcp(TcpProbe),
    /// Is a file there, and of the right age, size and growth?
    file: File(FileProbe),
    /// Has a file system room?
    disk: Disk(DiskProbe),
    /// Is there memory, or does a process take too much of it?
    memory: Memory(MemoryProbe),
    /// Has a process file descriptors left?
    fd: Fd(FdProbe),
    /// What does a program say? It prints one JSON object: docs/sentinels.md.
    run: Run(run::RunProbe),
    /// Did somebody say in time that he lives?
    heartbeat: Heartbeat(HeartbeatProbe),
    /// Does a log hold certain words? Only in sentinels: what it says is free text.
    log: Log(LogProbe),
    /// Is a value that another probe measures within its band?
    setpoint: Setpoint(SetpointProbe),
}

impl Probe {
    /// Timeout of a look that says none.
    pub const TIMEOUT: Span = Span::from_secs(2);

    /// The probe inside a set-point.
    pub fn inner(&self) -> Option<&Self> {
        self.setpoint.as_ref().map(|setpoint| &*setpoint.of)
    }

    /// Names of all values that it can measure; none when only a run, or another file, can tell.
    pub fn measures(&self) -> Option<&'static [&'static str]> {
        self.look()?.spelling()?.measures()
    }

    /// For people.
    pub fn says(&self) -> String {
        match self.look() {
            Some(ProbeLook::Service(id)) => format!("what service {id} declares as its probe"),
            Some(look) => look.spelling().map(Spelling::says).unwrap_or_default(),
            None => String::new(),
        }
    }
}

/// Whether a path will be absolute once its placeholders are filled.
fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.starts_with("${home}")
}

fn absolute(at: &'static str, path: &str) -> Option<Wrong> {
    let help = "begin it with / or ${home}";
    (!is_absolute(path)).then(|| Wrong::new(at, "the path must be absolute", help))
}

/// Whole percent that can be reached and missed.
fn percent(at: &'static str, value: Option<u8>) -> Option<Wrong> {
    let bad = value.is_some_and(|percent| !(1..=99).contains(&percent));
    bad.then(|| Wrong::new(at, "not a share that could be missed", "write whole percent from 1 to 99"))
}

/// Bounds that every JSON reader keeps exactly.
fn whole(at: &'static str, value: Option<u64>) -> Option<Wrong> {
    let bad = value.is_some_and(|value| value > crate::base::limits::INTEGER_MAX);
    bad.then(|| Wrong::new(at, "a larger number than any machine has", "write a smaller one"))
}
