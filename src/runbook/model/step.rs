//! One step of a runbook and what takes it back. Each step kind is one file of `runbook::steps` and one line in the
//! registry here.

use serde::{Deserialize, Serialize};

use crate::base::time::Span;
use crate::event::step::Failure;
use crate::runbook::steps::{self, Spelling};

/// The registry of step kinds: the word in a file, the name of its variant, its spelling.
macro_rules! step_kinds {
    ($($(#[$doc:meta])+ $word:ident: $variant:ident($spelling:ty),)+) => {
        /// One step: an id, exactly one thing to do, and how that is bounded.
        #[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Step {
            /// Unique in the runbook.
            #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
            pub id: String,
            $($(#[$doc])+ #[serde(default)] pub $word: Option<$spelling>,)+
            /// Do it for each of these targets; `${each}` is the one at hand.
            #[serde(default)]
            pub targets: Option<Targets>,
            /// TERM after this, KILL after 1.5 times this.
            pub timeout: Span,
            /// Try again when it fails. Only for an idempotent step.
            #[serde(default)]
            pub retry: Option<Retry>,
            /// Doing it twice is as good as once. Default false (`wait` and `notify` always are).
            #[serde(default)]
            pub idempotent: bool,
            /// What takes it back, such as `{run: …}` or `{service: …}`. Default for `file` moves and restores:
            /// their exact opposite.
            #[serde(default)]
            pub undo: Option<Undo>,
            /// The undo is safe even when nobody knows whether the step happened. Default false.
            #[serde(default)]
            pub undo_when_unknown: bool,
            /// Why it cannot be taken back.
            #[serde(default)]
            pub irreversible: Option<String>,
        }

        /// What takes a step back: exactly one thing to do, in the time that its step has.
        #[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Undo {
            $($(#[$doc])+ #[serde(default)] pub $word: Option<$spelling>,)+
        }

        /// The one thing that a step or an undo does.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Action<'a> {
            $($(#[$doc])+ $variant(&'a $spelling),)+
        }

        impl<'a> Action<'a> {
            /// Every step kind, as written.
            pub const WORDS: &'static [&'static str] = &[$(stringify!($word)),+];

            /// Its kind.
            pub fn kind(&self) -> StepKind {
                match self {
                    $(Self::$variant(_) => StepKind::$variant,)+
                }
            }
            /// Its word in a file.
            pub fn word(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => stringify!($word),)+
                }
            }
            /// What its kind says of it.
            pub(in crate::runbook) fn spelling(&self) -> &'a dyn Spelling {
                match *self {
                    $(Self::$variant(spelling) => spelling,)+
                }
            }
        }

        /// Kind of a step, as a proposal lists it.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum StepKind {
            $($(#[$doc])+ $variant,)+
        }

        impl Step {
            /// What it does; none when it says nothing or several things.
            pub fn action(&self) -> Option<Action<'_>> {
                one([$(self.$word.as_ref().map(Action::$variant)),+])
            }
        }

        impl Undo {
            /// What it does; none when it says nothing or several things.
            pub fn action(&self) -> Option<Action<'_>> {
                one([$(self.$word.as_ref().map(Action::$variant)),+])
            }
        }
    };
}

step_kinds! {
    /// Run a program.
    run: Run(steps::Run),
    /// Start, stop or restart a supervised service.
    service: Service(steps::ServiceStep),
    /// Send an HTTP request.
    http: Http(steps::HttpStep),
    /// Send a signal to a process.
    signal: Signal(steps::SignalStep),
    /// Let time pass, or wait until a look is healthy.
    wait: Wait(steps::WaitStep),
    /// Copy, move, truncate, prune or restore files below one folder.
    file: File(steps::FileStep),
    /// Tell people.
    notify: Notify(steps::NotifyStep),
}

fn one<'a, const N: usize>(all: [Option<Action<'a>>; N]) -> Option<Action<'a>> {
    let mut said = all.into_iter().flatten();
    said.next().filter(|_| said.next().is_none())
}

impl Action<'_> {
    /// One line for people, placeholders unresolved.
    pub fn say(&self) -> String {
        format!("{} {}", self.word(), self.spelling().say())
    }

    /// What else it says and is bounded by, one fact a line, placeholders unresolved.
    pub fn details(&self) -> Vec<String> {
        self.spelling().details()
    }
}

impl Step {
    /// Doing it twice is as good as once: it says so, or its kind changes nothing.
    pub fn may_repeat(&self) -> bool {
        self.idempotent || self.action().is_some_and(|action| action.spelling().is_harmless())
    }
}

/// Targets that a step is done for, side by side as far as that is said.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// The targets, in this order. An empty list is refused: it never means all.
    #[schemars(length(min = 1, max = 32))]
    pub list: Vec<String>,
    /// The lock of each, held from before the first step to the end of the attempt. Default `service/${each}`.
    #[serde(default = "lock_of_each")]
    pub lock: String,
    /// So many go first, one after another; when one of them fails, nothing further begins. Default 1.
    #[serde(default = "once")]
    pub canary: u32,
    /// So many at once after that. Default 1.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 32))]
    pub at_once: u32,
    /// Nothing further begins when more than this many percent of all targets have failed. Default 0: when one has.
    #[serde(default)]
    #[schemars(range(max = 99))]
    pub stop_percent: u32,
    /// A look at each target after its step; one that does not become healthy has failed.
    #[serde(default)]
    pub check: Option<steps::Until>,
}

fn lock_of_each() -> String {
    "service/${each}".to_owned()
}

/// How often, when and why a failed step is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Further tries.
    #[schemars(range(min = 1, max = 10))]
    pub times: u32,
    /// Pause before the first of them. Default 1s.
    #[serde(default = "one_second")]
    pub delay: Span,
    /// Each further pause is this many times the one before. Default 1.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 10))]
    pub factor: u32,
    /// Longest pause. Default 1m.
    #[serde(default = "one_minute")]
    pub max_delay: Span,
    /// Each pause is shortened by up to this many percent of itself, the same on every replay. Default 0.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub jitter_percent: u32,
    /// Failures that are tried again. Default: all.
    #[serde(default)]
    pub on: Vec<Failure>,
}

fn one_second() -> Span {
    Span::from_secs(1)
}

fn one_minute() -> Span {
    Span::from_secs(60)
}

fn once() -> u32 {
    1
}
