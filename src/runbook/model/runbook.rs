//! A runbook as its author writes it (RM-6). Not for its steps (`step`) and looks (`probe`).

use serde::{Deserialize, Serialize};

use crate::base::time::Span;
use crate::event::degradation::Severity;
pub use crate::event::elevation::TrustLevel;

use super::{Kind, Probe, Rehearsal, Step, V1};

/// A signed procedure that heals one kind of degradation.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// Version of the format.
    pub v: V1,
    /// `runbook`.
    #[schemars(extend("const" = "runbook"))]
    pub kind: Kind,
    /// Unique among runbooks: lower-case letters, digits and dashes, 2 to 63 characters.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// What it does, in one line for people.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// The proposal that argues for it: `proposals/ID/proposal.yaml`. Also read as `__proposalDerivedFrom`.
    #[serde(alias = "__proposalDerivedFrom")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub proposal: String,
    /// Which degradations it is for.
    pub matcher: Matcher,
    /// Of several matching runbooks the one with the highest priority is chosen. Default 0.
    #[serde(default)]
    pub priority: i32,
    /// The largest thing that it may affect.
    pub blast_radius: BlastRadius,
    /// The trust that it needs to run without anybody being asked; what the policy gives is its `trust_level`. Default
    /// supervised.
    #[serde(default)]
    pub trust_level: TrustLevel,
    /// The largest model that it may ask. Default tier1.
    #[serde(default)]
    pub model_tier: ModelTier,
    /// Reserved: no credential is handed to a step yet, so a runbook that names one is refused.
    #[serde(default)]
    pub credentials: Vec<String>,
    /// How often and how long it may run. Must be written when a step cannot be repeated or taken back.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Where it can run. Default linux.
    #[serde(default = "default_platforms")]
    pub platforms: Vec<Platform>,
    /// Locks held while it runs; placeholders are resolved. Default `["${subsystem}/${target}"]`. Besides them a step
    /// that acts on a service (`service`, `signal` to a service) holds `service/ID`.
    #[serde(default = "default_locks")]
    pub locks: Vec<String>,
    /// Quarantined later than others and loudly, because going without it is worse. Needs blast_radius machine.
    #[serde(default)]
    pub essential: bool,
    /// Why it should no longer be used, and what replaces it.
    #[serde(default)]
    pub deprecated: Option<String>,
    /// Looks that must hold before the lock and again under it.
    #[serde(default)]
    pub preconditions: Vec<Precondition>,
    /// What is done, in order.
    #[schemars(length(min = 1, max = 32))]
    pub steps: Vec<Step>,
    /// How success is told: a look at the target that is not the action's own result. Every runbook needs one.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// Who is told when it does not help, and when. Default: at once, on the channel `log`.
    #[serde(default)]
    pub escalation: Vec<Rung>,
    /// How it is tried on a throw-away copy of the thing: `remediator runbook test FILE --rehearse`.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
}

impl Runbook {
    /// Its limits, or the default ones.
    pub fn limits(&self) -> Limits {
        self.limits.clone().unwrap_or_default()
    }
    /// Every lock that it holds, placeholders unresolved: those it declares, then those of its steps' services.
    pub fn all_locks(&self) -> Vec<String> {
        let of_step = |step: &Step| {
            let undo = step.undo.as_ref().and_then(|undo| undo.action());
            let actions = step.action().into_iter().chain(undo);
            actions.filter_map(|action| action.spelling().lock()).collect::<Vec<_>>()
        };
        let mut locks: Vec<String> = Vec::new();
        for lock in self.locks.iter().cloned().chain(self.steps.iter().flat_map(of_step)) {
            let lock = lock.replace("${subsystem}", &self.matcher.subsystem);
            if !locks.contains(&lock) {
                locks.push(lock);
            }
        }
        locks
    }
    /// Whether every step can be repeated safely or taken back: what the solo policy asks for.
    pub fn is_reversible(&self) -> bool {
        self.steps.iter().all(|s| {
            let natural = s.action().is_some_and(|action| action.spelling().has_natural_undo());
            s.irreversible.is_none() && (s.may_repeat() || s.undo.is_some() || natural)
        })
    }
}

fn default_platforms() -> Vec<Platform> {
    vec![Platform::Linux]
}

fn default_locks() -> Vec<String> {
    vec!["${subsystem}/${target}".to_owned()]
}

/// Which degradations a runbook is for.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Exactly this subsystem.
    #[schemars(length(min = 1, max = 128))]
    pub subsystem: String,
    /// Exactly this code.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]{2,40}$"))]
    pub code: String,
    /// Only targets like this: `*` stands for any run of characters, `?` for one.
    #[serde(default)]
    pub target: Option<String>,
    /// Only these severities.
    #[serde(default)]
    pub severity: Option<Vec<Severity>>,
    /// Only when this CEL expression over `event` and `count` is true. At most 1 KiB; no floats; no macro over a map.
    #[serde(default)]
    pub when: Option<String>,
}

/// The largest thing that a runbook may affect.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BlastRadius {
    /// One process.
    Process,
    /// One machine.
    Machine,
    /// Several machines.
    Fleet,
}

/// How large a model a runbook may ask.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelTier {
    /// Small: the default.
    #[default]
    Tier1,
    /// Middle.
    Tier2,
    /// Large.
    Tier3,
}

/// An operating system.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
}

/// How often and how long a runbook may run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Attempts per target within the window; a verified success starts the count anew. Default 3.
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: u32,
    /// The window. Default 24h.
    pub window: Span,
    /// Pause between two attempts on one target. Default 30s.
    pub cooldown: Span,
    /// Longest time that one attempt may take. Default 2m.
    pub runtime: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 3,
            window: Span::from_secs(24 * 3600),
            cooldown: Span::from_secs(30),
            runtime: Span::from_secs(120),
        }
    }
}

/// A look that must hold before anything is done.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precondition {
    /// Unique in the runbook.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// The look.
    pub probe: Probe,
    /// CEL over `observed` (verdict, evidence, values) and `event`; must be true.
    pub expect: String,
}

/// How success is told: after `settle`, `successes` consecutive healthy looks within `within`.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The look.
    pub probe: Probe,
    /// Pause before the first look. Default 1s.
    #[serde(default = "one_second")]
    pub settle: Span,
    /// Consecutive healthy looks needed. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub successes: u32,
    /// Pause between looks. Default 1s.
    #[serde(default = "one_second")]
    pub every: Span,
    /// Time for all of it, after settling. Default 30s.
    #[serde(default = "thirty_seconds")]
    pub within: Span,
    /// How long a relapse reopens the incident; 0s = not at all. Default 5m.
    #[serde(default = "five_minutes")]
    pub watch: Span,
    /// Pause between looks during that time. Default 10s.
    #[serde(default = "ten_seconds")]
    pub watch_every: Span,
}

fn one_second() -> Span {
    Span::from_secs(1)
}
fn three() -> u32 {
    3
}
fn ten_seconds() -> Span {
    Span::from_secs(10)
}
fn thirty_seconds() -> Span {
    Span::from_secs(30)
}
fn five_minutes() -> Span {
    Span::from_secs(300)
}

/// One rung of an escalation.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Pause after the rung before; for the first one after the failure. Default 0s.
    #[serde(default)]
    pub after: Span,
    /// Who is told: `log`.
    pub channel: String,
    /// What they are told; placeholders are resolved.
    #[schemars(length(min = 1, max = 512))]
    pub message: String,
}
