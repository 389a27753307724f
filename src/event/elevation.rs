//! A runbook needs more trust than the policy gives: the question, the answer, and the time at which either is over
//! (RM-31).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::Seq;
use crate::base::time::Span;

use super::control::SignedStatement;

/// How much may be done without a person, from least to most (RM-30). A runbook declares what it needs, the policy what
/// it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    /// The least: what anybody would do without asking.
    Cautious,
    /// The default.
    #[default]
    Supervised,
    /// What people want to know of before it happens.
    Collaborative,
    /// The most: what is done without people only where they said so.
    Autonomous,
}

impl TrustLevel {
    /// Every level, from least to most.
    pub const ALL: [Self; 4] = [Self::Cautious, Self::Supervised, Self::Collaborative, Self::Autonomous];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cautious => "cautious",
            Self::Supervised => "supervised",
            Self::Collaborative => "collaborative",
            Self::Autonomous => "autonomous",
        }
    }
    /// So many levels above this one, or below when negative; never beyond the ends.
    #[must_use]
    pub fn moved(self, by: i64) -> Self {
        let most = Self::ALL.len() as i64 - 1;
        let place = (self as i64).saturating_add(by).clamp(0, most);
        Self::ALL[place as usize]
    }
}

impl std::fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a runbook of these bytes has done on this machine, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackRecord {
    /// Incidents that it healed, verified, without a relapse during the watch.
    pub successes: u32,
    /// Attempts that were verified to have failed, and relapses.
    pub failures: u32,
    /// Times that a person took over from it: refused it, thawed its attempt, or closed what it had not healed.
    pub overrides: u32,
}

/// A program that is asked before people are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeciderPlan {
    /// Program (an absolute path) and arguments.
    pub argv: Vec<String>,
    /// After this it is ended, and people decide.
    pub timeout: Span,
    /// The most that it may grant.
    pub up_to: TrustLevel,
}

/// A runbook asks to be let.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElevationRequested {
    /// The runbook's id.
    pub runbook: String,
    /// Its digest: what is granted is granted to these bytes.
    pub digest: FileDigest,
    /// What it would act on.
    pub target: String,
    /// The trust that it needs.
    pub needed: TrustLevel,
    /// The trust that the policy gives.
    pub given: TrustLevel,
    /// The most that its track record lets it ask for.
    pub may_ask: TrustLevel,
    /// That track record.
    pub record: TrackRecord,
    /// After this moment of the journal's clock nobody can grant it any more.
    pub until_elapsed_ms: u64,
    /// The program that is asked, if there is one that may grant this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decider: Option<DeciderPlan>,
}

/// It may, once, on the target of its incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElevationGranted {
    /// The request.
    pub request: Seq,
    /// The principal, or `decider`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What the principal signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<SignedStatement>,
    /// After this moment of the journal's clock it is of no use any more.
    pub until_elapsed_ms: u64,
}

/// It may not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElevationRefused {
    /// The request.
    pub request: Seq,
    /// `person:NAME`, or `decider`.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The program could not tell, or said something that does not count: people decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeciderAbstained {
    /// The request.
    pub request: Seq,
    /// What it said, or what is wrong with that.
    pub reason: String,
}

/// Nobody answered in time, or what was granted was not used in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElevationExpired {
    /// The request.
    pub request: Seq,
    /// The grant that nobody used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Seq>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_have_ends() {
        assert!(TrustLevel::ALL.is_sorted());
        assert_eq!(TrustLevel::Supervised.moved(1), TrustLevel::Collaborative);
        assert_eq!(TrustLevel::Supervised.moved(-9), TrustLevel::Cautious);
        assert_eq!(TrustLevel::Supervised.moved(i64::MAX), TrustLevel::Autonomous);
    }
}
